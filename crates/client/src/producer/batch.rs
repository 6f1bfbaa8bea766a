//! A batch of records, closed, on its way.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use record::{BatchBuilder, BatchError, PartitionIndex, ProducerEpoch, ProducerId, Sequence};

/// One partition of a topic, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TopicPartition {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: PartitionIndex,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// One batch of one producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BatchId(pub(crate) u64);

/// What makes a batch one of a series: the broker takes each once, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) producer_id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    pub(crate) base_sequence: Sequence,
}

impl Stamp {
    /// Of a producer that isn't idempotent.
    pub(crate) const NONE: Self = Self {
        producer_id: ProducerId(-1),
        epoch: ProducerEpoch(-1),
        base_sequence: Sequence(-1),
    };
}

/// Records that no more are added to. Compressed when they are first sent.
#[derive(Debug)]
pub(crate) struct Sealed {
    records: BatchBuilder,
    first: OnceLock<(Stamp, Bytes)>,
}

impl Sealed {
    pub(crate) fn new(records: BatchBuilder) -> Self {
        Self {
            records,
            first: OnceLock::new(),
        }
    }

    pub(crate) fn count(&self) -> i32 {
        self.records.len()
    }

    /// Before compression.
    pub(crate) fn size(&self) -> usize {
        self.records.size()
    }

    /// The bytes for the wire. A retry gets the very same; only a new stamp encodes anew.
    pub(crate) fn encode(&self, stamp: Stamp) -> Result<Bytes, BatchError> {
        match self.first.get() {
            Some((before, bytes)) if *before == stamp => return Ok(bytes.clone()),
            _ => {}
        }
        let mut records = self.records.clone();
        records.producer(stamp.producer_id, stamp.epoch, stamp.base_sequence);
        let bytes = records.build()?;
        let (_, kept) = self.first.get_or_init(|| (stamp, bytes.clone()));
        debug_assert!(kept.len() == bytes.len(), "a stamp doesn't change the size");
        Ok(bytes)
    }
}
