//! DescribeQuorum (55): who leads the metadata quorum, and how far its members are.

use cluster::{ControllerReply, Metadata, Millis, QuorumMember, QuorumView};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_quorum_request::TopicData as Asked;
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use kafka_protocol::messages::{DescribeQuorumRequest, DescribeQuorumResponse};
use kafka_protocol::protocol::StrBytes;
use record::Timestamp;

const TOPIC: &str = "__cluster_metadata";
const PARTITION: i32 = 0;

/// The answer; `now` is when the quorum was looked at.
pub(crate) fn answer(
    metadata: &Metadata,
    request: &DescribeQuorumRequest,
    reply: ControllerReply,
    now: Timestamp,
    version: i16,
) -> DescribeQuorumResponse {
    let view = match reply {
        ControllerReply::DescribeQuorum(view) => view,
        ControllerReply::Refused(refusal) => return refused(refusal.code.code(), refusal.message, version),
        other => return refused(-1, format!("the controller answered {other:?}"), version),
    };
    let topics = request
        .topics
        .iter()
        .map(|asked| describe(asked, &view, now, version));
    let response = DescribeQuorumResponse::default()
        .with_error_message(None)
        .with_topics(topics.collect());
    if version >= 2 {
        response.with_nodes(nodes(metadata, &view))
    } else {
        response
    }
}

fn refused(code: i16, message: String, version: i16) -> DescribeQuorumResponse {
    let response = DescribeQuorumResponse::default().with_error_code(code);
    if version >= 2 {
        response.with_error_message(Some(StrBytes::from_string(message)))
    } else {
        response.with_error_message(None)
    }
}

fn describe(asked: &Asked, view: &QuorumView, now: Timestamp, version: i16) -> TopicData {
    let partitions = asked.partitions.iter().map(|partition| {
        let index = partition.partition_index;
        let data = PartitionData::default()
            .with_partition_index(index)
            .with_error_message(None);
        if asked.topic_name.as_str() != TOPIC || index != PARTITION {
            return data.with_error_code(ResponseError::UnknownTopicOrPartition.code());
        }
        let members = |members: &[QuorumMember]| members.iter().map(|m| member(m, now, version)).collect();
        data.with_leader_id(view.leader.0.into())
            .with_leader_epoch(i32::try_from(view.term).unwrap_or(i32::MAX))
            .with_high_watermark(end(view.committed))
            .with_current_voters(members(&view.voters))
            .with_observers(members(&view.observers))
    });
    TopicData::default()
        .with_partitions(partitions.collect())
        .with_topic_name(asked.topic_name.clone())
}

fn member(member: &QuorumMember, now: Timestamp, version: i16) -> ReplicaState {
    let at = |ago: Option<Millis>| ago.map_or(-1, |ago| now.0.saturating_sub_unsigned(ago.0));
    let state = ReplicaState::default()
        .with_replica_id(member.id.0.into())
        .with_log_end_offset(end(member.last));
    if version >= 1 {
        state
            .with_last_fetch_timestamp(at(member.heard))
            .with_last_caught_up_timestamp(at(member.caught_up))
    } else {
        state
    }
}

/// The offset behind an entry.
fn end(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX).saturating_add(1)
}

fn nodes(metadata: &Metadata, view: &QuorumView) -> Vec<Node> {
    let members = view.voters.iter().chain(&view.observers);
    let node = |member: &QuorumMember| {
        let listeners = &metadata.brokers.get(&member.id)?.listeners;
        let listeners = listeners.iter().map(|listener| {
            Listener::default()
                .with_name(StrBytes::from_string(listener.name.clone()))
                .with_host(StrBytes::from_string(listener.host.clone()))
                .with_port(listener.port)
        });
        Some(
            Node::default()
                .with_node_id(member.id.0.into())
                .with_listeners(listeners.collect()),
        )
    };
    members.filter_map(node).collect()
}
