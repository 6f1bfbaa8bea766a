//! What a cluster must do although something is missing: one broker, or one copy.

use std::collections::BTreeMap;

use cluster::Metadata;
use record::{BrokerId, PartitionIndex};

use crate::producers::Kind;
use crate::promises::Key;
use crate::weather::Missing;
use crate::world::{REST, World};

/// What is missing.
#[derive(Debug)]
pub(crate) struct Lack {
    broker: BrokerId,
    /// The only partition that the broker lacks; `None` where the broker is dead.
    files: Option<Key>,
    /// The metadata when it began.
    metadata: Metadata,
    /// Records with acks=all that each producer had then.
    told: BTreeMap<usize, u64>,
}

impl World {
    pub(crate) fn is_missing(&self, id: BrokerId) -> bool {
        let lack = self.lack.as_ref();
        lack.is_some_and(|lack| lack.broker == id && lack.files.is_none())
    }

    /// Other trouble is over. One broker doesn't come back yet, if a majority votes without it, or it lacks the
    /// files of a partition.
    pub(crate) fn draw_lack(&mut self) {
        let can_vote_without = |id: BrokerId| self.weather.voters >= 3 || id.0 > self.weather.voters;
        let able: Vec<BrokerId> = self
            .ids()
            .into_iter()
            .filter(|id| can_vote_without(*id))
            .collect();
        let (Some(missing), Some(broker)) = (self.weather.missing, self.random.pick(&able)) else {
            return;
        };
        let files = match missing {
            Missing::Broker => {
                self.tell(format!("{broker} stays away"));
                self.stop(broker);
                None
            }
            Missing::Files => match self.break_files(broker) {
                Some(key) => Some(key),
                None => return,
            },
        };
        let producers = self.clients.producers.iter().enumerate();
        self.lack = Some(Lack {
            broker,
            files,
            metadata: self.promises.metadata().clone(),
            told: producers
                .map(|(place, producer)| (place, producer.told()))
                .collect(),
        });
    }

    /// The others had time enough; now nothing is missing any more.
    pub(crate) fn complete(&mut self) -> Result<(), String> {
        if let Some(lack) = self.lack.take() {
            self.survives(&lack)?;
            self.tell(format!("{} is whole", lack.broker));
            self.mend_files(lack.broker);
            self.start(lack.broker)?;
        }
        self.come_to_rest();
        Ok(())
    }

    /// Whoever was in sync and is there leads; and where enough replicas are there everybody can write.
    fn survives(&self, lack: &Lack) -> Result<(), String> {
        let metadata = self.best_metadata().ok_or("nobody runs")?;
        for topic in metadata.topics.values() {
            for (place, partition) in (0..).zip(&topic.partitions) {
                let key = (topic.id, PartitionIndex(place));
                let Some(known) = lack.metadata.partition(key.0, key.1) else {
                    continue;
                };
                let lacks = |id: BrokerId| id == lack.broker && lack.files.is_none_or(|files| files == key);
                let is_there = |id: &BrokerId| {
                    let is_replica = partition.replicas.contains(id);
                    // Those who may have lost something can't know what, and say so.
                    let is_clean = partition.isr.contains(id) && !partition.unclean.contains(id);
                    is_replica && !lacks(*id) && (is_clean || !self.promises.is_suspect(*id))
                };
                // The last wish of a leader that is gone, or was, was still on its way.
                let is_gone = |id| id == lack.broker || self.promises.is_suspect(id);
                let took_all = known.leader.is_some_and(is_gone) && !partition.isr.iter().any(is_there);
                if took_all || self.promises.is_recovering(key) || !known.isr.iter().any(is_there) {
                    continue;
                }
                let name = self.name_of(key);
                // Where the files break only when they are written, their broker may be trusted with them again.
                if partition
                    .leader
                    .is_none_or(|leader| lacks(leader) && lack.files.is_none())
                {
                    return Err(format!(
                        "{name} has no leader {REST} ms after all but {} were healed: {known:?} then, now {partition:?}",
                        lack.broker
                    ));
                }
                let there = partition.replicas.iter().filter(|id| !lacks(**id)).count();
                if there >= crate::copies::needed(metadata, key) {
                    self.is_written(lack, key)?;
                }
            }
        }
        Ok(())
    }

    fn is_written(&self, lack: &Lack, key: Key) -> Result<(), String> {
        for (place, producer) in self.clients.producers.iter().enumerate() {
            let before = lack.told.get(&place).copied();
            let waits = producer.key == key && producer.kind != Kind::AcksNone;
            if waits && before.is_some_and(|before| before == producer.told()) {
                return Err(format!(
                    "{} could write nothing in {REST} ms without {}",
                    producer.name, lack.broker
                ));
            }
        }
        Ok(())
    }
}
