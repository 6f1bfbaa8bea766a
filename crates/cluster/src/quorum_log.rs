//! What a node must find again after a restart: a snapshot, Raft's entries behind it, term and vote.

use std::fmt;

use bytes::Bytes;
use record::BrokerId;

macro_rules! count {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

count! {
    /// Position of an entry in the metadata log; the first is 1. Also its offset in the partition
    /// `__cluster_metadata`.
    Index
}
count! {
    /// Counts the elections of controllers; the leader epoch of the metadata log. Never beyond
    /// `i32::MAX`.
    Term
}

/// One entry of the metadata log: metadata records that take effect together, or nothing at all
/// where a new leader only marked its term. Also a snapshot: the records that make the metadata as they are
/// behind the entry at its index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub index: Index,
    /// Under which leader it was written.
    pub term: Term,
    /// A list of metadata records as JSON, or empty.
    pub data: Bytes,
}

/// The promise a voter may not forget: its term, and whom it voted for in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HardState {
    /// The newest term seen.
    pub term: Term,
    /// The vote in that term.
    pub vote: Option<BrokerId>,
}

impl Entry {
    /// For a snapshot: whether a log goes on where it ends, so that all of it may stay. That log begins at
    /// `log_start` and has an entry of term `term_there` where the snapshot was made, or none.
    ///
    /// A log that doesn't, ends before the snapshot or was written by leaders who have lost.
    #[must_use]
    pub fn is_continued(&self, log_start: Index, term_there: Option<Term>) -> bool {
        log_start.0 == self.index.0 + 1 || term_there == Some(self.term)
    }
}

/// What the executor read back before it built the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// From the file `quorum-state`; `None` on the first start.
    pub hard_state: Option<HardState>,
    /// The newest snapshot: an entry that holds all metadata as they are behind it, and stands for everything
    /// up to it.
    pub snapshot: Option<Entry>,
    /// From the metadata partition, without gaps: from index 1 on, or from any up to the one behind the
    /// snapshot. What of it is committed beyond the snapshot is learnt again from the quorum.
    pub entries: Vec<Entry>,
}

impl Restored {
    /// Does to this what [`Action::Persist`](crate::Action::Persist) asks to be done on disk.
    pub fn persist(
        &mut self,
        truncate_from: Option<Index>,
        entries: Vec<Entry>,
        hard_state: Option<HardState>,
    ) {
        self.hard_state = hard_state.or(self.hard_state);
        self.entries
            .retain(|entry| truncate_from.is_none_or(|from| entry.index < from));
        self.entries.extend(entries);
    }

    /// Does to this what [`Action::Snapshot`](crate::Action::Snapshot) asks to be done on disk.
    pub fn keep(&mut self, snapshot: Entry, log_start: Index) {
        match self.continues(&snapshot) {
            true => self.entries.retain(|entry| entry.index >= log_start),
            false => self.entries.clear(),
        }
        self.snapshot = Some(snapshot);
    }

    /// Whether the entries go on where the snapshot ends.
    pub(crate) fn continues(&self, snapshot: &Entry) -> bool {
        let Some(first) = self.entries.first() else {
            return true;
        };
        let mut entries = self.entries.iter();
        let there = entries.find(|entry| entry.index == snapshot.index);
        snapshot.is_continued(first.index, there.map(|entry| entry.term))
    }
}
