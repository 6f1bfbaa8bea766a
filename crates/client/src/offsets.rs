//! Offsets by place, by time and by leader epoch.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::{
    messages::{
        BrokerId as WireBrokerId, ListOffsetsRequest, OffsetForLeaderEpochRequest,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
    },
    protocol::{Message, VersionRange},
};
use record::{LeaderEpoch, Offset, PartitionIndex, Timestamp};

use crate::{
    admin::millis,
    client::{Client, topic_name},
    connection::Connection,
    error::{ClientError, ServerError},
    leaders::{Answers, Ask, Question},
};

const NO_REPLICA: WireBrokerId = WireBrokerId(-1);

/// Which offset of a partition is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first that is still there.
    Earliest,
    /// The one that the next record gets (read_committed: the last stable offset).
    Latest,
    /// The first whose timestamp is this or later.
    At(Timestamp),
    /// The one of the highest timestamp (Kafka 3.0 and later).
    MaxTimestamp,
}

impl OffsetSpec {
    fn wire(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::At(timestamp) => timestamp.0,
        }
    }

    fn versions(self) -> VersionRange {
        let min = if self == Self::MaxTimestamp {
            7
        } else {
            ListOffsetsRequest::VERSIONS.min
        };
        VersionRange {
            min,
            max: ListOffsetsRequest::VERSIONS.max,
        }
    }
}

/// Whether records of open and aborted transactions count (`isolation.level`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// They count.
    #[default]
    ReadUncommitted,
    /// They don't.
    ReadCommitted,
}

impl Isolation {
    pub(crate) fn wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// An offset that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset; -1 where no record is at or after the time that was asked for.
    pub offset: Offset,
    /// The epoch of its record, or of the leader; -1 where unknown.
    pub leader_epoch: LeaderEpoch,
    /// The record's timestamp; -1 but for questions about time.
    pub timestamp: Timestamp,
}

/// Where a leader epoch ended in a partition (KIP-101).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochEnd {
    /// The largest epoch that isn't above the one asked for; -1 where there is none.
    pub leader_epoch: LeaderEpoch,
    /// The offset behind its last record; -1 where there is none.
    pub end_offset: Offset,
}

impl Question for (OffsetSpec, Isolation) {
    type Answer = ListedOffset;

    const WHAT: &'static str = "offsets";

    async fn ask(
        connection: &Connection,
        asks: &[Ask<Self>],
        patience: Duration,
    ) -> Result<Answers<ListedOffset>, ClientError> {
        list_offsets(connection, asks, patience).await
    }
}

impl Question for LeaderEpoch {
    type Answer = EpochEnd;

    const WHAT: &'static str = "the end of an epoch";

    async fn ask(
        connection: &Connection,
        asks: &[Ask<Self>],
        patience: Duration,
    ) -> Result<Answers<EpochEnd>, ClientError> {
        epoch_ends(connection, asks, patience).await
    }
}

impl Client {
    /// Offsets of partitions, each from its leader. One answer a question, in their order.
    /// Stale leaders are looked up again until the request timeout.
    pub async fn list_offsets(
        &self,
        asked: &[(&str, PartitionIndex, OffsetSpec)],
        isolation: Isolation,
    ) -> Vec<Result<ListedOffset, ClientError>> {
        let with_isolation =
            |&(topic, partition, spec): &(_, _, OffsetSpec)| (topic, partition, (spec, isolation));
        let asked: Vec<_> = asked.iter().map(with_isolation).collect();
        self.ask_leaders(&asked).await
    }

    /// Where leader epochs ended, each from the partition's leader. One answer a question, in their order.
    pub async fn end_offsets_for_epochs(
        &self,
        asked: &[(&str, PartitionIndex, LeaderEpoch)],
    ) -> Vec<Result<EpochEnd, ClientError>> {
        self.ask_leaders(asked).await
    }
}

async fn list_offsets(
    connection: &Connection,
    asks: &[Ask<(OffsetSpec, Isolation)>],
    patience: Duration,
) -> Result<Answers<ListedOffset>, ClientError> {
    let mut versions = ListOffsetsRequest::VERSIONS;
    let isolation = asks.first().map(|ask| ask.question.1).unwrap_or_default();
    if isolation == Isolation::ReadCommitted {
        versions.min = 2;
    }
    for ask in asks {
        versions = versions.intersect(&ask.question.0.versions());
    }
    let version = connection.version::<ListOffsetsRequest>(versions)?;
    let mut topics: BTreeMap<&str, Vec<ListOffsetsPartition>> = BTreeMap::new();
    for ask in asks {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(ask.partition.0)
            .with_current_leader_epoch(if version >= 4 { ask.leader_epoch.0 } else { -1 })
            .with_timestamp(ask.question.0.wire());
        topics.entry(&ask.topic).or_default().push(partition);
    }
    let topic = |(name, partitions): (&str, Vec<ListOffsetsPartition>)| {
        ListOffsetsTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions)
    };
    let request = ListOffsetsRequest::default()
        .with_replica_id(NO_REPLICA)
        .with_isolation_level(if version >= 2 { isolation.wire() } else { 0 })
        .with_topics(topics.into_iter().map(topic).collect())
        .with_timeout_ms(if version >= 10 { millis(patience) } else { 0 });
    let response = connection
        .submit(&request, version)
        .await?
        .answer(patience)
        .await?;
    let mut answers = Answers::new();
    for topic in response.topics {
        for partition in topic.partitions {
            let listed = ListedOffset {
                offset: Offset(partition.offset),
                leader_epoch: LeaderEpoch(partition.leader_epoch),
                timestamp: Timestamp(partition.timestamp),
            };
            let answer = ServerError::check(partition.error_code, None).map(|()| listed);
            answers.insert((topic.name.to_string(), partition.partition_index), answer);
        }
    }
    Ok(answers)
}

async fn epoch_ends(
    connection: &Connection,
    asks: &[Ask<LeaderEpoch>],
    patience: Duration,
) -> Result<Answers<EpochEnd>, ClientError> {
    let mut topics: BTreeMap<&str, Vec<OffsetForLeaderPartition>> = BTreeMap::new();
    for ask in asks {
        let partition = OffsetForLeaderPartition::default()
            .with_partition(ask.partition.0)
            .with_current_leader_epoch(ask.leader_epoch.0)
            .with_leader_epoch(ask.question.0);
        topics.entry(&ask.topic).or_default().push(partition);
    }
    let topic = |(name, partitions): (&str, Vec<OffsetForLeaderPartition>)| {
        OffsetForLeaderTopic::default()
            .with_topic(topic_name(name))
            .with_partitions(partitions)
    };
    let request = OffsetForLeaderEpochRequest::default()
        .with_replica_id(NO_REPLICA)
        .with_topics(topics.into_iter().map(topic).collect());
    let response = connection.call(&request, patience).await?;
    let mut answers = Answers::new();
    for topic in response.topics {
        for partition in topic.partitions {
            let end = EpochEnd {
                leader_epoch: LeaderEpoch(partition.leader_epoch),
                end_offset: Offset(partition.end_offset),
            };
            let answer = ServerError::check(partition.error_code, None).map(|()| end);
            answers.insert((topic.topic.to_string(), partition.partition), answer);
        }
    }
    Ok(answers)
}
