//! What brokers ask of the controller, and its replies.

use record::{BrokerEpoch, BrokerId, PartitionIndex, ProducerId, TopicId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{AlterConfigs, AlterPartition, AlterTopicConfigs, AlteredTopic, ConfigChange};
use crate::{CreatePartitions, CreatedPartitions, ElectLeaders, NewPartitions};
use crate::{ErrorCode, Listener, Millis, as_number};
use crate::{NewReplicas, PartitionResult, QuorumView, ReassignPartitions, ReportReplicas};

/// A request to the controller. Every one may be repeated: the second time changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControllerRequest {
    /// A process introduces itself (Kafka's BrokerRegistration). Nodes send it on their own.
    RegisterBroker(RegisterBroker),
    /// A registered process is alive (Kafka's BrokerHeartbeat). Nodes send it on their own.
    Heartbeat(Heartbeat),
    /// A block of producer ids (Kafka's AllocateProducerIds).
    AllocateProducerIds {
        /// Who will hand them out.
        #[serde(with = "as_number::broker_id")]
        broker: BrokerId,
        /// Its broker epoch.
        #[serde(with = "as_number::broker_epoch")]
        broker_epoch: BrokerEpoch,
    },
    /// Creates topics, each on its own (Kafka's CreateTopics).
    CreateTopics(CreateTopics),
    /// Deletes topics, each on its own (Kafka's DeleteTopics).
    DeleteTopics(DeleteTopics),
    /// Gives topics more partitions, each on its own (Kafka's CreatePartitions).
    CreatePartitions(CreatePartitions),
    /// Changes topics' configurations, each on its own (Kafka's IncrementalAlterConfigs and AlterConfigs).
    AlterConfigs(AlterConfigs),
    /// A leader asks for another ISR (Kafka's AlterPartition). [`crate::Leader`] makes it.
    AlterPartition(AlterPartition),
    /// A broker tells of replicas that failed, or could lead.
    ReportReplicas(ReportReplicas),
    /// Looks at the metadata quorum (Kafka's DescribeQuorum).
    DescribeQuorum,
    /// Elects leaders (Kafka's ElectLeaders).
    ElectLeaders(ElectLeaders),
    /// Moves partitions to other brokers (Kafka's AlterPartitionReassignments).
    ReassignPartitions(ReassignPartitions),
    /// Forgets a broker that has stopped and holds nothing (Kafka's UnregisterBroker).
    UnregisterBroker {
        /// Which.
        #[serde(with = "as_number::broker_id")]
        broker: BrokerId,
    },
}

/// A process that wants to be a broker of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterBroker {
    /// Its id.
    #[serde(with = "as_number::broker_id")]
    pub broker: BrokerId,
    /// A random number of the process.
    pub incarnation: Uuid,
    /// The cluster that it belongs to.
    pub cluster_id: String,
    /// Where it is reached.
    pub listeners: Vec<Listener>,
    /// Whether it has found everything that the process before it had acknowledged: see [`crate::Options::clean`].
    pub clean: bool,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Who lives.
    #[serde(with = "as_number::broker_id")]
    pub broker: BrokerId,
    /// Under which registration.
    #[serde(with = "as_number::broker_epoch")]
    pub broker_epoch: BrokerEpoch,
    /// How much of the metadata it has applied; it is unfenced once it has seen its registration.
    pub metadata_index: u64,
    /// It wants to stop: its partitions get no leader there any more.
    pub want_shut_down: bool,
}

/// Topics to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTopics {
    /// Each is created or refused on its own.
    pub topics: Vec<NewTopic>,
    /// Only say whether they could be created.
    pub validate_only: bool,
    /// How long the requester waits.
    pub timeout: Millis,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// The id that it gets: a random number of the requester (`Uuid::from_u128`), so that a
    /// repeated request finds its own topic.
    #[serde(with = "as_number::topic_id")]
    pub id: TopicId,
    /// Partitions; -1 for the default. Must be -1 where `assignments` are given.
    pub partitions: i32,
    /// Replicas of each partition; -1 for the default. Must be -1 where `assignments` are given.
    pub replication_factor: i16,
    /// Which brokers hold which partition; empty to let the controller spread them.
    pub assignments: Vec<Assignment>,
    /// Configuration by key; `None` stands for the default.
    pub configs: Vec<(String, Option<String>)>,
}

/// The replicas of one partition of a topic to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The partition.
    #[serde(with = "as_number::partition_index")]
    pub partition: PartitionIndex,
    /// Its brokers; the first is preferred as leader.
    #[serde(with = "as_number::broker_ids")]
    pub replicas: Vec<BrokerId>,
}

/// Topics to delete.
///
/// On the way to the controller a request by name only looks up what the names stand for; the node then
/// deletes by id, so that a repeated request can't hit a topic that was created again under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteTopics {
    /// Each is deleted or refused on its own.
    pub topics: Vec<TopicRef>,
    /// How long the requester waits.
    pub timeout: Millis,
}

/// A topic by name or by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TopicRef {
    /// By name.
    Name(String),
    /// By id.
    Id(#[serde(with = "as_number::topic_id")] TopicId),
}

