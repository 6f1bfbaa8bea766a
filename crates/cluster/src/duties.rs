//! What committed metadata asks of this broker.

use std::collections::BTreeMap;

use record::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};
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
    registered: bool,
    fenced: bool,
    held: BTreeMap<(TopicId, PartitionIndex), Option<LeaderEpoch>>,
}

impl Duties {
    pub(crate) fn new(id: BrokerId, incarnation: Uuid) -> Self {
        Self {
            id,
            incarnation,
            registered: false,
            fenced: true,
            held: BTreeMap::new(),
        }
    }

    /// What changes with an entry that has just been applied.
    pub(crate) fn update(&mut self, metadata: &Metadata, touched: Vec<Touched>) -> Vec<MetadataChange> {
        let mut changes = Vec::new();
        let ours = metadata
            .brokers
            .get(&self.id)
            .filter(|b| b.incarnation == self.incarnation);
        let Some(ours) = ours else {
            self.lose_registration(metadata, &mut changes);
            return changes;
        };
        if !self.registered {
            self.registered = true;
            self.fenced = true;
            changes.push(MetadataChange::Registered {
                broker_epoch: ours.epoch,
            });
            self.take_over(metadata, &mut changes);
            return changes;
        }
        if self.fenced != ours.fenced {
            self.fenced = ours.fenced;
            changes.push(MetadataChange::Fenced(ours.fenced));
        }
        for one in touched {
            match one {
                Touched::Partition(topic_id, partition) => {
                    self.update_partition(metadata, topic_id, partition, &mut changes);
                }
                Touched::Removed(topic) => self.remove(&topic, &mut changes),
                Touched::Config(topic_id) => {
                    let change = MetadataChange::ConfigChanged { topic_id };
                    if !changes.contains(&change) {
                        changes.push(change);
                    }
                }
                Touched::Broker(_) => {}
            }
        }
        changes
    }

    /// Another process has registered as this broker: what this one leads is no longer its own.
    fn lose_registration(&mut self, metadata: &Metadata, changes: &mut Vec<MetadataChange>) {
        if !self.registered {
            return;
        }
        self.registered = false;
        for ((topic_id, partition), leading) in std::mem::take(&mut self.held) {
            if let (Some(leader_epoch), Some(topic)) = (leading, metadata.topics.get(&topic_id)) {
                let replica = replica(topic, partition);
                changes.push(MetadataChange::Resign {
                    replica,
                    leader_epoch,
                });
            }
        }
    }

    fn take_over(&mut self, metadata: &Metadata, changes: &mut Vec<MetadataChange>) {
        for topic in metadata.topics.values() {
            for (place, partition) in (0..).zip(&topic.partitions) {
                if partition.replicas.contains(&self.id) {
                    self.held.insert((topic.id, PartitionIndex(place)), None);
                    changes.push(MetadataChange::CreateReplica(replica(
                        topic,
                        PartitionIndex(place),
                    )));
                }
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
        let Some(topic) = metadata.topics.get(&topic_id) else {
            return;
        };
        let Some(partition) = metadata.partition(topic_id, index) else {
            return;
        };
        if !partition.replicas.contains(&self.id) {
            return;
        }
        let leading = self.held.entry((topic_id, index)).or_insert_with(|| {
            changes.push(MetadataChange::CreateReplica(replica(topic, index)));
            None
        });
        let leader_epoch = partition.leader_epoch;
        let now = (partition.leader == Some(self.id)).then_some(leader_epoch);
        if *leading == now {
            return;
        }
        *leading = now;
        let replica = replica(topic, index);
        changes.push(match now {
            Some(_) => MetadataChange::BecomeLeader {
                replica,
                leader_epoch,
            },
            None => MetadataChange::Resign {
                replica,
                leader_epoch,
            },
        });
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
