//! Creating and deleting topics: what is refused, and where partitions go.

use std::collections::BTreeSet;

use record::{BrokerId, PartitionIndex, TopicId};

use crate::draft::Draft;
use crate::metadata_record::MetadataRecord;
use crate::placement::{self, MOST_PARTITIONS};
use crate::reign::View;
use crate::topic_config;
use crate::{Assignment, ControllerReply, CreateTopics, CreatedTopic, CreatedTopicInfo, DeleteTopics};
use crate::{
    DeletedTopic, DeletedTopicInfo, ErrorCode, Metadata, NewTopic, Options, Refusal, Topic, TopicRef,
};

/// Kafka's limit; together with the partition's number it must fit a file name.
const LONGEST_NAME: usize = 249;

/// The records that create topics, and the reply once they are committed.
pub(crate) fn create_all(create: &CreateTopics, view: &View<'_>) -> (Vec<MetadataRecord>, ControllerReply) {
    // Each topic must see those before it: their names, and what they weigh on brokers.
    let mut draft = Draft::new(view.metadata);
    let mut records = Vec::new();
    let mut created = Vec::new();
    for new in &create.topics {
        let result = create_one(&draft, view.options, new).map(|(new_records, info)| {
            draft.add(new_records.clone());
            records.extend(new_records);
            info
        });
        created.push(CreatedTopic {
            name: new.name.clone(),
            result,
        });
    }
    if create.validate_only {
        records.clear();
    }
    (records, ControllerReply::CreateTopics(created))
}

/// Deletes what is given by id, and looks up what is given by name: see [`DeleteTopics`].
pub(crate) fn delete_all(delete: &DeleteTopics, view: &View<'_>) -> (Vec<MetadataRecord>, ControllerReply) {
    let mut removed = BTreeSet::new();
    let mut deleted = Vec::new();
    for topic in &delete.topics {
        let result = find(view.metadata, topic);
        if let Ok(found) = &result
            && (matches!(topic, TopicRef::Id(_)) || deletes_by_name(view))
        {
            removed.insert(found.id);
        }
        deleted.push(DeletedTopic {
            topic: topic.clone(),
            result,
        });
    }
    let records = removed
        .into_iter()
        .map(|topic_id| MetadataRecord::RemoveTopic { topic_id });
    (records.collect(), ControllerReply::DeleteTopics(deleted))
}

#[cfg(not(feature = "deliberate-bugs"))]
fn deletes_by_name(_: &View<'_>) -> bool {
    false
}

#[cfg(feature = "deliberate-bugs")]
fn deletes_by_name(view: &View<'_>) -> bool {
    view.options.bug == Some(crate::Bug::DeleteByName)
}

/// The records that create a topic, and what to answer once they are committed.
fn create_one(
    draft: &Draft,
    options: &Options,
    new: &NewTopic,
) -> Result<(Vec<MetadataRecord>, CreatedTopicInfo), Refusal> {
    let metadata = &draft.metadata;
    if let Some(known) = metadata.topic(&new.name) {
        return existing(known, new.id).map(|info| (Vec::new(), info));
    }
    check_topic_name(&new.name)?;
    check_collision(draft, &new.name)?;
    if new.id == TopicId::default() || metadata.topics.contains_key(&new.id) {
        return refuse(
            ErrorCode::InvalidRequest,
            "the topic id of the request is zero or taken",
        );
    }
    if metadata.removed_topics.contains(&new.id) {
        return refuse(
            ErrorCode::UnknownTopicId,
            "the topic was created as asked, and is deleted already",
        );
    }
    for (key, value) in &new.configs {
        topic_config::check(key, value.as_deref())
            .map_err(|why| Refusal::new(ErrorCode::InvalidConfig, why))?;
    }
    let replicas = match new.assignments.is_empty() {
        true => placement::spread(
            draft,
            partition_count(new, options)?,
            replication_factor(new, options)?,
        )?,
        false => assigned(metadata, new, options.max_replication)?,
    };
    placement::check_room(draft, replicas.len(), options.max_partitions)?;
    let partitions = i32::try_from(replicas.len()).unwrap_or(i32::MAX);
    let info = CreatedTopicInfo {
        id: new.id,
        partitions,
        replication_factor: factor_of(replicas.first()),
    };
    Ok((records(metadata, new, replicas), info))
}

/// The topic that is to be deleted.
fn find(metadata: &Metadata, topic: &TopicRef) -> Result<DeletedTopicInfo, Refusal> {
    let (known, code) = match topic {
        TopicRef::Name(name) => (metadata.topic(name), ErrorCode::UnknownTopicOrPartition),
        TopicRef::Id(id) => (metadata.topics.get(id), ErrorCode::UnknownTopicId),
    };
    let Some(known) = known else {
        return refuse(code, "there is no such topic");
    };
    Ok(DeletedTopicInfo {
        name: known.name.clone(),
        id: known.id,
    })
}

