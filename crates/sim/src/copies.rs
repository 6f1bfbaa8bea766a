//! What must hold of the copies of a partition.

use broker::{Executor, ReplicaView};
use bytes::Bytes;
use cluster::{Index, Metadata};
use disk::SimDisk;
use record::{BrokerId, Offset, TopicId};

use crate::promises::Key;
use crate::world::{REST, World};

/// What the replicas of one broker's process were when it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    start: u64,
    views: Vec<ReplicaView>,
    metadata: Index,
}

fn key_of(view: &ReplicaView) -> Key {
    (view.topic_id, view.partition)
}

impl World {
    /// What these partitions hold is looked at as if for the first time.
    pub(crate) fn look_again(&mut self, at: &[Key]) {
        for broker in self.brokers.values_mut().filter(|_| !at.is_empty()) {
            broker.watched.views.retain(|view| !at.contains(&key_of(view)));
        }
    }

    /// Looks at what has changed of a broker's replicas.
    /// `is_calm`: at most one entry of metadata was applied, so that no ISR was large and is small again.
    pub(crate) fn watch(&mut self, id: BrokerId, is_calm: bool) -> Result<(), String> {
        let broker = self.brokers.get_mut(&id).ok_or("no such broker")?;
        let Some(executor) = &broker.executor else {
            return Ok(());
        };
        let now = Watched {
            start: broker.start,
            views: executor.replicas().collect(),
            metadata: executor.metadata().applied,
        };
        if (now.start, &now.views, now.metadata)
            == (
                broker.watched.start,
                &broker.watched.views,
                broker.watched.metadata,
            )
        {
            return Ok(());
        }
        let views = now.views.clone();
        let is_new = now.metadata != broker.watched.metadata;
        let known = std::mem::replace(&mut broker.watched, now);
        let is_same = known.start == broker.start;
        for view in views {
            let before = known.views.iter().find(|v| is_same && key_of(v) == key_of(&view));
            if before != Some(&view) {
                self.moved(id, before.copied(), &view, is_calm)?;
                let grew = before.is_some_and(|before| before.high_watermark < view.high_watermark);
                if grew && view.leads.is_some() && is_calm {
                    self.had_enough(id, key_of(&view), known.metadata)?;
                }
                self.is_on_all_in_sync(key_of(&view))?;
            } else if is_new {
                self.is_on_all_in_sync(key_of(&view))?;
            }
        }
        Ok(())
    }

    /// While a process lives, no high watermark and no start offset of it go back; what is below the high
    /// watermark is what others have there; and a leader epoch is led by one process.
    fn moved(
        &mut self,
        id: BrokerId,
        before: Option<ReplicaView>,
        now: &ReplicaView,
        is_calm: bool,
    ) -> Result<(), String> {
        let key = key_of(now);
        let start = self.brokers[&id].start;
        let waits = self.executor(id).is_some_and(Executor::is_held_up);
        if self.promises.counts(key, id) {
            // Taken away and given back at once: the copy begins anew.
            let is_another = !is_calm && now.high_watermark == Offset(0);
            // Files that can't be used are of no watermark, until they are opened again.
            let is_there = now.online && !is_another;
            if let Some(before) = before.filter(|_| is_there) {
                self.is_ahead(id, &before, now)?;
            }
            let seen = before.filter(|before| before.online);
            let seen = seen.map_or(now.start, |before| before.high_watermark);
            let from = seen.max(now.start);
            if now.online && from < now.high_watermark {
                self.is_same(id, key, from)?;
            }
        }
        let Some(epoch) = now.leads.filter(|_| !waits) else {
            return Ok(());
        };
        let deleted = self.promises.of(key).deleted;
        let partition = self.promises.metadata().partition(key.0, key.1);
        let is_newest =
            partition.is_some_and(|known| (known.leader, known.leader_epoch) == (Some(id), epoch));
        if is_newest && now.online && now.start.0 < deleted && self.promises.counts(key, id) {
            return Err(format!(
                "broker {id} leads {} from {}, records below {deleted} were deleted",
                self.name_of(key),
                now.start
            ));
        }
        if self.oracle.leads_partition(id, start, key.0, key.1, epoch)? {
            let (name, end, committed) = (self.name_of(key), now.end, now.high_watermark);
            self.tell(format!(
                "{id} leads {name} in epoch {epoch}, up to {end}, {committed} committed"
            ));
        }
        Ok(())
    }

