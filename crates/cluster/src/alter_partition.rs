//! Changes of a partition's ISR.

use record::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionIndex, TopicId};
use serde::{Deserialize, Serialize};

use crate::leaders::{self, State};
use crate::metadata_record::MetadataRecord;
use crate::reign::View;
use crate::{ErrorCode, Partition, Refusal, as_number};

/// A leader asks for another ISR (Kafka's AlterPartition, for one partition).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlterPartition {
    /// The leader.
    #[serde(with = "as_number::broker_id")]
    pub broker: BrokerId,
    /// Its broker epoch.
    #[serde(with = "as_number::broker_epoch")]
    pub broker_epoch: BrokerEpoch,
    /// The topic.
    #[serde(with = "as_number::topic_id")]
    pub topic_id: TopicId,
    /// The partition.
    #[serde(with = "as_number::partition_index")]
    pub partition: PartitionIndex,
    /// The epoch that it leads under.
    #[serde(with = "as_number::leader_epoch")]
    pub leader_epoch: LeaderEpoch,
    /// The partition's state that it knows.
    pub partition_epoch: i32,
    /// The ISR that it wants, with the broker epoch under which each member fetches (KIP-903); -1 for a member
    /// that hasn't fetched from this leader yet.
    #[serde(with = "as_number::brokers_and_epochs")]
    pub isr: Vec<(BrokerId, BrokerEpoch)>,
}

/// The record that changes the ISR, always with a new partition epoch.
pub(crate) fn alter(alter: &AlterPartition, view: &View<'_>) -> Result<MetadataRecord, Refusal> {
    let metadata = view.metadata;
    let registered = |id: BrokerId| metadata.brokers.get(&id);
    if registered(alter.broker).is_none_or(|b| b.epoch != alter.broker_epoch) {
        return refuse(
            ErrorCode::StaleBrokerEpoch,
            "the broker has registered anew since",
        );
    }
    let Some(topic) = metadata.topics.get(&alter.topic_id) else {
        return refuse(ErrorCode::UnknownTopicId, "there is no such topic");
    };
    let Some(partition) = metadata.partition(alter.topic_id, alter.partition) else {
        return refuse(ErrorCode::UnknownTopicOrPartition, "there is no such partition");
    };
    if partition.leader != Some(alter.broker) || partition.leader_epoch != alter.leader_epoch {
        return refuse(
            ErrorCode::FencedLeaderEpoch,
            "the partition has another leader, or another leader epoch",
        );
    }
    #[cfg(not(feature = "deliberate-bugs"))]
    let checks = true;
    #[cfg(feature = "deliberate-bugs")]
    let checks = view.options.bug != Some(crate::Bug::StaleIsr);
    if checks {
        check(alter, partition, view)?;
    }
    let isr: Vec<BrokerId> = partition
        .replicas
        .iter()
        .copied()
        .filter(|id| alter.isr.iter().any(|(member, _)| member == id))
        .collect();
    let alive = |id| leaders::is_unfenced(metadata, id);
    let state = State::of(partition).with_isr(isr).with_a_leader(alive);
    Ok(leaders::change(topic, alter.partition, partition, state))
}

fn check(alter: &AlterPartition, partition: &Partition, view: &View<'_>) -> Result<(), Refusal> {
    if partition.partition_epoch != alter.partition_epoch {
        return refuse(
            ErrorCode::InvalidUpdateVersion,
            format!("the partition's epoch is {} by now", partition.partition_epoch),
        );
    }
    if !alter.isr.iter().any(|(id, _)| *id == alter.broker) {
        return refuse(ErrorCode::InvalidRequest, "a leader is in sync with itself");
    }
    for (id, epoch) in &alter.isr {
        let registered = view.metadata.brokers.get(id);
        let in_sync = partition.isr.contains(id);
        let eligible = match epoch.0 {
            -1 => in_sync,
            _ => registered.is_some_and(|b| b.epoch == *epoch && (in_sync || !b.fenced)),
        };
        let suspect = partition.unclean.contains(id) || partition.offline.contains(id);
        if !partition.replicas.contains(id) || !eligible || suspect {
            return refuse(
                ErrorCode::IneligibleReplica,
                format!(
                    "broker {id} is no replica, is fenced, has registered anew, or may have lost records"
                ),
            );
        }
    }
    Ok(())
}

fn refuse<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}
