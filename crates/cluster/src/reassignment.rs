//! Partitions move to other brokers.

use std::collections::BTreeSet;

use record::BrokerId;
use serde::{Deserialize, Serialize};

use crate::leaders::{self, State};
use crate::metadata_record::MetadataRecord;
use crate::reign::View;
use crate::{ControllerReply, ErrorCode, Millis, Partition, PartitionResult, Refusal, TopicPartition};
use crate::{as_number, placement};

/// Partitions that move (Kafka's AlterPartitionReassignments).
///
/// Old and new brokers hold the partition until all new ones are in sync; then, in one step, the old ones don't
/// any more. Whoever is leader or controller meanwhile continues it: everything stands in the metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReassignPartitions {
    /// Each is moved or refused on its own.
    pub partitions: Vec<NewReplicas>,
    /// How long the requester waits.
    pub timeout: Millis,
}

/// Where a partition shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewReplicas {
    /// Which.
    pub partition: TopicPartition,
    /// Its brokers, the preferred leader first; `None` to give up what is under way.
    #[serde(with = "as_number::maybe_broker_ids")]
    pub replicas: Option<Vec<BrokerId>>,
}

/// A reassignment that is under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassignment {
    /// Who held the partition before.
    #[serde(with = "as_number::broker_ids")]
    pub from: Vec<BrokerId>,
    /// Who shall.
    #[serde(with = "as_number::broker_ids")]
    pub to: Vec<BrokerId>,
}

impl Reassignment {
    /// Brokers that hold the partition only because they shall later.
    #[must_use]
    pub fn adding(&self) -> Vec<BrokerId> {
        without(&self.to, &self.from)
    }

    /// Brokers that won't hold it any more.
    #[must_use]
    pub fn removing(&self) -> Vec<BrokerId> {
        without(&self.from, &self.to)
    }
}

/// The records that begin, change or give up reassignments, and the reply once they are committed.
pub(crate) fn reassign_all(
    reassign: &ReassignPartitions,
    view: &View<'_>,
) -> (Vec<MetadataRecord>, ControllerReply) {
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    let mut results = Vec::new();
    for new in &reassign.partitions {
        let result = match seen.insert(&new.partition) {
            true => reassign_one(new, view),
            false => refuse(ErrorCode::InvalidRequest, "the partition is named twice"),
        };
        results.push(PartitionResult {
            partition: new.partition.clone(),
            result: result.map(|record| records.extend(record)),
        });
    }
    (records, ControllerReply::ReassignPartitions(results))
}

fn reassign_one(new: &NewReplicas, view: &View<'_>) -> Result<Option<MetadataRecord>, Refusal> {
    let metadata = view.metadata;
    let index = new.partition.partition;
    let topic = metadata.topic(&new.partition.topic);
    let known = topic.and_then(|topic| metadata.partition(topic.id, index));
    let (Some(topic), Some(known)) = (topic, known) else {
        return refuse(ErrorCode::UnknownTopicOrPartition, "there is no such partition");
    };
    let state = match &new.replicas {
        Some(to) => {
            placement::check_replicas(metadata, index, to, view.options.max_replication)?;
            begin(known, to.clone())
        }
        None => give_up(known)?,
    };
    let alive = |id| leaders::is_unfenced(metadata, id);
    let before = State::of(known);
    let could_lead = before.isr.iter().any(|id| before.may_lead(*id));
    let can_lead = state.isr.iter().any(|id| state.may_lead(*id));
    if state.isr.is_empty() || could_lead && !can_lead {
        return refuse(
            ErrorCode::InvalidReplicaAssignment,
            "none of the brokers that would hold the partition is in sync; wait until one is",
        );
    }
    // Those who have everything, and aren't there now, must not be forgotten for those who are there.
    if known.leader.is_none() && state.isr.len() < known.isr.len() {
        return refuse(
            ErrorCode::EligibleLeadersNotAvailable,
            "the partition has no leader, and one of its brokers that may be needed as one would go; start it",
        );
    }
    let state = state.with_a_leader(alive);
    let changed = state != State::of(known);
    Ok(changed.then(|| leaders::change(topic, index, known, state)))
}

/// Old and new brokers hold it.
fn begin(known: &Partition, to: Vec<BrokerId>) -> State {
    let from = match &known.reassignment {
        Some(under_way) => under_way.from.clone(),
        None => known.replicas.clone(),
    };
    let mut replicas = from.clone();
    replicas.extend(without(&to, &from));
    let mut state = State::of(known).with_replicas(replicas);
    state.reassignment = Some(Reassignment { from, to });
    state
}

/// Those that held it before do so again, alone.
fn give_up(known: &Partition) -> Result<State, Refusal> {
    let Some(under_way) = &known.reassignment else {
        return refuse(
            ErrorCode::NoReassignmentInProgress,
            "the partition isn't being moved",
        );
    };
    let mut state = State::of(known).with_replicas(under_way.from.clone());
    state.reassignment = None;
    Ok(state)
}

fn without(ids: &[BrokerId], others: &[BrokerId]) -> Vec<BrokerId> {
    ids.iter().copied().filter(|id| !others.contains(id)).collect()
}

fn refuse<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}
