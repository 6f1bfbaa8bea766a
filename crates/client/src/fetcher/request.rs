//! One Fetch request and its answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        FetchRequest, FetchResponse,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::PartitionData,
    },
    protocol::{Message, VersionRange},
};
use record::{BrokerId, LeaderEpoch, Offset, PartitionIndex, ProducerId, TopicId};

use super::{FetcherOptions, Position};
use crate::{Client, ClientError, ServerError, admin::millis, client::topic_name};

/// From this version on a fetch can carry the epoch of the last record read (KIP-595).
const WITH_LAST_EPOCH: i16 = 12;
/// From this version on topics are named by id (KIP-516).
const WITH_TOPIC_IDS: i16 = 13;
/// A fetch can be asked anew elsewhere, so that a stuck leader isn't waited for as long as for an append.
const PATIENCE: Duration = Duration::from_secs(10);
/// The session id of a request that belongs to no session.
const NO_SESSION: i32 = 0;
const NO_SESSION_EPOCH: i32 = -1;

/// One partition of a fetch.
#[derive(Debug, Clone)]
pub(super) struct PartitionFetch {
    pub(super) topic: Arc<str>,
    pub(super) topic_id: TopicId,
    pub(super) partition: PartitionIndex,
    pub(super) generation: u64,
    pub(super) position: Position,
    pub(super) leader_epoch: LeaderEpoch,
}

/// A leader's answer.
#[derive(Debug)]
pub(super) struct Fetched {
    /// An error of the whole answer.
    pub(super) error: Option<ServerError>,
    pub(super) answers: Vec<Answer>,
}

/// What it says about one partition.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) asked: PartitionFetch,
    pub(super) error_code: i16,
    pub(super) high_watermark: Offset,
    /// The largest epoch not above ours, and its end, where our log isn't the leader's.
    pub(super) diverging: Option<(LeaderEpoch, Offset)>,
    pub(super) aborted: Vec<(ProducerId, Offset)>,
    pub(super) records: Bytes,
}

pub(super) async fn fetch(
    client: &Client,
    broker: BrokerId,
    asked: &[PartitionFetch],
    options: &FetcherOptions,
) -> Result<Fetched, ClientError> {
    let connection = client.connection_to(broker).await?;
    let ids = asked.iter().all(|partition| !partition.topic_id.0.is_nil());
    let mut versions = FetchRequest::VERSIONS;
    if !ids {
        versions = VersionRange {
            min: versions.min,
            max: WITH_TOPIC_IDS - 1,
        };
    }
    let version = connection.version::<FetchRequest>(versions)?;
    let request = FetchRequest::default()
        .with_max_wait_ms(millis(options.max_wait))
        .with_min_bytes(clamp(options.min_bytes))
        .with_max_bytes(clamp(options.max_bytes))
        .with_isolation_level(options.isolation.wire())
        .with_session_id(NO_SESSION)
        .with_session_epoch(NO_SESSION_EPOCH)
        .with_topics(topics(asked, version, options));
    let patience = client.options().request_timeout.min(PATIENCE) + options.max_wait;
    let response = connection
        .submit(&request, version)
        .await?
        .answer(patience)
        .await?;
    Ok(sort_out(response, asked, version))
}

fn topics(asked: &[PartitionFetch], version: i16, options: &FetcherOptions) -> Vec<FetchTopic> {
    let mut topics: Vec<FetchTopic> = Vec::new();
    for partition in asked {
        let last_epoch = partition
            .position
            .leader_epoch
            .filter(|_| version >= WITH_LAST_EPOCH);
        let wanted = FetchPartition::default()
            .with_partition(partition.partition.0)
            .with_current_leader_epoch(partition.leader_epoch.0)
            .with_fetch_offset(partition.position.offset.0)
            .with_last_fetched_epoch(last_epoch.map_or(-1, |epoch| epoch.0))
            .with_log_start_offset(-1)
            .with_partition_max_bytes(clamp(options.partition_max_bytes));
        // The order of the partitions is that of their turns: only neighbours of a topic go together.
        match topics
            .last_mut()
            .filter(|topic| topic.topic.as_str() == &*partition.topic)
        {
            Some(topic) => topic.partitions.push(wanted),
            None => topics.push(
                FetchTopic::default()
                    .with_topic(topic_name(&partition.topic))
                    .with_topic_id(partition.topic_id.0)
                    .with_partitions(vec![wanted]),
            ),
        }
    }
    topics
}

fn sort_out(response: FetchResponse, asked: &[PartitionFetch], version: i16) -> Fetched {
    let error = ServerError::from_code(response.error_code, None);
    let mut answers = Vec::new();
    for topic in response.responses {
        let is_topic = |fetch: &&PartitionFetch| {
            if version >= WITH_TOPIC_IDS {
                fetch.topic_id.0 == topic.topic_id
            } else {
                *fetch.topic == **topic.topic
            }
        };
        for data in topic.partitions {
            let mut of_topic = asked.iter().filter(is_topic);
            // A partition that nobody asked for is of no use to anybody.
            let found = of_topic.find(|fetch| fetch.partition.0 == data.partition_index);
            answers.extend(found.map(|fetch| answer(fetch.clone(), data)));
        }
    }
    Fetched { error, answers }
}

fn answer(asked: PartitionFetch, data: PartitionData) -> Answer {
    let end = data.diverging_epoch;
    let diverging = (end.end_offset >= 0).then_some((LeaderEpoch(end.epoch), Offset(end.end_offset)));
    let aborted = data.aborted_transactions.unwrap_or_default();
    let aborted = aborted
        .iter()
        .map(|aborted| (ProducerId(aborted.producer_id.0), Offset(aborted.first_offset)));
    Answer {
        asked,
        error_code: data.error_code,
        high_watermark: Offset(data.high_watermark),
        diverging,
        aborted: aborted.collect(),
        records: data.records.unwrap_or_default(),
    }
}

fn clamp(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}
