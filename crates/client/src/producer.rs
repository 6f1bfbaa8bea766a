//! The idempotent, batching producer.

mod batch;
mod core;
mod driver;
mod error;
mod event;
mod judge;
mod options;
mod partitioner;
mod queue;
mod stats;

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use futures::{FutureExt, future::Shared};
use record::{Header, Offset, PartitionIndex, Timestamp};
use tokio::sync::{Notify, Semaphore, oneshot};

use self::{
    batch::{BatchId, TopicPartition},
    core::{Core, CoreOptions},
    driver::Driver,
    event::Millis,
    stats::Totals,
};
use crate::{Client, ClientError};

pub use self::{
    error::ProduceError,
    options::{Acks, ProducerOptions},
    stats::ProducerStats,
};

type BatchResult = Result<Offset, ProduceError>;

/// A record to send.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutRecord<'a> {
    /// When it happened.
    pub timestamp: Timestamp,
    /// Its key; it decides the partition where none is given.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// Its headers.
    pub headers: &'a [Header<'a>],
}

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The partition.
    pub partition: PartitionIndex,
    /// Its offset; `None` where the broker recognised a retried batch but no longer knew its offset.
    pub offset: Option<Offset>,
}

/// The acknowledgement to come. Dropping it changes nothing for the record.
#[derive(Debug, Clone)]
pub struct Delivery {
    result: Shared<oneshot::Receiver<BatchResult>>,
    partition: PartitionIndex,
    index: i32,
}

impl Delivery {
    /// Whether the other record is in the same batch: both are written, or neither.
    #[must_use]
    pub fn shares_batch_with(&self, other: &Self) -> bool {
        self.result.ptr_eq(&other.result)
    }
}

impl Future for Delivery {
    type Output = Result<Delivered, ProduceError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (partition, index) = (self.partition, i64::from(self.index));
        self.result.poll_unpin(context).map(|result| {
            let base = result.unwrap_or(Err(ProduceError::Closed))?;
            Ok(Delivered {
                partition,
                offset: (base.0 >= 0).then(|| base.plus(index)),
            })
        })
    }
}

/// A batch's result: who fulfils it, and who waits.
#[derive(Debug)]
struct Promise {
    fulfil: oneshot::Sender<BatchResult>,
    wait: Shared<oneshot::Receiver<BatchResult>>,
    /// What its records took of the buffer.
    bytes: usize,
}

impl Promise {
    fn new() -> Self {
        let (fulfil, wait) = oneshot::channel();
        Self {
            fulfil,
            wait: wait.shared(),
            bytes: 0,
        }
    }
}

/// What is decided on, and who waits for it. Senders add records under this lock, in their own threads; it
/// is never held over an await.
#[derive(Debug)]
struct Desk {
    core: Core,
    promises: HashMap<BatchId, Promise>,
}

#[derive(Debug)]
struct Shelf {
    desk: Mutex<Desk>,
    /// There is something to decide.
    wake: Notify,
    /// Bytes of the buffer that are free.
    space: Semaphore,
    started: tokio::time::Instant,
    totals: Arc<Totals>,
}

impl Shelf {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Millis {
        Millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// A producer. Records of a partition are written in the order in which `send` was called for them, each
/// once, over retries, leader changes and reconnects.
///
/// It has connections of its own. Dropping it gives up what isn't acknowledged; [`Producer::close`] waits.
#[derive(Debug)]
pub struct Producer {
    client: Client,
    options: ProducerOptions,
    shelf: Arc<Shelf>,
    driver: tokio::task::JoinHandle<()>,
    /// The partition that records without a key go to until its batch is full.
    sticky: AtomicU32,
}

impl Producer {
    /// A producer of this client's cluster. Nothing is sent before the first record.
    ///
    /// # Errors
    /// Where the options exclude each other.
    pub fn new(client: &Client, options: ProducerOptions) -> Result<Self, ProduceError> {
        if options.idempotent && options.acks != Acks::All {
            return Err(ProduceError::IdempotentNeedsAll);
        }
        let core = Core::new(CoreOptions {
            idempotent: options.idempotent,
            identity: options.identity,
            compression: options.compression,
            linger_ms: millis(options.linger),
            batch_bytes: options.batch_bytes.min(options.max_request_bytes),
            max_request_bytes: options.max_request_bytes,
            delivery_timeout_ms: millis(options.delivery_timeout).max(1),
            retry_backoff_ms: millis(options.retry_backoff).max(1),
        });
        let shelf = Arc::new(Shelf {
            desk: Mutex::new(Desk {
                core,
                promises: HashMap::new(),
            }),
            wake: Notify::new(),
            space: Semaphore::new(options.buffer_bytes.min(Semaphore::MAX_PERMITS)),
            started: tokio::time::Instant::now(),
            totals: Arc::default(),
        });
        let driver = Driver::new(client.with_own_connections(), options.clone(), Arc::clone(&shelf));
        let driver = tokio::spawn(driver.run());
        Ok(Self {
            client: client.clone(),
            options,
            shelf,
            driver,
            sticky: AtomicU32::new(0),
        })
    }

