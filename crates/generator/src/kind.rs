//! What a record is, and what a reader must make of it.

use serde::{Deserialize, Serialize};

/// What a record is. A record is of one kind: no record has two faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An event without a fault, sent for the first time and at its time.
    Event,
    /// An event without a fault that fences a producer that died: see the crate's page.
    Fence,
    /// One of a burst: events that come many times as fast as usual.
    Burst,
    /// Sent when a stall was over.
    Stalled,
    /// Keyed by the one hot key, whatever its user or device.
    HotKey,
    /// By a clock that is wrong by a constant, within the watermark's delay.
    ClockSkew,
    /// Sent later than events after it, within the watermark's delay.
    OutOfOrder,
    /// A member that may be missing is `null`.
    Null,
    /// A member that no reader knows.
    AddedField,
    /// A member that may be missing is.
    MissingField,
    /// A record of a file, sent again as it stands there.
    Replayed,
    /// The bytes of an event shortly before, sent again.
    Duplicate,
    /// The bytes of an event so long ago that the watermark has passed it.
    FarDuplicate,
    /// An event whose time the watermark of its partition has passed.
    Late,
    /// An event whose time is far ahead of the record's.
    Future,
    /// The JSON ends too early.
    Truncated,
    /// A typed member holds something of another type.
    WrongType,
    /// Text of another kind.
    NotJson,
    /// The event time is missing.
    MissingTime,
    /// What identifies the event is missing.
    MissingKey,
    /// The event time isn't one.
    BadTime,
    /// Bytes that are no text.
    InvalidUtf8,
    /// A value without a byte.
    Empty,
    /// No value at all, as a tombstone has.
    NoValue,
    /// An event time of a quarter of a megabyte.
    Huge,
    /// The event within an array.
    WrongNesting,
    /// A member nested deeper than parsers go.
    DeepNesting,
}

/// What a reader that keeps to the table's declaration must make of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A row of the table, or one that its filter doesn't keep.
    Written,
    /// Recognised as sent before.
    Duplicate,
    /// Behind the watermark.
    Late,
    /// Too far ahead.
    Future,
    /// No event.
    Malformed,
    /// Whatever the reader's state makes of it.
    Any,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 27] = [
        Self::Event,
        Self::Fence,
        Self::Burst,
        Self::Stalled,
        Self::HotKey,
        Self::ClockSkew,
        Self::OutOfOrder,
        Self::Null,
        Self::AddedField,
        Self::MissingField,
        Self::Replayed,
        Self::Duplicate,
        Self::FarDuplicate,
        Self::Late,
        Self::Future,
        Self::Truncated,
        Self::WrongType,
        Self::NotJson,
        Self::MissingTime,
        Self::MissingKey,
        Self::BadTime,
        Self::InvalidUtf8,
        Self::Empty,
        Self::NoValue,
        Self::Huge,
        Self::WrongNesting,
        Self::DeepNesting,
    ];

    /// Its name, in the header `mc-kind` and in counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Fence => "fence",
            Self::Burst => "burst",
            Self::Stalled => "stalled",
            Self::HotKey => "hot_key",
            Self::ClockSkew => "clock_skew",
            Self::OutOfOrder => "out_of_order",
            Self::Null => "null",
            Self::AddedField => "added_field",
            Self::MissingField => "missing_field",
            Self::Replayed => "replayed",
            Self::Duplicate => "duplicate",
            Self::FarDuplicate => "far_duplicate",
            Self::Late => "late",
            Self::Future => "future",
            Self::Truncated => "truncated",
            Self::WrongType => "wrong_type",
            Self::NotJson => "not_json",
            Self::MissingTime => "missing_time",
            Self::MissingKey => "missing_key",
            Self::BadTime => "bad_time",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Empty => "empty",
            Self::NoValue => "no_value",
            Self::Huge => "huge",
            Self::WrongNesting => "wrong_nesting",
            Self::DeepNesting => "deep_nesting",
        }
    }

    /// What must become of it.
    #[must_use]
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Event
            | Self::Fence
            | Self::Burst
            | Self::Stalled
            | Self::HotKey
            | Self::ClockSkew
            | Self::OutOfOrder
            | Self::Null
            | Self::AddedField
            | Self::MissingField => Verdict::Written,
            Self::Replayed => Verdict::Any,
            Self::Duplicate => Verdict::Duplicate,
            Self::FarDuplicate | Self::Late => Verdict::Late,
            Self::Future => Verdict::Future,
            Self::Truncated
            | Self::WrongType
            | Self::NotJson
            | Self::MissingTime
            | Self::MissingKey
            | Self::BadTime
            | Self::InvalidUtf8
            | Self::Empty
            | Self::NoValue
            | Self::Huge
            | Self::WrongNesting
            | Self::DeepNesting => Verdict::Malformed,
        }
    }

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)
    }

    /// Whether it is what the stream is without faults.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::Event | Self::Fence | Self::Replayed)
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn names_lead_back_to_their_kinds() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name().as_bytes()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(Kind::from_name(b"other"), None);
    }
}
