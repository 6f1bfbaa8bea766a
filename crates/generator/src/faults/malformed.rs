//! Events broken on purpose, so that nobody can take them for events.

use crate::{
    kind::Kind,
    model::{FieldKind, Row, Schema, Value},
    random::Random,
};

const LINES: [&str; 4] = [
    "GET /index.html HTTP/1.1",
    "ERROR 2026-01-01 00:00:00 connection reset by peer",
    "user_id,url,ts",
    "<event><id>17</id></event>",
];

/// The ways to break JSON.
const JSON: [Kind; 12] = [
    Kind::Truncated,
    Kind::WrongType,
    Kind::NotJson,
    Kind::MissingTime,
    Kind::MissingKey,
    Kind::BadTime,
    Kind::InvalidUtf8,
    Kind::Empty,
    Kind::NoValue,
    Kind::Huge,
    Kind::WrongNesting,
    Kind::DeepNesting,
];
/// The ways to break any text.
const TEXT: [Kind; 3] = [Kind::InvalidUtf8, Kind::Empty, Kind::NoValue];

/// Below what brokers take, far above what anybody expects.
const HUGE_BYTES: usize = 256 << 10;
/// Deeper than parsers go that guard their stack.
const DEPTH: usize = 64;

/// One of the ways.
pub(super) fn draw(is_json: bool, random: &mut Random) -> Kind {
    let ways: &[Kind] = if is_json { &JSON } else { &TEXT };
    random.choose(ways).copied().unwrap_or(Kind::Empty)
}

/// What is broken before the event is written.
pub(super) fn spoil_row(kind: Kind, schema: &Schema, row: &mut Row, random: &mut Random) {
    match kind {
        Kind::WrongType => {
            let is_number = |kind| matches!(kind, FieldKind::Integer | FieldKind::Decimal);
            let numbers: Vec<usize> = (0..schema.fields.len())
                .filter(|field| is_number(schema.fields[*field].kind))
                .collect();
            // Texts are taken from anything; numbers and times aren't.
            let (field, wrong) = match random.choose(&numbers) {
                Some(field) if random.below(2) == 0 => (*field, Value::Boolean(true)),
                Some(field) => (*field, Value::Static("warm")),
                None => (
                    schema.time,
                    Value::Raw(row.hold(|out| out.extend_from_slice(b"[1,2]"))),
                ),
            };
            row.set(field, wrong);
        }
        Kind::MissingTime => {
            row.set(schema.time, Value::Missing);
        }
        Kind::MissingKey => {
            row.set(schema.id, Value::Missing);
        }
        Kind::BadTime => {
            row.set(schema.time, Value::Static("yesterday"));
        }
        Kind::Huge => {
            let text = row.hold(|out| out.resize(out.len() + HUGE_BYTES, b'9'));
            row.set(schema.time, Value::Plain(text));
        }
        Kind::DeepNesting => {
            let nested = row.hold(|out| {
                out.resize(out.len() + DEPTH, b'[');
                out.resize(out.len() + DEPTH, b']');
            });
            row.extra = Some(("nested", Value::Raw(nested)));
        }
        _ => {}
    }
}

/// What is broken in the bytes: the value begins at `start` and ends with the buffer. False where the
/// record has no value.
pub(super) fn spoil_bytes(kind: Kind, out: &mut Vec<u8>, start: usize, random: &mut Random) -> bool {
    let length = out.len() - start;
    match kind {
        // At least the closing brace is lost.
        Kind::Truncated => out.truncate(start + 1 + random.below(length.saturating_sub(1) as u64) as usize),
        Kind::NotJson => {
            out.truncate(start);
            out.extend_from_slice(random.choose(&LINES).copied().unwrap_or_default().as_bytes());
        }
        Kind::InvalidUtf8 => {
            let at = start + random.below(length as u64) as usize;
            match out.get_mut(at) {
                Some(byte) => *byte = 0xff,
                None => out.push(0xff),
            }
        }
        Kind::Empty => out.truncate(start),
        Kind::NoValue => {
            out.truncate(start);
            return false;
        }
        Kind::WrongNesting => {
            out.insert(start, b'[');
            out.push(b']');
        }
        _ => {}
    }
    true
}
