//! Who leads which partition, and who is in sync.

use record::{BrokerId, LeaderEpoch, PartitionIndex};

use crate::metadata_record::MetadataRecord;
use crate::{Metadata, Partition, Reassignment, Topic, UncleanRecovery};

/// What the controller decides of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) leader: Option<BrokerId>,
    pub(crate) isr: Vec<BrokerId>,
    pub(crate) unclean: Vec<BrokerId>,
    pub(crate) offline: Vec<BrokerId>,
    pub(crate) replicas: Vec<BrokerId>,
    pub(crate) reassignment: Option<Reassignment>,
    pub(crate) unclean_recovery: Option<UncleanRecovery>,
}

impl State {
    pub(crate) fn of(partition: &Partition) -> Self {
        Self {
            leader: partition.leader,
            isr: partition.isr.clone(),
            unclean: partition.unclean.clone(),
            offline: partition.offline.clone(),
            replicas: partition.replicas.clone(),
            reassignment: partition.reassignment.clone(),
            unclean_recovery: partition.unclean_recovery,
        }
    }

    pub(crate) fn with_isr(mut self, isr: Vec<BrokerId>) -> Self {
        self.unclean.retain(|id| isr.contains(id));
        self.isr = isr;
        self
    }

    /// Held by these alone.
    pub(crate) fn with_replicas(mut self, replicas: Vec<BrokerId>) -> Self {
        for list in [&mut self.isr, &mut self.unclean, &mut self.offline] {
            list.retain(|id| replicas.contains(id));
        }
        self.replicas = replicas;
        self
    }

    /// Led by the first of the replicas that is alive and may lead, or by the one that leads already, if it may. A
    /// reassignment ends where it can.
    pub(crate) fn with_a_leader(mut self, alive: impl Fn(BrokerId) -> bool) -> Self {
        self = self.reassigned();
        if self.leader.is_none_or(|leader| !self.may_lead(leader)) {
            let mut able = self.replicas.iter().copied().filter(|id| self.may_lead(*id));
            self.leader = able.find(|id| alive(*id));
        }
        self
    }

    /// Held by the targets of its reassignment alone, once all of them are in sync, and above suspicion: whoever goes
    /// may be the last who has everything.
    fn reassigned(mut self) -> Self {
        match self.reassignment.take() {
            Some(Reassignment { to, .. }) if to.iter().all(|id| self.may_lead(*id)) => self.with_replicas(to),
            under_way => {
                self.reassignment = under_way;
                self
            }
        }
    }

    /// Led by somebody else than this broker, if it leads.
    fn without_leader(mut self, broker: BrokerId, alive: impl Fn(BrokerId) -> bool) -> Self {
        if self.leader != Some(broker) {
            return self;
        }
        self.leader = None;
        self.with_a_leader(alive)
    }

    /// Whether a replica has everything that was acknowledged, for sure, and its files can be used.
    pub(crate) fn may_lead(&self, id: BrokerId) -> bool {
        self.isr.contains(&id) && !self.unclean.contains(&id) && !self.offline.contains(&id)
    }
}

/// The records that fence or unfence a broker, with the leaders that this brings.
///
/// The ISR stays as it is: that a member is gone is for the leader to say, which proves by it that it lives and
/// has everything. Who counts as alive here may have died just now, and come back with less.
pub(crate) fn fence(metadata: &Metadata, broker: BrokerId, fenced: bool) -> Vec<MetadataRecord> {
    let mut records = vec![MetadataRecord::FenceBroker { broker, fenced }];
    records.extend(match fenced {
        true => depose(metadata, broker),
        false => lead_again(metadata, broker),
    });
    records
}

/// The records that take a broker out of what it leads.
fn depose(metadata: &Metadata, broker: BrokerId) -> Vec<MetadataRecord> {
    let alive = |id: BrokerId| id != broker && is_unfenced(metadata, id);
    each(metadata, |partition| {
        State::of(partition).without_leader(broker, alive)
    })
}

/// The records that take an earlier process of a broker out of what it led. Where the one that comes may have
/// less than the earlier one had acknowledged, it is unclean wherever it is in sync.
pub(crate) fn replace(metadata: &Metadata, broker: BrokerId, clean: bool) -> Vec<MetadataRecord> {
    let alive = |id: BrokerId| id != broker && is_unfenced(metadata, id);
    each(metadata, |partition| {
        let mut state = State::of(partition);
        state.offline.retain(|id| *id != broker);
        if !clean && state.isr.contains(&broker) && !state.unclean.contains(&broker) {
            state.unclean.push(broker);
        }
        state.without_leader(broker, alive)
    })
}

/// The records that give partitions without a leader one, now that this broker is alive.
fn lead_again(metadata: &Metadata, broker: BrokerId) -> Vec<MetadataRecord> {
    let alive = |id: BrokerId| id == broker || is_unfenced(metadata, id);
    each(metadata, |partition| match partition.leader {
        None => State::of(partition).with_a_leader(alive),
        Some(_) => State::of(partition),
    })
}

/// The record of a partition's new state. Another leader gets another epoch. So does the one that stays, where a
/// replica goes: should that come back soon, what it fetched as the replica that it was, and will have deleted, counts
/// no more.
pub(crate) fn change(
    topic: &Topic,
    index: PartitionIndex,
    partition: &Partition,
    state: State,
) -> MetadataRecord {
    let goes = partition.replicas.iter().any(|id| !state.replicas.contains(id));
    let next = i32::from(state.leader != partition.leader || goes);
    MetadataRecord::PartitionChange {
        topic_id: topic.id,
        partition: index,
        leader: state.leader,
        leader_epoch: LeaderEpoch(partition.leader_epoch.0 + next),
        isr: state.isr,
        unclean: state.unclean,
        offline: state.offline,
        replicas: state.replicas,
        reassignment: state.reassignment,
        unclean_recovery: state.unclean_recovery,
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

pub(crate) fn is_unfenced(metadata: &Metadata, id: BrokerId) -> bool {
    metadata.brokers.get(&id).is_some_and(|b| !b.fenced)
}
