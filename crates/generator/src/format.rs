//! Events as bytes.

mod text;
mod time;

pub(crate) use self::text::{write_integer, write_padded, write_uuid};
use self::{
    text::{write_csv_text, write_decimal, write_json_text, write_logfmt_text},
    time::write_time,
};
use crate::model::{Row, Schema, Value};

/// How an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A JSON object without white space.
    #[default]
    Json,
    /// Values in the order of the fields, RFC 4180; a null or missing one is empty.
    Csv,
    /// `name=value` with blanks in between; a text in quotes, escaped as in JSON, where it must be. A null or
    /// missing one is left out.
    Logfmt,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Json, Self::Csv, Self::Logfmt];

    /// As settings name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Logfmt => "logfmt",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// Writes the events of one schema in one format.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    format: Format,
    /// By field: its name as JSON text, with the colon.
    labels: Vec<Vec<u8>>,
    names: Vec<Box<str>>,
    key: usize,
}

impl Encoder {
    pub(crate) fn new(format: Format, schema: &Schema) -> Self {
        Self {
            format,
            labels: schema.fields.iter().map(|field| label(&field.name)).collect(),
            names: schema.fields.iter().map(|field| field.name.clone()).collect(),
            key: schema.key,
        }
    }

    /// What a file of events begins with: the line of names in CSV, nothing in the others.
    pub(crate) fn header(&self, out: &mut Vec<u8>) {
        if self.format == Format::Csv {
            for (index, name) in self.names.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_csv_text(name.as_bytes(), out);
            }
        }
    }

    /// Appends the event, without a line's end.
    pub(crate) fn value(&self, row: &Row, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => self.json(row, out),
            Format::Csv => self.csv(row, out),
            Format::Logfmt => self.logfmt(row, out),
        }
    }

    /// Appends the record's key: the text or number of the key field as it is, nothing where there is none.
    pub(crate) fn key(&self, row: &Row, out: &mut Vec<u8>) {
        let value = row.values().get(self.key).unwrap_or(&Value::Missing);
        self.bare(value, row, out);
    }

    fn json(&self, row: &Row, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (index, value) in row.values().iter().enumerate() {
            if *value == Value::Missing {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(self.labels.get(index).map_or(&[][..], Vec::as_slice));
            self.json_value(value, row, out);
        }
        if let Some((name, value)) = &row.extra {
            if !first {
                out.push(b',');
            }
            out.extend_from_slice(&label(name));
            self.json_value(value, row, out);
        }
        out.push(b'}');
    }

    fn json_value(&self, value: &Value, row: &Row, out: &mut Vec<u8>) {
        match value {
            Value::Missing | Value::Null => out.extend_from_slice(b"null"),
            Value::Text(range) => write_json_text(row.held(range), out),
            Value::Static(_) | Value::Plain(_) | Value::Time(_) => {
                out.push(b'"');
                self.bare(value, row, out);
                out.push(b'"');
            }
            _ => self.bare(value, row, out),
        }
    }

    fn csv(&self, row: &Row, out: &mut Vec<u8>) {
        let values = row
            .values()
            .iter()
            .chain(row.extra.iter().map(|(_, value)| value));
        for (index, value) in values.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match value {
                Value::Static(text) => write_csv_text(text.as_bytes(), out),
                Value::Plain(range) | Value::Text(range) => write_csv_text(row.held(range), out),
                value => self.bare(value, row, out),
            }
        }
    }

    fn logfmt(&self, row: &Row, out: &mut Vec<u8>) {
        let fields = self.names.iter().map(|name| &**name).zip(row.values());
        let extra = row.extra.iter().map(|(name, value)| (*name, value));
        let start = out.len();
        for (name, value) in fields.chain(extra) {
            if matches!(value, Value::Missing | Value::Null) {
                continue;
            }
            if out.len() > start {
                out.push(b' ');
            }
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            match value {
                Value::Static(text) => write_logfmt_text(text.as_bytes(), out),
                Value::Plain(range) | Value::Text(range) => write_logfmt_text(row.held(range), out),
                value => self.bare(value, row, out),
            }
        }
    }

    /// The value without quotes or escapes.
    fn bare(&self, value: &Value, row: &Row, out: &mut Vec<u8>) {
        match value {
            Value::Missing | Value::Null => {}
            Value::Boolean(yes) => out.extend_from_slice(if *yes { b"true" } else { b"false" }),
            Value::Integer(number) => write_integer(*number, out),
            Value::Decimal { unscaled, places } => write_decimal(*unscaled, *places, out),
            Value::Time(at_us) => write_time(*at_us, out),
            Value::Static(text) => out.extend_from_slice(text.as_bytes()),
            Value::Plain(range) | Value::Text(range) | Value::Raw(range) => {
                out.extend_from_slice(row.held(range));
            }
        }
    }
}

fn label(name: &str) -> Vec<u8> {
    let mut label = Vec::with_capacity(name.len() + 3);
    write_json_text(name.as_bytes(), &mut label);
    label.push(b':');
    label
}

#[cfg(test)]
mod tests;
