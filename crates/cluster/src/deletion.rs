//! A deletion of topics on its way to the controller.
//!
//! A name may stand for another topic when a request is repeated: what it named was deleted the first
//! time, only the reply got lost, and somebody has created it again. So names are looked up first, which
//! changes nothing, and what was found is deleted by id, where the second time changes nothing.

use std::collections::BTreeMap;

use crate::{DeleteTopics, DeletedTopic, DeletedTopicInfo, ErrorCode, Metadata, Millis, Refusal, TopicRef};

/// How far it is.
#[derive(Debug)]
pub(crate) struct Deletion {
    asked: Vec<TopicRef>,
    timeout: Millis,
    /// What each name stands for, once the controller has said so.
    names: BTreeMap<String, Result<DeletedTopicInfo, Refusal>>,
    /// Topics of which it is known that they were there: if they are gone, they are deleted as asked.
    seen: BTreeMap<TopicRef, DeletedTopicInfo>,
    looked_up: bool,
}

impl Deletion {
    pub(crate) fn new(delete: &DeleteTopics, metadata: &Metadata) -> Self {
        let by_id = delete.topics.iter().filter_map(|topic| match topic {
            TopicRef::Id(id) => metadata.topics.get(id),
            TopicRef::Name(_) => None,
        });
        let seen = by_id.map(|topic| {
            let name = topic.name.clone();
            (TopicRef::Id(topic.id), DeletedTopicInfo { name, id: topic.id })
        });
        let looked_up = !delete
            .topics
            .iter()
            .any(|topic| matches!(topic, TopicRef::Name(_)));
        Self {
            asked: delete.topics.clone(),
            timeout: delete.timeout,
            names: BTreeMap::new(),
            seen: seen.collect(),
            looked_up,
        }
    }

    /// What to ask the controller next: about names only, or to delete by ids only.
    pub(crate) fn request(&self) -> DeleteTopics {
        let topics = self.asked.iter().filter_map(|topic| match topic {
            TopicRef::Name(_) if !self.looked_up => Some(topic.clone()),
            TopicRef::Id(_) if !self.looked_up => None,
            TopicRef::Name(name) => match self.names.get(name) {
                Some(Ok(found)) => Some(TopicRef::Id(found.id)),
                _ => None,
            },
            TopicRef::Id(_) => Some(topic.clone()),
        });
        DeleteTopics {
            topics: topics.collect(),
            timeout: self.timeout,
        }
    }

    /// Takes the controller's reply. Gives the answer to whoever asked, unless there is more to do.
    pub(crate) fn replied(&mut self, results: Vec<DeletedTopic>) -> Option<Vec<DeletedTopic>> {
        if !self.looked_up {
            self.looked_up = true;
            for DeletedTopic { topic, result } in results {
                if let Ok(found) = &result {
                    self.seen.insert(TopicRef::Id(found.id), found.clone());
                }
                if let TopicRef::Name(name) = topic {
                    self.names.insert(name, result);
                }
            }
            if !self.request().topics.is_empty() {
                return None;
            }
            return Some(self.answer(&BTreeMap::new()));
        }
        let by_ref = results.into_iter().map(|deleted| (deleted.topic, deleted.result));
        Some(self.answer(&by_ref.collect()))
    }

    fn answer(&self, deleted: &BTreeMap<TopicRef, Result<DeletedTopicInfo, Refusal>>) -> Vec<DeletedTopic> {
        let by_id = |id: &TopicRef| match (deleted.get(id), self.seen.get(id)) {
            (Some(Err(refusal)), Some(seen)) if refusal.code == ErrorCode::UnknownTopicId => Ok(seen.clone()),
            (Some(result), _) => result.clone(),
            (None, _) => Err(unanswered()),
        };
        let result = |topic: &TopicRef| match topic {
            TopicRef::Id(_) => by_id(topic),
            TopicRef::Name(name) => match self.names.get(name) {
                Some(Ok(found)) => by_id(&TopicRef::Id(found.id)),
                Some(Err(refusal)) => Err(refusal.clone()),
                None => Err(unanswered()),
            },
        };
        let answer = self.asked.iter().map(|topic| DeletedTopic {
            topic: topic.clone(),
            result: result(topic),
        });
        answer.collect()
    }
}

fn unanswered() -> Refusal {
    Refusal::new(
        ErrorCode::UnknownServerError,
        "the controller gave no answer for this topic",
    )
}
