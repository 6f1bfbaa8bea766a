//! The producer's decisions: no sockets, no clock, no tasks. Events in, actions out.
//!
//! What holds, whatever happens on the network:
//! * Batches of a partition are written in the order in which they were closed, each once.
//! * At most five of them, and at most five requests a broker, are unanswered; one, before the brokers know
//!   the partition's series of sequences.
//! * A batch that may have been written is sent again only with the same sequence, so that the broker
//!   recognises it. After a failed attempt the oldest goes first and alone; nothing new is sent before.
//! * A new series (next epoch, sequence 0; KIP-360) is started only where the broker has shown that none of
//!   the batches was written. Where that can't be known the producer stops with an error.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use record::{
    BatchBuilder, BrokerId, Compression, Header, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp,
};

use super::{
    batch::{BatchId, Sealed, Stamp, TopicPartition},
    error::ProduceError,
    judge::{Verdict, judge},
    queue::{Open, Pending, Queue, State},
};
use crate::error::{ErrorCode, ServerError};

/// Milliseconds of a clock that never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// One Produce request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(pub(crate) u64);

/// Requests to one broker that aren't answered (`max.in.flight.requests.per.connection`).
const MAX_REQUESTS: usize = 5;
const LONGEST_BACKOFF_MS: u64 = 1_000;
/// Between two looks at metadata.
const METADATA_BACKOFF_MS: u64 = 100;
/// A request that is unanswered for so long makes us look for another leader, long before it times out.
const SLOW_MS: u64 = 2_000;
/// Between two looks for another leader.
const SLOW_AGAIN_MS: u64 = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct CoreOptions {
    pub(crate) idempotent: bool,
    pub(crate) identity: Option<(ProducerId, ProducerEpoch)>,
    pub(crate) compression: Compression,
    pub(crate) linger_ms: u64,
    pub(crate) batch_bytes: usize,
    pub(crate) max_request_bytes: usize,
    pub(crate) delivery_timeout_ms: u64,
    pub(crate) retry_backoff_ms: u64,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// Time passed, or records were appended.
    Tick,
    /// The answer to [`Action::InitProducerId`]; an error is tried again.
    ProducerId(Result<(ProducerId, ProducerEpoch), String>),
    /// The producer id was refused for good.
    Refused(String),
    /// The answer to [`Action::RefreshMetadata`].
    Leaders(Vec<(TopicPartition, Option<(BrokerId, LeaderEpoch)>)>),
    /// Metadata couldn't be had.
    NoMetadata,
    /// A Produce request was answered.
    Answered {
        request: RequestId,
        answers: Vec<(TopicPartition, Answer)>,
    },
    /// A Produce request won't be answered.
    Failed {
        request: RequestId,
        reason: String,
        sent: Sent,
    },
}

/// Whether a request without an answer can have reached the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    No,
    Perhaps,
}

/// A broker's answer about one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) error: Option<ServerError>,
    /// -1 where the broker recognised the batch but no longer knows where it lies.
    pub(crate) base_offset: Offset,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    InitProducerId,
    RefreshMetadata {
        topics: Vec<Arc<str>>,
    },
    Send {
        request: RequestId,
        broker: BrokerId,
        batches: Vec<Outgoing>,
    },
    /// A batch has its final result.
    Complete {
        batch: BatchId,
        result: Result<Offset, ProduceError>,
    },
}

/// One batch of a request.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) partition: TopicPartition,
    pub(crate) batch: Arc<Sealed>,
    pub(crate) stamp: Stamp,
}

/// Where a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) batch: BatchId,
    /// Place in the batch.
    pub(crate) index: i32,
    /// Whether there is something new to decide: a batch was opened or closed.
    pub(crate) wake: bool,
}

#[derive(Debug)]
enum Identity {
    Unknown { not_before: Millis },
    Asked,
    Known(ProducerId, ProducerEpoch),
    Stopped(String),
}

#[derive(Debug, Default)]
struct Metadata {
    wanted: BTreeSet<Arc<str>>,
    asked: bool,
    not_before: Millis,
}

#[derive(Debug)]
struct InFlight {
    broker: BrokerId,
    /// When the leaders are looked up, if there is no answer until then.
    slow_at: Millis,
    batches: Vec<(TopicPartition, BatchId)>,
}

