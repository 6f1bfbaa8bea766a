//! What can go wrong with a partition.

use std::io;
use std::path::PathBuf;

use record::{BatchError, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId};

/// Why a partition cannot be opened, flushed, truncated or closed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// A file could not be opened to be made durable; nothing is lost, the next flush tries again.
    #[error("{}: can't be opened, is tried again: {source}", path.display())]
    Unopened {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The folder belongs to another topic of the same name.
    #[error("{}: holds topic {found}, not {expected}: the topic was deleted and created again; remove the folder if its records are not needed", path.display())]
    OtherTopic {
        /// The partition's folder.
        path: PathBuf,
        /// The id in `partition.metadata`.
        found: TopicId,
        /// The id that was asked for.
        expected: TopicId,
    },
    /// A file is not what this version writes or reads.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An earlier failure left the files in an unknown state.
    #[error("partition is offline until the broker restarts: {0}")]
    Offline(String),
    /// The offset is not one of this partition's.
    #[error("offset {offset} is not between {start} and {end}")]
    OutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// The first offset of the partition.
        start: Offset,
        /// The offset behind its last record.
        end: Offset,
    },
}

impl LogError {
    /// Whether nothing is wrong but that the disk is full.
    pub(crate) fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_disk_full(source))
    }
}

/// Whether an error means that the disk is full.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Why batches were not appended. The partition is as before, unless it is offline.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The bytes are no valid batches: `CORRUPT_MESSAGE`.
    #[error(transparent)]
    Corrupt(BatchError),
    /// A batch contradicts itself or what producers may send: `INVALID_RECORD`, or `INVALID_TIMESTAMP`
    /// for [`InvalidRecord::Timestamp`].
    #[error(transparent)]
    InvalidRecord(InvalidRecord),
    /// A codec that Kafka does not have: `UNSUPPORTED_COMPRESSION_TYPE`.
    #[error(transparent)]
    UnsupportedCompression(BatchError),
    /// Record format 0 or 1: `UNSUPPORTED_FOR_MESSAGE_FORMAT`.
    #[error(transparent)]
    UnsupportedFormat(BatchError),
    /// A batch exceeds `max.message.bytes`: `MESSAGE_TOO_LARGE`.
    #[error("a batch of {size} bytes exceeds max.message.bytes = {limit}")]
    MessageTooLarge {
        /// Bytes of the batch.
        size: usize,
        /// The topic's limit.
        limit: usize,
    },
    /// The batches together exceed a segment: `RECORD_LIST_TOO_LARGE`.
    #[error("{size} bytes of batches exceed segment.bytes = {limit}")]
    RecordListTooLarge {
        /// Bytes of all batches.
        size: usize,
        /// The topic's limit.
        limit: u32,
    },
    /// Sequences are missing before the batch: `OUT_OF_ORDER_SEQUENCE_NUMBER`.
    #[error("producer {producer}: sequence {got} came where {expected} was expected")]
    OutOfOrderSequence {
        /// The producer.
        producer: ProducerId,
        /// The sequence that would continue.
        expected: Sequence,
        /// The batch's first sequence.
        got: Sequence,
    },
    /// A newer incarnation of the producer has written: `INVALID_PRODUCER_EPOCH`.
    #[error("producer {producer} is fenced: its epoch is {got}, epoch {current} has written already")]
    InvalidProducerEpoch {
        /// The producer.
        producer: ProducerId,
        /// The highest epoch seen.
        current: ProducerEpoch,
        /// The batch's epoch.
        got: ProducerEpoch,
    },
    /// The leader's epoch lies below one that has written already: `NOT_LEADER_OR_FOLLOWER`.
    #[error("leader epoch {got} is stale: epoch {current} has written already")]
    StaleLeaderEpoch {
        /// The highest epoch in the log.
        current: LeaderEpoch,
        /// The epoch of the append.
        got: LeaderEpoch,
    },
    /// A follower's batches do not continue its log.
    #[error("a batch at offset {got} came where {expected} was expected")]
    UnexpectedOffset {
        /// The end offset of the log.
        expected: Offset,
        /// The batch's base offset.
        got: Offset,
    },
    /// Transactions are not there yet.
    #[error("transactions are not there yet: produce without transactional.id")]
    TransactionsUnsupported,
    /// The disk is full: `KAFKA_STORAGE_ERROR`. Appends work again when there is space.
    #[error("the disk is full: {0}; free some space, the broker then continues by itself")]
    DiskFull(io::Error),
    /// The file system failed: `KAFKA_STORAGE_ERROR`.
    #[error("the log cannot be written: {0}")]
    Io(io::Error),
    /// An earlier failure left the files in an unknown state: `KAFKA_STORAGE_ERROR`.
    #[error("partition is offline until the broker restarts: {0}")]
    Offline(String),
}

/// What is wrong with a batch or a record in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// A record is stamped too far from the leader's clock.
    #[error(
        "a record's timestamp {timestamp} is too far from the broker's time {now}: {setting} of the topic \
         allows {limit_ms} ms"
    )]
    Timestamp {
        /// The record's timestamp.
        timestamp: Timestamp,
        /// The leader's time.
        now: Timestamp,
        /// The key of the topic's configuration that forbids it.
        setting: &'static str,
        /// Its value.
        limit_ms: i64,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl AppendError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::InvalidRecord(InvalidRecord::Other(reason.into()))
    }
}

/// Why records were not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The offset is not there: `OFFSET_OUT_OF_RANGE`.
    #[error("offset {offset} is not between {start} and {end}")]
    OutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// The first offset of the partition.
        start: Offset,
        /// The offset behind its last record.
        end: Offset,
    },
    /// The file system failed: `KAFKA_STORAGE_ERROR`.
    #[error("the log cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A segment holds something else than batches: `CORRUPT_MESSAGE`.
    #[error(
        "segment {segment} is damaged at position {position}: {source}; restart the broker to have the partition recovered"
    )]
    Corrupt {
        /// Base offset of the segment.
        segment: Offset,
        /// Position in it.
        position: u64,
        /// What is wrong there.
        source: BatchError,
    },
    /// An earlier failure left the files in an unknown state: `KAFKA_STORAGE_ERROR`.
    #[error("partition is offline until the broker restarts: {0}")]
    Offline(String),
}
