//! One JSON object, its declared members found and typed. Record by record, so that a bad one
//! never touches its neighbours.
//!
//! Nothing is allocated for a usual record: text stays a range of the record's own bytes until it is
//! appended to a column. Whatever the fast path does not take at once (escapes that are wrong, numbers
//! in text columns, anything malformed) is decided by the thorough one, which is the definition.

use std::fmt;
use std::ops::Range;

use serde::de::{self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use sonic_rs::LazyValue;

use crate::declaration::{Column, ColumnType, DedupKey, SourceDeclaration};
use crate::event_time::EventTime;
use crate::shard::{KeyHash, KeyHasher};

/// Objects and arrays may be nested so deep: the parser skips members by recursion, and without
/// optimisation takes 40 KB of stack a level.
const MAX_DEPTH: usize = 32;

/// A value of a text column may be so long: what is a thousand times its neighbours would be held
/// in every window and state file.
const MAX_TEXT: usize = 1 << 20;

/// Why a record does not fit the declaration; shown in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub String);

impl Malformed {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// The value of a declared column in the record at hand.
#[derive(Debug, Clone, PartialEq)]
enum Slot {
    /// Missing or `null`.
    Null,
    /// A range of the record's text.
    Text(Range<usize>),
    /// A range of the scratch text, for strings with escapes.
    Scratch(Range<usize>),
    Int(i32),
    Double(f64),
    /// The thorough path has to look at it.
    Unclear,
    /// Of another type than declared.
    Wrong,
}

/// A value to be appended to a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(&'a str),
    Int(i32),
    Double(f64),
}

/// Decodes the records of one source table.
#[derive(Debug)]
pub(crate) struct Decoder {
    columns: Vec<Column>,
    event_time: usize,
    /// Column, or none for the event time.
    dedup_keys: Vec<Option<usize>>,
    slots: Vec<Slot>,
    scratch: String,
    hasher: KeyHasher,
}

/// A record that fits the declaration.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub event_time: EventTime,
    slots: &'a [Slot],
    text: &'a str,
    scratch: &'a str,
    dedup_keys: &'a [Option<usize>],
    hasher: &'a mut KeyHasher,
}

impl Decoder {
    /// The declaration was checked.
    pub(crate) fn new(declaration: &SourceDeclaration) -> Self {
        let position = |name: &str| declaration.column(name).map_or(0, |(index, _)| index);
        let key = |key: &DedupKey| match key {
            DedupKey::Column(name) => Some(position(name)),
            DedupKey::EventTime => None,
        };
        Self {
            columns: declaration.columns.clone(),
            event_time: position(&declaration.event_time),
            dedup_keys: declaration.dedup_keys.iter().map(key).collect(),
            slots: Vec::new(),
            scratch: String::new(),
            hasher: KeyHasher::default(),
        }
    }

