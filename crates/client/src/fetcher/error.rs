//! Why a partition can't be read on.

use record::{BatchError, LeaderEpoch, Offset, PartitionIndex, TopicId};

use super::Position;
use crate::error::ClientError;

/// Why a partition can't be read on. It stands still until it is assigned again or unassigned.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The offset isn't there: retention deleted it, or the log is shorter than it was.
    #[error(
        "{topic}-{partition}: offset {offset} is not there, the log holds {start} to {end}: \
         records were deleted by retention, or the topic was made anew; choose where to go on"
    )]
    OffsetOutOfRange {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// The offset asked for.
        offset: Offset,
        /// The first offset of the log; -1 where it couldn't be had.
        start: Offset,
        /// The offset behind the last record; -1 where it couldn't be had.
        end: Offset,
    },
    /// The log was truncated below the position: records that were read are no longer in it.
    #[error(
        "{topic}-{partition}: the log was truncated: position {} was reached in leader epoch {}, \
         but epoch {leader_epoch} now ends at offset {end_offset}; records that were read are no longer in the topic",
        .position.offset, .position.leader_epoch.unwrap_or(LeaderEpoch(-1))
    )]
    Truncated {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// Where the reader is.
        position: Position,
        /// The largest epoch of the log that isn't above the reader's.
        leader_epoch: LeaderEpoch,
        /// Where it ended.
        end_offset: Offset,
    },
    /// The topic was deleted and made anew under the same name.
    #[error("topic `{topic}` was deleted and created again: it had the id {before}, now it has {now}")]
    TopicRecreated {
        /// The topic.
        topic: String,
        /// Its id when reading began.
        before: TopicId,
        /// Its id now.
        now: TopicId,
    },
    /// A batch that isn't one.
    #[error("{topic}-{partition}: the batch at offset {offset} is corrupt: {error}")]
    Corrupt {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// The position.
        offset: Offset,
        /// What is wrong.
        error: BatchError,
    },
    /// The cluster can't be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
}
