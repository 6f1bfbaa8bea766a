//! Leaders go back to the replicas that are preferred.

use record::PartitionIndex;
use serde::{Deserialize, Serialize};

use crate::leaders::{self, State};
use crate::metadata_record::MetadataRecord;
use crate::reign::View;
use crate::{ControllerReply, ErrorCode, Metadata, Millis, Partition, Refusal, as_number};

/// Partitions whose first replica shall lead (Kafka's ElectLeaders, of the preferred kind).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectLeaders {
    /// Which; `None` for all whose preferred leader could lead and doesn't.
    pub partitions: Option<Vec<TopicPartition>>,
    /// How long the requester waits.
    pub timeout: Millis,
}

/// A partition by the name of its topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: String,
    /// The partition.
    #[serde(with = "as_number::partition_index")]
    pub partition: PartitionIndex,
}

/// What became of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionResult {
    /// Which.
    pub partition: TopicPartition,
    /// Nothing, or why not.
    pub result: Result<(), Refusal>,
}

/// The records that elect preferred leaders, and the reply once they are committed.
pub(crate) fn elect(elect: &ElectLeaders, view: &View<'_>) -> (Vec<MetadataRecord>, ControllerReply) {
    let metadata = view.metadata;
    let Some(asked) = &elect.partitions else {
        let records = preferred(metadata);
        let results = records.iter().filter_map(|record| elected(metadata, record));
        return (records.clone(), ControllerReply::ElectLeaders(results.collect()));
    };
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut results = Vec::new();
    for partition in asked {
        let result = elect_one(metadata, partition).map(|record| {
            if !records.contains(&record) {
                records.push(record);
            }
        });
        results.push(PartitionResult {
            partition: partition.clone(),
            result,
        });
    }
    (records, ControllerReply::ElectLeaders(results))
}

/// The records that give every partition the leader that it prefers, where that one may lead.
pub(crate) fn preferred(metadata: &Metadata) -> Vec<MetadataRecord> {
    leaders::each(metadata, |partition| {
        let mut state = State::of(partition);
        if may_lead(metadata, partition) {
            state.leader = partition.replicas.first().copied();
        }
        state
    })
}

fn elect_one(metadata: &Metadata, partition: &TopicPartition) -> Result<MetadataRecord, Refusal> {
    let refuse = |code, message: &str| Err(Refusal::new(code, message));
    let topic = metadata.topic(&partition.topic);
    let known = topic.and_then(|topic| metadata.partition(topic.id, partition.partition));
    let (Some(topic), Some(known)) = (topic, known) else {
        return refuse(ErrorCode::UnknownTopicOrPartition, "there is no such partition");
    };
    if known.leader.is_some() && known.leader == known.replicas.first().copied() {
        return refuse(
            ErrorCode::ElectionNotNeeded,
            "the preferred replica leads already",
        );
    }
    if !may_lead(metadata, known) {
        return refuse(
            ErrorCode::PreferredLeaderNotAvailable,
            "the preferred replica isn't alive and in sync",
        );
    }
    let mut state = State::of(known);
    state.leader = known.replicas.first().copied();
    Ok(leaders::change(topic, partition.partition, known, state))
}

fn may_lead(metadata: &Metadata, partition: &Partition) -> bool {
    let Some(first) = partition.replicas.first() else {
        return false;
    };
    let alive = metadata.brokers.get(first).is_some_and(|b| !b.fenced);
    alive && partition.isr.contains(first)
}

fn elected(metadata: &Metadata, record: &MetadataRecord) -> Option<PartitionResult> {
    let MetadataRecord::PartitionChange {
        topic_id, partition, ..
    } = record
    else {
        return None;
    };
    let topic = metadata.topics.get(topic_id)?;
    Some(PartitionResult {
        partition: TopicPartition {
            topic: topic.name.clone(),
            partition: *partition,
        },
        result: Ok(()),
    })
}
