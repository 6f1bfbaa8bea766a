//! What is known of the brokers and their topics.

use jiff::Timestamp;
use run::Service as Name;

use super::{Known, Metered};
use crate::collector::brokers::{BrokersSeen, TopicPartition};
use crate::overview::{Broker, Cluster, Topic, Troubled};

impl Known {
    pub(super) fn cluster(&self, seen: &BrokersSeen, now: Timestamp) -> Cluster {
        let metadata = &seen.metadata;
        let topics = metadata.topics.iter().filter(|topic| !topic.internal);
        let mut topics: Vec<Topic> = topics.map(|topic| self.topic(topic, seen, now)).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Cluster {
            id: metadata.cluster_id.clone(),
            controller: metadata.controller.map(|id| id.0),
            brokers: self
                .broker_ids(seen)
                .into_iter()
                .map(|id| self.broker(id, seen, now))
                .collect(),
            topics,
        }
    }

    /// The brokers that the cluster knows or that should be there.
    fn broker_ids(&self, seen: &BrokersSeen) -> Vec<i32> {
        let wanted = self
            .service_names()
            .into_iter()
            .filter_map(|service| match service {
                Name::Broker(id) => i32::try_from(id).ok(),
                _ => None,
            });
        let mut ids: Vec<i32> = seen
            .metadata
            .brokers
            .keys()
            .map(|id| id.0)
            .chain(wanted)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn broker(&self, id: i32, seen: &BrokersSeen, now: Timestamp) -> Broker {
        let topics = || seen.metadata.topics.iter().filter(|topic| !topic.internal);
        let partitions = || topics().flat_map(|topic| topic.partitions.iter().map(move |p| (topic, p)));
        let led =
            || partitions().filter(|(_, partition)| partition.leader.is_some_and(|leader| leader.0 == id));
        let rates = led().map(|(topic, partition)| {
            self.per_second(
                &Metered::Partition((topic.name.to_string(), partition.index.0)),
                now,
            )
        });
        let registered = seen.metadata.brokers.get(&record::BrokerId(id));
        let said = seen.log_dirs.get(&id);
        let bytes = said.and_then(|said| said.as_ref().ok()?.topics.as_ref());
        Broker {
            id,
            address: registered.map(client::Broker::address).unwrap_or_default(),
            registered: registered.is_some(),
            problem: said.and_then(|said| said.as_ref().err().cloned()),
            leaders: led().count(),
            replicas: partitions()
                .filter(|(_, partition)| partition.replicas.iter().any(|replica| replica.0 == id))
                .count(),
            log_bytes: bytes.map(|topics| topics.values().sum()),
            records_per_second: rates.sum(),
        }
    }

    fn topic(&self, topic: &client::TopicMetadata, seen: &BrokersSeen, now: Timestamp) -> Topic {
        let name = topic.name.to_string();
        let keys: Vec<TopicPartition> = topic
            .partitions
            .iter()
            .map(|p| (name.clone(), p.index.0))
            .collect();
        let records = keys.iter().filter_map(|key| self.offsets.get(key));
        let records = records.map(|(first, next)| u64::try_from(next - first).unwrap_or_default());
        let bytes = seen.log_dirs.values().map(|said| {
            let topics = said.as_ref().ok()?.topics.as_ref()?;
            Some(topics.get(&name).copied().unwrap_or_default())
        });
        let factors = topic.partitions.iter().map(|p| p.replicas.len());
        let factor = factors.max().unwrap_or_default();
        let count = |wrong: &dyn Fn(&client::PartitionMetadata) -> bool| {
            topic
                .partitions
                .iter()
                .filter(|partition| wrong(partition))
                .count()
        };
        // Of a topic with fewer copies than that the brokers ask for as many as it has.
        let least = seen.min_isr.get(&name).copied().unwrap_or(1).min(factor);
        Topic {
            id: topic.id.to_string(),
            partitions: topic.partitions.len(),
            replication_factor: factor,
            leaderless: count(&|partition| partition.leader.is_none()),
            under_replicated: count(&|partition| partition.isr.len() < partition.replicas.len()),
            under_min_isr: count(&|partition| partition.isr.len() < least),
            offline_replicas: topic.partitions.iter().map(|p| p.offline.len()).sum(),
            troubled: topic
                .partitions
                .iter()
                .filter(|p| p.leader.is_none() || p.isr.len() < p.replicas.len() || p.isr.len() < least)
                .map(troubled)
                .collect(),
            records: records.sum(),
            partial: keys.iter().any(|key| !seen.offsets.contains_key(key)),
            bytes: bytes.sum(),
            records_per_second: keys
                .iter()
                .map(|key| self.per_second(&Metered::Partition(key.clone()), now))
                .sum(),
            leaders: topic
                .partitions
                .iter()
                .map(|p| p.leader.map(|leader| leader.0))
                .collect(),
            name,
        }
    }
}

fn troubled(partition: &client::PartitionMetadata) -> Troubled {
    let ids = |ids: &[record::BrokerId]| ids.iter().map(|id| id.0).collect();
    Troubled {
        partition: partition.index.0,
        leader: partition.leader.map(|leader| leader.0),
        replicas: ids(&partition.replicas),
        in_sync: ids(&partition.isr),
        offline: ids(&partition.offline),
    }
}
