//! Leaders that are elected because somebody asks for it, or because another one is preferred.

use record::PartitionIndex;
use serde::{Deserialize, Serialize};

use crate::leaders::{self, State};
use crate::metadata_record::MetadataRecord;
use crate::recovery::Reports;
use crate::reign::View;
use crate::{ControllerReply, ErrorCode, Metadata, Millis, Partition, Refusal, as_number};

/// Partitions that shall have another leader (Kafka's ElectLeaders).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectLeaders {
    /// Who shall lead.
    pub election: Election,
    /// Which; `None` for all where there is something to elect.
    pub partitions: Option<Vec<TopicPartition>>,
    /// How long the requester waits.
    pub timeout: Millis,
}

/// Who is elected (Kafka's ElectionType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Election {
    /// The first replica, where it is in sync.
    Preferred,
    /// Where there is no leader: the replica that is alive and reaches furthest, in sync or not. What it lacks is
    /// lost.
    Unclean,
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

/// The records that elect leaders, and the reply once they are committed.
pub(crate) fn elect(
    elect: &ElectLeaders,
    reports: &Reports,
    view: &View<'_>,
) -> (Vec<MetadataRecord>, ControllerReply) {
    let metadata = view.metadata;
    let Some(asked) = &elect.partitions else {
        let records = match elect.election {
            Election::Preferred => preferred(metadata),
            Election::Unclean => reports.force_all(metadata),
        };
        let results = records.iter().filter_map(|record| elected(metadata, record));
        return (records.clone(), ControllerReply::ElectLeaders(results.collect()));
    };
    let mut records: Vec<MetadataRecord> = Vec::new();
    let mut results = Vec::new();
    for partition in asked {
        let result = elect_one(metadata, reports, elect.election, partition).map(|record| {
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

fn elect_one(
    metadata: &Metadata,
    reports: &Reports,
    election: Election,
    partition: &TopicPartition,
) -> Result<MetadataRecord, Refusal> {
    let refuse = |code, message: &str| Err(Refusal::new(code, message));
    let topic = metadata.topic(&partition.topic);
    let known = topic.and_then(|topic| metadata.partition(topic.id, partition.partition));
    let (Some(topic), Some(known)) = (topic, known) else {
        return refuse(ErrorCode::UnknownTopicOrPartition, "there is no such partition");
    };
    if election == Election::Unclean {
        return reports.force(topic, partition.partition, metadata);
    }
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
    alive && State::of(partition).may_lead(*first)
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
