//! Fetches that wait for records.

use std::collections::{BTreeMap, BTreeSet};

use cluster::Millis;
use kafka_protocol::messages::FetchRequest;

use crate::RequestId;
use crate::replicas::Key;

#[cfg(test)]
mod tests;

/// A Fetch that found less than it wants.
#[derive(Debug, PartialEq)]
pub(crate) struct WaitingFetch {
    pub(crate) id: RequestId,
    pub(crate) version: i16,
    pub(crate) request: FetchRequest,
    /// When it is answered with whatever there is.
    pub(crate) deadline: Millis,
    /// Bytes that must be appended before it is worth reading again.
    pub(crate) missing_bytes: usize,
    /// What it reads.
    pub(crate) partitions: Vec<Key>,
}

/// All fetches that wait, found by partition, by deadline and by connection.
#[derive(Debug, Default)]
pub(crate) struct FetchWaits {
    waiting: BTreeMap<RequestId, WaitingFetch>,
    by_partition: BTreeMap<Key, BTreeSet<RequestId>>,
    deadlines: BTreeSet<(Millis, RequestId)>,
    /// Bytes that responses may still hold together; `None` for any number.
    pub(crate) room: Option<usize>,
}

impl FetchWaits {
    pub(crate) fn add(&mut self, fetch: WaitingFetch) {
        for key in &fetch.partitions {
            self.by_partition.entry(*key).or_default().insert(fetch.id);
        }
        self.deadlines.insert((fetch.deadline, fetch.id));
        self.waiting.insert(fetch.id, fetch);
    }

    /// So many bytes were appended: gives the fetches that have enough now.
    pub(crate) fn on_append(&mut self, key: Key, bytes: usize) -> Vec<WaitingFetch> {
        let Some(ids) = self.by_partition.get(&key) else {
            return Vec::new();
        };
        let mut enough = Vec::new();
        for id in ids {
            let Some(fetch) = self.waiting.get_mut(id) else {
                continue;
            };
            fetch.missing_bytes = fetch.missing_bytes.saturating_sub(bytes);
            if fetch.missing_bytes == 0 {
                enough.push(*id);
            }
        }
        self.take_all(enough)
    }

    /// The partition's leader changed, or it is gone: gives all fetches that read it.
    pub(crate) fn on_change(&mut self, key: Key) -> Vec<WaitingFetch> {
        let ids = self
            .by_partition
            .get(&key)
            .map(|ids| ids.iter().copied().collect())
            .unwrap_or_default();
        self.take_all(ids)
    }

    /// Gives the fetches that may wait no longer.
    pub(crate) fn expired(&mut self, now: Millis) -> Vec<WaitingFetch> {
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

    fn take_all(&mut self, ids: Vec<RequestId>) -> Vec<WaitingFetch> {
        ids.into_iter().filter_map(|id| self.take(id)).collect()
    }

    fn take(&mut self, id: RequestId) -> Option<WaitingFetch> {
        let fetch = self.waiting.remove(&id)?;
        self.deadlines.remove(&(fetch.deadline, id));
        for key in &fetch.partitions {
            if let Some(ids) = self.by_partition.get_mut(key) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_partition.remove(key);
                }
            }
        }
        Some(fetch)
    }
}
