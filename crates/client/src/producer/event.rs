//! What happens to a producer, and what it does: the language of its decisions.

use std::sync::Arc;

use record::{BrokerId, LeaderEpoch, Offset, ProducerEpoch, ProducerId};

use super::{
    batch::{BatchId, Sealed, Stamp, TopicPartition},
    error::ProduceError,
};
use crate::error::ServerError;

/// Milliseconds of a clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    pub(crate) fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// One Produce request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(pub(crate) u64);

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// Time passed, or records were appended.
    Tick,
    /// The answer to [`Action::InitProducerId`]; an error is tried again.
    ProducerId(Result<(ProducerId, ProducerEpoch), String>),
    /// The producer id was refused for good.
    Refused(String),
    /// The answer to [`Action::RefreshMetadata`].
    Leaders(Vec<(TopicPartition, Option<(BrokerId, LeaderEpoch)>)>),
    /// Metadata couldn't be had.
    NoMetadata,
    /// A Produce request was answered.
    Answered {
        request: RequestId,
        answers: Vec<(TopicPartition, Answer)>,
    },
    /// A Produce request won't be answered.
    Failed {
        request: RequestId,
        reason: String,
        sent: Sent,
    },
}

/// Whether a request without an answer can have reached the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    No,
    Perhaps,
}

/// A broker's answer about one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) error: Option<ServerError>,
    /// -1 where the broker recognised the batch but no longer knows where it lies.
    pub(crate) base_offset: Offset,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    InitProducerId,
    RefreshMetadata {
        topics: Vec<Arc<str>>,
    },
    Send {
        request: RequestId,
        broker: BrokerId,
        batches: Vec<Outgoing>,
    },
    /// A batch has its final result.
    Complete {
        batch: BatchId,
        result: Result<Offset, ProduceError>,
    },
}

/// One batch of a request.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) partition: TopicPartition,
    pub(crate) batch: Arc<Sealed>,
    pub(crate) stamp: Stamp,
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) batch: BatchId,
    /// Place in the batch.
    pub(crate) index: i32,
    /// Whether there is something new to decide: a batch was opened or closed.
    pub(crate) wake: bool,
}