    fn is_ahead(&self, id: BrokerId, before: &ReplicaView, now: &ReplicaView) -> Result<(), String> {
        let went_back = |what: &str, before: Offset, now_: Offset| {
            let name = self.name_of(key_of(now));
            Err(format!(
                "broker {id}: the {what} of {name} went back from {before} to {now_}"
            ))
        };
        // Where the files were not open it was noted by a process before, and they may have less since.
        let may_have_lost = !before.online && now.high_watermark == now.end;
        // A copy without records that isn't in sync begins anew where the leader does.
        let known = self.promises.metadata().partition(now.topic_id, now.partition);
        let in_sync = known.is_some_and(|known| known.isr.contains(&id));
        let begins_anew = before.start == before.end && !in_sync;
        if before.high_watermark > now.high_watermark && !may_have_lost && !begins_anew {
            return went_back("high watermark", before.high_watermark, now.high_watermark);
        }
        match before.online && now.online && before.start > now.start && !begins_anew {
            true => went_back("first offset", before.start, now.start),
            false => Ok(()),
        }
    }

    /// What a broker calls committed is what others have called so.
    fn is_same(&mut self, id: BrokerId, key: Key, from: Offset) -> Result<(), String> {
        let name = self.name_of(key);
        let fail = |e| format!("broker {id} has committed more of {name}: {e}");
        let executor = self.executor(id).ok_or("no executor")?;
        let bytes = executor.committed_bytes(key.0, key.1, from).map_err(fail)?;
        self.promises.of(key).commit(Bytes::from(bytes)).map_err(fail)
    }

    /// A leader commits only while enough replicas are in sync: now, or before the ISR became too small by what
    /// it did at the same time.
    fn had_enough(&self, id: BrokerId, key: Key, before: Index) -> Result<(), String> {
        let Some(executor) = self.executor(id).filter(|e| !e.is_held_up()) else {
            return Ok(());
        };
        let has_enough = |metadata: &Metadata| {
            let partition = metadata.partition(key.0, key.1);
            partition.is_none_or(|partition| partition.isr.len() >= needed(metadata, key))
        };
        if has_enough(executor.metadata()) || self.oracle.metadata(before).is_some_and(has_enough) {
            return Ok(());
        }
        Err(format!(
            "broker {id} has committed more of {}, and too few are in sync",
            self.name_of(key),
        ))
    }

    /// What a leader calls committed is on everybody who is in sync, so that whoever leads next has it. Nobody
    /// knows of those that don't run, and of those whose disks lost something.
    fn is_on_all_in_sync(&self, key: Key) -> Result<(), String> {
        let Some(committed) = self.promises.metadata().partition(key.0, key.1) else {
            return Ok(());
        };
        let view = |id: BrokerId| self.executor(id).and_then(|e| e.replica(key.0, key.1));
        let Some((id, leader)) = committed.leader.and_then(|id| Some((id, view(id)?))) else {
            return Ok(());
        };
        let waits = self.executor(id).is_some_and(Executor::is_held_up);
        if leader.leads != Some(committed.leader_epoch) || waits {
            return Ok(());
        }
        for member in committed.isr.iter().filter(|member| **member != id) {
            let theirs = view(*member).filter(|v| v.online && v.end < leader.high_watermark);
            if let Some(theirs) = theirs.filter(|_| !self.promises.is_damaged(key, *member)) {
                let (end, high) = (theirs.end, leader.high_watermark);
                return Err(format!(
                    "broker {id} calls everything below {high} of {} committed, broker {member} is in sync and \
                     ends at {end}: {committed:?}",
                    self.name_of(key)
                ));
            }
        }
        Ok(())
    }

    /// Records that are acknowledged with acks=all are committed, on as many replicas as must be in sync. Those
    /// that don't run, or haven't opened their files yet, may have them. `end`: behind the last of them.
    pub(crate) fn is_kept(&mut self, at: BrokerId, key: Key, end: i64) -> Result<(), String> {
        if self.promises.may_be_old(key, at) {
            return Ok(());
        }
        let view = self.executor(at).and_then(|e| e.replica(key.0, key.1));
        let promised = self.promises.of(key);
        let committed = promised.committed_end();
        // Where the files have failed since nothing can be read.
        let is_seen = view.is_some_and(|view| view.online) && !promised.is_recovering();
        if is_seen && committed < end {
            let name = self.name_of(key);
            return Err(format!(
                "broker {at} acknowledges {name} up to {end}, what is committed ends at {committed}"
            ));
        }
        let Some(metadata) = self.executor(at).map(Executor::metadata) else {
            return Ok(());
        };
        let Some(partition) = metadata.partition(key.0, key.1) else {
            return Ok(());
        };
        let may_have = |id: &&BrokerId| {
            let view = self.executor(**id).and_then(|e| e.replica(key.0, key.1));
            view.is_none_or(|view| view.end.0 >= end || !view.online) || self.promises.is_damaged(key, **id)
        };
        let copies = partition.replicas.iter().filter(may_have).count();
        // What is asked for may have changed just now.
        let before = self.brokers[&at].before;
        let known = self.oracle.metadata(before);
        let needed = known.map_or(0, |before| needed(before, key).min(needed(metadata, key)));
        let is_calm = metadata.applied.0 <= before.0 + 1;
        match copies >= needed || !is_calm {
            true => Ok(()),
            false => Err(format!(
                "{} was acknowledged up to {end} with {copies} copies, {needed} are asked for",
                self.name_of(key),
            )),
        }
    }

