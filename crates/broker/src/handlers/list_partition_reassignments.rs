//! ListPartitionReassignments (46): what moves, and where.

use std::collections::BTreeSet;

use cluster::{Metadata, Partition, Topic};
use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use kafka_protocol::messages::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use record::BrokerId;

/// The reassignments under way: of the named partitions, or all of them.
pub(crate) fn answer(
    metadata: &Metadata,
    request: &ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    let wanted: Option<BTreeSet<(&str, i32)>> = request.topics.as_ref().map(|topics| {
        let named = topics.iter().flat_map(|topic| {
            let indexes = topic.partition_indexes.iter();
            indexes.map(|index| (topic.name.as_str(), *index))
        });
        named.collect()
    });
    let is_wanted = |topic: &Topic, index: i32| {
        let name = topic.name.as_str();
        wanted
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&(name, index)))
    };
    let topics = metadata.topics.values().filter_map(|topic| {
        let partitions: Vec<_> = topic
            .partitions
            .iter()
            .zip(0..)
            .filter(|(_, index)| is_wanted(topic, *index))
            .filter_map(|(partition, index)| describe(partition, index))
            .collect();
        (!partitions.is_empty()).then(|| {
            OngoingTopicReassignment::default()
                .with_name(TopicName(StrBytes::from_string(topic.name.clone())))
                .with_partitions(partitions)
        })
    });
    ListPartitionReassignmentsResponse::default()
        .with_error_message(None)
        .with_topics(topics.collect())
}

fn describe(partition: &Partition, index: i32) -> Option<OngoingPartitionReassignment> {
    let reassignment = partition.reassignment.as_ref()?;
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0.into()).collect();
    Some(
        OngoingPartitionReassignment::default()
            .with_partition_index(index)
            .with_replicas(ids(&partition.replicas))
            .with_adding_replicas(ids(&reassignment.adding()))
            .with_removing_replicas(ids(&reassignment.removing())),
    )
}
