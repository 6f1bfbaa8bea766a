//! Which brokers hold a partition.

use std::collections::BTreeSet;

use record::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};

use crate::draft::{Draft, weigh};
use crate::metadata_record::MetadataRecord;
use crate::{ErrorCode, Metadata, Refusal};

/// Most partitions of a topic: an entry of the log must stay small.
pub(crate) const MOST_PARTITIONS: i32 = 2_000;

/// Spreads partitions over the brokers that are alive: on those that hold the fewest, led by the one among
/// them that would lead the fewest.
pub(crate) fn spread(draft: &Draft, partitions: usize, factor: usize) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let mut load = draft.load.clone();
    if load.len() < factor {
        let why = format!(
            "{} brokers are alive, a replication factor of {factor} needs as many; start more, or use a lower one",
            load.len()
        );
        return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, why));
    }
    let mut placed = Vec::with_capacity(partitions);
    for _ in 0..partitions {
        let mut replicas: Vec<BrokerId> = load.keys().copied().collect();
        replicas.sort_by_key(|id| (load[id].held, *id));
        replicas.truncate(factor);
        replicas.sort_unstable();
        let first = (0..replicas.len()).min_by_key(|place| load[&replicas[*place]].preferred);
        replicas.rotate_left(first.unwrap_or(0));
        weigh(&mut load, &replicas);
        placed.push(replicas);
    }
    Ok(placed)
}

/// Whether a partition can be given to these brokers.
pub(crate) fn check_replicas(
    metadata: &Metadata,
    partition: PartitionIndex,
    replicas: &[BrokerId],
    most: i16,
) -> Result<(), Refusal> {
    let fail = |why: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, why));
    if replicas.is_empty() {
        return fail(format!("partition {partition} is given no broker"));
    }
    check_factor(replicas.len(), most)?;
    if let Some(stranger) = replicas.iter().find(|id| !metadata.brokers.contains_key(id)) {
        return fail(format!("broker {stranger} is not registered"));
    }
    if replicas.iter().collect::<BTreeSet<_>>().len() != replicas.len() {
        return fail(format!("partition {partition} is given to a broker twice"));
    }
    Ok(())
}

/// Refuses a replication factor that no topic can have.
pub(crate) fn check_factor(factor: usize, most: i16) -> Result<(), Refusal> {
    let allowed = usize::try_from(most).unwrap_or(0);
    if (1..=allowed).contains(&factor) {
        return Ok(());
    }
    let why = match most {
        1 => format!("replication is not there yet: use a replication factor of 1 (or -1), not {factor}"),
        _ => format!("the replication factor must be 1 to {most}, or -1 for the default; not {factor}"),
    };
    Err(Refusal::new(ErrorCode::InvalidReplicationFactor, why))
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
    let alive = |id: &BrokerId| metadata.brokers.get(id).is_some_and(|b| !b.fenced);
    (first..).zip(placed).map(move |(place, replicas)| {
        // Who isn't there can't be in sync; if nobody is, the first one there leads.
        let mut isr: Vec<BrokerId> = replicas.iter().copied().filter(alive).collect();
        if isr.is_empty() {
            isr.clone_from(&replicas);
        }
        MetadataRecord::Partition {
            topic_id,
            partition: PartitionIndex(place),
            leader: isr.iter().copied().find(alive),
            isr,
            replicas,
            leader_epoch: LeaderEpoch(0),
            unclean: Vec::new(),
            offline: Vec::new(),
            reassignment: None,
            unclean_recovery: None,
            partition_epoch: 0,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Load;

    #[test]
    fn replicas_and_leaders_are_spread() {
        let mut draft = Draft::new(&Metadata::default());
        draft.load = (1..=3).map(|id| (BrokerId(id), Load::default())).collect();
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let all = [ids(&[1, 2, 3]), ids(&[2, 3, 1]), ids(&[3, 1, 2]), ids(&[1, 2, 3])];
        assert_eq!(spread(&draft, 4, 3), Ok(all.to_vec()));
        let two = [ids(&[1, 2]), ids(&[3, 1]), ids(&[2, 3])];
        assert_eq!(spread(&draft, 3, 2), Ok(two.to_vec()));
        let one = [ids(&[1]), ids(&[2]), ids(&[3])];
        assert_eq!(spread(&draft, 3, 1), Ok(one.to_vec()));
    }
}
