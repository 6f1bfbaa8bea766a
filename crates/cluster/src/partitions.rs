//! More partitions for topics that are there.

use std::collections::BTreeSet;

use record::{BrokerId, PartitionIndex};
use serde::{Deserialize, Serialize};

use crate::draft::Draft;
use crate::metadata_record::MetadataRecord;
use crate::placement::{self, MOST_PARTITIONS};
use crate::reign::View;
use crate::{Assignment, ControllerReply, ErrorCode, Millis, Options, Refusal, Topic};

/// Topics that get more partitions (Kafka's CreatePartitions).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatePartitions {
    /// Each is enlarged or refused on its own.
    pub topics: Vec<NewPartitions>,
    /// Only say whether it could be done.
    pub validate_only: bool,
    /// How long the requester waits.
    pub timeout: Millis,
    /// Set by the node when it asks again because a reply was lost: a topic that has the wanted number
    /// by now counts as enlarged. Requesters leave it `false`.
    pub again: bool,
}

/// A topic that gets more partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPartitions {
    /// The topic's name.
    pub topic: String,
    /// How many partitions it shall have altogether.
    pub count: i32,
    /// Which brokers hold the new ones, each with its partition's number; empty to let the controller
    /// spread them.
    pub assignments: Vec<Assignment>,
}

/// What became of one topic of [`CreatePartitions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedPartitions {
    /// The topic's name.
    pub topic: String,
    /// Nothing, or why not.
    pub result: Result<(), Refusal>,
}

/// The records that enlarge topics, and the reply once they are committed.
pub(crate) fn create_all(
    create: &CreatePartitions,
    view: &View<'_>,
) -> (Vec<MetadataRecord>, ControllerReply) {
    let mut draft = Draft::new(view.metadata);
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    let mut created = Vec::new();
    for new in &create.topics {
        let result = match seen.insert(&new.topic) {
            true => create_one(&draft, view.options, new, create.again),
            false => refuse(
                ErrorCode::InvalidRequest,
                format!("topic {:?} is named twice", new.topic),
            ),
        };
        let result = result.map(|new_records| {
            draft.add(new_records.clone());
            records.extend(new_records);
        });
        created.push(CreatedPartitions {
            topic: new.topic.clone(),
            result,
        });
    }
    if create.validate_only {
        records.clear();
    }
    (records, ControllerReply::CreatePartitions(created))
}

fn create_one(
    draft: &Draft,
    options: &Options,
    new: &NewPartitions,
    again: bool,
) -> Result<Vec<MetadataRecord>, Refusal> {
    let metadata = &draft.metadata;
    let name = &new.topic;
    let Some(topic) = metadata.topic(name) else {
        return refuse(ErrorCode::UnknownTopicOrPartition, "there is no such topic");
    };
    let has = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    let fail = |why: String| refuse(ErrorCode::InvalidPartitions, why);
    let more = match new.count - has.min(new.count) {
        0 if new.count == has && again => return Ok(Vec::new()),
        0 if new.count == has => return fail(format!("topic {name} has {has} partitions already")),
        0 => {
            return fail(format!(
                "topic {name} has {has} partitions; their number can only grow, not become {}",
                new.count
            ));
        }
        _ if new.count > MOST_PARTITIONS => {
            return fail(format!(
                "a topic has at most {MOST_PARTITIONS} partitions, not {}",
                new.count
            ));
        }
        more => usize::try_from(more).unwrap_or(usize::MAX),
    };
    let factor = factor_of(topic);
    let placed = match new.assignments.is_empty() {
        true => placement::spread(draft, more, factor)?,
        false => assigned(draft, options, topic, new, more)?,
    };
    placement::check_room(draft, placed.len(), options.max_partitions)?;
    Ok(placement::partition_records(metadata, topic.id, has, placed).collect())
}

/// As many replicas as the topic's first partition has, or shall have.
fn factor_of(topic: &Topic) -> usize {
    let first = topic.partitions.first();
    first.map_or(1, |p| {
        p.reassignment.as_ref().map_or(&p.replicas, |r| &r.to).len()
    })
}

/// New partitions as they were assigned: all of them, each with as many replicas as the topic has.
fn assigned(
    draft: &Draft,
    options: &Options,
    topic: &Topic,
    new: &NewPartitions,
    more: usize,
) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let fail = |why: String| refuse(ErrorCode::InvalidReplicaAssignment, why);
    let given = new.assignments.len();
    if given != more {
        return fail(format!(
            "{more} partitions are to be added, {given} are assigned to brokers"
        ));
    }
    let mut sorted: Vec<&Assignment> = new.assignments.iter().collect();
    sorted.sort_by_key(|a| a.partition);
    for (place, assignment) in (topic.partitions.len()..).zip(&sorted) {
        let expected = PartitionIndex(i32::try_from(place).unwrap_or(i32::MAX));
        if assignment.partition != expected {
            return fail(format!("partition {expected} is assigned to no broker"));
        }
        let most = options.max_replication;
        placement::check_replicas(&draft.metadata, expected, &assignment.replicas, most)?;
        let replicas = assignment.replicas.len();
        let factor = factor_of(topic);
        if replicas != factor {
            return fail(format!(
                "partition {expected} is given {replicas} replicas; those of the topic have {factor}"
            ));
        }
    }
    Ok(sorted.into_iter().map(|a| a.replicas.clone()).collect())
}

fn refuse<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}