/// The controller's reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControllerReply {
    /// To [`ControllerRequest::RegisterBroker`].
    Registered {
        /// The broker epoch of this registration.
        #[serde(with = "as_number::broker_epoch")]
        broker_epoch: BrokerEpoch,
    },
    /// To [`ControllerRequest::Heartbeat`].
    Heartbeat {
        /// The broker counts as dead; its partitions have no leader.
        fenced: bool,
        /// It has applied its own registration.
        caught_up: bool,
        /// It may stop now, as it wanted.
        may_shut_down: bool,
    },
    /// To [`ControllerRequest::AllocateProducerIds`].
    ProducerIds {
        /// The first of the block.
        #[serde(with = "as_number::producer_id")]
        first: ProducerId,
        /// How many.
        count: i32,
    },
    /// To [`ControllerRequest::CreateTopics`]: in the order of the request.
    CreateTopics(Vec<CreatedTopic>),
    /// To [`ControllerRequest::DeleteTopics`]: in the order of the request.
    DeleteTopics(Vec<DeletedTopic>),
    /// To [`ControllerRequest::CreatePartitions`]: in the order of the request.
    CreatePartitions(Vec<CreatedPartitions>),
    /// To [`ControllerRequest::AlterConfigs`]: in the order of the request.
    AlterConfigs(Vec<AlteredTopic>),
    /// To [`ControllerRequest::AlterPartition`]: committed. What holds now stands in the metadata.
    AlterPartition,
    /// To [`ControllerRequest::ReportReplicas`]: in the order of the request, whether note was taken. It wasn't where
    /// the partition is in another state by now.
    ReportReplicas(Vec<bool>),
    /// To [`ControllerRequest::DescribeQuorum`].
    DescribeQuorum(QuorumView),
    /// To [`ControllerRequest::ElectLeaders`]: in the order of the request, or what was elected.
    ElectLeaders(Vec<PartitionResult>),
    /// To [`ControllerRequest::ReassignPartitions`]: in the order of the request. Moving has only begun.
    ReassignPartitions(Vec<PartitionResult>),
    /// To [`ControllerRequest::UnregisterBroker`]: committed.
    Unregistered,
    /// To any request: no.
    Refused(Refusal),
}

/// Why not, with a message for whoever asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// Kafka's error code.
    pub code: ErrorCode,
    /// What is wrong and what can be done.
    pub message: String,
}

/// What became of one topic to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedTopic {
    /// Its name.
    pub name: String,
    /// The topic as it is, or would be for `validate_only`.
    pub result: Result<CreatedTopicInfo, Refusal>,
}

/// A topic that was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedTopicInfo {
    /// Its id.
    #[serde(with = "as_number::topic_id")]
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many replicas each has.
    pub replication_factor: i16,
}

/// What became of one topic to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedTopic {
    /// What was asked for.
    pub topic: TopicRef,
    /// The topic that is gone.
    pub result: Result<DeletedTopicInfo, Refusal>,
}

/// A topic that was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedTopicInfo {
    /// Its name.
    pub name: String,
    /// Its id.
    #[serde(with = "as_number::topic_id")]
    pub id: TopicId,
}

/// Most topics, partitions and configurations of one request together: Kafka's limit on the records of one
/// operation.
const MOST_ENTRIES: usize = 10_000;

impl ControllerRequest {
    /// Refuses a request that would keep the controller busy for too long.
    pub(crate) fn check_size(&self) -> Result<(), Refusal> {
        let entries = match self {
            Self::CreateTopics(create) => {
                let weigh = |topic: &NewTopic| {
                    1 + topic.configs.len() + weigh_partitions(topic.partitions, &topic.assignments)
                };
                create.topics.iter().map(weigh).sum()
            }
            Self::DeleteTopics(delete) => delete.topics.len(),
            Self::CreatePartitions(create) => {
                let weigh = |new: &NewPartitions| 1 + weigh_partitions(new.count, &new.assignments);
                create.topics.iter().map(weigh).sum()
            }
            Self::AlterConfigs(alter) => {
                let weigh = |topic: &AlterTopicConfigs| match &topic.change {
                    ConfigChange::Keys(keys) => 1 + keys.len(),
                    ConfigChange::Replace(all) => 1 + all.len(),
                };
                alter.topics.iter().map(weigh).sum()
            }
            Self::ElectLeaders(elect) => elect.partitions.as_ref().map_or(0, Vec::len),
            Self::ReassignPartitions(reassign) => {
                let weigh = |new: &NewReplicas| 1 + new.replicas.as_ref().map_or(0, Vec::len);
                reassign.partitions.iter().map(weigh).sum()
            }
            Self::RegisterBroker(_)
            | Self::Heartbeat(_)
            | Self::AllocateProducerIds { .. }
            | Self::AlterPartition(_)
            // Brokers make it no longer than that by themselves.
            | Self::ReportReplicas(_)
            | Self::UnregisterBroker { .. }
            | Self::DescribeQuorum => 0,
        };
        if entries <= MOST_ENTRIES {
            return Ok(());
        }
        let message = format!(
            "the request has {entries} topics, partitions and configurations; at most {MOST_ENTRIES} are \
             taken at once: ask in smaller portions"
        );
        Err(Refusal::new(ErrorCode::PolicyViolation, message))
    }
}

fn weigh_partitions(count: i32, assignments: &[Assignment]) -> usize {
    let assigned: usize = assignments.iter().map(|a| 1 + a.replicas.len()).sum();
    assigned + usize::try_from(count).unwrap_or(0).min(MOST_ENTRIES)
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl ControllerReply {
    /// The reply of a broker that can't be reached.
    #[must_use]
    pub fn lost() -> Self {
        Self::Refused(Refusal::new(
            ErrorCode::NetworkException,
            "the connection to the controller broke; try again",
        ))
    }
}
