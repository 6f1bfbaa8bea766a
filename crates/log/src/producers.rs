//! The idempotent producers that have written to a partition (KIP-98).

use std::collections::{BTreeMap, VecDeque};

use record::{BatchHeader, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::{AppendError, ProducerView};

pub(crate) mod snapshot;

/// So many batches are remembered of each producer, because so many may be in flight.
const REMEMBERED: usize = 5;

/// What is remembered of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchMemory {
    pub(crate) last_sequence: Sequence,
    pub(crate) last_offset: Offset,
    /// Number of offsets less one.
    pub(crate) offset_delta: i32,
}

impl BatchMemory {
    fn of(header: &BatchHeader) -> Self {
        Self {
            last_sequence: header.last_sequence(),
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
        }
    }

    pub(crate) fn base_offset(&self) -> Offset {
        Offset(self.last_offset.0.saturating_sub(i64::from(self.offset_delta)))
    }
}

/// What is known of one producer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: ProducerEpoch,
    /// Its last batches, oldest first; empty where all of them are gone.
    pub(crate) batches: VecDeque<BatchMemory>,
    /// When it last wrote, by the broker's clock.
    pub(crate) last_timestamp: Timestamp,
}

impl Producer {
    fn add(&mut self, header: &BatchHeader, now: Timestamp) {
        if self.epoch != header.producer_epoch {
            self.epoch = header.producer_epoch;
            self.batches.clear();
        }
        if self.batches.len() == REMEMBERED {
            self.batches.pop_front();
        }
        self.batches.push_back(BatchMemory::of(header));
        self.last_timestamp = now;
    }

    /// The remembered batch of the same sequences, if there is one.
    fn duplicate(&self, header: &BatchHeader) -> Option<BatchMemory> {
        if self.epoch != header.producer_epoch {
            return None;
        }
        let new = BatchMemory::of(header);
        self.batches
            .iter()
            .find(|old| old.last_sequence == new.last_sequence && old.offset_delta == new.offset_delta)
            .copied()
    }

    fn check(&self, header: &BatchHeader) -> Result<(), AppendError> {
        if header.producer_epoch < self.epoch {
            return Err(AppendError::InvalidProducerEpoch {
                producer: header.producer_id,
                current: self.epoch,
                got: header.producer_epoch,
            });
        }
        let expected = match self.batches.back() {
            _ if header.producer_epoch > self.epoch => Sequence(0),
            Some(last) => last.last_sequence.plus(1),
            None => return Ok(()),
        };
        if header.base_sequence == expected {
            Ok(())
        } else {
            Err(AppendError::OutOfOrderSequence {
                producer: header.producer_id,
                expected,
                got: header.base_sequence,
            })
        }
    }
}

/// All producers of a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Producers {
    known: BTreeMap<ProducerId, Producer>,
}

/// Changes of an append that has not been written yet.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    changed: Vec<(ProducerId, Producer)>,
}

impl Producers {
    /// Checks a producer's batch against what is known and staged. Gives the batch that was
    /// appended first, where this one repeats it; else stages it (its offsets must be assigned).
    pub(crate) fn stage(
        &self,
        staged: &mut Staged,
        header: &BatchHeader,
        now: Timestamp,
    ) -> Result<Option<BatchMemory>, AppendError> {
        let id = header.producer_id;
        let at = staged.changed.iter().position(|(other, _)| *other == id);
        let current = match at {
            Some(at) => Some(&staged.changed[at].1),
            None => self.known.get(&id),
        };
        if let Some(current) = current {
            if let Some(first) = current.duplicate(header) {
                return Ok(Some(first));
            }
            current.check(header)?;
        }
        let mut next = current.cloned().unwrap_or_else(|| Self::fresh(header));
        next.add(header, now);
        match at {
            Some(at) => staged.changed[at].1 = next,
            None => staged.changed.push((id, next)),
        }
        Ok(None)
    }

    /// Takes over what was staged: the append has been written.
    pub(crate) fn commit(&mut self, staged: Staged) {
        self.known.extend(staged.changed);
    }

    /// Takes note of a batch that somebody else has checked: the leader, or this log before.
    pub(crate) fn replay(&mut self, header: &BatchHeader, now: Timestamp) {
        if header.has_producer_id() && !header.is_control() {
            self.known
                .entry(header.producer_id)
                .or_insert_with(|| Self::fresh(header))
                .add(header, now);
        }
    }

    /// Forgets producers that have been idle for `idle_ms`.
    pub(crate) fn expire(&mut self, now: Timestamp, idle_ms: i64) {
        self.known
            .retain(|_, producer| now.0.saturating_sub(producer.last_timestamp.0) < idle_ms);
    }

    /// When the last of them wrote.
    pub(crate) fn newest_use(&self) -> Timestamp {
        self.known
            .values()
            .map(|producer| producer.last_timestamp)
            .max()
            .unwrap_or(Timestamp(-1))
    }

    pub(crate) fn views(&self) -> Vec<ProducerView> {
        self.known
            .iter()
            .map(|(id, producer)| ProducerView {
                producer_id: *id,
                producer_epoch: producer.epoch,
                last_sequence: producer
                    .batches
                    .back()
                    .map_or(Sequence(-1), |batch| batch.last_sequence),
                last_timestamp: producer.last_timestamp,
            })
            .collect()
    }

    fn fresh(header: &BatchHeader) -> Producer {
        Producer {
            epoch: header.producer_epoch,
            batches: VecDeque::with_capacity(REMEMBERED),
            last_timestamp: Timestamp(-1),
        }
    }
}

#[cfg(test)]
mod tests;
