//! Why a record wasn't acknowledged.

use record::PartitionIndex;

use crate::error::{ClientError, ServerError};

/// Why a record wasn't acknowledged. [`ProduceError::may_be_written`] says whether it may be in the topic
/// nevertheless.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// The delivery timeout passed.
    #[error(
        "{topic}-{partition}: not acknowledged within {timeout_ms} ms (last: {last}){}",
        if *.may_be_written { "; it may be written nevertheless" } else { "; it was not written" }
    )]
    TimedOut {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// The delivery timeout.
        timeout_ms: u64,
        /// What went wrong last.
        last: String,
        /// Whether an attempt ended without an answer.
        may_be_written: bool,
    },
    /// The broker refused the batch, for good.
    #[error(
        "{topic}-{partition} refused the batch: {error}{}{}", hint(.error),
        if *.may_be_written { "; an attempt before may have written it nevertheless" } else { "" }
    )]
    Rejected {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// The broker's answer.
        error: ServerError,
        /// Whether an attempt before it ended without an answer.
        may_be_written: bool,
    },
    /// Options that exclude each other.
    #[error(
        "a producer can't be idempotent with acks of the leader alone: use Acks::All, or idempotent: false"
    )]
    IdempotentNeedsAll,
    /// The record alone is larger than a request may be.
    #[error(
        "a record of {bytes} bytes is larger than max_request_bytes ({limit}): raise it here and max.message.bytes of the topic"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The producer can't go on without risking doubled or reordered records. Nothing more can be sent with
    /// it: read the topic's end to learn what was written, then make a new one.
    #[error(
        "the producer had to stop: {reason}. Read the end of the topic to see what was written, then start a new producer"
    )]
    Fatal {
        /// What happened.
        reason: String,
    },
    /// The topic or its cluster can't be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// `close` was called, or the producer was dropped.
    #[error("the producer was closed before the record was acknowledged")]
    Closed,
}

impl ProduceError {
    /// Whether the record may be in the topic although it wasn't acknowledged.
    #[must_use]
    pub fn may_be_written(&self) -> bool {
        match self {
            Self::TimedOut { may_be_written, .. } | Self::Rejected { may_be_written, .. } => *may_be_written,
            Self::Fatal { .. } | Self::Closed => true,
            Self::IdempotentNeedsAll | Self::TooLarge { .. } | Self::Client(_) => false,
        }
    }
}

fn hint(error: &ServerError) -> &'static str {
    match error.code {
        crate::ErrorCode::MessageTooLarge | crate::ErrorCode::RecordListTooLarge => {
            ". Lower batch_bytes, or raise max.message.bytes of the topic"
        }
        _ => "",
    }
}
