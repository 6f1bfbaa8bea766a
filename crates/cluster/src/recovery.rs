//! Replicas that have lost records, or can't be used: what their brokers report, and who leads where nobody
//! in sync is above suspicion.
//!
//! A member of the ISR is *unclean* where it may lack what it had acknowledged: its broker lost power, or its
//! files were damaged. It leads nothing, and leaves the ISR when a leader says so, who has everything. Where all
//! members are unclean there is no such leader: then each tells how far its log reaches, and the one with the
//! highest (last epoch, end) leads, alone in the ISR. What it lacks is gone, which the partition remembers.

use std::collections::BTreeMap;

use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use serde::{Deserialize, Serialize};

use crate::leaders::{self, State};
use crate::metadata_record::MetadataRecord;
use crate::{ControllerReply, ErrorCode, Metadata, Partition, Refusal, Topic, as_number};

/// A broker tells how it is with partitions that it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportReplicas {
    /// Who holds them.
    #[serde(with = "as_number::broker_id")]
    pub broker: BrokerId,
    /// Its broker epoch.
    #[serde(with = "as_number::broker_epoch")]
    pub broker_epoch: BrokerEpoch,
    /// Each partition once.
    pub replicas: Vec<ReportedReplica>,
}

/// How it is with one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedReplica {
    /// The topic.
    #[serde(with = "as_number::topic_id")]
    pub topic_id: TopicId,
    /// The partition.
    #[serde(with = "as_number::partition_index")]
    pub partition: PartitionIndex,
    /// The partition's state that the broker knows; under another one the report is void.
    pub partition_epoch: i32,
    /// What there is to tell.
    pub condition: ReplicaCondition,
}

/// What a broker knows of its copy of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaCondition {
    /// Records may be missing that this process or an earlier one had: the files failed or are gone, or more than the
    /// last unfinished write was cut off.
    pub damaged: bool,
    /// How far its log reaches; `None` where its files can't be used.
    pub reach: Option<Reach>,
}

/// How far a log reaches. What reaches further has more of what was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reach {
    /// The leader epoch of its last record; -1 where it has none.
    #[serde(with = "as_number::leader_epoch")]
    pub last_epoch: LeaderEpoch,
    /// The offset behind its last record.
    #[serde(with = "as_number::offset")]
    pub end: Offset,
}

/// A leader was elected though it may lack acknowledged records, because nobody was left that has them for sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UncleanRecovery {
    /// Who.
    #[serde(with = "as_number::broker_id")]
    pub leader: BrokerId,
    /// The leader epoch that began with it.
    #[serde(with = "as_number::leader_epoch")]
    pub leader_epoch: LeaderEpoch,
    /// Where its log ended: what was acknowledged behind it is lost.
    #[serde(with = "as_number::offset")]
    pub end: Offset,
    /// An operator asked for it, without waiting for the rest of the ISR (ElectLeaders, unclean).
    pub forced: bool,
}

impl ReplicaCondition {
    /// Whether the controller is to hear of this: it doesn't know yet, or looks for a leader.
    ///
    /// Damage is news until the controller has said that it knows of it: what the metadata says here may be old,
    /// and a leader that hasn't heard of the damage may be about to put this replica into the ISR. Until then the
    /// broker must not lead the partition.
    #[must_use]
    pub fn is_news(&self, partition: &Partition, broker: BrokerId) -> bool {
        self.damaged
            || partition.offline.contains(&broker) != self.reach.is_none()
            || self.reach.is_some() && partition.leader.is_none()
    }
}

/// What brokers have told in this reign of logs that might lead.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    of: BTreeMap<(TopicId, PartitionIndex), BTreeMap<BrokerId, Report>>,
}

/// How far a log reached, in which process and under which state of the partition. It changes with neither of
/// them only where there is a leader.
#[derive(Debug, Clone, Copy)]
struct Report {
    broker_epoch: BrokerEpoch,
    partition_epoch: i32,
    reach: Reach,
}

impl Reports {
    /// Takes a report: the records that make it known, and the reply. Damage makes a record in any case: what
    /// leaders have proposed without knowing of it is void by the new partition epoch.
    pub(crate) fn take(
        &mut self,
        report: &ReportReplicas,
        metadata: &Metadata,
    ) -> (Vec<MetadataRecord>, ControllerReply) {
        let registered = metadata.brokers.get(&report.broker);
        if registered.is_none_or(|broker| broker.epoch != report.broker_epoch) {
            let refusal = Refusal::new(
                ErrorCode::StaleBrokerEpoch,
                "the broker has registered anew since",
            );
            return (Vec::new(), ControllerReply::Refused(refusal));
        }
        let mut records = Vec::new();
        let mut taken = Vec::with_capacity(report.replicas.len());
        for replica in &report.replicas {
            let known = find(metadata, replica.topic_id, replica.partition).filter(|(_, known)| {
                known.replicas.contains(&report.broker) && known.partition_epoch == replica.partition_epoch
            });
            taken.push(known.is_some());
            let Some((topic, known)) = known else {
                continue;
            };
            if let Some(reach) = replica.condition.reach {
                let told = Report {
                    broker_epoch: report.broker_epoch,
                    partition_epoch: replica.partition_epoch,
                    reach,
                };
                let of = self.of.entry((topic.id, replica.partition)).or_default();
                of.insert(report.broker, told);
            }
            let state = reported(known, report.broker, replica.condition, metadata);
            if replica.condition.damaged || state != State::of(known) {
                records.push(leaders::change(topic, replica.partition, known, state));
            }
        }
        (records, ControllerReply::ReportReplicas(taken))
    }

