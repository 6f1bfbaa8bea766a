//! How committed records change the metadata.

use record::{BrokerEpoch, BrokerId, PartitionIndex, TopicId};

use crate::metadata_record::MetadataRecord;
use crate::{Broker, Index, Metadata, Partition, Topic};

/// Deleted topics that are remembered: more than can be deleted while a request is repeated.
const REMEMBERED: usize = 10_000;

/// What an entry has touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Touched {
    Broker(BrokerId),
    Partition(TopicId, PartitionIndex),
    Config(TopicId),
    /// With the topic as it was.
    Removed(Topic),
}

impl Metadata {
    /// Takes in the records of one committed entry.
    ///
    /// A record about something that doesn't exist changes nothing (but that a topic that was deleted stays
    /// deleted): every broker sees the same
    /// records, so all agree, and a controller's mistake can't stop the cluster for good.
    pub(crate) fn apply(&mut self, index: Index, records: Vec<MetadataRecord>) -> Vec<Touched> {
        self.applied = index;
        records
            .into_iter()
            .filter_map(|record| self.apply_one(index, record))
            .collect()
    }

    fn apply_one(&mut self, index: Index, record: MetadataRecord) -> Option<Touched> {
        use MetadataRecord as R;
        match record {
            R::Cluster { cluster_id } => {
                self.cluster_id.get_or_insert(cluster_id);
                None
            }
            R::Feature { name, level } => {
                self.features.insert(name, level);
                None
            }
            R::RegisterBroker {
                broker,
                broker_epoch,
                incarnation,
                listeners,
                clean,
            } => {
                let here = BrokerEpoch(i64::try_from(index.0).unwrap_or(i64::MAX));
                let epoch = broker_epoch.unwrap_or(here);
                self.brokers.insert(
                    broker,
                    Broker {
                        epoch,
                        incarnation,
                        listeners,
                        clean,
                        fenced: true,
                    },
                );
                Some(Touched::Broker(broker))
            }
            R::UnregisterBroker { broker } => {
                self.brokers.remove(&broker)?;
                Some(Touched::Broker(broker))
            }
            R::FenceBroker { broker, fenced } => {
                self.brokers.get_mut(&broker)?.fenced = fenced;
                Some(Touched::Broker(broker))
            }
            R::Topic { topic_id, name } => {
                self.topic_ids.insert(name.clone(), topic_id);
                let topic = Topic {
                    id: topic_id,
                    name,
                    configs: Default::default(),
                    partitions: Vec::new(),
                };
                self.topics.insert(topic_id, topic);
                None
            }
            R::TopicConfig { topic_id, key, value } => {
                let configs = &mut self.topics.get_mut(&topic_id)?.configs;
                match value {
                    Some(value) => configs.insert(key, value),
                    None => configs.remove(&key),
                };
                Some(Touched::Config(topic_id))
            }
            R::Partition {
                topic_id,
                partition,
                replicas,
                isr,
                leader,
                leader_epoch,
                unclean,
                offline,
                reassignment,
                unclean_recovery,
                partition_epoch,
            } => {
                let partitions = &mut self.topics.get_mut(&topic_id)?.partitions;
                if usize::try_from(partition.0) != Ok(partitions.len()) {
                    return None;
                }
                partitions.push(Partition {
                    leader,
                    leader_epoch,
                    replicas,
                    isr,
                    unclean,
                    offline,
                    reassignment,
                    unclean_recovery,
                    partition_epoch,
                });
                Some(Touched::Partition(topic_id, partition))
            }
            R::PartitionChange {
                topic_id,
                partition,
                leader,
                leader_epoch,
                isr,
                unclean,
                offline,
                replicas,
                reassignment,
                unclean_recovery,
            } => {
                let place = usize::try_from(partition.0).ok()?;
                let known = self.topics.get_mut(&topic_id)?.partitions.get_mut(place)?;
                *known = Partition {
                    leader,
                    leader_epoch,
                    replicas,
                    isr,
                    unclean,
                    offline,
                    reassignment,
                    unclean_recovery,
                    partition_epoch: known.partition_epoch + 1,
                };
                Some(Touched::Partition(topic_id, partition))
            }
            R::RemoveTopic { topic_id } => {
                let topic = self.topics.remove(&topic_id);
                if topic.is_none() && self.removed_topics.contains(&topic_id) {
                    return None;
                }
                if self.removed_topics.len() >= REMEMBERED {
                    self.removed_topics.pop_front();
                }
                self.removed_topics.push_back(topic_id);
                let topic = topic?;
                self.topic_ids.remove(&topic.name);
                Some(Touched::Removed(topic))
            }
            R::Voters { voters } => {
                self.voters = voters;
                None
            }
            R::ProducerIds { next } => {
                self.next_producer_id = next;
                None
            }
        }
    }
}
