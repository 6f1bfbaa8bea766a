//! The metadata as it will be, while a request of many topics is looked at.

use std::collections::BTreeMap;

use record::BrokerId;

use crate::Metadata;
use crate::metadata_record::MetadataRecord;

/// Each topic of a request sees those before it. What every one of them asks is counted once and kept up to
/// date, so that a request of thousands costs no more than its size.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) metadata: Metadata,
    /// Partitions of all topics.
    pub(crate) partitions: usize,
    /// What each broker holds that is alive.
    pub(crate) load: BTreeMap<BrokerId, Load>,
    /// Names of topics by what metrics make of them.
    plain_names: BTreeMap<String, String>,
}

/// What a broker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Load {
    /// Replicas.
    pub(crate) held: usize,
    /// Those of them that are preferred as leaders.
    pub(crate) preferred: usize,
}

/// Counts the replicas of one more partition, the preferred leader first.
pub(crate) fn weigh(load: &mut BTreeMap<BrokerId, Load>, replicas: &[BrokerId]) {
    for (place, id) in replicas.iter().enumerate() {
        if let Some(load) = load.get_mut(id) {
            load.held += 1;
            load.preferred += usize::from(place == 0);
        }
    }
}

impl Draft {
    pub(crate) fn new(metadata: &Metadata) -> Self {
        let alive = metadata.unfenced();
        let mut load = alive.map(|(id, _)| (id, Load::default())).collect();
        for partition in metadata.topics.values().flat_map(|topic| &topic.partitions) {
            weigh(&mut load, &partition.replicas);
        }
        let names = metadata.topic_ids.keys();
        Self {
            partitions: metadata.partition_count(),
            load,
            plain_names: names.map(|name| (plain(name), name.clone())).collect(),
            metadata: metadata.clone(),
        }
    }

    /// Takes in the records of a topic that is created.
    pub(crate) fn add(&mut self, records: Vec<MetadataRecord>) {
        for record in &records {
            match record {
                MetadataRecord::Topic { name, .. } => {
                    self.plain_names.insert(plain(name), name.clone());
                }
                MetadataRecord::Partition { replicas, .. } => {
                    self.partitions += 1;
                    weigh(&mut self.load, replicas);
                }
                _ => {}
            }
        }
        self.metadata.apply(self.metadata.applied, records);
    }

    /// The topic that can't be told from `name`: metrics turn '.' into '_'.
    pub(crate) fn collision(&self, name: &str) -> Option<&str> {
        self.plain_names.get(&plain(name)).map(String::as_str)
    }
}

fn plain(name: &str) -> String {
    name.replace('.', "_")
}
