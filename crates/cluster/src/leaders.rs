//! Who leads which partition.

use record::{BrokerId, LeaderEpoch, PartitionIndex};

use crate::metadata_record::MetadataRecord;
use crate::{Metadata, Partition, Topic};

/// The records that fence or unfence a broker, with the leaders that this brings.
pub(crate) fn fence(metadata: &Metadata, broker: BrokerId, fenced: bool) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::FenceBroker { broker, fenced }];
    let alive = |id: BrokerId| match id == broker {
        true => !fenced,
        false => metadata.brokers.get(&id).is_some_and(|b| !b.fenced),
    };
    records.extend(elect(metadata, |partition| {
        let concerned = match fenced {
            true => partition.leader == Some(broker),
            false => partition.leader.is_none() && partition.replicas.contains(&broker),
        };
        concerned.then(|| leader_of(&partition.replicas, &partition.isr, alive))
    }));
    records
}

/// The records that end what an earlier process of this broker led.
pub(crate) fn depose(metadata: &Metadata, broker: BrokerId) -> Vec<MetadataRecord> {
    let alive = |id: BrokerId| id != broker && metadata.brokers.get(&id).is_some_and(|b| !b.fenced);
    elect(metadata, |partition| {
        let concerned = partition.leader == Some(broker);
        concerned.then(|| leader_of(&partition.replicas, &partition.isr, alive))
    })
}

/// The first of the replicas that is alive and in sync. Never one that isn't in sync.
pub(crate) fn leader_of(
    replicas: &[BrokerId],
    isr: &[BrokerId],
    alive: impl Fn(BrokerId) -> bool,
) -> Option<BrokerId> {
    replicas.iter().copied().find(|id| isr.contains(id) && alive(*id))
}

/// The records for all partitions to which `choose` gives another leader, or none.
fn elect(
    metadata: &Metadata,
    choose: impl Fn(&Partition) -> Option<Option<BrokerId>>,
) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for topic in metadata.topics.values() {
        for (place, partition) in (0..).zip(&topic.partitions) {
            if let Some(leader) = choose(partition).filter(|leader| *leader != partition.leader) {
                records.push(change(topic, PartitionIndex(place), partition, leader));
            }
        }
    }
    records
}

fn change(
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
    leader: Option<BrokerId>,
) -> MetadataRecord {
    MetadataRecord::PartitionLeader {
        topic_id: topic.id,
        partition: index,
        leader,
        leader_epoch: LeaderEpoch(partition.leader_epoch.0 + 1),
    }
}
