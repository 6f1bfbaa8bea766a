//! The metadata as records, so that the log before them can go.

use record::PartitionIndex;

use crate::apply::Touched;
use crate::metadata_record::MetadataRecord;
use crate::{Broker, Index, Metadata, Partition, Topic};

#[cfg(test)]
mod tests;

impl Metadata {
    /// The records that make this metadata out of none.
    pub(crate) fn to_records(&self) -> Vec<MetadataRecord> {
        // Everything is named: what is added to the metadata must be added here.
        let Self {
            applied: _,
            cluster_id,
            features,
            voters,
            brokers,
            topics,
            topic_ids: _,
            removed_topics,
            next_producer_id,
            controller: _,
        } = self;
        let mut records = Vec::new();
        records.extend(cluster_id.iter().map(|id| MetadataRecord::Cluster {
            cluster_id: id.clone(),
        }));
        records.extend(features.iter().map(|(name, level)| MetadataRecord::Feature {
            name: name.clone(),
            level: *level,
        }));
        if !voters.is_empty() {
            records.push(MetadataRecord::Voters {
                voters: voters.clone(),
            });
        }
        for (id, broker) in brokers {
            let Broker {
                epoch,
                incarnation,
                listeners,
                clean,
                fenced,
            } = broker;
            records.push(MetadataRecord::RegisterBroker {
                broker: *id,
                broker_epoch: Some(*epoch),
                incarnation: *incarnation,
                listeners: listeners.clone(),
                clean: *clean,
            });
            if !fenced {
                records.push(MetadataRecord::FenceBroker {
                    broker: *id,
                    fenced: false,
                });
            }
        }
        for topic_id in removed_topics {
            records.push(MetadataRecord::RemoveTopic { topic_id: *topic_id });
        }
        for topic in topics.values() {
            topic_records(topic, &mut records);
        }
        records.push(MetadataRecord::ProducerIds {
            next: *next_producer_id,
        });
        records
    }

    /// The metadata of a snapshot at `index`.
    pub(crate) fn from_records(index: Index, records: Vec<MetadataRecord>) -> Self {
        let mut metadata = Self::default();
        metadata.apply(index, records);
        metadata
    }

    /// What the entries have touched that lie between `before` and this, as far as it is still to be seen.
    pub(crate) fn touched_since(&self, before: &Self) -> Vec<Touched> {
        let removed = before
            .topics
            .values()
            .filter(|topic| !self.topics.contains_key(&topic.id));
        let mut touched: Vec<Touched> = removed.cloned().map(Touched::Removed).collect();
        let registered = self
            .brokers
            .iter()
            .filter(|(id, now)| before.brokers.get(id) != Some(now));
        touched.extend(registered.map(|(id, _)| Touched::Broker(*id)));
        for topic in self.topics.values() {
            let known = before.topics.get(&topic.id);
            if known.is_some_and(|known| known.configs != topic.configs) {
                touched.push(Touched::Config(topic.id));
            }
            for (place, partition) in topic.partitions.iter().enumerate() {
                if known.and_then(|known| known.partitions.get(place)) != Some(partition) {
                    touched.push(Touched::Partition(topic.id, index_of(place)));
                }
            }
        }
        touched
    }
}

fn topic_records(topic: &Topic, records: &mut Vec<MetadataRecord>) {
    let Topic {
        id,
        name,
        configs,
        partitions,
    } = topic;
    let topic_id = *id;
    records.push(MetadataRecord::Topic {
        topic_id,
        name: name.clone(),
    });
    records.extend(configs.iter().map(|(key, value)| MetadataRecord::TopicConfig {
        topic_id,
        key: key.clone(),
        value: Some(value.clone()),
    }));
    for (place, partition) in partitions.iter().enumerate() {
        let Partition {
            leader,
            leader_epoch,
            replicas,
            isr,
            unclean,
            offline,
            reassignment,
            unclean_recovery,
            partition_epoch,
        } = partition.clone();
        records.push(MetadataRecord::Partition {
            topic_id,
            partition: index_of(place),
            replicas,
            isr,
            leader,
            leader_epoch,
            unclean,
            offline,
            reassignment,
            unclean_recovery,
            partition_epoch,
        });
    }
}

fn index_of(place: usize) -> PartitionIndex {
    PartitionIndex(i32::try_from(place).unwrap_or(i32::MAX))
}
