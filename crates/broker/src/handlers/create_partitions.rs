//! CreatePartitions (37): more partitions for topics that are there.

use cluster::{
    Assignment, ControllerReply, CreatePartitions, CreatedPartitions, Metadata, Millis, NewPartitions,
    Refusal,
};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use record::{BrokerId, PartitionIndex};

use crate::handlers::delete_topics::unexpected;

/// What the controller is asked for.
pub(crate) fn ask(metadata: &Metadata, request: &CreatePartitionsRequest) -> CreatePartitions {
    let new = |topic: &CreatePartitionsTopic| NewPartitions {
        topic: topic.name.to_string(),
        count: topic.count,
        assignments: assignments(metadata, topic),
    };
    CreatePartitions {
        topics: request.topics.iter().map(new).collect(),
        validate_only: request.validate_only,
        timeout: Millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
        again: false,
    }
}

/// Clients name the brokers of the new partitions only, in their order.
fn assignments(metadata: &Metadata, topic: &CreatePartitionsTopic) -> Vec<Assignment> {
    let there = metadata
        .topic(&topic.name)
        .map_or(0, |topic| topic.partitions.len());
    let first = i32::try_from(there).unwrap_or(i32::MAX);
    let assignments = topic.assignments.iter().flatten().zip(first..);
    let assignment = assignments.map(|(assignment, index)| Assignment {
        partition: PartitionIndex(index),
        replicas: assignment.broker_ids.iter().map(|id| BrokerId(id.0)).collect(),
    });
    assignment.collect()
}

pub(crate) fn answer(asked: &CreatePartitions, reply: ControllerReply) -> CreatePartitionsResponse {
    let results = match reply {
        ControllerReply::CreatePartitions(results) => results,
        ControllerReply::Refused(refusal) => refuse_all(asked, &refusal),
        other => refuse_all(asked, &unexpected(&other)),
    };
    let results = results.into_iter().map(|created| {
        let result =
            CreatePartitionsTopicResult::default().with_name(TopicName(StrBytes::from_string(created.topic)));
        match created.result {
            Ok(()) => result.with_error_message(None),
            Err(refusal) => result
                .with_error_code(refusal.code.code())
                .with_error_message(Some(StrBytes::from_string(refusal.message))),
        }
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

fn refuse_all(asked: &CreatePartitions, refusal: &Refusal) -> Vec<CreatedPartitions> {
    let refused = |new: &NewPartitions| CreatedPartitions {
        topic: new.topic.clone(),
        result: Err(refusal.clone()),
    };
    asked.topics.iter().map(refused).collect()
}
