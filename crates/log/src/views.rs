//! What a partition tells.

use record::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// Where batches were appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The time that the leader gave the records, where `message.timestamp.type` says so.
    pub log_append_time: Option<Timestamp>,
    /// True where the batch had been appended before: the offsets are those of the first time.
    pub duplicate: bool,
    /// True where a segment was sealed: a good time for [`Partition::begin_flush`](crate::Partition::begin_flush).
    pub rolled: bool,
}

/// A record's position and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its offset.
    pub offset: Offset,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

/// A segment, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentView {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// The offset behind its last record.
    pub next_offset: Offset,
    /// Bytes of its records.
    pub size_bytes: u64,
    /// Highest timestamp in it, -1 if there is none.
    pub max_timestamp: Timestamp,
}

/// An idempotent producer that has written to the partition, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerView {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of its last record.
    pub last_sequence: Sequence,
    /// When it last wrote.
    pub last_timestamp: Timestamp,
}
