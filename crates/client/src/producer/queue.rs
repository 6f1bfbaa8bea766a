//! One partition's batches, from the first record to the acknowledgement.

use std::{collections::VecDeque, sync::Arc};

use record::{BatchBuilder, BrokerId, LeaderEpoch, ProducerEpoch, Sequence};

use super::{
    batch::{BatchId, Sealed},
    event::{Millis, RequestId},
};

/// Batches of a partition that a broker recognises when they are sent again: it remembers the last five of
/// each producer.
pub(crate) const MAX_SENT: u64 = 5;

/// The batch that takes records.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) id: BatchId,
    pub(crate) records: BatchBuilder,
    pub(crate) created: Millis,
}

/// A batch that was closed.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: BatchId,
    pub(crate) sealed: Arc<Sealed>,
    pub(crate) created: Millis,
    pub(crate) state: State,
    pub(crate) base_sequence: Sequence,
    /// How many batches of the series were sent before it.
    pub(crate) number: u64,
    /// Whether an attempt ended without an answer, or with one that leaves it open.
    pub(crate) may_be_written: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    InFlight(RequestId, BrokerId),
}

/// One partition. `sent` holds batches with a sequence, oldest first: they are retried one at a time and
/// from the front, so that order holds; `closed` those that were never sent.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) open: Option<Open>,
    pub(crate) closed: VecDeque<Pending>,
    pub(crate) sent: VecDeque<Pending>,
    pub(crate) leader: Option<(BrokerId, LeaderEpoch)>,
    pub(crate) epoch: Option<ProducerEpoch>,
    pub(crate) next_sequence: Sequence,
    pub(crate) next_number: u64,
    /// Whether the brokers know the series: a first batch of it was acknowledged. A broker that doesn't
    /// know a producer takes any sequence, so before that a second batch may not overtake the first.
    pub(crate) known: bool,
    /// Whether a sequence before those in `sent` was given up: where it isn't written, none of them is.
    pub(crate) gap: bool,
    pub(crate) not_before: Millis,
    pub(crate) failures: u32,
    pub(crate) last_error: String,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            open: None,
            closed: VecDeque::new(),
            sent: VecDeque::new(),
            leader: None,
            epoch: None,
            next_sequence: Sequence(0),
            next_number: 0,
            known: false,
            gap: false,
            not_before: Millis(0),
            failures: 0,
            last_error: "it was never sent".to_owned(),
        }
    }
}

impl Queue {
    /// No more records into the open batch.
    pub(crate) fn close_open(&mut self) {
        if let Some(Open { id, records, created }) = self.open.take() {
            let sealed = Arc::new(Sealed::new(records));
            let base_sequence = Sequence(-1);
            let state = State::Waiting;
            self.closed.push_back(Pending {
                id,
                sealed,
                created,
                state,
                base_sequence,
                number: 0,
                may_be_written: false,
            });
        }
    }

    /// The batch that may be sent now: the oldest that must be sent again, or else a new one. Batches behind the
    /// oldest count also when they are acknowledged: the broker would remember it no longer.
    pub(crate) fn next(&self) -> Option<&Pending> {
        let limit = if self.known { MAX_SENT } else { 1 };
        let oldest = self.sent.front().map_or(self.next_number, |batch| batch.number);
        match self.sent.iter().position(|batch| batch.state == State::Waiting) {
            Some(0) => self.sent.front(),
            Some(_) => None,
            None if self.next_number - oldest < limit => self.closed.front(),
            None => None,
        }
    }

    /// Marks the batch of [`Queue::next`] as sent.
    pub(crate) fn send_next(&mut self, request: RequestId, leader: BrokerId) -> Option<&Pending> {
        let again = self
            .sent
            .front()
            .is_some_and(|batch| batch.state == State::Waiting);
        if !again {
            let mut batch = self.closed.pop_front()?;
            (batch.base_sequence, batch.number) = (self.next_sequence, self.next_number);
            self.next_number += 1;
            self.next_sequence = self.next_sequence.plus(batch.sealed.count());
            self.sent.push_back(batch);
        }
        let batch = if again {
            self.sent.front_mut()
        } else {
            self.sent.back_mut()
        }?;
        batch.state = State::InFlight(request, leader);
        Some(batch)
    }

    /// Where a batch of this request stands in `sent`.
    pub(crate) fn place(&self, id: BatchId, request: RequestId) -> Option<usize> {
        let ours =
            |batch: &Pending| batch.id == id && matches!(batch.state, State::InFlight(r, _) if r == request);
        self.sent.iter().position(ours)
    }

    /// Takes a batch out that won't be acknowledged. Its sequence is used again only where it certainly wasn't
    /// written and nothing follows it: the broker would take another batch for this one.
    pub(crate) fn give_up(&mut self, place: usize) -> Option<Pending> {
        let batch = self.sent.remove(place)?;
        if !batch.may_be_written && place == self.sent.len() {
            self.next_sequence = batch.base_sequence;
        } else {
            self.gap = true;
        }
        Some(batch)
    }

    /// Starts a new series in the next epoch with all batches that are sent but not written. `None` where
    /// no epoch is left.
    pub(crate) fn restart_sequences(&mut self) -> Option<ProducerEpoch> {
        let epoch = ProducerEpoch(self.epoch?.0.checked_add(1)?);
        self.epoch = Some(epoch);
        let mut sequence = Sequence(0);
        for (batch, number) in self.sent.iter_mut().zip(0..) {
            (batch.base_sequence, batch.number) = (sequence, number);
            batch.state = State::Waiting;
            batch.may_be_written = false;
            sequence = sequence.plus(batch.sealed.count());
        }
        (self.next_sequence, self.next_number) = (sequence, self.sent.len() as u64);
        (self.gap, self.known) = (false, false);
        Some(epoch)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_none() && self.closed.is_empty() && self.sent.is_empty()
    }
}