fn refuse<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}

/// A repeated request finds the topic under the id that it drew itself.
fn existing(known: &Topic, id: TopicId) -> Result<CreatedTopicInfo, Refusal> {
    if known.id != id {
        return refuse(
            ErrorCode::TopicAlreadyExists,
            format!("topic {:?} already exists", known.name),
        );
    }
    Ok(CreatedTopicInfo {
        id,
        partitions: i32::try_from(known.partitions.len()).unwrap_or(i32::MAX),
        replication_factor: factor_of(known.partitions.first().map(|p| &p.replicas)),
    })
}

fn factor_of(replicas: Option<&Vec<BrokerId>>) -> i16 {
    replicas.map_or(1, |replicas| i16::try_from(replicas.len()).unwrap_or(i16::MAX))
}

/// Kafka's rule for names of topics, and ours: the metadata's own log is no topic.
///
/// # Errors
/// [`ErrorCode::InvalidTopicException`] with the reason.
pub fn check_topic_name(name: &str) -> Result<(), Refusal> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let why = if name.is_empty() {
        "a topic needs a name".to_owned()
    } else if name == "." || name == ".." {
        format!("a topic can't be named {name:?}")
    } else if name.len() > LONGEST_NAME {
        format!(
            "the topic's name has {} characters; at most {LONGEST_NAME} are allowed",
            name.len()
        )
    } else if !name.chars().all(legal) {
        format!("the topic name {name:?} is not allowed: use letters, digits, '.', '_' and '-'")
    } else if name == "__cluster_metadata" {
        format!("{name} is the brokers' own log")
    } else {
        return Ok(());
    };
    refuse(ErrorCode::InvalidTopicException, why)
}

/// Metrics turn '.' into '_', so names that differ only there can't be told apart.
fn check_collision(draft: &Draft, name: &str) -> Result<(), Refusal> {
    match draft.collision(name) {
        Some(known) => refuse(
            ErrorCode::InvalidTopicException,
            format!("the topic name {name:?} collides with topic {known:?}: '.' and '_' count as equal"),
        ),
        None => Ok(()),
    }
}

fn partition_count(new: &NewTopic, options: &Options) -> Result<usize, Refusal> {
    let count = if new.partitions == -1 {
        options.default_partitions
    } else {
        new.partitions
    };
    match usize::try_from(count) {
        Ok(count) if (1..=MOST_PARTITIONS as usize).contains(&count) => Ok(count),
        _ => refuse(
            ErrorCode::InvalidPartitions,
            format!("a topic has 1 to {MOST_PARTITIONS} partitions, or -1 for the default; not {count}"),
        ),
    }
}

fn replication_factor(new: &NewTopic, options: &Options) -> Result<usize, Refusal> {
    let asked = match new.replication_factor {
        -1 => options.default_replication.min(options.max_replication),
        asked => asked,
    };
    let factor = usize::try_from(asked).unwrap_or(0);
    placement::check_factor(factor, options.max_replication)?;
    Ok(factor)
}

fn assigned(metadata: &Metadata, new: &NewTopic, most: i16) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let fail = |why: String| refuse(ErrorCode::InvalidReplicaAssignment, why);
    if new.partitions != -1 || new.replication_factor != -1 {
        return refuse(
            ErrorCode::InvalidRequest,
            "give either replica assignments, or numbers of partitions and replicas, not both",
        );
    }
    if new.assignments.len() > MOST_PARTITIONS as usize {
        return refuse(
            ErrorCode::InvalidPartitions,
            format!("more than {MOST_PARTITIONS} partitions"),
        );
    }
    let mut sorted: Vec<&Assignment> = new.assignments.iter().collect();
    sorted.sort_by_key(|a| a.partition);
    for (expected, assignment) in (0..).zip(&sorted) {
        if assignment.partition != PartitionIndex(expected) {
            return fail(format!(
                "replica assignments must count from 0: no partition {expected}"
            ));
        }
        placement::check_replicas(metadata, assignment.partition, &assignment.replicas, most)?;
    }
    Ok(sorted.into_iter().map(|a| a.replicas.clone()).collect())
}

fn records(metadata: &Metadata, new: &NewTopic, replicas: Vec<Vec<BrokerId>>) -> Vec<MetadataRecord> {
    let topic_id = new.id;
    let mut records = vec![MetadataRecord::Topic {
        topic_id,
        name: new.name.clone(),
    }];
    for (key, value) in &new.configs {
        if let Some(value) = value {
            let (key, value) = (key.clone(), Some(value.clone()));
            records.push(MetadataRecord::TopicConfig { topic_id, key, value });
        }
    }
    records.extend(placement::partition_records(metadata, topic_id, 0, replicas));
    records
}
