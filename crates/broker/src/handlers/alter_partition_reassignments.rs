//! AlterPartitionReassignments (45): partitions move to other brokers.

use cluster::{ControllerReply, Millis, NewReplicas, ReassignPartitions, TopicPartition};
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use record::{BrokerId, PartitionIndex};

use crate::handlers::delete_topics::unexpected;
use crate::handlers::elect_leaders::by_topic;

/// What the controller is asked for.
pub(crate) fn ask(request: &AlterPartitionReassignmentsRequest) -> ReassignPartitions {
    let partitions = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| {
            let replicas = partition.replicas.as_ref();
            NewReplicas {
                partition: TopicPartition {
                    topic: topic.name.to_string(),
                    partition: PartitionIndex(partition.partition_index),
                },
                replicas: replicas.map(|ids| ids.iter().map(|id| BrokerId(id.0)).collect()),
            }
        })
    });
    ReassignPartitions {
        partitions: partitions.collect(),
        timeout: Millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
    }
}

pub(crate) fn answer(reply: ControllerReply) -> AlterPartitionReassignmentsResponse {
    let refusal = match reply {
        ControllerReply::ReassignPartitions(results) => {
            let topics = by_topic(results).into_iter().map(|(topic, partitions)| {
                let partitions = partitions.into_iter().map(|(index, refusal)| {
                    let response = ReassignablePartitionResponse::default().with_partition_index(index);
                    match refusal {
                        None => response.with_error_message(None),
                        Some(refusal) => response
                            .with_error_code(refusal.code.code())
                            .with_error_message(Some(StrBytes::from_string(refusal.message))),
                    }
                });
                ReassignableTopicResponse::default()
                    .with_name(TopicName(StrBytes::from_string(topic)))
                    .with_partitions(partitions.collect())
            });
            return AlterPartitionReassignmentsResponse::default()
                .with_error_message(None)
                .with_responses(topics.collect());
        }
        ControllerReply::Refused(refusal) => refusal,
        other => unexpected(&other),
    };
    AlterPartitionReassignmentsResponse::default()
        .with_error_code(refusal.code.code())
        .with_error_message(Some(StrBytes::from_string(refusal.message)))
}
