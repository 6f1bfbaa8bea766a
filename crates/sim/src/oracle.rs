//! What must never happen.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{Index, Metadata, Partition, Term};
use record::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId};

/// Remembers what was seen, and says when something contradicts it.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    leaders: BTreeMap<Term, BrokerId>,
    /// The metadata after each entry.
    committed: BTreeMap<Index, Metadata>,
    newest: Index,
    broker_epochs: BTreeMap<BrokerId, BrokerEpoch>,
    /// Who led an epoch: a broker's start, not just a broker.
    led: BTreeMap<(TopicId, PartitionIndex, LeaderEpoch), (BrokerId, u64)>,
    /// The same as committed metadata says it, by broker epochs.
    committed_leaders: BTreeMap<(TopicId, PartitionIndex, LeaderEpoch), (BrokerId, BrokerEpoch)>,
    /// Each partition as it was last.
    known: BTreeMap<(TopicId, PartitionIndex), Partition>,
    producer_ids: BTreeSet<ProducerId>,
    /// Topics that clients were told of, and how many partitions they have at least.
    created: BTreeMap<TopicId, (String, usize)>,
    deletions: BTreeMap<String, Deletions>,
}

/// What became of the deletions of a name.
#[derive(Debug, Default)]
struct Deletions {
    /// Topics that were created under it, whether anybody was told or not.
    asked_for: BTreeSet<TopicId>,
    /// Topics whose deletion was answered.
    told: BTreeSet<TopicId>,
    /// Deletions of which nobody was told whether they took effect.
    in_doubt: usize,
}

impl Oracle {
    pub(crate) fn terms(&self) -> usize {
        self.leaders.len()
    }

    pub(crate) fn led(&self) -> usize {
        self.led.len()
    }

    pub(crate) fn topics(&self) -> usize {
        self.created.len()
    }

    /// The metadata after an entry, as far as anybody stopped there.
    pub(crate) fn metadata(&self, after: Index) -> Option<&Metadata> {
        self.committed.get(&after)
    }

    /// A node holds itself for the leader of a term.
    pub(crate) fn leads(&mut self, id: BrokerId, term: Term) -> Result<(), String> {
        match *self.leaders.entry(term).or_insert(id) {
            known if known == id => Ok(()),
            known => Err(format!("term {term} has two leaders: {known} and {id}")),
        }
    }

    /// A node has applied entries. `before` is how far it was.
    pub(crate) fn applied(&mut self, id: BrokerId, before: Index, metadata: &Metadata) -> Result<(), String> {
        let index = metadata.applied;
        if index < before {
            return Err(format!(
                "broker {id}: metadata went back from {before} to {index}"
            ));
        }
        // Who leads the quorum isn't committed: everybody has it by hearsay.
        let mut committed = metadata.clone();
        committed.controller = None;
        if self
            .committed
            .get(&index)
            .is_some_and(|known| *known != committed)
        {
            return Err(format!(
                "broker {id}: metadata after entry {index} differs from another broker's"
            ));
        }
        self.committed.insert(index, committed);
        if index <= self.newest {
            return Ok(());
        }
        self.elections(metadata, index.0 == self.newest.0 + 1)?;
        self.newest = index;
        for (broker, registered) in &metadata.brokers {
            let known = self.broker_epochs.entry(*broker).or_insert(registered.epoch);
            if registered.epoch < *known {
                let epoch = registered.epoch;
                return Err(format!(
                    "broker {broker}: its epoch went back from {known} to {epoch}"
                ));
            }
            *known = registered.epoch;
        }
        self.committed_leaders(metadata)
    }

    /// Who leads anew was in sync: nobody else has everything. Or the partition was given to it just now, when it
    /// came in sync. Where several entries were applied at once, what held between them isn't known.
    fn elections(&mut self, metadata: &Metadata, by_one: bool) -> Result<(), String> {
        for topic in metadata.topics.values() {
            for (place, partition) in (0..).zip(&topic.partitions) {
                let before = self
                    .known
                    .insert((topic.id, PartitionIndex(place)), partition.clone());
                let changed = |before: &Partition| by_one && before.leader_epoch != partition.leader_epoch;
                let (Some(leader), Some(before)) = (partition.leader, before.filter(changed)) else {
                    continue;
                };
                let moved = before.reassignment.is_some() && partition.reassignment.is_none();
                if !before.isr.contains(&leader) && !moved {
                    return Err(format!(
                        "broker {leader} leads {}-{place} after epoch {}, of which {:?} were in sync",
                        topic.name, before.leader_epoch, before.isr
                    ));
                }
            }
        }
        Ok(())
    }

