//! One event as values, before it is written in a format.

use std::ops::Range;

/// The values of one event, in the order of its schema. Made once and filled again for each event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    values: Vec<Value>,
    text: Vec<u8>,
    /// A field that the schema doesn't have, written last.
    pub(crate) extra: Option<(&'static str, Value)>,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// The field is not there.
    Missing,
    Null,
    Boolean(bool),
    Integer(i64),
    /// `unscaled` / 10^`places`.
    Decimal {
        unscaled: i64,
        places: u8,
    },
    /// Microseconds since 1970, of a year from 1 to 9999.
    Time(i64),
    /// A text that needs no escape in JSON.
    Static(&'static str),
    /// The same, held by the row.
    Plain(Range<usize>),
    /// Any text, held by the row: UTF-8.
    Text(Range<usize>),
    /// Written as it is, in any format; held by the row.
    Raw(Range<usize>),
}

impl Value {
    /// A number with so many places after the point, rounded.
    pub(crate) fn decimal(number: f64, places: u8) -> Self {
        let scale = 10_i64.pow(u32::from(places)) as f64;
        Self::Decimal {
            unscaled: libm::round(number * scale) as i64,
            places,
        }
    }
}

impl Row {
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.text.clear();
        self.extra = None;
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }

    /// Adds the value of the next field.
    pub(crate) fn push(&mut self, value: Value) {
        self.values.push(value);
    }

    /// Replaces the value of a field, and gives the one that it had.
    pub(crate) fn set(&mut self, field: usize, value: Value) -> Value {
        self.values
            .get_mut(field)
            .map_or(Value::Missing, |old| std::mem::replace(old, value))
    }

    /// Adds the value of the next field: a text that needs no escape.
    pub(crate) fn push_plain(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let range = self.hold(write);
        self.values.push(Value::Plain(range));
    }

    /// Holds bytes for a value that refers to them.
    pub(crate) fn hold(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.text.len();
        write(&mut self.text);
        start..self.text.len()
    }

    /// What the row holds for a value.
    pub(crate) fn held(&self, range: &Range<usize>) -> &[u8] {
        self.text.get(range.clone()).unwrap_or_default()
    }
}
