//! The metadata quorum as its leader sees it.

use record::BrokerId;
use serde::{Deserialize, Serialize};

use crate::{Millis, as_number};

/// Who has how much of the metadata log (Kafka's DescribeQuorum).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumView {
    /// Who leads, and has told this.
    #[serde(with = "as_number::broker_id")]
    pub leader: BrokerId,
    /// The leader's term.
    pub term: u64,
    /// The last committed entry.
    pub committed: u64,
    /// Those who vote, by id.
    pub voters: Vec<QuorumMember>,
    /// Those who only follow, by id: the ones that were ever heard of.
    pub observers: Vec<QuorumMember>,
}

/// One member of the quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumMember {
    /// The broker.
    #[serde(with = "as_number::broker_id")]
    pub id: BrokerId,
    /// The last entry that it is known to have.
    pub last: u64,
    /// How long ago it was heard of; `None` if it wasn't since this leader's election.
    pub heard: Option<Millis>,
    /// How long ago it had everything; `None` as above.
    pub caught_up: Option<Millis>,
}