    /// Decodes the value of a record.
    pub(crate) fn decode<'a>(&'a mut self, value: Option<&'a [u8]>) -> Result<Decoded<'a>, Malformed> {
        let bytes = value.ok_or_else(|| Malformed::new("no value"))?;
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::new("not UTF-8"))?;
        if nested_too_deeply(bytes) {
            return Err(Malformed::new(format!("nested deeper than {MAX_DEPTH}")));
        }
        if !self.fast(text) {
            self.thorough(text)?;
        }
        let event_time = self.check(text)?;
        Ok(Decoded {
            event_time,
            slots: &self.slots,
            text,
            scratch: &self.scratch,
            dedup_keys: &self.dedup_keys,
            hasher: &mut self.hasher,
        })
    }

    fn reset(&mut self) {
        self.slots.clear();
        self.slots.resize(self.columns.len(), Slot::Null);
        self.scratch.clear();
    }

    /// Whether all is clear.
    fn fast(&mut self, text: &str) -> bool {
        self.reset();
        let object = FastObject {
            columns: &self.columns,
            slots: &mut self.slots,
            scratch: &mut self.scratch,
            base: text.as_ptr() as usize,
        };
        let mut deserializer = sonic_rs::Deserializer::from_str(text);
        let parsed = (&mut deserializer)
            .deserialize_map(object)
            .and_then(|()| deserializer.end());
        parsed.is_ok() && !self.slots.contains(&Slot::Unclear)
    }

    fn thorough(&mut self, text: &str) -> Result<(), Malformed> {
        self.reset();
        let mut deserializer = sonic_rs::Deserializer::from_str(text);
        let parsed = (&mut deserializer).deserialize_map(RawMembers {
            columns: &self.columns,
        });
        let members = match parsed.and_then(|members| deserializer.end().map(|()| members)) {
            Ok(members) => members,
            Err(_) => return Err(Malformed::new("not a JSON object")),
        };
        for (index, raw) in members {
            self.slots[index] = self.typed(self.columns[index].column_type, raw.as_raw_str());
        }
        Ok(())
    }

    /// A member's value by its JSON text.
    fn typed(&mut self, column_type: ColumnType, raw: &str) -> Slot {
        match (raw.as_bytes().first(), column_type) {
            (Some(b'n'), _) => Slot::Null,
            (Some(b'"'), ColumnType::Text) => match sonic_rs::from_str::<String>(raw) {
                Ok(text) => to_scratch(&mut self.scratch, &text),
                Err(_) => Slot::Wrong,
            },
            (Some(_), ColumnType::Text) => to_scratch(&mut self.scratch, raw),
            (Some(b'-' | b'0'..=b'9'), ColumnType::Int | ColumnType::Double) => match raw.parse::<f64>() {
                Ok(number) => number_slot(column_type, number),
                Err(_) => Slot::Wrong,
            },
            _ => Slot::Wrong,
        }
    }

    /// The types first, in the order of the columns; then what must be there.
    fn check(&self, text: &str) -> Result<EventTime, Malformed> {
        if let Some(wrong) = self.slots.iter().position(|slot| *slot == Slot::Wrong) {
            let Column { name, column_type } = &self.columns[wrong];
            let expected = match column_type {
                ColumnType::Text => "valid text",
                ColumnType::Int => "an integer of 32 bits",
                ColumnType::Double => "a number",
            };
            return Err(Malformed(format!("`{name}` is not {expected}")));
        }
        let too_long = |slot: &Slot| match slot {
            Slot::Text(range) | Slot::Scratch(range) => range.len() > MAX_TEXT,
            _ => false,
        };
        if let Some(long) = self.slots.iter().position(too_long) {
            let name = &self.columns[long].name;
            return Err(Malformed(format!("`{name}` is longer than {MAX_TEXT} bytes")));
        }
        let name = &self.columns[self.event_time].name;
        let event_time = match value(&self.slots[self.event_time], text, &self.scratch) {
            Value::Text(ts) => {
                EventTime::parse(ts).ok_or_else(|| Malformed(format!("`{name}` is not a timestamp")))?
            }
            _ => return Err(Malformed(format!("`{name}` is missing"))),
        };
        for &key in self.dedup_keys.iter().flatten() {
            if self.slots[key] == Slot::Null {
                return Err(Malformed(format!("`{}` is missing", self.columns[key].name)));
            }
        }
        Ok(event_time)
    }
}

impl Decoded<'_> {
    /// The values of the declared columns, in their order.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'_>> {
        self.slots.iter().map(|slot| value(slot, self.text, self.scratch))
    }

    /// The hash of the deduplication key.
    pub(crate) fn key(&mut self) -> KeyHash {
        self.hasher.clear();
        for key in self.dedup_keys {
            match key {
                None => self.hasher.push(&self.event_time.0.to_le_bytes()),
                Some(column) => match value(&self.slots[*column], self.text, self.scratch) {
                    Value::Text(text) => self.hasher.push(text.as_bytes()),
                    Value::Int(number) => self.hasher.push(&number.to_le_bytes()),
                    Value::Double(number) => self.hasher.push(&number.to_le_bytes()),
                    Value::Null => self.hasher.push_null(),
                },
            }
        }
        self.hasher.finish()
    }
}

