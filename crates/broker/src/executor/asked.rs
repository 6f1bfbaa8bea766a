//! What waits for the controller's answer, and what becomes of it.

use std::collections::BTreeMap;

use cluster::{ControllerReply, CreatePartitions, DeleteTopics, Refusal, Token};
use disk::Disk;
use kafka_protocol::messages::{
    CreateTopicsRequest, DescribeQuorumRequest, ElectLeadersRequest, MetadataRequest,
};
use record::{BrokerId, Timestamp};

use super::Executor;
use super::reports::Reported;
use crate::handlers::alter_configs::{self, Resource};
use crate::handlers::{
    alter_partition_reassignments, create_partitions, create_topics, delete_topics, describe_quorum,
    elect_leaders, incremental_alter_configs, metadata, unregister_broker,
};
use crate::peer_wire::{self, AskKind};
use crate::replicas::Key;
use crate::{Output, RequestId};

/// Who waits.
pub(super) enum Asked {
    /// Another broker.
    Peer {
        from: BrokerId,
        correlation_id: i32,
        kind: AskKind,
    },
    /// A client's CreateTopics.
    CreateTopics {
        id: RequestId,
        version: i16,
        request: CreateTopicsRequest,
    },
    /// A client's DeleteTopics.
    DeleteTopics {
        id: RequestId,
        version: i16,
        asked: DeleteTopics,
    },
    /// A client's CreatePartitions.
    CreatePartitions { id: RequestId, asked: CreatePartitions },
    /// A client's AlterConfigs.
    AlterConfigs { id: RequestId, resources: Vec<Resource> },
    /// A client's IncrementalAlterConfigs.
    IncrementalAlterConfigs { id: RequestId, resources: Vec<Resource> },
    /// A client's ElectLeaders.
    ElectLeaders {
        id: RequestId,
        version: i16,
        request: ElectLeadersRequest,
    },
    /// A client's AlterPartitionReassignments.
    ReassignPartitions { id: RequestId },
    /// A client's UnregisterBroker.
    UnregisterBroker { id: RequestId },
    /// A client's DescribeQuorum, and when it came.
    DescribeQuorum {
        id: RequestId,
        version: i16,
        request: DescribeQuorumRequest,
        at: Timestamp,
    },
    /// A client's Metadata that creates topics.
    Metadata {
        id: RequestId,
        version: i16,
        request: MetadataRequest,
        topics: Vec<String>,
    },
    /// The leader of a partition that wants another ISR.
    AlterPartition(Key),
    /// This broker, which has told of its replicas.
    ReportReplicas(Vec<Reported>),
    /// Whoever waits in [`super::ProducerIds`].
    ProducerIds,
}

impl Asked {
    /// The connection of the client that waits, if one does.
    pub(super) fn connection(&self) -> Option<u64> {
        match self {
            Self::Peer { .. } | Self::AlterPartition(_) | Self::ReportReplicas(_) | Self::ProducerIds => None,
            Self::CreateTopics { id, .. }
            | Self::DeleteTopics { id, .. }
            | Self::CreatePartitions { id, .. }
            | Self::AlterConfigs { id, .. }
            | Self::IncrementalAlterConfigs { id, .. }
            | Self::ElectLeaders { id, .. }
            | Self::ReassignPartitions { id }
            | Self::UnregisterBroker { id }
            | Self::DescribeQuorum { id, .. }
            | Self::Metadata { id, .. } => Some(id.connection),
        }
    }

    pub(super) fn is_of_peer(&self, peer: BrokerId) -> bool {
        matches!(self, Self::Peer { from, .. } if *from == peer)
    }
}

impl<D: Disk> Executor<D> {
    pub(super) fn on_answer(&mut self, token: Token, reply: ControllerReply, out: &mut Vec<Output>) {
        // A client that is gone has taken its question along.
        let Some(asked) = self.waits.asked.remove(&token) else {
            return;
        };
        match asked {
            Asked::Peer {
                from,
                correlation_id,
                kind,
            } => {
                if self.node.is_connected(from) {
                    let frame = peer_wire::encode_response(correlation_id, kind, &reply);
                    out.push(Output::PeerFrame { to: from, frame });
                }
            }
            Asked::CreateTopics { id, version, request } => {
                let body = create_topics::answer(&request, reply, &self.settings.serving, version);
                out.push(Output::Respond {
                    request: id,
                    body: body.into(),
                });
            }
            Asked::DeleteTopics { id, version, asked } => {
                let body = delete_topics::answer(&asked, reply, version).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::CreatePartitions { id, asked } => {
                let body = create_partitions::answer(&asked, reply).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::AlterConfigs { id, resources } => {
                let body = alter_configs::answer(resources, reply).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::IncrementalAlterConfigs { id, resources } => {
                let body = incremental_alter_configs::answer(resources, reply).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::ElectLeaders { id, version, request } => {
                let body = elect_leaders::answer(&request, Ok(reply), version).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::ReassignPartitions { id } => {
                let body = alter_partition_reassignments::answer(reply).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::UnregisterBroker { id } => {
                let body = unregister_broker::answer(reply).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::DescribeQuorum {
                id,
                version,
                request,
                at,
            } => {
                let body = describe_quorum::answer(self.node.metadata(), &request, reply, at, version).into();
                out.push(Output::Respond { request: id, body });
            }
            Asked::Metadata {
                id,
                version,
                request,
                topics,
            } => {
                let refused = refusals(topics, reply);
                let listener = &self.settings.serving.listener;
                let body = metadata::answer(&self.node, listener, &request, version, &refused);
                out.push(Output::Respond {
                    request: id,
                    body: body.into(),
                });
            }
            Asked::AlterPartition(key) => self.on_isr_answered(key, &reply),
            Asked::ReportReplicas(sent) => self.on_reported(sent, &reply),
            Asked::ProducerIds => {
                let answers = match reply {
                    ControllerReply::ProducerIds { first, count } => {
                        self.waits.producer_ids.on_block(first, count)
                    }
                    _ => self.waits.producer_ids.on_refused(),
                };
                let respond = |(request, body): (RequestId, _)| Output::Respond {
                    request,
                    body: crate::Response::from(body),
                };
                out.extend(answers.into_iter().map(respond));
            }
        }
    }
}

/// Why topics were not created by asking for them; one that exists already is as good as created.
fn refusals(topics: Vec<String>, reply: ControllerReply) -> BTreeMap<String, Option<Refusal>> {
    match reply {
        ControllerReply::CreateTopics(results) => {
            let refusal = |refusal: Refusal| {
                (refusal.code != cluster::ErrorCode::TopicAlreadyExists).then_some(refusal)
            };
            results
                .into_iter()
                .map(|topic| (topic.name, topic.result.err().and_then(refusal)))
                .collect()
        }
        // Nobody decided: clients ask again for a topic whose leader isn't known yet.
        _ => topics.into_iter().map(|topic| (topic, None)).collect(),
    }
}
