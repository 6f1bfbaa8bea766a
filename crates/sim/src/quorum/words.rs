//! Requests, replies and changes in words.

use cluster::{ControllerReply, ControllerRequest, MetadataChange};

pub(super) fn request(request: &ControllerRequest) -> String {
    match request {
        ControllerRequest::CreateTopics(create) => {
            let topic = &create.topics[0];
            format!(
                "create {} with {} partitions, within {}",
                topic.name, topic.partitions, create.timeout
            )
        }
        ControllerRequest::DeleteTopics(delete) => format!("delete {:?}", delete.topics[0]),
        ControllerRequest::AllocateProducerIds { .. } => "producer ids".to_owned(),
        other => format!("{other:?}"),
    }
}

pub(super) fn change(change: &MetadataChange) -> String {
    match change {
        MetadataChange::Registered { broker_epoch } => format!("is registered, broker epoch {broker_epoch}"),
        MetadataChange::Fenced(fenced) => format!("is fenced: {fenced}"),
        MetadataChange::CreateReplica(r) => format!("holds {}-{}", r.topic, r.partition),
        MetadataChange::DeleteReplica(r) => format!("deletes {}-{}", r.topic, r.partition),
        MetadataChange::BecomeLeader {
            replica: r,
            leader_epoch,
        } => {
            format!("leads {}-{} in epoch {leader_epoch}", r.topic, r.partition)
        }
        MetadataChange::BecomeFollower {
            replica: r,
            leader,
            leader_epoch,
        } => {
            let (topic, partition) = (&r.topic, r.partition);
            format!("follows {leader:?} in {topic}-{partition}, epoch {leader_epoch}")
        }
        other => format!("{other:?}"),
    }
}

pub(super) fn reply(reply: &ControllerReply) -> String {
    match reply {
        ControllerReply::CreateTopics(topics) => match &topics[0].result {
            Ok(info) => format!("{} exists as {}", topics[0].name, info.id.0),
            Err(refusal) => format!("{:?}", refusal.code),
        },
        ControllerReply::DeleteTopics(topics) => match &topics[0].result {
            Ok(info) => format!("{} is deleted", info.name),
            Err(refusal) => format!("{:?}", refusal.code),
        },
        ControllerReply::Refused(refusal) => format!("{:?}: {refusal}", refusal.code),
        other => format!("{other:?}"),
    }
}
