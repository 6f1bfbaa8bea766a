//! One record, made and ready to be sent.

use crate::counts::MalformedKind;

/// Header of the run's id, 8 bytes big-endian.
pub(crate) const RUN_HEADER: &[u8] = b"mc-run";
/// Header of the record's sequence in its run and topic, 8 bytes big-endian.
pub(crate) const SEQUENCE_HEADER: &[u8] = b"mc-seq";
/// Header of the record's kind: its name.
pub(crate) const KIND_HEADER: &[u8] = b"mc-kind";

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Event,
    Duplicate,
    Malformed(MalformedKind),
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Duplicate => "duplicate",
            Self::Malformed(kind) => kind.name(),
        }
    }

    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        let malformed = MalformedKind::ALL.into_iter().map(Self::Malformed);
        malformed
            .chain([Self::Event, Self::Duplicate])
            .find(|kind| kind.name().as_bytes() == name)
    }
}

/// A record as it goes to its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
    /// The sequence that a duplicate repeats.
    pub(crate) original: Option<u64>,
    /// When it happens on the generator's clock: decides when it is sent.
    pub(crate) at_ms: i64,
    /// The time of its event, which Kafka's timestamp repeats: a duplicate has its original's.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}
