//! Which brokers hold a partition.

use std::collections::BTreeSet;

use record::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};

use crate::draft::Draft;
use crate::leaders::leader_of;
use crate::metadata_record::MetadataRecord;
use crate::{ErrorCode, Metadata, Refusal};

/// Most partitions of a topic: an entry of the log must stay small.
pub(crate) const MOST_PARTITIONS: i32 = 2_000;

/// Spreads partitions over the brokers that are alive: first those that hold the fewest.
pub(crate) fn spread(draft: &Draft, partitions: usize, factor: usize) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let mut load = draft.load.clone();
    if load.len() < factor {
        return Err(Refusal::new(
            ErrorCode::InvalidReplicationFactor,
            "no broker is alive that could hold the topic; start one and try again",
        ));
    }
    let mut placed = Vec::with_capacity(partitions);
    for _ in 0..partitions {
        let mut by_load: Vec<BrokerId> = load.keys().copied().collect();
        by_load.sort_by_key(|id| (load[id], *id));
        by_load.truncate(factor);
        for id in &by_load {
            *load.entry(*id).or_default() += 1;
        }
        placed.push(by_load);
    }
    Ok(placed)
}

/// Whether a partition can be given to these brokers.
pub(crate) fn check_replicas(
    metadata: &Metadata,
    partition: PartitionIndex,
    replicas: &[BrokerId],
) -> Result<(), Refusal> {
    let fail = |why: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, why));
    if replicas.is_empty() {
        return fail(format!("partition {partition} is given no broker"));
    }
    if replicas.len() > 1 {
        return Err(Refusal::new(
            ErrorCode::InvalidReplicationFactor,
            no_replication(replicas.len() as i64),
        ));
    }
    if let Some(stranger) = replicas.iter().find(|id| !metadata.brokers.contains_key(id)) {
        return fail(format!("broker {stranger} is not registered"));
    }
    if replicas.iter().collect::<BTreeSet<_>>().len() != replicas.len() {
        return fail(format!("partition {partition} is given to a broker twice"));
    }
    Ok(())
}

pub(crate) fn no_replication(factor: i64) -> String {
    format!("replication is not there yet: use a replication factor of 1 (or -1), not {factor}")
}

/// Refuses partitions beyond what the cluster takes.
pub(crate) fn check_room(draft: &Draft, more: usize, most: usize) -> Result<(), Refusal> {
    if draft.partitions + more <= most {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::PolicyViolation,
        format!("the cluster would have more than {most} partitions; delete topics or use fewer"),
    ))
}

/// The records of new partitions, from `first` on.
pub(crate) fn partition_records(
    metadata: &Metadata,
    topic_id: TopicId,
    first: i32,
    placed: Vec<Vec<BrokerId>>,
) -> impl Iterator<Item = MetadataRecord> {
    let alive = |id| metadata.brokers.get(&id).is_some_and(|b| !b.fenced);
    (first..)
        .zip(placed)
        .map(move |(place, replicas)| MetadataRecord::Partition {
            topic_id,
            partition: PartitionIndex(place),
            leader: leader_of(&replicas, &replicas, alive),
            isr: replicas.clone(),
            replicas,
            leader_epoch: LeaderEpoch(0),
        })
}
