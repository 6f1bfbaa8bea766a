//! CreateTopics (19).

use std::collections::{BTreeMap, BTreeSet};

use cluster::{
    Assignment, ControllerReply, CreateTopics, CreatedTopic, ErrorCode, Millis, NewTopic, Refusal,
    topic_configs,
};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use record::{BrokerId, PartitionIndex, TopicId};
use uuid::Uuid;

use crate::handlers::delete_topics::unexpected;
use crate::handlers::describe_configs::{DEFAULT_SOURCE, TOPIC_SOURCE};
use crate::{Serving, topic_settings};

/// What the controller is asked for; topics that are named twice are left out.
pub(crate) fn ask(request: &CreateTopicsRequest, random: &mut dyn FnMut() -> u128) -> CreateTopics {
    let mut topics = Vec::with_capacity(request.topics.len());
    let times = times_named(request);
    for topic in request
        .topics
        .iter()
        .filter(|topic| times[topic.name.as_str()] == 1)
    {
        topics.push(NewTopic {
            name: topic.name.to_string(),
            id: TopicId(Uuid::from_u128(random())),
            partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
            assignments: assignments(topic),
            configs: configs(topic),
        });
    }
    let timeout = Millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    CreateTopics {
        topics,
        validate_only: request.validate_only,
        timeout,
    }
}

pub(crate) fn answer(
    request: &CreateTopicsRequest,
    reply: ControllerReply,
    serving: &Serving,
    version: i16,
) -> CreateTopicsResponse {
    let mut created = BTreeMap::new();
    let all_refused = match reply {
        ControllerReply::CreateTopics(results) => {
            created.extend(results.into_iter().map(|result| (result.name.clone(), result)));
            Refusal::new(
                ErrorCode::UnknownServerError,
                "the controller gave no answer for this topic",
            )
        }
        ControllerReply::Refused(refusal) => refusal,
        other => unexpected(&other),
    };
    let times = times_named(request);
    let mut doubled = BTreeSet::new();
    let mut results = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        if times[topic.name.as_str()] > 1 {
            if doubled.insert(topic.name.as_str()) {
                let refusal = Refusal::new(
                    ErrorCode::InvalidRequest,
                    "the topic is named twice in the request",
                );
                results.push(refused(topic.name.clone(), refusal));
            }
            continue;
        }
        results.push(match created.remove(topic.name.as_str()) {
            Some(result) => describe(topic, result, serving, version),
            None => refused(topic.name.clone(), all_refused.clone()),
        });
    }
    CreateTopicsResponse::default().with_topics(results)
}

fn times_named(request: &CreateTopicsRequest) -> BTreeMap<&str, usize> {
    let mut times = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.as_str()).or_default() += 1;
    }
    times
}

fn assignments(topic: &CreatableTopic) -> Vec<Assignment> {
    let assignment = topic.assignments.iter().map(|assignment| Assignment {
        partition: PartitionIndex(assignment.partition_index),
        replicas: assignment.broker_ids.iter().map(|id| BrokerId(id.0)).collect(),
    });
    assignment.collect()
}

fn configs(topic: &CreatableTopic) -> Vec<(String, Option<String>)> {
    let text = |value: &StrBytes| value.to_string();
    topic
        .configs
        .iter()
        .map(|config| (text(&config.name), config.value.as_ref().map(text)))
        .collect()
}

fn refused(name: TopicName, refusal: Refusal) -> CreatableTopicResult {
    CreatableTopicResult::default()
        .with_name(name)
        .with_error_code(refusal.code.code())
        .with_error_message(Some(StrBytes::from_string(refusal.message)))
        .with_num_partitions(-1)
        .with_replication_factor(-1)
}

fn describe(
    topic: &CreatableTopic,
    created: CreatedTopic,
    serving: &Serving,
    version: i16,
) -> CreatableTopicResult {
    let info = match created.result {
        Ok(info) => info,
        Err(refusal) => return refused(topic.name.clone(), refusal),
    };
    let result = CreatableTopicResult::default()
        .with_name(topic.name.clone())
        .with_error_message(None);
    if version < 5 {
        return result;
    }
    let set: BTreeMap<String, Option<String>> = configs(topic).into_iter().collect();
    let effective = topic_configs().iter().map(|definition| {
        let (value, source) = match set.get(definition.name) {
            Some(Some(value)) => (value.clone(), TOPIC_SOURCE),
            _ => (
                topic_settings::default_value(definition.name, serving).into_owned(),
                DEFAULT_SOURCE,
            ),
        };
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_static_str(definition.name))
            .with_value(Some(StrBytes::from_string(value)))
            .with_config_source(source)
    });
    let result = result
        .with_num_partitions(info.partitions)
        .with_replication_factor(info.replication_factor)
        .with_configs(Some(effective.collect()));
    if version >= 7 {
        result.with_topic_id(info.id.0)
    } else {
        result
    }
}
