//! What committed metadata asks of this broker.

use std::collections::BTreeMap;

use record::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionIndex, TopicId};
use uuid::Uuid;

use crate::apply::Touched;
use crate::{Metadata, MetadataChange, Replica, Topic};

/// The replicas that this process holds, and which of them it leads.
///
/// Nothing is asked of a process before its registration is committed: what stands before it in the
/// log was asked of its predecessors. It leads only under epochs committed after its registration.
#[derive(Debug)]
pub(crate) struct Duties {
    id: BrokerId,
    incarnation: Uuid,
    /// Under which epoch the node knows of its registration.
    registered: Option<BrokerEpoch>,
    fenced: bool,
    held: BTreeMap<(TopicId, PartitionIndex), Part>,
}

/// What was last asked of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    leader: Option<BrokerId>,
    leader_epoch: LeaderEpoch,
}

impl Duties {
    pub(crate) fn new(id: BrokerId, incarnation: Uuid) -> Self {
        Self {
            id,
            incarnation,
            registered: None,
            fenced: true,
            held: BTreeMap::new(),
        }
    }

    /// What changes with an entry that has just been applied, or with a snapshot in place of many.
    pub(crate) fn update(&mut self, metadata: &Metadata, touched: Vec<Touched>) -> Vec<MetadataChange> {
        let mut changes = Vec::new();
        // First, for another topic may have the name by now.
        for one in &touched {
            if let Touched::Removed(topic) = one {
                self.remove(topic, &mut changes);
            }
        }
        let ours = metadata.brokers.get(&self.id);
        let ours = ours.filter(|b| b.incarnation == self.incarnation);
        if self.registered.is_some() && self.registered != ours.map(|b| b.epoch) {
            self.lose_registration(metadata, &mut changes);
        }
        let Some(ours) = ours else {
            return changes;
        };
        if self.registered.is_none() {
            self.registered = Some(ours.epoch);
            self.fenced = true;
            changes.push(MetadataChange::Registered {
                broker_epoch: ours.epoch,
            });
            self.take_over(metadata, &mut changes);
            self.take_fence(ours.fenced, &mut changes);
            return changes;
        }
        self.take_fence(ours.fenced, &mut changes);
        for one in touched {
            match one {
                Touched::Partition(topic_id, partition) => {
                    self.update_partition(metadata, topic_id, partition, &mut changes);
                }
                Touched::Config(topic_id) => {
                    let change = MetadataChange::ConfigChanged { topic_id };
                    if !changes.contains(&change) {
                        changes.push(change);
                    }
                }
                Touched::Broker(_) | Touched::Removed(_) => {}
            }
        }
        changes
    }

    fn take_fence(&mut self, fenced: bool, changes: &mut Vec<MetadataChange>) {
        if self.fenced != fenced {
            self.fenced = fenced;
            changes.push(MetadataChange::Fenced(fenced));
        }
    }

    /// Another process has registered as this broker, maybe this one again since: what it leads and follows is
    /// no longer its own.
    fn lose_registration(&mut self, metadata: &Metadata, changes: &mut Vec<MetadataChange>) {
        self.registered = None;
        for ((topic_id, partition), part) in std::mem::take(&mut self.held) {
            if let Some(topic) = metadata.topics.get(&topic_id) {
                changes.push(MetadataChange::BecomeFollower {
                    replica: replica(topic, partition),
                    leader: None,
                    leader_epoch: part.leader_epoch,
                });
            }
        }
    }

    fn take_over(&mut self, metadata: &Metadata, changes: &mut Vec<MetadataChange>) {
        for topic in metadata.topics.values() {
            for (place, _) in (0..).zip(&topic.partitions) {
                self.update_partition(metadata, topic.id, PartitionIndex(place), changes);
            }
        }
    }

    fn update_partition(
        &mut self,
        metadata: &Metadata,
        topic_id: TopicId,
        index: PartitionIndex,
        changes: &mut Vec<MetadataChange>,
    ) {
        let key = (topic_id, index);
        let Some(topic) = metadata.topics.get(&topic_id) else {
            return;
        };
        let Some(partition) = metadata.partition(topic_id, index) else {
            return;
        };
        let replica = replica(topic, index);
        if !partition.replicas.contains(&self.id) {
            if self.held.remove(&key).is_some() {
                changes.push(MetadataChange::DeleteReplica(replica));
            }
            return;
        }
        let now = Part {
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
        };
        let before = self.held.insert(key, now);
        if before.is_none() {
            changes.push(MetadataChange::CreateReplica(replica.clone()));
        }
        let leads = partition.leader == Some(self.id);
        let leader_epoch = partition.leader_epoch;
        if before != Some(now) {
            changes.push(match leads {
                true => MetadataChange::BecomeLeader {
                    replica,
                    leader_epoch,
                },
                false => MetadataChange::BecomeFollower {
                    replica,
                    leader: partition.leader,
                    leader_epoch,
                },
            });
        } else if leads {
            changes.push(MetadataChange::IsrChanged(replica));
        }
    }

    fn remove(&mut self, topic: &Topic, changes: &mut Vec<MetadataChange>) {
        for place in 0..topic.partitions.len() {
            let index = PartitionIndex(i32::try_from(place).unwrap_or(i32::MAX));
            if self.held.remove(&(topic.id, index)).is_some() {
                changes.push(MetadataChange::DeleteReplica(replica(topic, index)));
            }
        }
    }
}

fn replica(topic: &Topic, partition: PartitionIndex) -> Replica {
    Replica {
        topic_id: topic.id,
        topic: topic.name.clone(),
        partition,
    }
}
