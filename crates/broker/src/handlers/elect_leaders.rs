//! ElectLeaders (43): preferred leaders, or any that there is. What it shares with AlterPartitionReassignments
//! stands here, too.

use std::collections::BTreeMap;

use cluster::{
    ControllerReply, ElectLeaders, Election, ErrorCode, Millis, PartitionResult, Refusal, TopicPartition,
};
use kafka_protocol::messages::elect_leaders_response::{
    PartitionResult as WireResult, ReplicaElectionResult,
};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use record::PartitionIndex;

use crate::handlers::delete_topics::unexpected;

/// Kinds of elections. Version 0 knows the first one only, which is the default.
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

/// What the controller is asked for.
///
/// # Errors
/// Where it is of a kind that Kafka doesn't have.
pub(crate) fn ask(request: &ElectLeadersRequest) -> Result<ElectLeaders, Refusal> {
    let election = match request.election_type {
        PREFERRED => Election::Preferred,
        UNCLEAN => Election::Unclean,
        _ => {
            let message = "the election type must be 0 (preferred) or 1 (unclean)";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
    };
    let partitions = request.topic_partitions.as_ref().map(|topics| {
        let of = topics.iter().flat_map(|topic| {
            let partitions = topic.partitions.iter();
            partitions.map(|index| TopicPartition {
                topic: topic.topic.to_string(),
                partition: PartitionIndex(*index),
            })
        });
        of.collect()
    });
    Ok(ElectLeaders {
        election,
        partitions,
        timeout: Millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
    })
}

pub(crate) fn answer(
    request: &ElectLeadersRequest,
    reply: Result<ControllerReply, Refusal>,
    version: i16,
) -> ElectLeadersResponse {
    let refusal = match reply {
        Ok(ControllerReply::ElectLeaders(results)) => {
            let results = by_topic(results).into_iter().map(|(topic, partitions)| {
                let partitions = partitions
                    .into_iter()
                    .map(|(index, refusal)| partition(index, refusal));
                result(topic, partitions.collect())
            });
            return ElectLeadersResponse::default().with_replica_election_results(results.collect());
        }
        Ok(ControllerReply::Refused(refusal)) | Err(refusal) => refusal,
        Ok(other) => unexpected(&other),
    };
    let asked = request.topic_partitions.iter().flatten().map(|topic| {
        let partitions = topic.partitions.iter();
        let refused = partitions.map(|index| partition(*index, Some(refusal.clone())));
        result(topic.topic.to_string(), refused.collect())
    });
    let response = ElectLeadersResponse::default().with_replica_election_results(asked.collect());
    if version >= 1 {
        response.with_error_code(refusal.code.code())
    } else {
        response
    }
}

/// What became of partitions, by topic: each partition with its refusal, if it has one.
pub(crate) fn by_topic(results: Vec<PartitionResult>) -> BTreeMap<String, Vec<(i32, Option<Refusal>)>> {
    let mut topics: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for PartitionResult { partition, result } in results {
        let partitions = topics.entry(partition.topic).or_default();
        partitions.push((partition.partition.0, result.err()));
    }
    topics
}

fn result(topic: String, partitions: Vec<WireResult>) -> ReplicaElectionResult {
    ReplicaElectionResult::default()
        .with_topic(TopicName(StrBytes::from_string(topic)))
        .with_partition_result(partitions)
}

fn partition(index: i32, refusal: Option<Refusal>) -> WireResult {
    let result = WireResult::default().with_partition_id(index);
    match refusal {
        None => result.with_error_message(None),
        Some(refusal) => result
            .with_error_code(refusal.code.code())
            .with_error_message(Some(StrBytes::from_string(refusal.message))),
    }
}
