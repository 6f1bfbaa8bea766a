//! Brokers: who there is, who votes, who leaves.

use std::time::Duration;

use kafka_protocol::messages::{
    BrokerId as WireBrokerId, DescribeClusterRequest, DescribeQuorumRequest, MetadataRequest,
    UnregisterBrokerRequest, describe_quorum_request, describe_quorum_response::ReplicaState,
};
use record::BrokerId;

use super::{Answers, Change, call_within};
use crate::{
    client::{Client, topic_name},
    connection::Connection,
    error::{ClientError, ErrorCode, ServerError},
    metadata::ClusterMetadata,
};

/// The topic that the metadata log is told as.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// A broker that the cluster knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedBroker {
    /// Its id.
    pub id: BrokerId,
    /// Where clients reach it, `host:port`.
    pub address: String,
    /// It counts as dead: nothing is led there. Brokers before Kafka 4.0 don't tell of such.
    pub fenced: bool,
}

/// The metadata quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedQuorum {
    /// The controller.
    pub leader: BrokerId,
    /// Who votes.
    pub voters: Vec<BrokerId>,
    /// Who follows.
    pub observers: Vec<BrokerId>,
}

struct Unregistration(BrokerId);

impl Change for Unregistration {
    type Given = ();

    async fn ask(&self, connection: &Connection, patience: Duration) -> Result<Answers<()>, ClientError> {
        let request = UnregisterBrokerRequest::default().with_broker_id(WireBrokerId(self.0.0));
        let response = call_within(connection, &request, patience).await?;
        let result = ServerError::check(response.error_code, response.error_message.as_deref());
        Ok(vec![(self.0.to_string(), result)])
    }
}

impl Client {
    /// All topics as the controller sees them: another broker may be a moment behind what it has decided.
    ///
    /// # Errors
    /// Where no controller is found or it refuses.
    pub async fn controller_metadata(&self) -> Result<ClusterMetadata, ClientError> {
        let connection = self.controller_connection().await?;
        let request = MetadataRequest::default()
            .with_topics(None)
            .with_allow_auto_topic_creation(false);
        let response = connection.call(&request, self.options().request_timeout).await?;
        ClusterMetadata::from_response(&response).map_err(|error| ClientError::Refused {
            what: "metadata".to_owned(),
            error,
        })
    }

    /// All brokers that are registered, also those that are down (DescribeCluster).
    ///
    /// # Errors
    /// Where the broker can't be reached or refuses.
    pub async fn describe_brokers(&self) -> Result<Vec<DescribedBroker>, ClientError> {
        let connection = self.controller_connection().await?;
        let request = DescribeClusterRequest::default().with_include_fenced_brokers(true);
        let response = connection.call(&request, self.options().request_timeout).await?;
        let refused = ServerError::check(response.error_code, response.error_message.as_deref());
        refused.map_err(|error| ClientError::Refused {
            what: "the cluster's brokers".to_owned(),
            error,
        })?;
        let mut brokers: Vec<_> = response
            .brokers
            .into_iter()
            .map(|broker| DescribedBroker {
                id: BrokerId(broker.broker_id.0),
                address: format!("{}:{}", broker.host, broker.port),
                fenced: broker.is_fenced,
            })
            .collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(brokers)
    }

    /// Who votes on the metadata (DescribeQuorum).
    ///
    /// # Errors
    /// Where no controller is found or it refuses.
    pub async fn describe_quorum(&self) -> Result<DescribedQuorum, ClientError> {
        let connection = self.controller_connection().await?;
        let partition = describe_quorum_request::PartitionData::default();
        let topic = describe_quorum_request::TopicData::default()
            .with_topic_name(topic_name(METADATA_TOPIC))
            .with_partitions(vec![partition]);
        let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
        let response = connection.call(&request, self.options().request_timeout).await?;
        let refused = |error| ClientError::Refused {
            what: "the metadata quorum".to_owned(),
            error,
        };
        ServerError::check(response.error_code, response.error_message.as_deref()).map_err(refused)?;
        let partitions = response.topics.into_iter().flat_map(|topic| topic.partitions);
        let partition = partitions.into_iter().next().ok_or_else(|| {
            refused(ServerError {
                code: ErrorCode::UnknownTopicOrPartition,
                message: None,
            })
        })?;
        ServerError::check(partition.error_code, partition.error_message.as_deref()).map_err(refused)?;
        let ids = |states: Vec<ReplicaState>| {
            let mut ids: Vec<_> = states.iter().map(|state| BrokerId(state.replica_id.0)).collect();
            ids.sort_unstable();
            ids
        };
        Ok(DescribedQuorum {
            leader: BrokerId(partition.leader_id.0),
            voters: ids(partition.current_voters),
            observers: ids(partition.observers),
        })
    }

    /// Has the cluster forget a broker that has stopped (UnregisterBroker).
    ///
    /// # Errors
    /// Where no controller answers within `patience`, or it refuses.
    pub async fn unregister_broker(&self, broker: BrokerId, patience: Duration) -> Result<(), ClientError> {
        let answers = self.ask_controller(Unregistration(broker), patience).await?;
        let refused = answers.into_iter().find_map(|(_, result)| result.err());
        match refused {
            None => Ok(()),
            Some(error) => Err(ClientError::Refused {
                what: format!("unregistering broker {broker}"),
                error,
            }),
        }
    }
}
