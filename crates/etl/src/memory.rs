//! Topics in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use client::FetchedBatch;
use record::{Batch, BatchBuilder, Compression, LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use tokio::sync::watch;

use crate::EtlError;
use crate::payload::Position;
use crate::recover::{Cluster, PartitionNow, TopicNow};
use crate::source::{Epochs, EventSource, Plan, TopicPartition};

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
    /// Base offsets of the batches that no reader sees: transaction markers, aborted records.
    pub hidden: BTreeSet<Offset>,
    /// What OffsetForLeaderEpoch says, if not what the batches do.
    pub epoch_end: Option<(LeaderEpoch, Offset)>,
}

impl MemoryPartition {
    pub(crate) fn end(&self) -> Offset {
        self.batches.last().map_or(self.earliest, Batch::next_offset)
    }

    /// The largest leader epoch that is not above `asked`, and its end, as OffsetForLeaderEpoch.
    fn end_of(&self, asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
        let of = |batch: &Batch| (batch.leader_epoch(), batch.next_offset());
        let up_to = self.batches.iter().map(of).rfind(|(epoch, _)| *epoch <= asked);
        self.epoch_end.or(up_to).unwrap_or((LeaderEpoch(-1), Offset(-1)))
    }

    /// Appends a batch that no reader sees.
    pub(crate) fn append_hidden(&mut self, records: &[Sent], epoch: LeaderEpoch) {
        self.hidden.insert(self.end());
        self.append(records, epoch);
    }

    /// Appends a batch.
    pub(crate) fn append(&mut self, records: &[Sent], epoch: LeaderEpoch) {
        let mut builder = BatchBuilder::new(Compression::Lz4);
        builder.base_offset(self.end()).leader_epoch(epoch);
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
    /// In so many plans after all was read nobody speaks for the first partition.
    pub silent: u32,
    positions: BTreeMap<TopicPartition, Position>,
    turn: usize,
}

impl MemorySource {
    pub(crate) fn new(topics: MemoryTopics, batches: usize, drained: Arc<watch::Sender<bool>>) -> Self {
        Self {
            topics,
            batches,
            drained,
            grows: None,
            silent: 0,
            positions: BTreeMap::new(),
            turn: 0,
        }
    }

    fn partition(&self, key: &TopicPartition) -> &MemoryPartition {
        &self.topics.topics[&key.0].partitions[&key.1]
    }

    /// The next batches of the partition whose turn it is; `None` when all is read.
    fn next(&mut self) -> Option<Vec<FetchedBatch>> {
        let keys: Vec<TopicPartition> = self.positions.keys().cloned().collect();
        for _ in 0..keys.len() {
            self.turn += 1;
            let key = &keys[self.turn % keys.len()];
            let position = self.positions[key].offset;
            let partition = self.partition(key);
            let rest = partition
                .batches
                .iter()
                .filter(|batch| batch.next_offset() > position);
            let taken: Vec<Batch> = rest.take(self.batches).cloned().collect();
            let Some(last) = taken.last() else { continue };
            let position = Position {
                offset: last.next_offset(),
                leader_epoch: last.leader_epoch(),
            };
            let fetched = taken.into_iter().map(|batch| FetchedBatch {
                topic: Arc::from(key.0.as_str()),
                topic_id: TopicId::default(),
                partition: key.1,
                batch,
                high_watermark: partition.end(),
            });
            let shown = fetched.filter(|fetched| !partition.hidden.contains(&fetched.batch.base_offset()));
            let shown = shown.collect();
            self.positions.insert(key.clone(), position);
            return Some(shown);
        }
        None
    }
}

impl EventSource for MemorySource {
    async fn describe(&mut self, topics: &[String], epochs: &Epochs) -> Result<Cluster, EtlError> {
        let mut cluster = Cluster {
            id: self.topics.id.clone(),
            topics: BTreeMap::new(),
        };
        for name in topics {
            let Some(topic) = self.topics.topics.get(name) else {
                continue;
            };
            let partitions = topic.partitions.iter().map(|(&index, partition)| {
                let asked = epochs.get(&(name.clone(), index)).into_iter().flatten();
                let epoch_ends = asked.map(|&epoch| (epoch, partition.end_of(epoch))).collect();
                (
                    index,
                    PartitionNow {
                        earliest: partition.earliest,
                        epoch_ends,
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
        self.positions = positions.clone();
    }

    fn assign_new(&mut self, key: &TopicPartition, earliest: Offset) {
        let position = Position {
            offset: earliest,
            leader_epoch: LeaderEpoch(-1),
        };
        self.positions.insert(key.clone(), position);
    }

    async fn plan(&mut self) -> Result<Plan, EtlError> {
        let drained = |(key, position): (_, &Position)| position.offset >= self.partition(key).end();
        let is_drained = self.positions.iter().all(drained);
        if is_drained && let Some(grown) = self.grows.take() {
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
        if is_drained && self.silent > 0 {
            self.silent -= 1;
            plan.ends.pop_first();
        }
        Ok(plan)
    }

    async fn fetch(&mut self) -> Result<Vec<FetchedBatch>, EtlError> {
        match self.next() {
            Some(fetched) => Ok(fetched),
            None => {
                self.drained.send_replace(self.grows.is_none());
                std::future::pending().await
            }
        }
    }

    fn position(&self, topic: &str, partition: PartitionIndex) -> Option<Position> {
        self.positions.get(&(topic.to_owned(), partition)).copied()
    }
}