    /// The records that give partitions a leader whose whole ISR is unclean, and has reported. At most `most`.
    pub(crate) fn elect(&mut self, metadata: &Metadata, most: usize) -> Vec<MetadataRecord> {
        let mut records = Vec::new();
        self.of.retain(|(id, index), _| {
            metadata
                .partition(*id, *index)
                .is_some_and(|p| p.leader.is_none())
        });
        for (id, index) in self.of.keys() {
            let Some((topic, known)) = find(metadata, *id, *index) else {
                continue;
            };
            let unclean = known.isr.iter().all(|id| known.unclean.contains(id));
            let reported = known
                .isr
                .iter()
                .all(|broker| self.reach(topic, *index, *broker, metadata).is_some());
            if records.len() < most
                && unclean
                && reported
                && let Some(state) = self.recover(topic, *index, &known.isr, false, metadata)
            {
                records.push(leaders::change(topic, *index, known, state));
            }
        }
        records
    }

    /// The record that has the best replica lead that is alive, in sync or not, because an operator wants it.
    pub(crate) fn force(
        &self,
        topic: &Topic,
        index: PartitionIndex,
        metadata: &Metadata,
    ) -> Result<MetadataRecord, Refusal> {
        let refuse = |code, message: &str| Err(Refusal::new(code, message));
        let Some(known) = metadata.partition(topic.id, index) else {
            return refuse(ErrorCode::UnknownTopicOrPartition, "there is no such partition");
        };
        if known.leader.is_some() {
            return refuse(
                ErrorCode::ElectionNotNeeded,
                "the partition has a leader, and loses nothing with it",
            );
        }
        let alive: Vec<BrokerId> = known
            .replicas
            .iter()
            .copied()
            .filter(|id| leaders::is_unfenced(metadata, *id))
            .collect();
        match self.recover(topic, index, &alive, true, metadata) {
            Some(state) => Ok(leaders::change(topic, index, known, state)),
            None => refuse(
                ErrorCode::EligibleLeadersNotAvailable,
                "no replica that is alive has told yet how far its log reaches; start one of its brokers, or try again",
            ),
        }
    }

    /// The records that do so for all partitions that have no leader.
    pub(crate) fn force_all(&self, metadata: &Metadata) -> Vec<MetadataRecord> {
        let found = self
            .of
            .keys()
            .filter_map(|(id, index)| find(metadata, *id, *index).map(|(t, _)| (t, *index)));
        found
            .filter_map(|(topic, index)| self.force(topic, index, metadata).ok())
            .collect()
    }

    /// The state in which the one that reaches furthest leads, alone in the ISR; none where that one isn't alive.
    fn recover(
        &self,
        topic: &Topic,
        index: PartitionIndex,
        candidates: &[BrokerId],
        forced: bool,
        metadata: &Metadata,
    ) -> Option<State> {
        let known = metadata.partition(topic.id, index)?;
        let of = |id: &BrokerId| Some((self.reach(topic, index, *id, metadata)?, *id));
        // Of those that reach equally far the preferred one.
        let in_order = known.replicas.iter().filter(|id| candidates.contains(id));
        let (reach, leader) = in_order.rev().filter_map(of).max_by_key(|(reach, _)| *reach)?;
        if !leaders::is_unfenced(metadata, leader) {
            return None;
        }
        let mut state = State::of(known).with_isr(vec![leader]);
        state.unclean.clear();
        state.leader = Some(leader);
        state.unclean_recovery = Some(UncleanRecovery {
            leader,
            leader_epoch: LeaderEpoch(known.leader_epoch.0 + 1),
            end: reach.end,
            forced,
        });
        Some(state.with_a_leader(|id| leaders::is_unfenced(metadata, id)))
    }

    /// How far a broker's log reaches, if that is known of this process and this state of the partition.
    fn reach(
        &self,
        topic: &Topic,
        index: PartitionIndex,
        broker: BrokerId,
        metadata: &Metadata,
    ) -> Option<Reach> {
        let told = self.of.get(&(topic.id, index))?.get(&broker)?;
        let known = metadata.partition(topic.id, index)?;
        let registered = metadata.brokers.get(&broker)?;
        let holds = told.broker_epoch == registered.epoch && told.partition_epoch == known.partition_epoch;
        (holds && !known.offline.contains(&broker)).then_some(told.reach)
    }
}

fn find(metadata: &Metadata, id: TopicId, index: PartitionIndex) -> Option<(&Topic, &Partition)> {
    Some((metadata.topics.get(&id)?, metadata.partition(id, index)?))
}

/// What a partition is with what one of its brokers has told.
fn reported(known: &Partition, broker: BrokerId, condition: ReplicaCondition, metadata: &Metadata) -> State {
    let mut state = State::of(known);
    match (condition.reach, known.offline.contains(&broker)) {
        (None, false) => state.offline.push(broker),
        (Some(_), true) => state.offline.retain(|id| *id != broker),
        _ => {}
    }
    if condition.damaged && known.isr.contains(&broker) && !known.unclean.contains(&broker) {
        state.unclean.push(broker);
    }
    state.with_a_leader(|id| leaders::is_unfenced(metadata, id))
}
