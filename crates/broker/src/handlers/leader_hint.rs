//! Who leads instead: told with the error, so that clients need not ask for it first (KIP-951).

use std::collections::BTreeSet;

use cluster::Metadata;
use kafka_protocol::ResponseError;
use record::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};

use crate::refusal::Refusal;

/// Collects the leaders that one response names.
pub(crate) struct LeaderHint<'a> {
    metadata: &'a Metadata,
    listener: &'a str,
    named: BTreeSet<BrokerId>,
}

impl<'a> LeaderHint<'a> {
    pub(crate) fn new(metadata: &'a Metadata, listener: &'a str) -> Self {
        Self {
            metadata,
            listener,
            named: BTreeSet::new(),
        }
    }

    /// The leader to be named with a refusal, if it is one that another leader explains.
    pub(crate) fn leader(
        &mut self,
        refusal: &Refusal,
        topic: Option<TopicId>,
        partition: PartitionIndex,
    ) -> Option<(BrokerId, LeaderEpoch)> {
        if !matches!(
            refusal.error,
            ResponseError::NotLeaderOrFollower | ResponseError::FencedLeaderEpoch
        ) {
            return None;
        }
        let partition = self.metadata.partition(topic?, partition)?;
        let leader = partition.leader?;
        self.named.insert(leader);
        Some((leader, partition.leader_epoch))
    }

    /// Where the named leaders are reached.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = (BrokerId, &str, u16)> {
        self.named.iter().filter_map(|id| {
            let listeners = &self.metadata.brokers.get(id)?.listeners;
            let listener = listeners.iter().find(|listener| listener.name == self.listener)?;
            Some((*id, listener.host.as_str(), listener.port))
        })
    }
}
