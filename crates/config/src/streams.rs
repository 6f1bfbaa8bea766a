//! Streams that the operator declares in `config.yml`, under [`PATH`].

use std::time::Duration;

use crate::scalar;

/// Where they stand.
pub(crate) const PATH: &str = "generator.streams";

/// A stream of events for the generator to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Stream {
    /// Its name, by which other streams refer to it.
    pub name: String,
    /// The topic that its events go to.
    pub topic: String,
    /// Events a second of the generator's clock.
    pub per_second: f64,
    /// How its events are written.
    pub format: StreamFormat,
    /// The field that is the record's key; records without one are spread evenly.
    pub key: Option<String>,
    /// Its fields, in their order.
    pub fields: Vec<Field>,
}

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamFormat {
    /// A JSON object.
    Json,
    /// A line of comma-separated values.
    Csv,
    /// `name=value` with blanks in between.
    Logfmt,
}

impl StreamFormat {
    /// All of them, by their names.
    pub(crate) const NAMES: &[&str] = &["json", "csv", "logfmt"];

    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "csv" => Self::Csv,
            "logfmt" => Self::Logfmt,
            _ => Self::Json,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Logfmt => "logfmt",
        }
    }
}

/// A field of a declared stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldKind {
    /// A UUID of its own for each event; or one of so many names, the first ones most often (Zipf).
    Id {
        /// How many there are; `None`: each is another.
        count: Option<u64>,
        /// What stands before the number.
        prefix: String,
    },
    /// One of some words, each with its weight.
    Choice(Vec<(String, f64)>),
    /// A number from `min` to `max`.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
        /// Digits behind the point.
        digits: u8,
        /// It wanders, for each key by itself, and takes about so long from one end to the other; `None`: each is
        /// drawn anew.
        drift: Option<Duration>,
    },
    /// A text that a regular expression matches.
    Text {
        /// The expression.
        pattern: String,
    },
    /// A value of a field of another stream.
    Reference {
        /// The stream: its name, `clickstream` or `iot`.
        stream: String,
        /// The field.
        field: String,
    },
    /// When it happens.
    Timestamp,
}

/// What streams may refer to of those that are built in.
pub(crate) const BUILT_IN: [(&str, &[&str]); 2] =
    [("clickstream", &["user_id"]), ("iot", &["device_id", "site"])];

impl Stream {
    /// As it stands in `config.yml`, below the name of the list.
    pub(crate) fn yaml(&self) -> String {
        let mut text = String::new();
        let mut line = |depth: usize, line: String| {
            text.push_str(&"  ".repeat(depth));
            text.push_str(&line);
            text.push('\n');
        };
        line(2, format!("{}:", scalar::block(&self.name)));
        line(3, format!("topic: {}", scalar::block(&self.topic)));
        line(3, format!("per_second: {}", self.per_second));
        line(3, format!("format: {}", self.format.name()));
        if let Some(key) = &self.key {
            line(3, format!("key: {}", scalar::block(key)));
        }
        line(3, "fields:".to_owned());
        for Field { name, kind } in &self.fields {
            line(4, format!("{}: {}", scalar::block(name), kind.yaml()));
        }
        text
    }
}

impl FieldKind {
    fn yaml(&self) -> String {
        match self {
            Self::Id { count: None, .. } => "{kind: id}".to_owned(),
            Self::Id {
                count: Some(count),
                prefix,
            } => format!("{{kind: id, count: {count}, prefix: {}}}", scalar::quoted(prefix)),
            Self::Choice(words) => {
                let words: Vec<String> = words
                    .iter()
                    .map(|(word, weight)| format!("{}: {weight}", scalar::quoted(word)))
                    .collect();
                format!("{{kind: choice, of: {{{}}}}}", words.join(", "))
            }
            Self::Number {
                min,
                max,
                digits,
                drift,
            } => {
                let drift = drift.map(|drift| format!(", drift: {}ms", drift.as_millis()));
                let drift = drift.unwrap_or_default();
                format!("{{kind: number, min: {min}, max: {max}, digits: {digits}{drift}}}")
            }
            Self::Text { pattern } => format!("{{kind: text, pattern: {}}}", scalar::literal(pattern)),
            Self::Reference { stream, field } => {
                let to = format!("{stream}.{field}");
                format!("{{kind: reference, to: {}}}", scalar::flow(&to))
            }
            Self::Timestamp => "{kind: timestamp}".to_owned(),
        }
    }
}
