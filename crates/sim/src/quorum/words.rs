//! Requests and replies in words.

use cluster::{ControllerReply, ControllerRequest};

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
