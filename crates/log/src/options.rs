//! How a partition keeps its records.

use record::{DEFAULT_DECOMPRESSED_LIMIT, Offset, TimestampType, TopicId};

/// Settings of one partition, under Kafka's names of the topic's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The topic's id, kept in `partition.metadata`; a folder of another topic is refused.
    pub topic_id: Option<TopicId>,
    /// Where a partition begins that does not exist yet.
    pub first_offset: Offset,
    /// `segment.bytes`: a segment is sealed before it exceeds this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment is sealed when its records' timestamps span more than this.
    pub segment_ms: i64,
    /// `index.interval.bytes`: one index entry for at least so many bytes of records.
    pub index_interval_bytes: u32,
    /// `segment.index.bytes`: a segment is sealed before an index exceeds this.
    pub segment_index_bytes: u32,
    /// `max.message.bytes`: the largest batch that a leader accepts.
    pub max_message_bytes: usize,
    /// The most that all batches of one append may have decompressed.
    pub max_decompressed_bytes: usize,
    /// `message.timestamp.before.max.ms`: how far a producer's timestamps may lie behind the clock.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far they may lie ahead of it.
    pub timestamp_after_max_ms: i64,
    /// `message.timestamp.type`: who sets the timestamps.
    pub timestamp_type: TimestampType,
    /// `retention.ms`; `None` keeps records whatever their age.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; `None` keeps records whatever their size.
    pub retention_bytes: Option<u64>,
    /// `producer.id.expiration.ms`: a producer that is idle for longer is forgotten.
    pub producer_id_expiration_ms: i64,
}

impl Default for Options {
    /// Kafka 3.7's defaults. Timestamps are not limited in either direction: synthetic and replayed
    /// events lie in the past and in the future.
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        Self {
            topic_id: None,
            first_offset: Offset(0),
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            index_interval_bytes: 4096,
            segment_index_bytes: 10 << 20,
            max_message_bytes: 1_048_588,
            max_decompressed_bytes: DEFAULT_DECOMPRESSED_LIMIT,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: i64::MAX,
            timestamp_type: TimestampType::CreateTime,
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            producer_id_expiration_ms: DAY_MS,
        }
    }
}
