//! Who leads which partition, and who is in sync.

use record::{BrokerId, LeaderEpoch, PartitionIndex};

use crate::metadata_record::MetadataRecord;
use crate::{Metadata, Partition, Reassignment, Topic};

/// What the controller decides of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) leader: Option<BrokerId>,
    pub(crate) isr: Vec<BrokerId>,
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) reassignment: Option<Reassignment>,
}

impl State {
    pub(crate) fn of(partition: &Partition) -> Self {
        Self {
            leader: partition.leader,
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            reassignment: partition.reassignment.clone(),
        }
    }

    pub(crate) fn with_isr(mut self, isr: Vec<BrokerId>) -> Self {
        self.isr = isr;
        self
    }

    /// Led by one of the replicas: the one that leads already, if it may.
    pub(crate) fn with_a_leader(mut self, alive: impl Fn(BrokerId) -> bool) -> Self {
        if self.leader.is_none_or(|leader| !self.isr.contains(&leader)) {
            self.leader = leader_of(&self.replicas, &self.isr, alive);
        }
        self
    }
}

/// The records that fence or unfence a broker, with the leaders that this brings.
pub(crate) fn fence(metadata: &Metadata, broker: BrokerId, fenced: bool) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::FenceBroker { broker, fenced }];
    match fenced {
        true => records.extend(depose(metadata, broker)),
        false => records.extend(lead_again(metadata, broker)),
    }
    records
}

/// The records that take a broker, or an earlier process of it, out of what it leads and is in sync with. The
/// last that could lead stays in sync: without it, nobody has everything.
pub(crate) fn depose(metadata: &Metadata, broker: BrokerId) -> Vec<MetadataRecord> {
    let alive = |id: BrokerId| id != broker && is_unfenced(metadata, id);
    each(metadata, |partition| {
        let mut state = State::of(partition);
        if state.isr.iter().any(|id| alive(*id)) {
            state.isr.retain(|id| *id != broker);
        }
        if state.leader == Some(broker) {
            state.leader = leader_of(&state.replicas, &state.isr, alive);
        }
        state
    })
}

/// The records that give partitions without a leader one, now that this broker is alive.
fn lead_again(metadata: &Metadata, broker: BrokerId) -> Vec<MetadataRecord> {
    let alive = |id: BrokerId| id == broker || is_unfenced(metadata, id);
    each(metadata, |partition| {
        let mut state = State::of(partition);
        if state.leader.is_none() {
            state.leader = leader_of(&state.replicas, &state.isr, alive);
        }
        state
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

/// Ends a reassignment once all of its targets are in sync: they are the replicas then, in one step.
pub(crate) fn finish_reassignment(mut state: State, alive: impl Fn(BrokerId) -> bool) -> State {
    let Some(Reassignment { to, .. }) = &state.reassignment else {
        return state;
    };
    if !to.iter().all(|id| state.isr.contains(id)) {
        return state;
    }
    state.replicas.clone_from(to);
    state.isr.retain(|id| state.replicas.contains(id));
    state.reassignment = None;
    state.with_a_leader(alive)
}

/// The record of a partition's new state. Another leader gets another epoch.
pub(crate) fn change(
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
    state: State,
) -> MetadataRecord {
    let next = i32::from(state.leader != partition.leader);
    MetadataRecord::PartitionChange {
        topic_id: topic.id,
        partition: index,
        leader: state.leader,
        leader_epoch: LeaderEpoch(partition.leader_epoch.0 + next),
        isr: state.isr,
        replicas: state.replicas,
        reassignment: state.reassignment,
    }
}

/// The records of all partitions whose state `decide` changes.
pub(crate) fn each(metadata: &Metadata, decide: impl Fn(&Partition) -> State) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    for topic in metadata.topics.values() {
        for (place, partition) in (0..).zip(&topic.partitions) {
            let state = decide(partition);
            if state != State::of(partition) {
                records.push(change(topic, PartitionIndex(place), partition, state));
            }
        }
    }
    records
}

fn is_unfenced(metadata: &Metadata, id: BrokerId) -> bool {
    metadata.brokers.get(&id).is_some_and(|b| !b.fenced)
}
