//! DeleteTopics (20).

use cluster::{ControllerReply, DeleteTopics, DeletedTopic, Millis, Refusal, TopicRef};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use record::TopicId;

/// What the controller is asked for: names up to version 5, names or ids after it.
pub(crate) fn ask(request: &DeleteTopicsRequest, version: i16) -> DeleteTopics {
    let topics = if version < 6 {
        request
            .topic_names
            .iter()
            .map(|name| TopicRef::Name(name.to_string()))
            .collect()
    } else {
        let by = |name: &Option<TopicName>, id| match name {
            Some(name) => TopicRef::Name(name.to_string()),
            None => TopicRef::Id(TopicId(id)),
        };
        request
            .topics
            .iter()
            .map(|topic| by(&topic.name, topic.topic_id))
            .collect()
    };
    DeleteTopics {
        topics,
        timeout: Millis(u64::try_from(request.timeout_ms).unwrap_or(0)),
    }
}

pub(crate) fn answer(asked: &DeleteTopics, reply: ControllerReply, version: i16) -> DeleteTopicsResponse {
    let results = match reply {
        ControllerReply::DeleteTopics(results) => results,
        ControllerReply::Refused(refusal) => refuse_all(asked, &refusal),
        other => refuse_all(asked, &unexpected(&other)),
    };
    let responses = results
        .into_iter()
        .map(|result| describe(result, version))
        .collect();
    DeleteTopicsResponse::default().with_responses(responses)
}

fn refuse_all(asked: &DeleteTopics, refusal: &Refusal) -> Vec<DeletedTopic> {
    let refused = |topic: &TopicRef| DeletedTopic {
        topic: topic.clone(),
        result: Err(refusal.clone()),
    };
    asked.topics.iter().map(refused).collect()
}

fn describe(deleted: DeletedTopic, version: i16) -> DeletableTopicResult {
    let name = |name: String| Some(TopicName(StrBytes::from_string(name)));
    match deleted.result {
        Ok(info) => DeletableTopicResult::default()
            .with_name(name(info.name))
            .with_topic_id(if version >= 6 {
                info.id.0
            } else {
                uuid::Uuid::nil()
            }),
        Err(refusal) => {
            let result = DeletableTopicResult::default()
                .with_error_code(refusal.code.code())
                .with_error_message((version >= 5).then(|| StrBytes::from_string(refusal.message)));
            match deleted.topic {
                TopicRef::Name(topic) => result.with_name(name(topic)),
                TopicRef::Id(id) => result.with_name(None).with_topic_id(id.0),
            }
        }
    }
}

pub(crate) fn unexpected(reply: &ControllerReply) -> Refusal {
    Refusal::new(
        cluster::ErrorCode::UnknownServerError,
        format!("the controller answered {reply:?}"),
    )
}
