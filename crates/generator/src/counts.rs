//! How many records of which kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Kind;

/// Records of a topic by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events, each sent for the first time.
    pub events: u64,
    /// Events sent again, byte for byte.
    pub duplicates: u64,
    /// Malformed records, by kind.
    pub malformed: BTreeMap<MalformedKind, u64>,
}

impl Counts {
    /// All records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.events + self.duplicates + self.malformed_records()
    }

    /// Malformed records of all kinds.
    #[must_use]
    pub fn malformed_records(&self) -> u64 {
        self.malformed.values().sum()
    }

    pub(crate) fn add(&mut self, kind: Kind) {
        match kind {
            Kind::Event => self.events += 1,
            Kind::Duplicate => self.duplicates += 1,
            Kind::Malformed(kind) => *self.malformed.entry(kind).or_default() += 1,
        }
    }
}

/// How a record is broken. Each is malformed for any reader that keeps to the table's declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MalformedKind {
    /// An event whose JSON ends too early.
    Truncated,
    /// A typed member holds something of another type.
    WrongType,
    /// Text that isn't JSON.
    NotJson,
    /// The event time is missing.
    MissingTime,
    /// The id of event or device is missing.
    MissingKey,
    /// The event time isn't one.
    BadTime,
}

impl MalformedKind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Truncated,
        Self::WrongType,
        Self::NotJson,
        Self::MissingTime,
        Self::MissingKey,
        Self::BadTime,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::WrongType => "wrong_type",
            Self::NotJson => "not_json",
            Self::MissingTime => "missing_time",
            Self::MissingKey => "missing_key",
            Self::BadTime => "bad_time",
        }
    }
}
