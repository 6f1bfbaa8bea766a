//! The newest that this client has heard of its cluster, over all its answers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use record::{BrokerId, LeaderEpoch, PartitionIndex};

use crate::{
    error::ClientError,
    metadata::{Broker, ClusterMetadata, PartitionMetadata, TopicMetadata},
};

/// Metadata merged over time: a leader of an older epoch never replaces a newer one.
#[derive(Debug, Default)]
pub(crate) struct Known {
    cluster_id: String,
    controller: Option<BrokerId>,
    brokers: BTreeMap<BrokerId, Broker>,
    topics: HashMap<Arc<str>, TopicMetadata>,
}

impl Known {
    /// Takes in an answer, and brings its topics up to what is known.
    pub(crate) fn merge(&mut self, answer: &mut ClusterMetadata) -> Result<(), ClientError> {
        if !self.cluster_id.is_empty() && self.cluster_id != answer.cluster_id {
            return Err(ClientError::OtherCluster {
                before: self.cluster_id.clone(),
                now: answer.cluster_id.clone(),
            });
        }
        self.cluster_id.clone_from(&answer.cluster_id);
        self.controller = answer.controller;
        self.brokers.clone_from(&answer.brokers);
        for topic in &mut answer.topics {
            if let Some(before) = self.topics.get(&topic.name) {
                keep_newer_leaders(before, topic);
            }
            if topic.error.is_none() {
                self.topics.insert(Arc::clone(&topic.name), topic.clone());
            } else {
                self.topics.remove(&topic.name);
            }
        }
        Ok(())
    }

    pub(crate) fn address(&self, broker: BrokerId) -> Option<String> {
        self.brokers.get(&broker).map(Broker::address)
    }

    pub(crate) fn addresses(&self) -> Vec<String> {
        self.brokers.values().map(Broker::address).collect()
    }

    pub(crate) fn controller(&self) -> Option<BrokerId> {
        self.controller
    }

    pub(crate) fn leader(&self, topic: &str, partition: PartitionIndex) -> Option<(BrokerId, LeaderEpoch)> {
        let partition = self.topics.get(topic)?.partition(partition)?;
        Some((partition.leader?, partition.leader_epoch))
    }

    pub(crate) fn topic(&self, topic: &str) -> Option<&TopicMetadata> {
        self.topics.get(topic)
    }
}

fn keep_newer_leaders(before: &TopicMetadata, now: &mut TopicMetadata) {
    if before.id != now.id {
        return;
    }
    let newer = |partition: &PartitionMetadata| {
        let known = before.partition(partition.index)?;
        (known.leader_epoch > partition.leader_epoch).then(|| known.clone())
    };
    for partition in &mut now.partitions {
        if let Some(known) = newer(partition) {
            *partition = known;
        }
    }
}

#[cfg(test)]
mod tests;
