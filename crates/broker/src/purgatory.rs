//! Requests of clients that wait for something to happen to a partition (Kafka's purgatory).

use std::collections::{BTreeMap, BTreeSet};

use cluster::Millis;
use kafka_protocol::messages::{DeleteRecordsResponse, FetchRequest, ProduceResponse};
use record::Offset;

use crate::RequestId;
use crate::replicas::Key;

#[cfg(test)]
mod tests;

/// A request that waits.
#[derive(Debug, PartialEq)]
pub(crate) struct Waiting<T> {
    pub(crate) id: RequestId,
    /// When it is answered in any case.
    pub(crate) deadline: Millis,
    /// What may wake it.
    pub(crate) partitions: Vec<Key>,
    pub(crate) what: T,
}

/// A Fetch that found less than it wants.
#[derive(Debug, PartialEq)]
pub(crate) struct WaitingFetch {
    pub(crate) version: i16,
    pub(crate) request: FetchRequest,
    /// Bytes that must be committed before it is worth reading again.
    pub(crate) missing_bytes: usize,
}

/// A Produce whose records aren't on all replicas in sync yet.
#[derive(Debug, PartialEq)]
pub(crate) struct WaitingProduce {
    /// The answer, if all goes well.
    pub(crate) response: ProduceResponse,
    /// What isn't committed yet.
    pub(crate) uncommitted: Vec<Uncommitted>,
}

/// Records of a Produce that aren't committed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uncommitted {
    pub(crate) key: Key,
    /// The high watermark at which they are.
    pub(crate) needs: Offset,
    /// Where in the response their partition stands: topic and partition.
    pub(crate) place: (usize, usize),
}

/// A DeleteRecords whose records some replica in sync may still serve.
#[derive(Debug, PartialEq)]
pub(crate) struct WaitingDeletion {
    /// The answer, if all goes well.
    pub(crate) response: DeleteRecordsResponse,
    pub(crate) undeleted: Vec<Undeleted>,
}

/// Records that some replica in sync may still serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Undeleted {
    pub(crate) key: Key,
    /// The low watermark at which none does.
    pub(crate) up_to: Offset,
    /// Where in the response their partition stands: topic and partition.
    pub(crate) place: (usize, usize),
}

/// All requests of one kind that wait, found by partition, by deadline and by connection.
#[derive(Debug)]
pub(crate) struct Purgatory<T> {
    waiting: BTreeMap<RequestId, Waiting<T>>,
    by_partition: BTreeMap<Key, BTreeSet<RequestId>>,
    deadlines: BTreeSet<(Millis, RequestId)>,
}

impl<T> Default for Purgatory<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            by_partition: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }
}

impl<T> Purgatory<T> {
    pub(crate) fn add(&mut self, request: Waiting<T>) {
        for key in &request.partitions {
            self.by_partition.entry(*key).or_default().insert(request.id);
        }
        self.deadlines.insert((request.deadline, request.id));
        self.waiting.insert(request.id, request);
    }

    /// Something happened to a partition: gives those that waited for it and need wait no longer.
    pub(crate) fn wake(&mut self, key: Key, mut is_done: impl FnMut(&mut T) -> bool) -> Vec<Waiting<T>> {
        let Some(ids) = self.by_partition.get(&key) else {
            return Vec::new();
        };
        let mut done = Vec::new();
        for id in ids {
            if let Some(request) = self.waiting.get_mut(id)
                && is_done(&mut request.what)
            {
                done.push(*id);
            }
        }
        self.take_all(done)
    }

    /// Gives those that may wait no longer.
    pub(crate) fn expired(&mut self, now: Millis) -> Vec<Waiting<T>> {
        let due = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        let ids = due.map(|(_, id)| *id).collect();
        self.take_all(ids)
    }

    /// Drops what a connection waits for.
    pub(crate) fn on_gone(&mut self, connection: u64) {
        let all = RequestId {
            connection,
            serial: 0,
        }..=RequestId {
            connection,
            serial: u64::MAX,
        };
        let ids = self.waiting.range(all).map(|(id, _)| *id).collect();
        self.take_all(ids);
    }

    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    fn take_all(&mut self, ids: Vec<RequestId>) -> Vec<Waiting<T>> {
        ids.into_iter().filter_map(|id| self.take(id)).collect()
    }

