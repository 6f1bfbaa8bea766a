//! Topics in memory, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use client::FetchedBatch;
use record::{Batch, BatchBuilder, Compression, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use tokio::sync::watch;

use crate::EtlError;
use crate::payload::Position;
use crate::recover::{Cluster, PartitionNow, TopicNow};
use crate::source::{EventSource, Plan, TopicPartition};

/// A record as a test writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub timestamp: Timestamp,
    pub value: Option<Vec<u8>>,
}

/// Topics with their partitions.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryTopics {
    pub id: String,
    pub topics: BTreeMap<String, MemoryTopic>,
}

/// A topic.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryTopic {
    pub id: String,
    pub partitions: BTreeMap<PartitionIndex, MemoryPartition>,
}

/// A partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryPartition {
    pub earliest: Offset,
    pub batches: Vec<Batch>,
    /// What OffsetForLeaderEpoch says, if not the end.
    pub epoch_end: Option<(LeaderEpoch, Offset)>,
}

impl MemoryPartition {
    pub(crate) fn end(&self) -> Offset {
        self.batches.last().map_or(self.earliest, Batch::next_offset)
    }

    /// Appends a batch.
    pub(crate) fn append(&mut self, records: &[Sent]) {
        let mut builder = BatchBuilder::new(Compression::Lz4);
        builder.base_offset(self.end()).leader_epoch(LeaderEpoch(0));
        for record in records {
            builder
                .push(record.timestamp, Some(b"key"), record.value.as_deref(), &[])
                .unwrap();
        }
        self.batches.push(Batch::parse(builder.build().unwrap()).unwrap());
    }
}

/// Reads topics in memory, one partition after the other, and says when all is read.
pub(crate) struct MemorySource {
    pub topics: MemoryTopics,
    /// Batches of one fetch.
    pub batches: usize,
    pub drained: Arc<watch::Sender<bool>>,
    /// What the topics become in the silence after all was read.
    pub grows: Option<MemoryTopics>,
    positions: BTreeMap<TopicPartition, Offset>,
    turn: usize,
}

impl MemorySource {
    pub(crate) fn new(topics: MemoryTopics, batches: usize, drained: Arc<watch::Sender<bool>>) -> Self {
        Self {
            topics,
            batches,
            drained,
            grows: None,
            positions: BTreeMap::new(),
            turn: 0,
        }
    }

    fn partition(&self, key: &TopicPartition) -> &MemoryPartition {
        &self.topics.topics[&key.0].partitions[&key.1]
    }

    /// The next batches of the partition whose turn it is.
    fn next(&mut self) -> Vec<FetchedBatch> {
        let keys: Vec<TopicPartition> = self.positions.keys().cloned().collect();
        for _ in 0..keys.len() {
            self.turn += 1;
            let key = &keys[self.turn % keys.len()];
            let position = self.positions[key];
            let partition = self.partition(key);
            let rest = partition
                .batches
                .iter()
                .filter(|batch| batch.next_offset() > position);
            let fetched: Vec<FetchedBatch> = rest
                .take(self.batches)
                .map(|batch| FetchedBatch {
                    topic: Arc::from(key.0.as_str()),
                    topic_id: TopicId::default(),
                    partition: key.1,
                    batch: batch.clone(),
                    high_watermark: partition.end(),
                })
                .collect();
            if let Some(last) = fetched.last() {
                self.positions.insert(key.clone(), last.batch.next_offset());
                return fetched;
            }
        }
        Vec::new()
    }
}

impl EventSource for MemorySource {
    async fn describe(
        &mut self,
        topics: &[String],
        committed: &BTreeMap<TopicPartition, Position>,
    ) -> Result<Cluster, EtlError> {
        let mut cluster = Cluster {
            id: self.topics.id.clone(),
            topics: BTreeMap::new(),
        };
        for name in topics {
            let Some(topic) = self.topics.topics.get(name) else {
                continue;
            };
            let partitions = topic.partitions.iter().map(|(&index, partition)| {
                let asked = committed
                    .get(&(name.clone(), index))
                    .is_some_and(|p| p.leader_epoch.0 >= 0);
                let end = partition.epoch_end.unwrap_or((LeaderEpoch(0), partition.end()));
                (
                    index,
                    PartitionNow {
                        earliest: partition.earliest,
                        epoch_end: asked.then_some(end),
                    },
                )
            });
            let now = TopicNow {
                id: topic.id.clone(),
                partitions: partitions.collect(),
            };
            cluster.topics.insert(name.clone(), now);
        }
        Ok(cluster)
    }

    fn assign(&mut self, positions: &BTreeMap<TopicPartition, Position>) {
        self.positions = positions
            .iter()
            .map(|(key, position)| (key.clone(), position.offset))
            .collect();
    }

    fn assign_new(&mut self, key: &TopicPartition, earliest: Offset) {
        self.positions.insert(key.clone(), earliest);
    }

    async fn plan(&mut self) -> Result<Plan, EtlError> {
        let drained = |(key, &position): (_, &Offset)| position >= self.partition(key).end();
        if self.positions.iter().all(drained)
            && let Some(grown) = self.grows.take()
        {
            self.topics = grown;
        }
        let mut plan = Plan::default();
        for (name, topic) in &self.topics.topics {
            for (&index, partition) in &topic.partitions {
                let key = (name.clone(), index);
                if !self.positions.contains_key(&key) {
                    plan.new.insert(key.clone(), partition.earliest);
                }
                plan.ends.insert(key, partition.end());
            }
        }
        Ok(plan)
    }

    async fn fetch(&mut self) -> Result<Vec<FetchedBatch>, EtlError> {
        let fetched = self.next();
        if fetched.is_empty() {
            self.drained.send_replace(self.grows.is_none());
            std::future::pending::<()>().await;
        }
        Ok(fetched)
    }

    fn position(&self, topic: &str, partition: PartitionIndex) -> Option<Offset> {
        self.positions.get(&(topic.to_owned(), partition)).copied()
    }
}
