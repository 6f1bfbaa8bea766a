//! The fields of a stream's events.

/// The fields of a stream's events, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) fields: Vec<Field>,
    /// The field that is the record's key.
    pub(crate) key: usize,
    /// The field that identifies the event, alone or together with the time.
    pub(crate) id: usize,
    /// The field of the event's time.
    pub(crate) time: usize,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    pub(crate) kind: FieldKind,
}

/// What a field holds where it is neither missing nor null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Text,
    Integer,
    Decimal,
    /// ISO 8601, UTC, milliseconds.
    Time,
}

impl Field {
    pub(crate) fn new(name: &str, kind: FieldKind) -> Self {
        Self {
            name: name.into(),
            kind,
        }
    }
}
