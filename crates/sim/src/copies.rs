//! What must hold of the copies of a partition.

use std::collections::BTreeMap;

use broker::ReplicaView;
use record::{BrokerId, Offset, PartitionIndex, TopicId};

use crate::world::{REST, World};

/// How far the replicas of one broker's process were when it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    start: u64,
    high_watermarks: BTreeMap<(TopicId, PartitionIndex), Offset>,
}

impl World {
    /// While a process lives, no high watermark of it goes back, unless the power has taken what was committed;
    /// and a leader epoch is led by one process.
    /// `is_calm`: at most one entry of metadata was applied, so that no ISR was large and is small again.
    pub(crate) fn watch(&mut self, id: BrokerId, is_calm: bool) -> Result<(), String> {
        let broker = self.brokers.get_mut(&id).ok_or("no such broker")?;
        let (start, full) = (broker.start, broker.full);
        let Some(executor) = &broker.executor else {
            return Ok(());
        };
        if broker.watched.start != start {
            broker.watched = Watched {
                start,
                high_watermarks: BTreeMap::new(),
            };
        }
        let views: Vec<ReplicaView> = executor.replicas().collect();
        for view in &views {
            let key = (view.topic_id, view.partition);
            let before = broker.watched.high_watermarks.insert(key, view.high_watermark);
            let moved = before.is_some_and(|before| before < view.high_watermark) && view.leads.is_some();
            let partition = executor
                .metadata()
                .partition(key.0, key.1)
                .filter(|_| moved && is_calm);
            if let Some(partition) = partition {
                let needed = self.weather.min_in_sync.min(partition.replicas.len());
                if partition.isr.len() < needed {
                    let (isr, place) = (&partition.isr, view.partition);
                    return Err(format!(
                        "broker {id} has committed more of partition {place} of {}, with {isr:?} in sync",
                        view.topic_id.0
                    ));
                }
            }
            if self.power_losses == 0 && before.is_some_and(|before| before > view.high_watermark) {
                let (before, now) = (before.unwrap_or_default(), view.high_watermark);
                let place = format!("partition {} of {}", view.partition, view.topic_id.0);
                return Err(format!(
                    "broker {id}: the high watermark of {place} went back from {before} to {now}"
                ));
            }
        }
        for view in views.iter().filter(|_| !full) {
            self.is_on_all_in_sync(id, view)?;
        }
        let led = views.iter().filter(|_| !full);
        for (view, epoch) in led.filter_map(|view| Some((view, view.leads?))) {
            let (topic, partition) = (view.topic_id, view.partition);
            if self.oracle.leads_partition(id, start, topic, partition, epoch)? {
                let known = self
                    .best_metadata()
                    .and_then(|metadata| metadata.topics.get(&topic));
                let name = known.map_or("a deleted topic".to_owned(), |topic| topic.name.clone());
                let (end, committed) = (view.end, view.high_watermark);
                self.tell(format!(
                    "{id} leads {name}-{partition} in epoch {epoch}, up to {end}, {committed} committed"
                ));
            }
        }
        Ok(())
    }

    /// What a leader calls committed is on everybody who is in sync, so that whoever leads next has it. The power
    /// may have taken it, and nobody knows of those that don't run.
    fn is_on_all_in_sync(&self, id: BrokerId, view: &ReplicaView) -> Result<(), String> {
        let (topic, partition) = (view.topic_id, view.partition);
        let committed = self
            .best_metadata()
            .and_then(|metadata| metadata.partition(topic, partition));
        let Some(committed) = committed else { return Ok(()) };
        let leads = committed.leader == Some(id) && view.leads == Some(committed.leader_epoch);
        if !leads || self.power_losses > 0 {
            return Ok(());
        }
        for member in committed.isr.iter().filter(|member| **member != id) {
            let executor = self.brokers[member].executor.as_ref();
            let mut views = executor.into_iter().flat_map(|executor| executor.replicas());
            let theirs = views.find(|v| (v.topic_id, v.partition) == (topic, partition) && v.online);
            if let Some(theirs) = theirs.filter(|theirs| theirs.end < view.high_watermark) {
                let (end, high) = (theirs.end, view.high_watermark);
                return Err(format!(
                    "broker {id} calls everything below {high} of partition {partition} of {} committed, broker \
                     {member} is in sync and ends at {end}",
                    topic.0
                ));
            }
        }
        Ok(())
    }

    /// A record that is acknowledged with acks=all is on as many replicas as must be in sync. Those that don't
    /// run may have it.
    pub(crate) fn is_kept(&self, topic: TopicId, offset: i64) -> Result<(), String> {
        let Some(metadata) = self.best_metadata() else {
            return Ok(());
        };
        let Some(partition) = metadata.partition(topic, PartitionIndex(0)) else {
            return Ok(());
        };
        let may_have = |id: &&BrokerId| {
            let Some(executor) = &self.brokers[*id].executor else {
                return true;
            };
            let mut views = executor.replicas();
            views.any(|view| {
                (view.topic_id, view.partition) == (topic, PartitionIndex(0))
                    && (view.end.0 > offset || !view.online)
            })
        };
        let copies = partition.replicas.iter().filter(may_have).count();
        let needed = self.weather.min_in_sync.min(partition.replicas.len());
        match copies >= needed {
            true => Ok(()),
            false => Err(format!(
                "offset {offset} was acknowledged with {copies} copies, {needed} are asked for"
            )),
        }
    }

    /// The highest high watermark of those who run.
    pub(crate) fn known_to_be_committed(&self, topic: TopicId) -> i64 {
        let running = self.brokers.values().filter_map(|b| b.executor.as_ref());
        let views = running.flat_map(|executor| executor.replicas());
        let of_it = views.filter(|view| (view.topic_id, view.partition) == (topic, PartitionIndex(0)));
        of_it.map(|view| view.high_watermark.0).max().unwrap_or(0)
    }

    /// In the end all replicas are in sync, and equal up to the high watermark.
    pub(crate) fn replicas_agree(&self) -> Result<(), String> {
        let metadata = self.best_metadata().ok_or("nobody runs in the end")?;
        for topic in metadata.topics.values() {
            for (place, partition) in (0..).zip(&topic.partitions) {
                let name = format!("{}-{place}", topic.name);
                if partition.isr.len() != partition.replicas.len() {
                    let (isr, all) = (&partition.isr, &partition.replicas);
                    return Err(format!(
                        "{name}: {isr:?} of {all:?} are in sync {REST} ms after everything was healed"
                    ));
                }
                self.copies_agree(&name, topic.id, PartitionIndex(place), &partition.replicas)?;
            }
        }
        Ok(())
    }

    fn copies_agree(
        &self,
        name: &str,
        topic: TopicId,
        partition: PartitionIndex,
        replicas: &[BrokerId],
    ) -> Result<(), String> {
        let mut first: Option<(BrokerId, Vec<u8>)> = None;
        for id in replicas {
            let executor = self.brokers[id]
                .executor
                .as_ref()
                .ok_or("a replica doesn't run")?;
            let bytes = executor
                .committed_bytes(topic, partition)
                .map_err(|e| format!("{name} on {id}: {e}"))?;
            match &first {
                None => first = Some((*id, bytes)),
                Some((other, known)) if *known != bytes => {
                    let (here, there) = (bytes.len(), known.len());
                    return Err(format!(
                        "{name}: {id} holds {here} committed bytes that aren't the {there} of {other}"
                    ));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
