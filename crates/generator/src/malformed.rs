//! Events broken on purpose, so that nobody can take them for events.

use crate::{counts::MalformedKind, random::Random, settings::StreamKind};

const LINES: [&str; 4] = [
    "GET /index.html HTTP/1.1",
    "ERROR 2026-01-01 00:00:00 connection reset by peer",
    "user_id,url,ts",
    "<event><id>17</id></event>",
];

/// Breaks an event in one of the ways.
pub(crate) fn spoil(stream: StreamKind, event: &[u8], random: &mut Random) -> (MalformedKind, Vec<u8>) {
    let kind = random
        .choose(&MalformedKind::ALL)
        .copied()
        .unwrap_or(MalformedKind::NotJson);
    let text = String::from_utf8_lossy(event);
    let id = match stream {
        StreamKind::Clickstream => "event_id",
        StreamKind::Iot => "device_id",
    };
    let value = match kind {
        // At least the closing brace is lost.
        MalformedKind::Truncated => {
            let keep = 1 + random.below(event.len().saturating_sub(1).max(1) as u64) as usize;
            return (
                kind,
                event
                    .get(..keep.min(event.len().saturating_sub(1)))
                    .unwrap_or(b"{")
                    .to_vec(),
            );
        }
        MalformedKind::WrongType => match stream {
            // Every column is text but the time, which can't be read from an array.
            StreamKind::Clickstream => with_member(&text, "ts", "[1,2]"),
            StreamKind::Iot => with_member(&text, "temp_c", r#""warm""#),
        },
        MalformedKind::NotJson => random.choose(&LINES).copied().unwrap_or_default().to_owned(),
        MalformedKind::MissingTime => text.replacen(r#""ts":"#, r#""time":"#, 1),
        MalformedKind::MissingKey => text.replacen(&format!(r#""{id}":"#), r#""unknown":"#, 1),
        MalformedKind::BadTime => with_member(&text, "ts", r#""yesterday""#),
    };
    (kind, value.into_bytes())
}

/// The object with another value for a member. Our values hold no commas, and the last ends at the brace.
fn with_member(text: &str, name: &str, value: &str) -> String {
    let label = format!(r#""{name}":"#);
    let Some(start) = text.find(&label).map(|at| at + label.len()) else {
        return "{".to_owned();
    };
    let length = text[start..].find([',', '}']).unwrap_or(text.len() - start);
    format!("{}{value}{}", &text[..start], &text[start + length..])
}
