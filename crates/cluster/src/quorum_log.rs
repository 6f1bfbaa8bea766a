//! What a node must find again after a restart: Raft's entries, term and vote.

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
/// where a new leader only marked its term.
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

/// What the executor read back before it built the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// From the file `quorum-state`; `None` on the first start.
    pub hard_state: Option<HardState>,
    /// From the metadata partition: from index 1 on, without gaps. What of it is committed is
    /// learnt again from the quorum.
    pub entries: Vec<Entry>,
}
