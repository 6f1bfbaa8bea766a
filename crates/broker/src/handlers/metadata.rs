//! Metadata (3): where everything is; may create topics that are asked for.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{Metadata, NewTopic, Node, Partition, Refusal, Topic, check_topic_name};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use record::{BrokerId, TopicId};
use uuid::Uuid;

/// The topics that Kafka keeps for itself.
const INTERNAL: [&str; 2] = ["__consumer_offsets", "__transaction_state"];

/// Topics that are asked for, aren't there, and may be created by asking.
pub(crate) fn to_create(
    metadata: &Metadata,
    request: &MetadataRequest,
    version: i16,
    random: &mut dyn FnMut() -> u128,
) -> Vec<NewTopic> {
    if version >= 4 && !request.allow_auto_topic_creation {
        return Vec::new();
    }
    let mut missing = BTreeSet::new();
    for name in request
        .topics
        .iter()
        .flatten()
        .filter_map(|topic| topic.name.as_ref())
    {
        if metadata.topic(name).is_none() {
            missing.insert(name.to_string());
        }
    }
    let new_topic = |name| NewTopic {
        name,
        id: TopicId(Uuid::from_u128(random())),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: Vec::new(),
    };
    missing.into_iter().map(new_topic).collect()
}

/// The answer. `refused` says why topics that this request was to create aren't there; `None` stands
/// for one that was created, and may only not have come to this broker yet.
pub(crate) fn answer(
    node: &Node,
    listener: &str,
    request: &MetadataRequest,
    version: i16,
    refused: &BTreeMap<String, Option<Refusal>>,
) -> MetadataResponse {
    let metadata = node.metadata();
    let brokers = metadata.unfenced().filter_map(|(id, broker)| {
        let address = broker.listeners.iter().find(|l| l.name == listener)?;
        let host = StrBytes::from_string(address.host.clone());
        let port = i32::from(address.port);
        Some(
            MetadataResponseBroker::default()
                .with_node_id(id.0.into())
                .with_host(host)
                .with_port(port),
        )
    });
    let all = match &request.topics {
        None => true,
        Some(topics) => version == 0 && topics.is_empty(),
    };
    let topics = if all {
        metadata
            .topics
            .values()
            .map(|topic| describe(node, topic, version))
            .collect()
    } else {
        // Each topic once, however often it is named.
        let mut seen = BTreeSet::new();
        let asked = request.topics.iter().flatten();
        asked
            .filter(|topic| seen.insert((topic.name.as_deref(), topic.topic_id)))
            .map(|topic| find(node, topic, version, refused))
            .collect()
    };
    MetadataResponse::default()
        .with_brokers(brokers.collect())
        .with_cluster_id(metadata.cluster_id.clone().map(StrBytes::from_string))
        .with_controller_id(
            metadata
                .controller
                .map_or(-1, |controller| controller.id.0)
                .into(),
        )
        .with_topics(topics)
}

fn find(
    node: &Node,
    asked: &MetadataRequestTopic,
    version: i16,
    refused: &BTreeMap<String, Option<Refusal>>,
) -> MetadataResponseTopic {
    let metadata = node.metadata();
    let found = match &asked.name {
        Some(name) => metadata.topic(name),
        None => metadata.topics.get(&TopicId(asked.topic_id)),
    };
    if let Some(topic) = found {
        return describe(node, topic, version);
    }
    let error = match &asked.name {
        None => ResponseError::UnknownTopicId.code(),
        Some(name) => match refused.get(name.as_str()) {
            Some(Some(refusal)) => refusal.code.code(),
            Some(None) => ResponseError::LeaderNotAvailable.code(),
            None if check_topic_name(name).is_err() => ResponseError::InvalidTopicException.code(),
            None => ResponseError::UnknownTopicOrPartition.code(),
        },
    };
    // The name may be null from version 12 on only.
    let name = match (&asked.name, version) {
        (None, ..12) => Some(TopicName::default()),
        (name, _) => name.clone(),
    };
    MetadataResponseTopic::default()
        .with_error_code(error)
        .with_name(name)
        .with_topic_id(asked.topic_id)
}

fn describe(node: &Node, topic: &Topic, version: i16) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().zip(0..);
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(StrBytes::from_string(topic.name.clone()))))
        .with_topic_id(topic.id.0)
        .with_is_internal(INTERNAL.contains(&topic.name.as_str()))
        .with_partitions(
            partitions
                .map(|(p, index)| describe_partition(node, p, index, version))
                .collect(),
        )
}

fn describe_partition(
    node: &Node,
    partition: &Partition,
    index: i32,
    version: i16,
) -> MetadataResponsePartition {
    let ids = |brokers: &[BrokerId]| brokers.iter().map(|id| id.0.into()).collect();
    let dead = |id: &BrokerId| node.counts_as_dead(*id);
    let failed = |id: &BrokerId| partition.offline.contains(id);
    let replicas = partition.replicas.iter().copied();
    let offline: Vec<BrokerId> = replicas.filter(|id| dead(id) || failed(id)).collect();
    let leader = partition.leader.filter(|leader| !dead(leader));
    let error = match leader {
        Some(_) => 0,
        None => ResponseError::LeaderNotAvailable.code(),
    };
    MetadataResponsePartition::default()
        .with_error_code(error)
        .with_partition_index(index)
        .with_leader_id(leader.map_or(-1, |leader| leader.0).into())
        .with_leader_epoch(if version >= 7 {
            partition.leader_epoch.0
        } else {
            -1
        })
        .with_replica_nodes(ids(&partition.replicas))
        .with_isr_nodes(ids(&partition.isr))
        .with_offline_replicas(if version >= 5 { ids(&offline) } else { Vec::new() })
}
