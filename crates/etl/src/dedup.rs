//! Deduplication: which keys were seen, in time buckets.

use std::collections::HashSet;

use crate::event_time::EventTime;
use crate::shard::{AlreadyHashed, KeyHash, SHARDS};

/// Length of a bucket in microseconds. Stored buckets name their end, so that it may change.
const BUCKET_WIDTH: i64 = 60_000_000;

/// The keys that a source table has written and still has to recognise.
///
/// A key lies in the bucket of its event time; a bucket drops as a whole when the table's watermark
/// reaches its end. A partition looks only into buckets beyond its own watermark: whether a key is
/// known is then a function of the log, not of when a bucket was dropped.
#[derive(Debug)]
pub(crate) struct Dedup {
    shards: Vec<DedupShard>,
}

/// The keys of one hash shard. Shards know nothing of each other and can be used in parallel.
#[derive(Debug, Default)]
pub(crate) struct DedupShard {
    /// In the order of their ends; few.
    buckets: Vec<Bucket>,
    /// What was added since the last [`Dedup::take_added`].
    added: Vec<SeenKey>,
}

#[derive(Debug)]
struct Bucket {
    /// Exclusive, in microseconds.
    end: i64,
    keys: HashSet<u128, AlreadyHashed>,
}

/// A key and the end of its bucket, as state files hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeenKey {
    pub bucket_end: i64,
    pub hash: KeyHash,
}

impl Dedup {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| DedupShard::default()).collect(),
        }
    }

    pub(crate) fn shards_mut(&mut self) -> &mut [DedupShard] {
        &mut self.shards
    }

    /// Puts back a key of a state file.
    pub(crate) fn restore(&mut self, key: SeenKey) {
        self.shards[key.hash.shard()]
            .bucket(key.bucket_end)
            .keys
            .insert(key.hash.0);
    }

    /// Drops the buckets that end at or below the table's watermark.
    pub(crate) fn expire(&mut self, watermark: EventTime) {
        for shard in &mut self.shards {
            shard.buckets.retain(|bucket| bucket.end > watermark.0);
        }
    }

    /// The keys added since the last call whose buckets end beyond the watermark.
    pub(crate) fn take_added(&mut self, watermark: Option<EventTime>) -> Vec<SeenKey> {
        let mut added = Vec::with_capacity(self.shards.iter().map(|s| s.added.len()).sum());
        for shard in &mut self.shards {
            let live = shard
                .added
                .drain(..)
                .filter(|k| watermark.is_none_or(|w| k.bucket_end > w.0));
            added.extend(live);
        }
        added
    }

    /// All keys, in the order of shards and buckets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = SeenKey> {
        self.shards
            .iter()
            .flat_map(|shard| &shard.buckets)
            .flat_map(|bucket| {
                bucket.keys.iter().map(|&hash| SeenKey {
                    bucket_end: bucket.end,
                    hash: KeyHash(hash),
                })
            })
    }

    /// Number of keys held.
    pub(crate) fn len(&self) -> usize {
        self.shards
            .iter()
            .flat_map(|shard| &shard.buckets)
            .map(|bucket| bucket.keys.len())
            .sum()
    }
}

impl DedupShard {
    /// Adds the key unless it is known; returns whether it was new. `watermark` is that of the
    /// event's own partition before the event.
    pub(crate) fn insert(
        &mut self,
        hash: KeyHash,
        event_time: EventTime,
        watermark: Option<EventTime>,
    ) -> bool {
        debug_assert!(
            watermark.is_none_or(|w| event_time > w),
            "late events are judged before"
        );
        // Buckets of higher ends first: most duplicates follow soon.
        for bucket in self.buckets.iter().rev() {
            if watermark.is_some_and(|w| bucket.end <= w.0) {
                break;
            }
            if bucket.keys.contains(&hash.0) {
                return false;
            }
        }
        let bucket_end = event_time.floor(BUCKET_WIDTH).saturating_add(BUCKET_WIDTH);
        self.bucket(bucket_end).keys.insert(hash.0);
        self.added.push(SeenKey { bucket_end, hash });
        true
    }

    fn bucket(&mut self, end: i64) -> &mut Bucket {
        let index = match self.buckets.binary_search_by_key(&end, |bucket| bucket.end) {
            Ok(index) => index,
            Err(index) => {
                self.buckets.insert(
                    index,
                    Bucket {
                        end,
                        keys: HashSet::default(),
                    },
                );
                index
            }
        };
        &mut self.buckets[index]
    }
}

#[cfg(test)]
mod tests;
