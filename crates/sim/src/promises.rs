//! What was promised of a partition.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use cluster::{Metadata, Partition};
use record::{Batch, BrokerId, LeaderEpoch, PartitionIndex, TopicId};
use uuid::Uuid;

/// A partition.
pub(crate) type Key = (TopicId, PartitionIndex);

/// What was promised of all partitions.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    partitions: BTreeMap<Key, Promised>,
    /// The newest metadata that anybody has applied, durably.
    metadata: Metadata,
    /// Which start of a process each incarnation is.
    starts: BTreeMap<Uuid, u64>,
    /// Brokers whose disks have ever failed or lost something, or may have as far as they know.
    suspects: BTreeSet<BrokerId>,
}

/// What was promised of one partition: what was committed, and whether it may have been lost since.
///
/// A copy is *damaged* from the moment that its disk lost what was written, until its broker was seen outside
/// the ISR in a later process: whoever enters an ISR has everything. Where the ISR consists of damaged
/// copies alone everything promised before is void.
#[derive(Debug, Default)]
pub(crate) struct Promised {
    /// Batches below a high watermark by their base offset. Somebody said that they are committed.
    committed: BTreeMap<i64, Committed>,
    /// Records below may be gone, as clients wanted.
    pub(crate) deleted_up_to: i64,
    /// Records below are gone, as clients were told.
    pub(crate) deleted: i64,
    damaged: BTreeMap<BrokerId, Damage>,
    /// How often everything was void.
    pub(crate) losses: u64,
    /// Everything is void since this leader epoch, and not all replicas are in sync again.
    recovering: Option<LeaderEpoch>,
}

/// What newer metadata brings about.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// This partition had an unclean recovery without a reason.
    pub(crate) unfounded: Option<Key>,
    /// These partitions have changed.
    pub(crate) changed: Vec<Key>,
    /// Everything that was promised of these partitions is void.
    pub(crate) lost: Vec<Key>,
    /// It was, and what these partitions have now stays.
    pub(crate) recovered: Vec<Key>,
}

/// A damaged copy.
#[derive(Debug, Clone, Copy)]
struct Damage {
    /// Processes from this one on have begun since.
    since: u64,
    /// The next registration tells of it, or the metadata has shown it since.
    noticed: bool,
}

/// A batch that was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Committed {
    end: i64,
    epoch: LeaderEpoch,
    crc: u32,
}

