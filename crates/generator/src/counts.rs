//! How many records of which kind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kind::{Kind, Verdict};

/// Records of a topic by kind; kinds that didn't come are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts {
    kinds: BTreeMap<Kind, u64>,
}

impl Counts {
    /// All records.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// Records of a kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or(0)
    }

    /// Records that must get this verdict.
    #[must_use]
    pub fn expected(&self, verdict: Verdict) -> u64 {
        self.iter()
            .filter(|(kind, _)| kind.verdict() == verdict)
            .map(|(_, count)| count)
            .sum()
    }

    /// Records with an injected fault.
    #[must_use]
    pub fn faulty(&self) -> u64 {
        self.iter()
            .filter(|(kind, _)| !kind.is_plain())
            .map(|(_, count)| count)
            .sum()
    }

    /// Kinds and their counts, in the order of the kinds.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        self.kinds.iter().map(|(kind, count)| (*kind, *count))
    }

    /// Counts so many more of a kind.
    pub fn add(&mut self, kind: Kind, count: u64) {
        if count > 0 {
            *self.kinds.entry(kind).or_default() += count;
        }
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        other.iter().for_each(|(kind, count)| self.add(kind, count));
    }
}

impl FromIterator<(Kind, u64)> for Counts {
    fn from_iter<T: IntoIterator<Item = (Kind, u64)>>(counts: T) -> Self {
        let mut sum = Self::default();
        counts.into_iter().for_each(|(kind, count)| sum.add(kind, count));
        sum
    }
}