    /// An epoch of a partition has one leader, in one registration.
    fn committed_leaders(&mut self, metadata: &Metadata) -> Result<(), String> {
        for topic in metadata.topics.values() {
            for (place, partition) in (0..).zip(&topic.partitions) {
                let Some(leader) = partition.leader else { continue };
                let Some(registered) = metadata.brokers.get(&leader) else {
                    continue;
                };
                let key = (topic.id, PartitionIndex(place), partition.leader_epoch);
                let now = (leader, registered.epoch);
                let known = *self.committed_leaders.entry(key).or_insert(now);
                if known != now {
                    let (name, epoch) = (&topic.name, partition.leader_epoch);
                    return Err(format!(
                        "epoch {epoch} of {name}-{place} has two leaders: broker {} (epoch {}) and broker {} \
                         (epoch {})",
                        known.0, known.1, now.0, now.1
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether another broker has led a partition since.
    pub(crate) fn another_led(
        &self,
        (topic, partition): (TopicId, PartitionIndex),
        since: LeaderEpoch,
        than: BrokerId,
    ) -> bool {
        let later = (topic, partition, LeaderEpoch(since.0 + 1))..=(topic, partition, LeaderEpoch(i32::MAX));
        self.led.range(later).any(|(_, (leader, _))| *leader != than)
    }

    /// A process leads a partition. Whether that is new.
    pub(crate) fn leads_partition(
        &mut self,
        id: BrokerId,
        start: u64,
        topic: TopicId,
        partition: PartitionIndex,
        epoch: LeaderEpoch,
    ) -> Result<bool, String> {
        let before = self.led.len();
        let (known, known_start) = *self.led.entry((topic, partition, epoch)).or_insert((id, start));
        if (known, known_start) == (id, start) {
            return Ok(self.led.len() > before);
        }
        Err(format!(
            "epoch {epoch} of partition {partition} of topic {} has two leaders: \
             broker {known} (start {known_start}) and broker {id} (start {start})",
            topic.0
        ))
    }

    pub(crate) fn got_producer_ids(&mut self, first: ProducerId, count: i32) -> Result<(), String> {
        for id in (first.0..).take(usize::try_from(count).unwrap_or(0)) {
            if !self.producer_ids.insert(ProducerId(id)) {
                return Err(format!("producer id {id} was given out twice"));
            }
        }
        Ok(())
    }

    /// A client was told that its topic exists.
    pub(crate) fn created(&mut self, id: TopicId, name: String) {
        self.created.insert(id, (name, 1));
    }

    /// A client was told that its topic has so many partitions.
    pub(crate) fn enlarged(&mut self, id: TopicId, count: i32) {
        if let Some((_, known)) = self.created.get_mut(&id) {
            *known = (*known).max(usize::try_from(count).unwrap_or(0));
        }
    }

    /// A client asks for a topic that may be deleted.
    pub(crate) fn asks_for(&mut self, id: TopicId, name: &str) {
        self.deletions
            .entry(name.to_owned())
            .or_default()
            .asked_for
            .insert(id);
    }

    /// A client was told that the topic is deleted.
    pub(crate) fn deleted(&mut self, id: TopicId, name: &str) {
        self.deletions.entry(name.to_owned()).or_default().told.insert(id);
    }

    /// A client will never know whether its deletion took effect.
    pub(crate) fn may_have_deleted(&mut self, name: &str) {
        self.deletions.entry(name.to_owned()).or_default().in_doubt += 1;
    }

    /// In the end a deletion that was answered has taken effect, and none more than once.
    pub(crate) fn deleted_once(&self, metadata: &Metadata) -> Result<(), String> {
        for (name, deletions) in &self.deletions {
            let is_removed = |id: &&TopicId| metadata.removed_topics.contains(*id);
            if let Some(id) = deletions.told.iter().find(|id| !is_removed(id)) {
                return Err(format!(
                    "topic {name} ({}) was deleted and answered, and is there",
                    id.0
                ));
            }
            let removed = deletions.asked_for.iter().filter(is_removed);
            let untold = removed.filter(|id| !deletions.told.contains(id)).count();
            if untold > deletions.in_doubt {
                return Err(format!(
                    "{untold} topics {name} are gone of which nobody was told, {} deletions may have done that",
                    deletions.in_doubt
                ));
            }
        }
        Ok(())
    }

    /// In the end everything that was promised must be there.
    pub(crate) fn holds_promises(&self, id: BrokerId, metadata: &Metadata) -> Result<(), String> {
        if metadata.applied < self.newest {
            let at = metadata.applied;
            return Err(format!(
                "broker {id} stays at entry {at}, others have applied {}",
                self.newest
            ));
        }
        for (topic, (name, promised)) in &self.created {
            let known = metadata.topics.get(topic);
            let known = known.ok_or_else(|| format!("topic {name} was created and answered, and is gone"))?;
            if known.partitions.len() < *promised {
                let there = known.partitions.len();
                return Err(format!("topic {name} had {promised} partitions, and has {there}"));
            }
        }
        Ok(())
    }
}