    /// Hands over a record. Waits for the topic's metadata where it isn't known, and for space in the buffer
    /// where that is full; then the record is on its way, and the [`Delivery`] tells what became of it.
    ///
    /// # Errors
    /// Where the topic doesn't exist, the record is too large, or the producer has stopped.
    pub async fn send(
        &self,
        topic: &str,
        partition: Option<PartitionIndex>,
        record: OutRecord<'_>,
    ) -> Result<Delivery, ProduceError> {
        let size = record::record_size(record.key, record.value, record.headers) + record::BATCH_OVERHEAD;
        let limit = self.options.max_request_bytes.min(self.options.buffer_bytes);
        if size > limit {
            return Err(ProduceError::TooLarge { bytes: size, limit });
        }
        let partitions = self.partitions(topic).await?;
        let permits = u32::try_from(size).unwrap_or(u32::MAX);
        let space = self
            .shelf
            .space
            .acquire_many(permits)
            .await
            .map_err(|_| ProduceError::Closed)?;
        let partition = self.choose(topic, partition, record.key, partitions)?;
        let delivery = self.append(topic, partition, record, size)?;
        space.forget();
        Ok(delivery)
    }

    /// Sends what is waiting, without lingering, and waits until each of these records has its result.
    /// Failures are told by the deliveries.
    pub async fn flush(&self) {
        let waits: Vec<_> = {
            let mut desk = self.shelf.desk();
            let unfinished = desk.core.flush();
            unfinished
                .iter()
                .filter_map(|id| desk.promises.get(id))
                .map(|promise| promise.wait.clone())
                .collect()
        };
        self.shelf.wake.notify_one();
        for wait in waits {
            // Its result goes to the deliveries; here only the end counts.
            drop(wait.await);
        }
    }

    /// Flushes and ends.
    pub async fn close(self) {
        self.flush().await;
    }

    /// What was sent so far.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        self.shelf.totals.stats()
    }

    /// Bytes of records that aren't acknowledged yet.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.options
            .buffer_bytes
            .saturating_sub(self.shelf.space.available_permits())
    }

    fn append(
        &self,
        topic: &str,
        partition: PartitionIndex,
        record: OutRecord<'_>,
        size: usize,
    ) -> Result<Delivery, ProduceError> {
        let at = TopicPartition {
            topic: Arc::from(topic),
            partition,
        };
        let now = self.shelf.now();
        let mut desk = self.shelf.desk();
        let content = (record.key, record.value);
        let appended = desk
            .core
            .append(&at, record.timestamp, content, record.headers, now)?;
        let promise = desk.promises.entry(appended.batch).or_insert_with(Promise::new);
        promise.bytes += size;
        let result = promise.wait.clone();
        drop(desk);
        if appended.wake {
            self.shelf.wake.notify_one();
        }
        Ok(Delivery {
            result,
            partition,
            index: appended.index,
        })
    }

    /// Keeps asking while brokers are away: they may come back within the delivery timeout.
    async fn partitions(&self, topic: &str) -> Result<usize, ProduceError> {
        if let Some(partitions) = self.client.known_partitions(topic) {
            return Ok(partitions);
        }
        let found = self
            .client
            .await_topic(topic, self.options.delivery_timeout.min(MAX_TOPIC_WAIT))
            .await?;
        Ok(found.partitions.len())
    }

    fn choose(
        &self,
        topic: &str,
        partition: Option<PartitionIndex>,
        key: Option<&[u8]>,
        partitions: usize,
    ) -> Result<PartitionIndex, ProduceError> {
        match (partition, key) {
            (Some(index), _) if usize::try_from(index.0).is_ok_and(|index| index < partitions) => Ok(index),
            (Some(partition), _) => Err(ClientError::UnknownPartition {
                topic: topic.to_owned(),
                partition,
            }
            .into()),
            (None, Some(key)) => Ok(partitioner::partition_of_key(key, partitions)),
            (None, None) => {
                let turn = self.sticky.fetch_add(1, Ordering::Relaxed) / STICKY_RECORDS;
                Ok(PartitionIndex(
                    i32::try_from(turn as usize % partitions.max(1)).unwrap_or(0),
                ))
            }
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.driver.abort();
        self.shelf.space.close();
        // Whoever waits for a delivery learns that it won't come.
        self.shelf.desk().promises.clear();
    }
}

/// Records without a key stay this long on one partition, so that batches fill.
const STICKY_RECORDS: u32 = 64;
/// How long `send` waits for a topic to appear (`max.block.ms`).
const MAX_TOPIC_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
