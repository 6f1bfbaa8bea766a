//! What clients ask for, and what they are told.

use cluster::{
    ControllerReply, ControllerRequest, CreateTopics, DeleteTopics, Event, Millis, NewTopic, Token, TopicRef,
};
use record::{BrokerId, TopicId};
use uuid::Uuid;

use super::words;
use super::world::{Happening, World};

/// Topics that clients only create: once answered, they must stay. Few, so that requests meet.
const KEPT: u64 = 16;

/// Topics that clients create and delete. Each deletion takes effect once at most, however often it is
/// repeated on the way to the controller.
const DELETED: u64 = 3;

impl World {
    pub(super) fn client(&mut self) -> Result<(), String> {
        if !self.healed {
            let delay = self.random.between(1, 2 * self.weather.request_every);
            self.schedule.after(delay, Happening::Client);
        }
        let running: Vec<BrokerId> = self
            .running()
            .into_iter()
            .filter(|id| !self.is_paused(*id))
            .collect();
        let Some(at) = self.random.pick(&running) else {
            return Ok(());
        };
        let Some(request) = self.draw_request(at) else {
            return Ok(());
        };
        self.request(at, request)
    }

    pub(super) fn draw_request(&mut self, at: BrokerId) -> Option<ControllerRequest> {
        let kept = format!("kept-{}", self.random.below(KEPT));
        let deleted = format!("deleted-{}", self.random.below(DELETED));
        let timeout = Millis(self.random.between(100, 8_000));
        Some(match self.random.below(10) {
            0..=3 => self.create_topic(kept, timeout),
            4 => self.create_topic(deleted, timeout),
            5 => {
                let topics = vec![TopicRef::Name(deleted)];
                ControllerRequest::DeleteTopics(DeleteTopics { topics, timeout })
            }
            _ => {
                let broker_epoch = self.brokers[&at].node.as_ref()?.broker_epoch()?;
                ControllerRequest::AllocateProducerIds {
                    broker: at,
                    broker_epoch,
                }
            }
        })
    }

    pub(super) fn create_topic(&mut self, name: String, timeout: Millis) -> ControllerRequest {
        let partitions = self.random.between(1, 4) as i32;
        let id = TopicId(Uuid::from_u128(self.random.number() | 1));
        let replication_factor = -1;
        let (assignments, configs) = (Vec::new(), Vec::new());
        if name.starts_with("deleted") {
            self.oracle.asks_for(id, &name);
        }
        let topic = NewTopic {
            name,
            id,
            partitions,
            replication_factor,
            assignments,
            configs,
        };
        ControllerRequest::CreateTopics(CreateTopics {
            topics: vec![topic],
            validate_only: false,
            timeout,
        })
    }

    pub(super) fn request(&mut self, at: BrokerId, request: ControllerRequest) -> Result<(), String> {
        self.next_token += 1;
        let token = Token(self.next_token);
        self.tell(format!(
            "client asks {at} ({}): {}",
            token.0,
            words::request(&request)
        ));
        let start = self.brokers[&at].start;
        self.requests.insert(token, (at, start, request.clone()));
        self.event(at, Event::Request { token, request })
    }

    pub(super) fn answered(
        &mut self,
        id: BrokerId,
        token: Token,
        reply: ControllerReply,
    ) -> Result<(), String> {
        let Some((at, _, request)) = self.requests.remove(&token) else {
            return Err(format!(
                "broker {id} answers request {} that nobody waits for",
                token.0
            ));
        };
        self.tell(format!("{at} answers ({}): {}", token.0, words::reply(&reply)));
        match (request, reply) {
            (ControllerRequest::CreateTopics(create), ControllerReply::CreateTopics(created)) => {
                for (asked, created) in create.topics.into_iter().zip(created) {
                    if created.result.is_ok() && asked.name.starts_with("kept") {
                        self.oracle.created(asked.id, asked.name);
                    }
                }
                Ok(())
            }
            (
                ControllerRequest::AllocateProducerIds { .. },
                ControllerReply::ProducerIds { first, count },
            ) => self.oracle.got_producer_ids(first, count),
            (ControllerRequest::DeleteTopics(_), ControllerReply::DeleteTopics(deleted)) => {
                for info in deleted.into_iter().filter_map(|deleted| deleted.result.ok()) {
                    self.oracle.deleted(info.id, &info.name);
                }
                Ok(())
            }
            (request, ControllerReply::Refused(_)) => {
                self.in_doubt(&request);
                Ok(())
            }
            (request, reply) => Err(format!("{request:?} was answered by {reply:?}")),
        }
    }

    /// Nobody will ever be told what became of a request.
    fn in_doubt(&mut self, request: &ControllerRequest) {
        let ControllerRequest::DeleteTopics(delete) = request else {
            return;
        };
        for topic in &delete.topics {
            if let TopicRef::Name(name) = topic {
                self.oracle.may_have_deleted(name);
            }
        }
    }

    /// What was asked of a process that died is never answered.
    pub(super) fn forget_requests(&mut self, of: BrokerId) {
        let died = self.requests.extract_if(.., |_, (at, _, _)| *at == of);
        let died: Vec<_> = died.map(|(_, (_, _, request))| request).collect();
        for request in died {
            self.in_doubt(&request);
        }
    }
}
