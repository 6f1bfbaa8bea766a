//! Kafka's record batch v2, its compression, and the numbers of the protocol. No I/O.
//!
//! A *batch* is what a producer sends, what lies in a segment and what a consumer gets: one format
//! from end to end, so that nobody on the way has to rewrite it. Its first 61 bytes are the header
//! ([`BatchHeader`]); the records follow, compressed as a whole. The CRC-32C covers everything
//! behind itself; base offset and leader epoch lie before it, so a leader patches them in place
//! ([`set_base_offset`], [`set_leader_epoch`]).
//!
//! * [`Batch`] is one whole batch whose frame and CRC were checked. [`Batch::split`] walks the
//!   several batches of a Fetch answer.
//! * [`Records`] holds the decompressed records of one batch; its iterator hands out [`Record`]s
//!   that borrow from it. There is no object per record on the heap.
//! * [`BatchBuilder`] writes records into one buffer and closes it with header and CRC.
//! * [`Compression`] names the codecs. Decompression is bounded: a small batch cannot claim
//!   gigabytes.
//! * The newtypes ([`Offset`], [`LeaderEpoch`], ...) keep Kafka's many integers apart.
//!
//! Whatever comes in, nothing here panics: malformed bytes are a [`BatchError`]. The formats are
//! those of Kafka's `DefaultRecordBatch` and `DefaultRecord` (KIP-98); magic 0 and 1 are refused.

mod batch;
mod builder;
mod compression;
mod control;
mod error;
mod header;
mod ids;
mod records;
mod varint;

pub use batch::{Batch, Split};
pub use builder::{BatchBuilder, record_size};
pub use compression::Compression;
pub use control::{ControlRecord, ControlType};
pub use error::BatchError;
pub use header::{
    BATCH_OVERHEAD, BatchHeader, CrcCheck, LENGTH_PREFIX, TimestampType, set_base_offset, set_leader_epoch,
    set_max_timestamp,
};
pub use ids::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, ParseTopicIdError, PartitionIndex, ProducerEpoch, ProducerId,
    Sequence, Timestamp, TopicId,
};
pub use records::{DEFAULT_DECOMPRESSED_LIMIT, Header, HeaderIter, Headers, Record, RecordIter, Records};