    fn take(&mut self, id: RequestId) -> Option<Waiting<T>> {
        let request = self.waiting.remove(&id)?;
        self.deadlines.remove(&(request.deadline, id));
        for key in &request.partitions {
            if let Some(ids) = self.by_partition.get_mut(key) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_partition.remove(key);
                }
            }
        }
        Some(request)
    }
}

impl Purgatory<WaitingFetch> {
    /// So many bytes can be read by clients now: gives the fetches that have enough.
    pub(crate) fn on_committed(&mut self, key: Key, bytes: usize) -> Vec<Waiting<WaitingFetch>> {
        self.wake(key, |fetch| {
            fetch.missing_bytes = fetch.missing_bytes.saturating_sub(bytes);
            fetch.missing_bytes == 0
        })
    }
}

impl Purgatory<WaitingProduce> {
    /// The high watermark moved: gives the produces whose records are all committed.
    pub(crate) fn on_high_watermark(&mut self, key: Key, at: Offset) -> Vec<Waiting<WaitingProduce>> {
        self.wake(key, |produce| {
            produce
                .uncommitted
                .retain(|records| records.key != key || records.needs > at);
            produce.uncommitted.is_empty()
        })
    }

    /// What waits for this partition will not be committed here, or that can't be known: gives the
    /// produces that wait for nothing else.
    pub(crate) fn on_failed(&mut self, key: Key, error: i16) -> Vec<Waiting<WaitingProduce>> {
        self.wake(key, |produce| {
            produce.fail(error, |records| records.key == key);
            produce.uncommitted.is_empty()
        })
    }

    /// Nothing that waits will be known to be committed by this broker: gives all.
    pub(crate) fn on_all_failed(&mut self, error: i16) -> Vec<Waiting<WaitingProduce>> {
        for waiting in self.waiting.values_mut() {
            waiting.what.fail(error, |_| true);
        }
        self.take_all(self.waiting.keys().copied().collect())
    }
}

impl Purgatory<WaitingDeletion> {
    /// The low watermark is this one now, or can't be known here: gives the deletions that wait for nothing else.
    pub(crate) fn on_low_watermark(
        &mut self,
        key: Key,
        at: Result<Offset, i16>,
    ) -> Vec<Waiting<WaitingDeletion>> {
        self.wake(key, |deletion| {
            deletion.settle(key, at);
            deletion.undeleted.is_empty()
        })
    }
}

impl WaitingDeletion {
    /// Takes note of a partition's low watermark, or answers it with an error.
    pub(crate) fn settle(&mut self, key: Key, at: Result<Offset, i16>) {
        match at {
            Ok(at) => self
                .undeleted
                .retain(|records| records.key != key || records.up_to > at),
            Err(error) => self.fail(error, |records| records.key == key),
        }
    }

    /// Answers the wanted ones of those that some replica may still serve with an error.
    pub(crate) fn fail(&mut self, error: i16, wanted: impl Fn(&Undeleted) -> bool) {
        let topics = &mut self.response.topics;
        self.undeleted.retain(|records| {
            if !wanted(records) {
                return true;
            }
            let (topic, partition) = records.place;
            let result = &mut topics[topic].partitions[partition];
            result.error_code = error;
            result.low_watermark = -1;
            false
        });
    }
}

impl WaitingProduce {
    /// Answers the wanted ones of those that aren't committed with an error.
    pub(crate) fn fail(&mut self, error: i16, wanted: impl Fn(&Uncommitted) -> bool) {
        let responses = &mut self.response.responses;
        self.uncommitted.retain(|records| {
            if !wanted(records) {
                return true;
            }
            let (topic, partition) = records.place;
            let response = &mut responses[topic].partition_responses[partition];
            response.error_code = error;
            response.base_offset = -1;
            response.log_append_time_ms = -1;
            response.log_start_offset = -1;
            false
        });
    }
}
