//! The producer's decisions: no sockets, no clock, no tasks. Events in, actions out.
//!
//! What holds, whatever happens on the network:
//! * Batches of a partition are written in the order in which they were closed, each once.
//! * At most five of them, from the oldest that is unanswered on, and at most five requests a broker are on
//!   their way; one batch, before the brokers know the partition's series of sequences.
//! * A batch that may have been written is sent again only with the same sequence, so that the broker
//!   recognises it. After a failed attempt the oldest goes first and alone; nothing new is sent before.
//! * A new series (next epoch, sequence 0; KIP-360) is started only where the broker has shown that none of
//!   the batches was written. Where that can't be known the producer stops with an error.

mod answers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use record::{BatchBuilder, BrokerId, Compression, Header, ProducerEpoch, ProducerId, Timestamp};

use super::{
    batch::{BatchId, Stamp, TopicPartition},
    error::ProduceError,
    event::{Action, Appended, Event, Millis, Outgoing, RequestId},
    queue::{Open, Queue, State},
};

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

#[cfg(test)]
mod tests;
