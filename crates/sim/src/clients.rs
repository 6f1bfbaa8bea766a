//! What clients ask of brokers, and who is told the answer.

use std::collections::BTreeMap;

use broker::{Executor, Request, RequestId, Response};
use cluster::Metadata;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use record::BrokerId;

use crate::consumers::Consumer;
use crate::producers::{Attempt, Producer};
use crate::promises::Key;
use crate::topics::Topic;
use crate::world::{Happening, World};

/// How long a client waits for an answer.
const PATIENCE: u64 = 3_000;

/// All clients, and what they wait for.
#[derive(Default)]
pub(crate) struct Clients {
    waiting: BTreeMap<RequestId, Waiting>,
    requests: u64,
    pub(crate) topics: Vec<Topic>,
    pub(crate) producers: Vec<Producer>,
    pub(crate) consumers: Vec<Consumer>,
    /// Producers write no new records any more.
    pub(crate) winding_up: bool,
}

struct Waiting {
    at: BrokerId,
    purpose: Purpose,
}

/// A request on its way to a broker.
pub(crate) struct Travelling {
    request: RequestId,
    version: i16,
    body: Request,
}

/// What a client's request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    Create(String),
    Delete(String),
    /// The topic, and how many partitions it shall have.
    Enlarge(usize, i32),
    /// What came of it shows in the metadata.
    Administer,
    /// Records below are wanted no more.
    DeleteRecords(Key, i64),
    /// A producer wants an id.
    Init(usize),
    Produce(Attempt),
    /// A consumer's Fetch, and how often everything was lost before.
    Consume {
        consumer: usize,
        losses: u64,
    },
    /// A consumer asks for the latest offset, of a leader of this epoch.
    Latest {
        consumer: usize,
        epoch: i32,
        losses: u64,
    },
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

impl World {
    /// Sends a client's request to a broker. What comes on one connection stays in its order.
    pub(crate) fn request(&mut self, at: BrokerId, version: i16, body: Request, purpose: Purpose) {
        self.clients.requests += 1;
        let request = RequestId {
            connection: self.clients.requests,
            serial: 0,
        };
        self.clients.waiting.insert(request, Waiting { at, purpose });
        self.schedule.after(PATIENCE, Happening::Impatient(request));
        let delay = self.random.between(0, self.weather.network.delay);
        let broker = self.broker(at);
        let sent = Travelling {
            request,
            version,
            body,
        };
        broker.inbox.push_back(sent);
        let start = broker.start;
        self.schedule.after(delay, Happening::Request(at, start));
    }

    /// The next request of a client has come to a broker. One that is paused finds it later.
    pub(crate) fn deliver(&mut self, at: BrokerId, start: u64) -> Result<(), String> {
        if !self.is_start(at, start) {
            return Ok(());
        }
        let paused = self.brokers[&at].paused_until.since(self.schedule.now()).0;
        if paused > 0 {
            self.schedule.after(paused, Happening::Request(at, start));
            return Ok(());
        }
        match self.broker(at).inbox.pop_front() {
            Some(sent) => {
                let input = broker::Input::Client {
                    request: sent.request,
                    version: sent.version,
                    body: sent.body,
                };
                self.input(at, input)
            }
            None => Ok(()),
        }
    }

    pub(crate) fn responded(
        &mut self,
        at: BrokerId,
        request: RequestId,
        body: Response,
    ) -> Result<(), String> {
        let Some(waiting) = self.clients.waiting.remove(&request) else {
            return Ok(());
        };
        if waiting.at != at {
            return Err(format!("broker {at} answers a request to broker {}", waiting.at));
        }
        match (waiting.purpose, body) {
            (Purpose::Create(name), Response::CreateTopics(response)) => self.created(&name, &response),
            (Purpose::Delete(name), Response::DeleteTopics(response)) => self.deleted(&name, &response),
            (Purpose::Enlarge(topic, count), Response::CreatePartitions(response)) => {
                self.enlarged(topic, count, &response);
            }
            (Purpose::DeleteRecords(key, up_to), Response::DeleteRecords(response)) => {
                return self.deleted_records(key, up_to, &response);
            }
            (Purpose::Init(producer), Response::InitProducerId(response)) => {
                return self.identified(producer, &response);
            }
            (Purpose::Consume { consumer, losses }, Response::Fetch(response)) => {
                return self.consumed(at, consumer, losses, response);
            }
            (
                Purpose::Latest {
                    consumer,
                    epoch,
                    losses,
                },
                Response::ListOffsets(response),
            ) => return self.told_latest(consumer, epoch, losses, &response),
            (Purpose::Produce(attempt), Response::Produce(response)) => {
                return self.produced(at, attempt, &response);
            }
            (Purpose::Administer, _) => {}
            (purpose, body) => return Err(format!("{purpose:?} was answered by {body:?}")),
        }
        Ok(())
    }

    /// A Produce with acks=0 is done; `taken`: its batch was appended.
    pub(crate) fn done_in_silence(
        &mut self,
        at: BrokerId,
        request: RequestId,
        taken: bool,
    ) -> Result<(), String> {
        match self
            .clients
            .waiting
            .remove(&request)
            .map(|waiting| waiting.purpose)
        {
            None => Ok(()),
            Some(Purpose::Produce(attempt)) => self.produced_in_silence(at, attempt, taken),
            Some(purpose) => Err(format!("broker {at} left {purpose:?} without an answer")),
        }
    }

    /// Nobody will tell a client what became of its request.
    pub(crate) fn unanswered(&mut self, request: RequestId) {
        match self
            .clients
            .waiting
            .remove(&request)
            .map(|waiting| waiting.purpose)
        {
            Some(Purpose::Init(producer)) => self.retry(producer),
            Some(Purpose::Produce(attempt)) => self.not_acknowledged(attempt),
            Some(Purpose::Delete(name)) => self.oracle.may_have_deleted(&name),
            _ => {}
        }
    }

    /// The connections of all clients break: a process has ended.
    pub(crate) fn hang_up(&mut self, at: BrokerId) {
        self.broker(at).inbox.clear();
        let waiting = self.clients.waiting.iter();
        let theirs: Vec<RequestId> = waiting
            .filter(|(_, waiting)| waiting.at == at)
            .map(|(request, _)| *request)
            .collect();
        for request in theirs {
            self.schedule.after(1, Happening::Impatient(request));
        }
    }

    /// A broker that runs, paused or not.
    pub(crate) fn anybody(&mut self) -> Option<BrokerId> {
        let running = self.running();
        self.random.pick(&running)
    }

    /// The leader of a partition, as the best informed broker knows it.
    pub(crate) fn leader_of(&self, key: Key) -> Option<BrokerId> {
        let leader = self.best_metadata()?.partition(key.0, key.1)?.leader?;
        self.brokers[&leader].executor.is_some().then_some(leader)
    }

    /// The metadata of whoever runs and has applied most.
    pub(crate) fn best_metadata(&self) -> Option<&Metadata> {
        let running = self.brokers.values().filter_map(|b| b.executor.as_ref());
        running
            .map(Executor::metadata)
            .max_by_key(|metadata| metadata.applied)
    }
}
