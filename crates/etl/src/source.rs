//! Where records come from: the brokers, or memory in tests.

use std::collections::{BTreeMap, BTreeSet};

use client::FetchedBatch;
use record::{LeaderEpoch, Offset, PartitionIndex};

use crate::EtlError;
use crate::payload::Position;
use crate::recover::Cluster;

/// Topic and partition.
pub(crate) type TopicPartition = (String, PartitionIndex);

/// Leader epochs by partition.
pub(crate) type Epochs = BTreeMap<TopicPartition, BTreeSet<LeaderEpoch>>;

/// How far an epoch goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Where each partition ends now, for readers of committed records. Partitions whose leader is
    /// away are missing.
    pub ends: BTreeMap<TopicPartition, Offset>,
    /// Partitions that are not assigned yet, with their first offset: told until they are.
    pub new: BTreeMap<TopicPartition, Offset>,
}

/// Where records come from.
pub(crate) trait EventSource: Send {
    /// The topics as they are now, with the ends of these leader epochs.
    fn describe(
        &mut self,
        topics: &[String],
        epochs: &Epochs,
    ) -> impl Future<Output = Result<Cluster, EtlError>> + Send;

    /// Reads on from these positions, and forgets all others.
    fn assign(&mut self, positions: &BTreeMap<TopicPartition, Position>);

    /// Reads this partition, too.
    fn assign_new(&mut self, key: &TopicPartition, earliest: Offset);

    /// Where the partitions end now. Assigns nothing.
    fn plan(&mut self) -> impl Future<Output = Result<Plan, EtlError>> + Send;

    /// The next batches; waits until there are some, or positions moved. Cancel safe.
    fn fetch(&mut self) -> impl Future<Output = Result<Vec<FetchedBatch>, EtlError>> + Send;

    /// Everything before this offset was handed out, or is nothing for readers. With the leader
    /// epoch of what lies before it, shown or not.
    fn position(&self, topic: &str, partition: PartitionIndex) -> Option<Position>;
}