    /// In the end every partition has a leader, all replicas are in sync, nothing moves any more, and all copies
    /// are equal.
    pub(crate) fn replicas_agree(&mut self) -> Result<(), String> {
        let metadata = self.best_metadata().ok_or("nobody runs in the end")?.clone();
        for topic in metadata.topics.values() {
            for (place, partition) in (0..).zip(&topic.partitions) {
                let key = (topic.id, record::PartitionIndex(place));
                let is_whole = partition.isr.len() == partition.replicas.len();
                let is_whole = is_whole && partition.unclean.is_empty() && partition.offline.is_empty();
                if partition.leader.is_none() || !is_whole || partition.reassignment.is_some() {
                    return Err(format!(
                        "{}: {partition:?} {REST} ms after everything was healed",
                        self.name_of(key)
                    ));
                }
                self.copies_agree(key, &partition.replicas)?;
            }
        }
        Ok(())
    }

    fn copies_agree(&mut self, key: Key, replicas: &[BrokerId]) -> Result<(), String> {
        let name = self.name_of(key);
        let views: Option<Vec<ReplicaView>> = replicas
            .iter()
            .map(|id| self.executor(*id)?.replica(key.0, key.1))
            .collect();
        let views = views.ok_or_else(|| format!("{name}: a replica isn't there"))?;
        let start = views.iter().map(|view| view.start).max().unwrap_or_default();
        let end = views.iter().map(|view| view.end).max().unwrap_or_default();
        if let Some(view) = views
            .iter()
            .find(|v| !v.online || v.high_watermark != end || v.end != end)
        {
            return Err(format!("{name}: {view:?} in the end, others end at {end}"));
        }
        for id in replicas {
            if !self.promises.of(key).is_recovering() {
                self.is_same(*id, key, start)?;
            }
        }
        let copy = |id: &BrokerId| {
            let executor = self.executor(*id).ok_or("a replica doesn't run")?;
            executor
                .committed_bytes(key.0, key.1, start)
                .map_err(|e| format!("{name} on {id}: {e}"))
        };
        let first = copy(&replicas[0])?;
        for id in &replicas[1..] {
            if copy(id)? != first {
                return Err(format!("{name}: {id} holds other bytes than {}", replicas[0]));
            }
        }
        Ok(())
    }

    pub(crate) fn executor(&self, id: BrokerId) -> Option<&Executor<SimDisk>> {
        self.brokers[&id].executor.as_ref()
    }

    /// What the newest metadata say of a partition.
    pub(crate) fn tell_of(&mut self, key: Key) {
        let metadata = self.promises.metadata();
        let Some(partition) = metadata.partition(key.0, key.1) else {
            return;
        };
        let ids = |ids: &[BrokerId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
        let mut line = format!(
            "  entry {}: {} is led by {:?} in epoch {}, in sync {:?}",
            metadata.applied.0,
            self.name_of(key),
            partition.leader.map(|id| id.0),
            partition.leader_epoch,
            ids(&partition.isr),
        );
        for (what, list) in [
            ("of", &partition.replicas),
            ("unclean", &partition.unclean),
            ("offline", &partition.offline),
        ] {
            if !list.is_empty() {
                line.push_str(&format!(", {what} {:?}", ids(list)));
            }
        }
        if let Some(recovery) = partition.unclean_recovery {
            line.push_str(&format!(
                ", recovered in epoch {} from {}",
                recovery.leader_epoch, recovery.end
            ));
        }
        if partition.reassignment.is_some() {
            line.push_str(", moving");
        }
        self.tell(line);
    }

    /// A partition in words.
    pub(crate) fn name_of(&self, (topic, partition): Key) -> String {
        let known = self.promises.metadata().topics.get(&topic);
        let name = known.map_or_else(|| no_name(topic), |topic| topic.name.clone());
        format!("{name}-{partition}")
    }
}

fn no_name(topic: TopicId) -> String {
    format!("a topic that is gone ({})", topic.0)
}

/// How many replicas must be in sync for acks=all.
pub(crate) fn needed(metadata: &Metadata, key: Key) -> usize {
    let Some(topic) = metadata.topics.get(&key.0) else {
        return 0;
    };
    let replicas = metadata.partition(key.0, key.1).map_or(0, |p| p.replicas.len());
    let set = topic.configs.get("min.insync.replicas");
    set.and_then(|set| set.parse().ok()).unwrap_or(1).min(replicas)
}
