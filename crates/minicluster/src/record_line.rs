//! A record as one line of JSON: what `consume -o json` prints and `produce --input json` takes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use record::{PartitionIndex, Record};
use serde::{Deserialize, Serialize};

/// A record and its place. Bytes that aren't UTF-8 stand in the field that ends in `_base64`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RecordLine {
    /// Where it was read. A record that is written again goes where its key says.
    pub(crate) partition: Option<i32>,
    pub(crate) offset: Option<i64>,
    /// Milliseconds since 1970, UTC.
    pub(crate) timestamp: Option<i64>,
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    headers: Vec<HeaderLine>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct HeaderLine {
    key: String,
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
}

/// Bytes of a field, or why they can't be had.
type Bytes = Result<Option<Vec<u8>>, String>;

/// A header's key and value.
pub(crate) type HeaderBytes = (Vec<u8>, Option<Vec<u8>>);

impl RecordLine {
    pub(crate) fn of(partition: PartitionIndex, record: &Record<'_>) -> Self {
        let (key, key_base64) = texts(record.key);
        let (value, value_base64) = texts(record.value);
        let header = |header: record::Header<'_>| {
            let (value, value_base64) = texts(header.value);
            HeaderLine {
                key: String::from_utf8_lossy(header.key).into_owned(),
                value,
                value_base64,
            }
        };
        Self {
            partition: Some(partition.0),
            offset: Some(record.offset.0),
            timestamp: Some(record.timestamp.0),
            key,
            key_base64,
            value,
            value_base64,
            headers: record.headers.iter().map(header).collect(),
        }
    }

    pub(crate) fn key(&self) -> Bytes {
        bytes("key", self.key.as_deref(), self.key_base64.as_deref())
    }

    pub(crate) fn value(&self) -> Bytes {
        bytes("value", self.value.as_deref(), self.value_base64.as_deref())
    }

    /// Keys and values.
    pub(crate) fn headers(&self) -> Result<Vec<HeaderBytes>, String> {
        let pair = |header: &HeaderLine| {
            let value = bytes("value", header.value.as_deref(), header.value_base64.as_deref())?;
            Ok((header.key.as_bytes().to_vec(), value))
        };
        self.headers.iter().map(pair).collect()
    }
}

/// As text, or else as Base64.
fn texts(bytes: Option<&[u8]>) -> (Option<String>, Option<String>) {
    match bytes.map(|bytes| (bytes, str::from_utf8(bytes))) {
        None => (None, None),
        Some((_, Ok(text))) => (Some(text.to_owned()), None),
        Some((bytes, Err(_))) => (None, Some(BASE64_STANDARD.encode(bytes))),
    }
}

fn bytes(name: &str, text: Option<&str>, base64: Option<&str>) -> Bytes {
    match (text, base64) {
        (Some(_), Some(_)) => Err(format!("both `{name}` and `{name}_base64` are there")),
        (text, None) => Ok(text.map(|text| text.as_bytes().to_vec())),
        (None, Some(base64)) => BASE64_STANDARD
            .decode(base64)
            .map(Some)
            .map_err(|error| format!("`{name}_base64` is not Base64: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::RecordLine;

    #[test]
    fn bytes_that_are_no_text_come_back_as_they_were() {
        let line = RecordLine {
            key: Some("k".to_owned()),
            ..RecordLine::default()
        };
        assert_eq!(line.key(), Ok(Some(b"k".to_vec())));
        let (text, base64) = super::texts(Some(&[0xff, 0]));
        assert_eq!((text, base64.as_deref()), (None, Some("/wA=")));
        assert_eq!(
            super::bytes("value", None, base64.as_deref()),
            Ok(Some(vec![0xff, 0]))
        );
        assert!(super::bytes("value", Some("a"), Some("b")).is_err());
    }
}
