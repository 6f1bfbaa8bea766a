//! The committed metadata as one value.

use std::collections::{BTreeMap, VecDeque};

use record::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId};
use uuid::Uuid;

use crate::{Index, Listener, Reassignment, Term, UncleanRecovery};

/// What a majority of the voters has agreed on, as far as this broker knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The last entry in it; 0 at first.
    pub applied: Index,
    /// The cluster's id, once the first controller has written it.
    pub cluster_id: Option<String>,
    /// Finalized features by level, such as `metadata.version`.
    pub features: BTreeMap<String, i16>,
    /// Who votes in the metadata quorum, where that has changed since the cluster was founded; else nobody.
    pub voters: Vec<BrokerId>,
    /// All brokers that were ever registered.
    pub brokers: BTreeMap<BrokerId, Broker>,
    /// All topics.
    pub topics: BTreeMap<TopicId, Topic>,
    /// Their ids by name.
    pub topic_ids: BTreeMap<String, TopicId>,
    /// The last topics that were deleted, oldest first: a repeated request to create one of them must
    /// not bring it back under the same id, where its leader epochs would start again.
    pub removed_topics: VecDeque<TopicId>,
    /// The first producer id that was not handed out yet.
    pub next_producer_id: ProducerId,
    /// The controller as this broker sees it now: not committed, but heard of through Raft.
    pub controller: Option<Controller>,
}

/// Who leads the metadata quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Controller {
    /// The broker.
    pub id: BrokerId,
    /// Its term.
    pub epoch: Term,
}

/// A registered broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Counts its registrations: the index of the entry with the last one.
    pub epoch: BrokerEpoch,
    /// The process that registered.
    pub incarnation: Uuid,
    /// Where it is reached.
    pub listeners: Vec<Listener>,
    /// The process found everything that the one before had acknowledged. Not so after a loss of power, or with
    /// an empty folder, which a new broker has, too.
    pub clean: bool,
    /// Counts as dead: leads nothing.
    pub fenced: bool,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its id.
    pub id: TopicId,
    /// Its name.
    pub name: String,
    /// What was set; everything else has its default, see [`crate::topic_configs`].
    pub configs: BTreeMap<String, String>,
    /// Its partitions; the index is the place.
    pub partitions: Vec<Partition>,
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Who leads it.
    pub leader: Option<BrokerId>,
    /// Counts its leaders, also the changes from one to none.
    pub leader_epoch: LeaderEpoch,
    /// Who holds it, the preferred leader first.
    pub replicas: Vec<BrokerId>,
    /// Those of the replicas that are in sync.
    pub isr: Vec<BrokerId>,
    /// Members of the ISR that may lack what they had acknowledged, because they lost power or their files were
    /// damaged. They lead only where nobody else is left: see [`UncleanRecovery`].
    pub unclean: Vec<BrokerId>,
    /// Replicas whose files can't be used, as their brokers say.
    pub offline: Vec<BrokerId>,
    /// Where it moves: once all who shall hold it are in sync, they alone are the replicas.
    pub reassignment: Option<Reassignment>,
    /// The last time that a leader was elected that may lack acknowledged records.
    pub unclean_recovery: Option<UncleanRecovery>,
    /// Counts all changes of this partition's state (`PartitionEpoch`).
    pub partition_epoch: i32,
}

impl Metadata {
    /// The topic of a name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(self.topic_ids.get(name)?)
    }

    /// A partition by topic id.
    #[must_use]
    pub fn partition(&self, topic: TopicId, partition: PartitionIndex) -> Option<&Partition> {
        let index = usize::try_from(partition.0).ok()?;
        self.topics.get(&topic)?.partitions.get(index)
    }

    /// Brokers that count as alive.
    pub fn unfenced(&self) -> impl Iterator<Item = (BrokerId, &Broker)> {
        self.brokers
            .iter()
            .filter(|(_, broker)| !broker.fenced)
            .map(|(id, broker)| (*id, broker))
    }

    /// Partitions of all topics.
    #[must_use]
    pub fn partition_count(&self) -> usize {
        self.topics.values().map(|t| t.partitions.len()).sum()
    }
}