fn value<'a>(slot: &Slot, text: &'a str, scratch: &'a str) -> Value<'a> {
    match slot {
        Slot::Text(range) => Value::Text(&text[range.clone()]),
        Slot::Scratch(range) => Value::Text(&scratch[range.clone()]),
        Slot::Int(number) => Value::Int(*number),
        Slot::Double(number) => Value::Double(*number),
        Slot::Null | Slot::Unclear | Slot::Wrong => Value::Null,
    }
}

fn to_scratch(scratch: &mut String, text: &str) -> Slot {
    let start = scratch.len();
    scratch.push_str(text);
    Slot::Scratch(start..scratch.len())
}

fn number_slot(column_type: ColumnType, number: f64) -> Slot {
    match column_type {
        ColumnType::Text => Slot::Unclear,
        ColumnType::Double if number.is_finite() => Slot::Double(number),
        ColumnType::Int
            if number.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number) =>
        {
            Slot::Int(number as i32)
        }
        ColumnType::Double | ColumnType::Int => Slot::Wrong,
    }
}

/// A bound must be known before the parser goes in.
fn nested_too_deeply(json: &[u8]) -> bool {
    let opening = |b: &u8| matches!(b, b'{' | b'[');
    if json.len() <= MAX_DEPTH || json.iter().filter(|b| opening(b)).count() <= MAX_DEPTH {
        return false;
    }
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for b in json {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// The fast path: members go straight into their slots.
struct FastObject<'s> {
    columns: &'s [Column],
    slots: &'s mut [Slot],
    scratch: &'s mut String,
    /// Address of the record's text.
    base: usize,
}

impl<'de> Visitor<'de> for FastObject<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Members mostly come in the order of the columns.
        let mut expected = 0;
        while let Some(found) = map.next_key_seed(MemberName {
            columns: self.columns,
            expected,
        })? {
            let Some(index) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let column_type = self.columns[index].column_type;
            self.slots[index] = map.next_value_seed(FastValue {
                column_type,
                scratch: self.scratch,
                base: self.base,
            })?;
            expected = index + 1;
        }
        Ok(())
    }
}

/// Finds the column of a member.
#[derive(Clone, Copy)]
struct MemberName<'s> {
    columns: &'s [Column],
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for MemberName<'_> {
    type Value = Option<usize>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberName<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        if self
            .columns
            .get(self.expected)
            .is_some_and(|column| column.name == name)
        {
            return Ok(Some(self.expected));
        }
        Ok(self.columns.iter().position(|column| column.name == name))
    }
}

struct FastValue<'s> {
    column_type: ColumnType,
    scratch: &'s mut String,
    base: usize,
}

impl<'de> DeserializeSeed<'de> for FastValue<'_> {
    type Value = Slot;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Slot, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for FastValue<'_> {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Slot, E> {
        Ok(match self.column_type {
            ColumnType::Text => {
                let start = text.as_ptr() as usize - self.base;
                Slot::Text(start..start + text.len())
            }
            ColumnType::Int | ColumnType::Double => Slot::Wrong,
        })
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Slot, E> {
        Ok(match self.column_type {
            ColumnType::Text => to_scratch(self.scratch, text),
            ColumnType::Int | ColumnType::Double => Slot::Wrong,
        })
    }

    fn visit_unit<E: de::Error>(self) -> Result<Slot, E> {
        Ok(Slot::Null)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Slot, E> {
        Ok(Slot::Unclear)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Slot, E> {
        Ok(number_slot(self.column_type, number as f64))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Slot, E> {
        Ok(number_slot(self.column_type, number as f64))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Slot, E> {
        Ok(number_slot(self.column_type, number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Slot, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Slot::Unclear)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Slot, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Slot::Unclear)
    }
}

/// The thorough path: the JSON text of each declared member, in the order of the record.
struct RawMembers<'s> {
    columns: &'s [Column],
}

impl<'de> Visitor<'de> for RawMembers<'_> {
    type Value = Vec<(usize, LazyValue<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(found) = map.next_key_seed(MemberName {
            columns: self.columns,
            expected: 0,
        })? {
            let raw = map.next_value::<LazyValue<'de>>()?;
            members.extend(found.map(|index| (index, raw)));
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests;
