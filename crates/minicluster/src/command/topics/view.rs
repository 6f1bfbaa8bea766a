//! Topics as they are shown.

use client::{Client, Isolation, OffsetSpec, TopicMetadata};
use record::PartitionIndex;
use serde_json::{Value, json};

use crate::failure::Outcome;

/// One partition.
pub(crate) struct Partition {
    pub(crate) index: i32,
    pub(crate) leader: Option<i32>,
    /// Counts the leaders that it has had.
    pub(super) leader_epoch: i32,
    pub(super) replicas: Vec<i32>,
    pub(super) in_sync: Vec<i32>,
    /// Replicas whose broker, or whose disk there, is down.
    pub(super) offline: Vec<i32>,
    /// The first offset and the high watermark; unknown while there is no leader.
    pub(crate) offsets: Option<(i64, i64)>,
}

/// One topic.
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(super) id: String,
    pub(crate) partitions: Vec<Partition>,
}

/// All topics but Kafka's own, by name.
pub(crate) async fn all(client: &Client) -> Outcome<Vec<Topic>> {
    let metadata = client.metadata(None).await?;
    let mut topics = Vec::new();
    for topic in metadata.topics.iter().filter(|topic| !topic.internal) {
        topics.push(read(client, topic).await?);
    }
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(topics)
}

pub(super) async fn read(client: &Client, topic: &TopicMetadata) -> Outcome<Topic> {
    let led: Vec<(&str, PartitionIndex)> = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader.is_some())
        .map(|partition| (&*topic.name, partition.index))
        .collect();
    let ask = |spec| {
        let asks: Vec<_> = led.iter().map(|(topic, index)| (*topic, *index, spec)).collect();
        async move { client.list_offsets(&asks, Isolation::ReadUncommitted).await }
    };
    let (first, next) = (ask(OffsetSpec::Earliest).await, ask(OffsetSpec::Latest).await);
    let offset_of = |index: PartitionIndex| {
        let place = led.iter().position(|(_, other)| *other == index)?;
        let first = first.get(place)?.as_ref().ok()?.offset.0;
        Some((first, next.get(place)?.as_ref().ok()?.offset.0))
    };
    let mut partitions: Vec<Partition> = topic
        .partitions
        .iter()
        .map(|partition| Partition {
            index: partition.index.0,
            leader: partition.leader.map(|leader| leader.0),
            leader_epoch: partition.leader_epoch.0,
            offline: partition.offline.iter().map(|id| id.0).collect(),
            replicas: partition.replicas.iter().map(|id| id.0).collect(),
            in_sync: partition.isr.iter().map(|id| id.0).collect(),
            offsets: offset_of(partition.index),
        })
        .collect();
    partitions.sort_by_key(|partition| partition.index);
    Ok(Topic {
        name: topic.name.to_string(),
        id: topic.id.to_string(),
        partitions,
    })
}

impl Partition {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "partition": self.index,
            "leader": self.leader,
            "leader_epoch": self.leader_epoch,
            "replicas": self.replicas,
            "in_sync": self.in_sync,
            "offline": self.offline,
            "first_offset": self.offsets.map(|(first, _)| first),
            "next_offset": self.offsets.map(|(_, next)| next),
        })
    }
}

impl Topic {
    /// Records in all partitions that have a leader.
    pub(crate) fn records(&self) -> i64 {
        let counts = self.partitions.iter().filter_map(|partition| partition.offsets);
        counts.map(|(first, next)| next - first).sum()
    }

    /// Copies of a partition, itself included; the most, where partitions differ.
    pub(super) fn replication_factor(&self) -> usize {
        let copies = self.partitions.iter().map(|partition| partition.replicas.len());
        copies.max().unwrap_or_default()
    }

    /// What is wrong with partitions; empty if nothing is.
    pub(super) fn trouble(&self) -> String {
        let count =
            |is: fn(&Partition) -> bool| self.partitions.iter().filter(|partition| is(partition)).count();
        let leaderless = count(|partition| partition.leader.is_none());
        let behind = count(|partition| partition.in_sync.len() < partition.replicas.len());
        let told = [(leaderless, "without leader"), (behind, "under-replicated")];
        let told = told.iter().filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{count} {what}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    pub(crate) fn to_json(&self) -> Value {
        let partitions: Vec<_> = self.partitions.iter().map(Partition::to_json).collect();
        json!({ "topic": self.name, "id": self.id, "partitions": partitions })
    }
}