impl Promises {
    pub(crate) fn of(&mut self, key: Key) -> &mut Promised {
        self.partitions.entry(key).or_default()
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// A broker's disk has lost something of these partitions. Gives those of which everything is void by that.
    /// `noticed`: its next process knows from the start.
    pub(crate) fn damage(&mut self, id: BrokerId, of: &[Key], noticed: bool) -> Vec<Key> {
        self.suspects.insert(id);
        let since = self.starts.len() as u64 + 1;
        for key in of {
            self.of(*key).damaged.insert(id, Damage { since, noticed });
        }
        self.lost()
    }

    /// A process begins.
    pub(crate) fn begin(&mut self, incarnation: Uuid, start: u64) {
        self.starts.insert(incarnation, start);
    }

    /// A broker's disk fails, or the broker doesn't know whether it has lost something.
    pub(crate) fn suspect(&mut self, id: BrokerId) {
        self.suspects.insert(id);
    }

    pub(crate) fn is_suspect(&self, id: BrokerId) -> bool {
        self.suspects.contains(&id)
    }

    /// Whether a recovery had a reason: the disks of all who were in sync have failed or lost something, now or
    /// before. Brokers can't know whether a partition was there when they lost what they had.
    fn is_founded(&self, before: &Partition) -> bool {
        before.isr.iter().all(|id| self.suspects.contains(id))
    }

    /// Looks at metadata, for what is new.
    pub(crate) fn follow(&mut self, metadata: &Metadata) -> News {
        if metadata.applied <= self.metadata.applied {
            return News::default();
        }
        let before = std::mem::replace(&mut self.metadata, metadata.clone());
        let is_new = |key: &Key| before.partition(key.0, key.1) != metadata.partition(key.0, key.1);
        let is_unfounded = |key: &Key| {
            let pair = before
                .partition(key.0, key.1)
                .zip(metadata.partition(key.0, key.1));
            pair.is_some_and(|(before, now)| {
                now.unclean_recovery != before.unclean_recovery && !self.is_founded(before)
            })
        };
        let unfounded = keys(metadata).into_iter().find(is_unfounded);
        let whole = keys(metadata).into_iter().filter(|key| {
            let partition = metadata.partition(key.0, key.1);
            let promised = self.partitions.entry(*key).or_default();
            partition.is_some_and(|partition| promised.follow(partition, metadata, &self.starts))
        });
        News {
            recovered: whole.collect(),
            unfounded,
            changed: keys(metadata).into_iter().filter(is_new).collect(),
            lost: self.lost(),
        }
    }

    /// Whether everything of a partition is void, and not all of its replicas are in sync again.
    pub(crate) fn is_recovering(&self, key: Key) -> bool {
        self.partitions.get(&key).is_some_and(Promised::is_recovering)
    }

    /// Whether what a broker holds of a partition counts: it is neither damaged nor of a time before everything was
    /// void.
    pub(crate) fn counts(&self, key: Key, id: BrokerId) -> bool {
        !self.may_be_old(key, id) && !self.is_recovering(key) && !self.is_damaged(key, id)
    }

    /// Whether a broker may hold what was there before everything was void: it is no replica any more.
    pub(crate) fn may_be_old(&self, key: Key, id: BrokerId) -> bool {
        let partition = self.metadata.partition(key.0, key.1);
        let is_replica = partition.is_some_and(|partition| partition.replicas.contains(&id));
        !is_replica
            && self
                .partitions
                .get(&key)
                .is_some_and(|promised| promised.losses > 0)
    }

    /// Whether a broker's copy is damaged.
    pub(crate) fn is_damaged(&self, key: Key, id: BrokerId) -> bool {
        let promised = self.partitions.get(&key);
        promised.is_some_and(|promised| promised.damaged.contains_key(&id))
    }

    /// Partitions whose ISR consists of damaged copies: from now on what was promised is void.
    fn lost(&mut self) -> Vec<Key> {
        let mut lost = Vec::new();
        for key in keys(&self.metadata) {
            let partition = self.metadata.partition(key.0, key.1);
            let (Some(partition), Some(promised)) = (partition, self.partitions.get_mut(&key)) else {
                continue;
            };
            let is_void = promised.recovering == Some(partition.leader_epoch);
            if !is_void && partition.isr.iter().all(|id| promised.damaged.contains_key(id)) {
                promised.recovering = Some(partition.leader_epoch);
                promised.losses += 1;
                promised.committed.clear();
                promised.deleted = 0;
                lost.push(key);
            }
        }
        lost
    }
}

impl Promised {
    /// Whether all replicas are in sync again, after a loss.
    fn follow(&mut self, partition: &Partition, metadata: &Metadata, starts: &BTreeMap<Uuid, u64>) -> bool {
        let registered = |id: &BrokerId| starts.get(&metadata.brokers.get(id)?.incarnation).copied();
        let is_new = |id: &BrokerId, since: u64| registered(id).is_some_and(|start| start >= since);
        self.damaged.retain(|id, damage| {
            let is_known = partition.unclean.contains(id);
            damage.noticed |= is_new(id, damage.since) && (is_known || !partition.isr.contains(id));
            is_known || !is_new(id, damage.since) || !damage.noticed
        });
        let is_whole = partition.isr.len() == partition.replicas.len() && partition.unclean.is_empty();
        let is_later = self
            .recovering
            .is_some_and(|epoch| partition.leader_epoch > epoch);
        let recovers = is_whole && is_later && partition.leader.is_some();
        if recovers {
            self.recovering = None;
            self.committed.clear();
        }
        recovers
    }

    /// Everything below is committed, as far as anybody has said.
    pub(crate) fn committed_end(&self) -> i64 {
        self.committed.last_key_value().map_or(0, |(_, batch)| batch.end)
    }

    /// A client was told that the records below are gone.
    pub(crate) fn delete(&mut self, below: i64) {
        self.deleted = self.deleted.max(below);
    }

    /// Whether nothing can be said of what is committed.
    pub(crate) fn is_recovering(&self) -> bool {
        self.recovering.is_some()
    }

    /// Somebody holds these batches below its high watermark.
    pub(crate) fn commit(&mut self, bytes: Bytes) -> Result<(), String> {
        for batch in Batch::split(bytes) {
            let batch = batch.map_err(|e| e.to_string())?;
            let is_known = self
                .committed
                .first_key_value()
                .is_some_and(|(first, _)| (*first..self.committed_end()).contains(&batch.base_offset().0));
            match is_known {
                true => self.holds(&batch)?,
                false => {
                    self.committed
                        .insert(batch.base_offset().0, Committed::of(&batch));
                }
            }
        }
        Ok(())
    }

    /// Whether a batch is committed, as it is here.
    pub(crate) fn holds(&self, batch: &Batch) -> Result<(), String> {
        let (base, here) = (batch.base_offset().0, Committed::of(batch));
        match self.committed.get(&base) {
            Some(known) if *known == here => Ok(()),
            Some(known) => Err(format!("{known:?} was committed at {base}, here is {here:?}")),
            None => Err(format!(
                "{here:?} at {base} was never committed; what is ends at {}",
                self.committed_end()
            )),
        }
    }
}

impl Committed {
    fn of(batch: &Batch) -> Self {
        Self {
            end: batch.next_offset().0,
            epoch: batch.leader_epoch(),
            crc: batch.header().crc,
        }
    }
}

pub(crate) fn keys(metadata: &Metadata) -> Vec<Key> {
    let topics = metadata.topics.values();
    let of = |topic: &cluster::Topic| {
        let id = topic.id;
        (0..topic.partitions.len() as i32).map(move |place| (id, PartitionIndex(place)))
    };
    topics.flat_map(of).collect()
}
