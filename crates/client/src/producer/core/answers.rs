//! What answers, and their absence, mean for the batches.

use std::{collections::BTreeMap, sync::Arc};

use record::{BrokerId, LeaderEpoch, Offset};

use super::{Core, CoreOptions, Identity, LONGEST_BACKOFF_MS, METADATA_BACKOFF_MS};
use crate::{
    error::{ErrorCode, ServerError},
    producer::{
        batch::{BatchId, TopicPartition},
        error::ProduceError,
        event::{Action, Answer, Millis, RequestId, Sent},
        judge::{Verdict, judge},
        queue::{Pending, Queue, State},
    },
};

impl Core {
    /// Fails everything that has no result yet, and everything that comes.
    pub(super) fn stop(&mut self, reason: &str, actions: &mut Vec<Action>) {
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

    pub(super) fn take_leaders(
        &mut self,
        leaders: Vec<(TopicPartition, Option<(BrokerId, LeaderEpoch)>)>,
        now: Millis,
    ) {
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

    pub(super) fn metadata_over(&mut self, now: Millis) {
        self.metadata.asked = false;
        self.metadata.not_before = now.plus(METADATA_BACKOFF_MS);
    }

    pub(super) fn take_failure(&mut self, request: RequestId, reason: &str, sent: Sent, now: Millis) {
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

    pub(super) fn take_answers(
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
                if let Some(batch) = queue.give_up(place) {
                    let error = answer.error.unwrap_or(ServerError {
                        code: ErrorCode::UnknownServerError,
                        message: None,
                    });
                    let (topic, partition) = (partition.topic.to_string(), partition.partition);
                    let result = Err(ProduceError::Rejected {
                        topic,
                        partition,
                        error,
                        may_be_written: batch.may_be_written,
                    });
                    actions.push(Action::Complete { batch: id, result });
                }
            }
            Verdict::Stop => return Err(format!("{partition} answered {said}")),
        }
        Ok(())
    }

    /// Gives up what is older than the delivery timeout. The oldest of a partition come first.
    pub(super) fn expire(&mut self, now: Millis, actions: &mut Vec<Action>) {
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
}

fn back_off(queue: &mut Queue, options: &CoreOptions, reason: &str, now: Millis) {
    let doubled = options
        .retry_backoff_ms
        .saturating_mul(1 << queue.failures.min(10));
    queue.not_before = now.plus(doubled.min(LONGEST_BACKOFF_MS.max(options.retry_backoff_ms)));
    queue.failures = queue.failures.saturating_add(1);
    reason.clone_into(&mut queue.last_error);
}