#[derive(Debug)]
pub(crate) struct Core {
    options: CoreOptions,
    identity: Identity,
    queues: BTreeMap<TopicPartition, Queue>,
    requests: BTreeMap<RequestId, InFlight>,
    metadata: Metadata,
    next_batch: u64,
    next_request: u64,
    /// Where the next request starts to collect, so that no partition is always last.
    turn: usize,
}

impl Core {
    pub(crate) fn new(options: CoreOptions) -> Self {
        let identity = match options.identity {
            _ if !options.idempotent => Identity::Known(Stamp::NONE.producer_id, Stamp::NONE.epoch),
            Some((id, epoch)) => Identity::Known(id, epoch),
            None => Identity::Unknown {
                not_before: Millis(0),
            },
        };
        Self {
            options,
            identity,
            queues: BTreeMap::new(),
            requests: BTreeMap::new(),
            metadata: Metadata::default(),
            next_batch: 0,
            next_request: 0,
            turn: 0,
        }
    }

    /// Adds a record to its partition's open batch. `size` is what it takes at most.
    pub(crate) fn append(
        &mut self,
        partition: &TopicPartition,
        timestamp: Timestamp,
        (key, value): (Option<&[u8]>, Option<&[u8]>),
        headers: &[Header<'_>],
        now: Millis,
    ) -> Result<Appended, ProduceError> {
        if let Identity::Stopped(reason) = &self.identity {
            return Err(ProduceError::Fatal {
                reason: reason.clone(),
            });
        }
        let size = record::record_size(key, value, headers);
        if !self.queues.contains_key(partition) {
            self.queues.insert(partition.clone(), Queue::default());
        }
        let Some(queue) = self.queues.get_mut(partition) else {
            return Err(ProduceError::Closed);
        };
        let mut wake = false;
        if queue
            .open
            .as_ref()
            .is_some_and(|open| open.records.size() + size > self.options.batch_bytes)
        {
            queue.close_open();
            wake = true;
        }
        let next_batch = &mut self.next_batch;
        let compression = self.options.compression;
        let open = queue.open.get_or_insert_with(|| {
            wake = true;
            *next_batch += 1;
            Open {
                id: BatchId(*next_batch),
                records: BatchBuilder::new(compression),
                created: now,
            }
        });
        let index = open.records.len();
        open.records
            .push(timestamp, key, value, headers)
            .map_err(|_| ProduceError::TooLarge {
                bytes: size,
                limit: self.options.max_request_bytes,
            })?;
        let batch = open.id;
        if open.records.size() >= self.options.batch_bytes {
            queue.close_open();
            wake = true;
        }
        Ok(Appended { batch, index, wake })
    }

    /// Closes all open batches, and names all that have no result yet.
    pub(crate) fn flush(&mut self) -> Vec<BatchId> {
        let mut unfinished = Vec::new();
        for queue in self.queues.values_mut() {
            queue.close_open();
            unfinished.extend(queue.sent.iter().chain(&queue.closed).map(|batch| batch.id));
        }
        unfinished
    }

    pub(crate) fn on(&mut self, event: Event, now: Millis) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Tick => {}
            Event::ProducerId(Ok((id, epoch))) => self.identity = Identity::Known(id, epoch),
            Event::ProducerId(Err(reason)) => {
                tracing::debug!(reason, "no producer id yet");
                self.identity = Identity::Unknown {
                    not_before: now.plus(METADATA_BACKOFF_MS),
                };
            }
            Event::Refused(reason) => self.stop(&reason, &mut actions),
            Event::Leaders(leaders) => self.take_leaders(leaders, now),
            Event::NoMetadata => self.metadata_over(now),
            Event::Answered { request, answers } => self.take_answers(request, answers, now, &mut actions),
            Event::Failed {
                request,
                reason,
                sent,
            } => self.take_failure(request, &reason, sent, now),
        }
        self.expire(now, &mut actions);
        self.send(now, &mut actions);
        actions
    }

    /// When [`Event::Tick`] next has something to do, if nothing else happens before. What is due already
    /// waits for another event, not for time.
    pub(crate) fn next_deadline(&self, now: Millis) -> Option<Millis> {
        let mut deadline: Option<Millis> = None;
        let mut at = |time: Millis| {
            if time > now {
                deadline = Some(deadline.map_or(time, |d| d.min(time)));
            }
        };
        for queue in self.queues.values() {
            if let Some(open) = &queue.open {
                at(open.created.plus(self.options.linger_ms));
            }
            if let Some(oldest) = queue.sent.front().or(queue.closed.front()) {
                at(oldest.created.plus(self.options.delivery_timeout_ms));
            }
            // Without a leader the metadata's own time counts, below.
            if queue.next().is_some() && queue.leader.is_some() {
                at(queue.not_before);
            }
        }
        self.requests.values().for_each(|request| at(request.slow_at));
        if !self.metadata.wanted.is_empty() && !self.metadata.asked {
            at(self.metadata.not_before);
        }
        if let (Identity::Unknown { not_before }, false) = (&self.identity, self.is_empty()) {
            at(*not_before);
        }
        deadline
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.values().all(Queue::is_empty)
    }

    /// Fails everything that has no result yet, and everything that comes.
    fn stop(&mut self, reason: &str, actions: &mut Vec<Action>) {
        self.identity = Identity::Stopped(reason.to_owned());
        for queue in self.queues.values_mut() {
            queue.close_open();
            for batch in queue.sent.drain(..).chain(queue.closed.drain(..)) {
                let result = Err(ProduceError::Fatal {
                    reason: reason.to_owned(),
                });
                actions.push(Action::Complete {
                    batch: batch.id,
                    result,
                });
            }
        }
        self.metadata.wanted.clear();
    }

    fn take_leaders(&mut self, leaders: Vec<(TopicPartition, Option<(BrokerId, LeaderEpoch)>)>, now: Millis) {
        self.metadata_over(now);
        for (partition, leader) in leaders {
            let Some(queue) = self.queues.get_mut(&partition) else {
                continue;
            };
            if leader.is_none() || leader == queue.leader {
                continue;
            }
            let before = std::mem::replace(&mut queue.leader, leader);
            let (Some((before, _)), Some((now_leader, _))) = (before, leader) else {
                continue;
            };
            if before == now_leader {
                continue;
            }
            // The new leader decides: what the old one still answers is of no use to us.
            for batch in &mut queue.sent {
                if matches!(batch.state, State::InFlight(_, broker) if broker != now_leader) {
                    batch.state = State::Waiting;
                    batch.may_be_written = true;
                }
            }
            queue.not_before = now;
        }
    }

    fn metadata_over(&mut self, now: Millis) {
        self.metadata.asked = false;
        self.metadata.not_before = now.plus(METADATA_BACKOFF_MS);
    }

    fn take_failure(&mut self, request: RequestId, reason: &str, sent: Sent, now: Millis) {
        let Some(in_flight) = self.requests.remove(&request) else {
            return;
        };
        for (partition, id) in in_flight.batches {
            let Some(queue) = self.queues.get_mut(&partition) else {
                continue;
            };
            let Some(place) = queue.place(id, request) else {
                continue;
            };
            queue.sent[place].state = State::Waiting;
            queue.sent[place].may_be_written |= sent == Sent::Perhaps;
            back_off(queue, &self.options, reason, now);
            self.metadata.wanted.insert(Arc::clone(&partition.topic));
        }
    }

    fn take_answers(
        &mut self,
        request: RequestId,
        answers: Vec<(TopicPartition, Answer)>,
        now: Millis,
        actions: &mut Vec<Action>,
    ) {
        let Some(in_flight) = self.requests.remove(&request) else {
            return;
        };
        let mut answers: BTreeMap<_, _> = answers.into_iter().collect();
        for (partition, id) in in_flight.batches {
            let lacking = || Answer {
                error: Some(ServerError {
                    code: ErrorCode::NetworkException,
                    message: Some("the answer lacks this partition".to_owned()),
                }),
                base_offset: Offset(-1),
            };
            let answer = answers.remove(&partition).unwrap_or_else(lacking);
            if let Err(reason) = self.take_answer(&partition, id, request, answer, now, actions) {
                return self.stop(&reason, actions);
            }
        }
    }

    /// An error is one that stops the producer.
    fn take_answer(
        &mut self,
        partition: &TopicPartition,
        id: BatchId,
        request: RequestId,
        answer: Answer,
        now: Millis,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        let Some(queue) = self.queues.get_mut(partition) else {
            return Ok(());
        };
        let Some(place) = queue.place(id, request) else {
            return Ok(());
        };
        let said = answer
            .error
            .as_ref()
            .map(ServerError::to_string)
            .unwrap_or_default();
        match judge(answer.error.as_ref().map(|error| error.code)) {
            Verdict::Written => {
                let refused = |before: &Pending| before.state == State::Waiting && !before.may_be_written;
                if queue.sent.iter().take(place).any(refused) {
                    return Err(format!(
                        "{partition} wrote a batch before the one that it had refused"
                    ));
                }
                queue.sent.remove(place);
                actions.push(Action::Complete {
                    batch: id,
                    result: Ok(answer.base_offset),
                });
                (queue.failures, queue.gap, queue.known) = (0, false, true);
            }
            verdict @ (Verdict::Retry | Verdict::RetryUnclear) => {
                queue.sent[place].state = State::Waiting;
                queue.sent[place].may_be_written |= verdict == Verdict::RetryUnclear;
                back_off(queue, &self.options, &said, now);
                self.metadata.wanted.insert(Arc::clone(&partition.topic));
            }
            Verdict::OutOfOrder if place > 0 => queue.sent[place].state = State::Waiting,
            Verdict::OutOfOrder => {
                if queue.sent[place].may_be_written && !queue.gap {
                    return Err(format!(
                        "{partition} answered {said} to a batch that may already be written: \
                         the partition's log lost its end, or the broker the state of this producer"
                    ));
                }
                let epoch = queue.restart_sequences().ok_or("no producer epoch is left")?;
                back_off(queue, &self.options, &said, now);
                tracing::warn!(%partition, %epoch, said, "new series of sequences");
            }
            Verdict::Rejected => {
                if queue.give_up(place).is_some() {
                    let error = answer.error.unwrap_or(ServerError {
                        code: ErrorCode::UnknownServerError,
                        message: None,
                    });
                    let (topic, partition) = (partition.topic.to_string(), partition.partition);
                    let result = Err(ProduceError::Rejected {
                        topic,
                        partition,
                        error,
                    });
                    actions.push(Action::Complete { batch: id, result });
                }
            }
            Verdict::Stop => return Err(format!("{partition} answered {said}")),
        }
        Ok(())
    }

    /// Gives up what is older than the delivery timeout. The oldest of a partition come first.
    fn expire(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let timeout_ms = self.options.delivery_timeout_ms;
        for (partition, queue) in &mut self.queues {
            let last = queue.last_error.clone();
            let mut fail = |batch: Pending| {
                let in_flight = matches!(batch.state, State::InFlight(..));
                let error = ProduceError::TimedOut {
                    topic: partition.topic.to_string(),
                    partition: partition.partition,
                    timeout_ms,
                    last: last.clone(),
                    may_be_written: batch.may_be_written || in_flight,
                };
                actions.push(Action::Complete {
                    batch: batch.id,
                    result: Err(error),
                });
            };
            let expired = |created: Millis| created.plus(timeout_ms) <= now;
            while let Some(oldest) = queue.sent.front_mut().filter(|batch| expired(batch.created)) {
                oldest.may_be_written |= oldest.state != State::Waiting;
                queue.give_up(0).map(&mut fail);
            }
            while queue.closed.front().is_some_and(|batch| expired(batch.created)) {
                queue.closed.pop_front().map(&mut fail);
            }
        }
    }

    /// Sends all that may be sent.
    fn send(&mut self, now: Millis, actions: &mut Vec<Action>) {
        let linger = self.options.linger_ms;
        for queue in self.queues.values_mut() {
            if queue
                .open
                .as_ref()
                .is_some_and(|open| open.created.plus(linger) <= now)
            {
                queue.close_open();
            }
        }
        match self.identity {
            Identity::Known(..) => while self.send_one_request(now, actions) {},
            Identity::Unknown { not_before } if not_before <= now && !self.is_empty() => {
                self.identity = Identity::Asked;
                actions.push(Action::InitProducerId);
            }
            _ => {}
        }
        if !self.metadata.asked {
            self.want_missing_leaders();
        }
        self.want_leaders_of_slow(now);
        if !self.metadata.wanted.is_empty() && !self.metadata.asked && self.metadata.not_before <= now {
            self.metadata.asked = true;
            let topics = std::mem::take(&mut self.metadata.wanted).into_iter().collect();
            actions.push(Action::RefreshMetadata { topics });
        }
    }

    fn want_missing_leaders(&mut self) {
        let missing = |(_, queue): &(&TopicPartition, &Queue)| queue.leader.is_none() && !queue.is_empty();
        let topics = self
            .queues
            .iter()
            .filter(missing)
            .map(|(partition, _)| Arc::clone(&partition.topic));
        self.metadata.wanted.extend(topics);
    }

    /// A broker that is stuck doesn't say that it lost its partitions; others do.
    fn want_leaders_of_slow(&mut self, now: Millis) {
        for request in self
            .requests
            .values_mut()
            .filter(|request| request.slow_at <= now)
        {
            request.slow_at = now.plus(SLOW_AGAIN_MS);
            let topics = request
                .batches
                .iter()
                .map(|(partition, _)| Arc::clone(&partition.topic));
            self.metadata.wanted.extend(topics);
        }
    }

    /// One request to some broker that may get one; false where there is none.
    fn send_one_request(&mut self, now: Millis, actions: &mut Vec<Action>) -> bool {
        let Identity::Known(producer_id, first_epoch) = self.identity else {
            return false;
        };
        let idempotent = self.options.idempotent;
        let ready = |queue: &Queue| {
            let alone = idempotent || queue.sent.iter().all(|batch| batch.state == State::Waiting);
            queue.not_before <= now && alone && queue.next().is_some()
        };
        let request = RequestId(self.next_request);
        let (mut batches, mut ids, mut size) = (Vec::new(), Vec::new(), 0);
        let mut to: Option<BrokerId> = None;
        let count = self.queues.len();
        let start = self.turn.checked_rem(count).unwrap_or(0);
        let order: Vec<TopicPartition> = self
            .queues
            .keys()
            .cycle()
            .skip(start)
            .take(count)
            .cloned()
            .collect();
        for partition in order {
            let busy = |broker| {
                self.requests
                    .values()
                    .filter(|sent| sent.broker == broker)
                    .count()
                    >= MAX_REQUESTS
            };
            let Some(queue) = self.queues.get_mut(&partition) else {
                continue;
            };
            let Some((leader, _)) = queue.leader.filter(|_| ready(queue)) else {
                continue;
            };
            if to.is_some_and(|to| to != leader) || busy(leader) {
                continue;
            }
            let next_size = queue.next().map_or(0, |batch| batch.sealed.size());
            if !batches.is_empty() && size + next_size > self.options.max_request_bytes {
                continue;
            }
            let epoch = *queue.epoch.get_or_insert(first_epoch);
            let Some(batch) = queue.send_next(request, leader) else {
                continue;
            };
            let base_sequence = batch.base_sequence;
            let stamp = Stamp {
                producer_id,
                epoch,
                base_sequence,
            };
            let stamp = if idempotent { stamp } else { Stamp::NONE };
            ids.push((partition.clone(), batch.id));
            batches.push(Outgoing {
                partition,
                batch: Arc::clone(&batch.sealed),
                stamp,
            });
            size += next_size;
            to = Some(leader);
        }
        let Some(broker) = to else { return false };
        self.next_request += 1;
        self.turn = self.turn.wrapping_add(1);
        self.requests.insert(
            request,
            InFlight {
                broker,
                slow_at: now.plus(SLOW_MS),
                batches: ids,
            },
        );
        actions.push(Action::Send {
            request,
            broker,
            batches,
        });
        true
    }
}

fn back_off(queue: &mut Queue, options: &CoreOptions, reason: &str, now: Millis) {
    let doubled = options
        .retry_backoff_ms
        .saturating_mul(1 << queue.failures.min(10));
    queue.not_before = now.plus(doubled.min(LONGEST_BACKOFF_MS.max(options.retry_backoff_ms)));
    queue.failures = queue.failures.saturating_add(1);
    reason.clone_into(&mut queue.last_error);
}

#[cfg(test)]
mod tests;
