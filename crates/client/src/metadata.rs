//! What a cluster says about itself: brokers, topics, leaders.

use std::{collections::BTreeMap, sync::Arc};

use kafka_protocol::messages::{
    MetadataResponse,
    metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
};
use record::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};

use crate::error::{ErrorCode, ServerError};

/// A cluster as one broker described it, with the topics that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterMetadata {
    /// The cluster's id; empty where the broker doesn't say.
    pub cluster_id: String,
    /// The controller, or in KRaft a broker that forwards to it.
    pub controller: Option<BrokerId>,
    /// The brokers that are alive, by id.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// The topics.
    pub topics: Vec<TopicMetadata>,
}

/// One broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: BrokerId,
    /// The advertised host.
    pub host: String,
    /// The advertised port.
    pub port: i32,
    /// Its rack, where it has one.
    pub rack: Option<String>,
}

impl Broker {
    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its name.
    pub name: Arc<str>,
    /// Its id; all zero where the broker doesn't know topic ids.
    pub id: TopicId,
    /// Why it can't be used, e.g. because it doesn't exist.
    pub error: Option<ErrorCode>,
    /// Whether it is one of Kafka's own (`__consumer_offsets`).
    pub internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionMetadata>,
}

impl TopicMetadata {
    /// The partition of this index.
    #[must_use]
    pub fn partition(&self, index: PartitionIndex) -> Option<&PartitionMetadata> {
        self.partitions.iter().find(|partition| partition.index == index)
    }
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Its index.
    pub index: PartitionIndex,
    /// Its leader, if there is one.
    pub leader: Option<BrokerId>,
    /// The leader's epoch; -1 where unknown.
    pub leader_epoch: LeaderEpoch,
    /// All replicas; the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// The replicas that are in sync.
    pub isr: Vec<BrokerId>,
    /// The replicas whose broker, or whose disk there, is down.
    pub offline: Vec<BrokerId>,
    /// Why it can't be used now, e.g. because it has no leader.
    pub error: Option<ErrorCode>,
}

impl ClusterMetadata {
    /// The topic of this name, if it was asked for.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&TopicMetadata> {
        self.topics.iter().find(|topic| &*topic.name == name)
    }

    pub(crate) fn from_response(response: &MetadataResponse) -> Result<Self, ServerError> {
        ServerError::check(response.error_code, None)?;
        let brokers = response.brokers.iter().map(|broker| {
            let id = BrokerId(broker.node_id.0);
            let rack = broker.rack.as_ref().map(|rack| rack.to_string());
            (
                id,
                Broker {
                    id,
                    host: broker.host.to_string(),
                    port: broker.port,
                    rack,
                },
            )
        });
        Ok(Self {
            cluster_id: response
                .cluster_id
                .as_ref()
                .map(|id| id.to_string())
                .unwrap_or_default(),
            controller: broker_id(response.controller_id.0),
            brokers: brokers.collect(),
            topics: response.topics.iter().map(topic).collect(),
        })
    }
}

fn broker_id(id: i32) -> Option<BrokerId> {
    (id >= 0).then_some(BrokerId(id))
}

fn topic(topic: &MetadataResponseTopic) -> TopicMetadata {
    let mut partitions: Vec<_> = topic.partitions.iter().map(partition).collect();
    partitions.sort_by_key(|partition| partition.index);
    TopicMetadata {
        name: Arc::from(topic.name.as_ref().map_or("", |name| name.as_str())),
        id: TopicId(topic.topic_id),
        error: ErrorCode::try_from_code(topic.error_code),
        internal: topic.is_internal,
        partitions,
    }
}

fn partition(partition: &MetadataResponsePartition) -> PartitionMetadata {
    let ids =
        |brokers: &[kafka_protocol::messages::BrokerId]| brokers.iter().map(|id| BrokerId(id.0)).collect();
    PartitionMetadata {
        index: PartitionIndex(partition.partition_index),
        leader: broker_id(partition.leader_id.0),
        leader_epoch: LeaderEpoch(partition.leader_epoch),
        replicas: ids(&partition.replica_nodes),
        isr: ids(&partition.isr_nodes),
        offline: ids(&partition.offline_replicas),
        error: ErrorCode::try_from_code(partition.error_code),
    }
}
