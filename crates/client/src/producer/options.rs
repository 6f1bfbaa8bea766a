//! Settings of a producer.

use std::time::Duration;

use record::{Compression, ProducerEpoch, ProducerId};

/// How a producer batches, and how long it tries. The defaults are those of Kafka's Java producer, but for
/// lz4.
#[derive(Debug, Clone)]
pub struct ProducerOptions {
    /// Whether retries keep order and write once (`enable.idempotence`). Without it a retry may double.
    pub idempotent: bool,
    /// The producer id and epoch to write with, where the caller keeps them: see
    /// [`Client::new_producer_id`](crate::Client::new_producer_id). `None` asks the cluster for new ones.
    pub identity: Option<(ProducerId, ProducerEpoch)>,
    /// Who must have a batch before it is acknowledged.
    pub acks: Acks,
    /// The codec of the batches.
    pub compression: Compression,
    /// How long a batch may wait for more records (`linger.ms`).
    pub linger: Duration,
    /// A batch is closed at this many bytes, before compression (`batch.size`).
    pub batch_bytes: usize,
    /// Records beyond it are refused, and requests don't grow beyond it (`max.request.size`).
    pub max_request_bytes: usize,
    /// Bytes of records that aren't acknowledged yet; beyond it `send` waits (`buffer.memory`).
    pub buffer_bytes: usize,
    /// How long a record is tried, from `send` to success or failure (`delivery.timeout.ms`).
    pub delivery_timeout: Duration,
    /// The shortest pause before a retry; it doubles up to a second.
    pub retry_backoff: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self {
            idempotent: true,
            identity: None,
            acks: Acks::All,
            compression: Compression::Lz4,
            linger: Duration::from_millis(5),
            batch_bytes: 16 << 10,
            max_request_bytes: 1 << 20,
            buffer_bytes: 32 << 20,
            delivery_timeout: Duration::from_secs(120),
            retry_backoff: Duration::from_millis(50),
        }
    }
}

/// Who must have a batch before it is acknowledged (`acks`). `acks=0` isn't offered: it can't tell success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acks {
    /// All replicas in sync.
    #[default]
    All,
    /// The leader alone. Not with `idempotent`.
    Leader,
}

impl Acks {
    pub(crate) fn wire(self) -> i16 {
        match self {
            Self::All => -1,
            Self::Leader => 1,
        }
    }
}
