//! The form of every file that the lake writes itself: JSON with a version and a checksum.
//!
//! ```text
//! {"format":1,"sha256":"<digest of the body's bytes>","body":{...}}
//! ```
//!
//! The body's bytes are those between `"body":` and the last brace, so any language can check them.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Digest, LakeError};

/// The newest format that this program reads, and the one that it writes.
pub(crate) const FORMAT: u32 = 1;

#[derive(Deserialize)]
struct Version {
    format: u32,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    format: u32,
    sha256: Digest,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The bytes of a file that holds `body`, and the digest by which others refer to it.
pub(crate) fn seal<T: Serialize>(body: &T) -> Result<(Vec<u8>, Digest), serde_json::Error> {
    let body = serde_json::to_string(body)?;
    let sha256 = Digest::of(body.as_bytes());
    Ok((render(&body, sha256).into_bytes(), sha256))
}

fn render(body: &str, sha256: Digest) -> String {
    format!("{{\"format\":{FORMAT},\"sha256\":\"{sha256}\",\"body\":{body}}}\n")
}

/// Reads back what [`seal`] wrote; `path` is for the messages.
pub(crate) fn open<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<(T, Digest), LakeError> {
    let damaged = |reason: &str| LakeError::damaged(path, reason);
    let envelope = serde_json::from_slice::<Envelope<'_>>(bytes);
    // A newer format may have another envelope, but says that it is newer.
    let format = match &envelope {
        Ok(envelope) => envelope.format,
        Err(_) => serde_json::from_slice::<Version>(bytes).map_or(0, |version| version.format),
    };
    if format > FORMAT {
        return Err(LakeError::NewerFormat {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    let envelope =
        envelope.map_err(|_| damaged("it is not JSON with a format version, a checksum and a body"))?;
    let body = envelope.body.get();
    if Digest::of(body.as_bytes()) != envelope.sha256 {
        return Err(damaged("its checksum doesn't match"));
    }
    // Nothing outside the body may differ either.
    if render(body, envelope.sha256).as_bytes() != bytes {
        return Err(damaged("it was changed after it was written"));
    }
    let body = serde_json::from_str(body)
        .map_err(|e| LakeError::damaged(path, format!("its content is not as expected: {e}")))?;
    Ok((body, envelope.sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let (bytes, digest) = seal(&vec!["a", "b"]).unwrap();
        let path = Path::new("f");
        let (body, same): (Vec<String>, _) = open(&bytes, path).unwrap();
        assert_eq!((body, same), (vec!["a".to_owned(), "b".to_owned()], digest));
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[i] ^= 1 << bit;
                assert!(open::<Vec<String>>(&flipped, path).is_err(), "byte {i} bit {bit}");
            }
        }
        for cut in 0..bytes.len() {
            assert!(open::<Vec<String>>(&bytes[..cut], path).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_whatever_else_it_has() {
        let newer = br#"{"format":2,"crc":7}"#;
        let refused = open::<u32>(newer, Path::new("log/1.json")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "log/1.json was written by a newer minicluster (format 2, this one knows up to 1): \
             use that version, or start over with `minicluster clean --lake --checkpoints`"
        );
    }
}
