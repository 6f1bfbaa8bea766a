//! Fetch (1): whole batches as they lie on disk, for clients up to the high watermark, for followers up
//! to the end.
//!
//! Fetch sessions (KIP-227) are answered with session id 0, which tells clients to name all partitions
//! in every request; an older session id is refused, so that no client relies on what isn't kept.

use std::collections::BTreeSet;

use cluster::{LogEnds, Metadata, Millis, diverges};
use disk::Disk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{
    EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse};
use kafka_protocol::protocol::StrBytes;
use record::{BatchHeader, BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};

use crate::handlers::leader_hint::LeaderHint;
use crate::refusal::Refusal;
use crate::replica::{Advance, Assigned, Replica};
use crate::replicas::{Key, Replicas};

const READ_COMMITTED: i8 = 1;
/// Session epochs of requests that name all their partitions.
const FULL_EPOCHS: [i32; 2] = [-1, 0];
/// Clients of older versions read from leaders only (KIP-392).
const READS_FOLLOWERS: i16 = 11;

/// What a Fetch uses.
pub(crate) struct Fetch<'a, D: Disk> {
    pub(crate) replicas: &'a mut Replicas<D>,
    pub(crate) metadata: &'a Metadata,
    pub(crate) listener: &'a str,
    pub(crate) max_bytes: usize,
    pub(crate) reader: Reader,
    /// A mistake to make, for the simulator.
    #[cfg(feature = "deliberate-bugs")]
    pub(crate) bug: Option<cluster::Bug>,
}

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    Client,
    /// A broker that has proved who it is, and when it asked.
    Follower((BrokerId, BrokerEpoch), Millis),
}

/// What a Fetch found.
pub(crate) struct Found {
    pub(crate) response: FetchResponse,
    /// Bytes of records in it.
    pub(crate) bytes: usize,
    /// It holds something that the client must hear of at once, or there is more behind what was read.
    pub(crate) urgent: bool,
    /// The partitions that may be waited for.
    pub(crate) partitions: Vec<Key>,
    /// Where more is committed, now that a follower has told how far it is.
    pub(crate) advanced: Vec<(Key, Advance)>,
}

/// What limits the rest of a response.
struct Budget {
    left: usize,
    /// The first records are given however large their batch is, or a client could never go on.
    first: bool,
}

impl<D: Disk> Fetch<'_, D> {
    /// Reads what there is.
    pub(crate) fn find(mut self, request: &FetchRequest, version: i16) -> Found {
        if version >= 7 && !FULL_EPOCHS.contains(&request.session_epoch) {
            return Found::refused(ResponseError::FetchSessionIdNotFound);
        }
        let asked = usize::try_from(request.max_bytes).unwrap_or(0);
        let mut budget = Budget {
            left: asked.min(self.max_bytes),
            first: true,
        };
        let replica_id = if version >= 15 {
            request.replica_state.replica_id.0
        } else {
            request.replica_id.0
        };
        let is_impostor = replica_id >= 0 && self.reader == Reader::Client;
        let mut found = Found::new();
        let mut hint = LeaderHint::new(self.metadata, self.listener);
        let mut seen = BTreeSet::new();
        for topic in &request.topics {
            let id = self.topic_id(topic, version);
            let mut answers = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                // Each partition is read once, however often it is named.
                if !seen.insert((topic.topic.as_str(), topic.topic_id, partition.partition)) {
                    continue;
                }
                let index = PartitionIndex(partition.partition);
                let result = if is_impostor {
                    Err(Refusal::from(ResponseError::ClusterAuthorizationFailed))
                } else {
                    id.clone()
                        .and_then(|id| self.partition(id, partition, version, &mut budget))
                };
                if let Reader::Follower(..) = self.reader
                    && let Ok(id) = id
                    && let Some(advance) = self.replicas.advance((id, index))
                {
                    found.advanced.push(((id, index), advance));
                }
                answers.push(match result {
                    Ok(data) => {
                        found.bytes += data.records.as_ref().map_or(0, bytes::Bytes::len);
                        found.urgent |= data.diverging_epoch.epoch >= 0 || has_more(&data);
                        found.partitions.extend(id.as_ref().ok().map(|id| (*id, index)));
                        data.with_aborted_transactions(
                            (request.isolation_level == READ_COMMITTED).then(Vec::new),
                        )
                    }
                    Err(refusal) => {
                        found.urgent = true;
                        let id = id.as_ref().ok().copied();
                        let mut data = refused(partition, &refusal, id, version, &mut hint);
                        if let (Reader::Follower(..), Some(id)) = (self.reader, id) {
                            data.log_start_offset = self.replicas.start_of((id, index)).0;
                        }
                        data
                    }
                });
            }
            let mut answer = FetchableTopicResponse::default().with_partitions(answers);
            if version >= 13 {
                answer.topic_id = topic.topic_id;
            } else {
                answer.topic = topic.topic.clone();
            }
            found.response.responses.push(answer);
        }
        if version >= 16 {
            found.response.node_endpoints = endpoints(&hint);
        }
        found
    }

    fn topic_id(&self, topic: &FetchTopic, version: i16) -> Result<TopicId, Refusal> {
        if version < 13 {
            let topic = self
                .metadata
                .topic(&topic.topic)
                .ok_or(ResponseError::UnknownTopicOrPartition)?;
            return Ok(topic.id);
        }
        let id = TopicId(topic.topic_id);
        if self.metadata.topics.contains_key(&id) {
            Ok(id)
        } else {
            Err(ResponseError::UnknownTopicId.into())
        }
    }

    fn partition(
        &mut self,
        topic: TopicId,
        asked: &FetchPartition,
        version: i16,
        budget: &mut Budget,
    ) -> Result<PartitionData, Refusal> {
        let index = PartitionIndex(asked.partition);
        let key = (topic, index);
        self.metadata
            .partition(topic, index)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        let replica = match self.reader {
            Reader::Client if version >= READS_FOLLOWERS => {
                self.replicas.readable(key, asked.current_leader_epoch)?
            }
            Reader::Client | Reader::Follower(..) => self.replicas.leader(key, asked.current_leader_epoch)?,
        };
        let from = Offset(asked.fetch_offset);
        let log = replica.log()?;
        let mut data = PartitionData::default()
            .with_partition_index(asked.partition)
            .with_log_start_offset(log.start_offset().0)
            .with_records(Some(bytes::Bytes::new()));
        let last_epoch = Some(LeaderEpoch(asked.last_fetched_epoch));
        if let Some((epoch, end)) = diverges(last_epoch, from, |epoch| log.end_offset_for_epoch(epoch)) {
            let diverging = EpochEndOffset::default()
                .with_epoch(epoch.0)
                .with_end_offset(end.0);
            data.high_watermark = replica.high_watermark().0;
            return Ok(data.with_diverging_epoch(diverging));
        }
        let asker = LogEnds {
            start: Offset(asked.log_start_offset),
            end: from,
        };
        let up_to = self
            .reader
            .reads_up_to(replica, asker, asked.last_fetched_epoch)?;
        let high_watermark = replica.committed();
        #[cfg(feature = "deliberate-bugs")]
        let (up_to, high_watermark) = match self.bug {
            Some(cluster::Bug::ReadUncommitted) => {
                let end = replica.log()?.end_offset();
                (end, end)
            }
            _ => (up_to, high_watermark),
        };
        data = data
            .with_high_watermark(high_watermark.0)
            .with_last_stable_offset(high_watermark.0);
        let log = replica.log()?;
        let limit = usize::try_from(asked.partition_max_bytes)
            .unwrap_or(0)
            .min(budget.left);
        if limit == 0 && !budget.first && (log.start_offset()..=up_to).contains(&from) {
            return Ok(data);
        }
        let records = log.read(from, limit, up_to).map_err(|e| Refusal::from(&e))?;
        if records.len() > limit && !budget.first {
            // One batch was read in vain; clients put what they got nothing of first the next time.
            budget.left = 0;
            return Ok(data);
        }
        if !records.is_empty() {
            budget.first = false;
            budget.left = budget.left.saturating_sub(records.len());
        }
        data.records = Some(records);
        Ok(data)
    }
}

impl Reader {
    /// Up to where it may read; the ends of a follower's log are noted.
    fn reads_up_to<D: Disk>(
        self,
        replica: &mut Replica<D>,
        asker: LogEnds,
        last_epoch: i32,
    ) -> Result<Offset, Refusal> {
        let from = asker.end;
        let log = replica.log()?;
        let (start, end) = (log.start_offset(), log.end_offset());
        let (follower, now) = match self {
            Self::Client => {
                let up_to = replica.high_watermark();
                let follows = matches!(replica.assigned(), Assigned::Follower { .. });
                // The leader may have more; whoever reads there knows.
                if follows && from > up_to && from <= end {
                    return Err(ResponseError::OffsetNotAvailable.into());
                }
                return Ok(up_to);
            }
            Self::Follower(follower, now) => (follower, now),
        };
        // A log that knows of no epoch agrees with any other. One that isn't in sync and begins behind this one may be
        // of a time before records were lost: going on from there would leave a hole.
        let in_sync = replica
            .leader()
            .is_some_and(|leader| leader.may_be_in_sync(follower.0));
        let may_leave_hole = last_epoch < 0 && from > start && !in_sync;
        if !(start..=end).contains(&from) || may_leave_hole {
            return Err(ResponseError::OffsetOutOfRange.into());
        }
        replica.on_fetch(follower, asker, now)
    }
}

impl Found {
    fn new() -> Self {
        Self {
            response: FetchResponse::default(),
            bytes: 0,
            urgent: false,
            partitions: Vec::new(),
            advanced: Vec::new(),
        }
    }

    fn refused(error: ResponseError) -> Self {
        let response = FetchResponse::default().with_error_code(error.code());
        Self {
            response,
            urgent: true,
            ..Self::new()
        }
    }
}

/// Whether records follow those that were read: a read ends with a segment, or at a limit. Waiting for
/// more to be appended would be for nothing.
fn has_more(data: &PartitionData) -> bool {
    let mut rest = data.records.as_deref().unwrap_or_default();
    let mut next = None;
    while let Ok(header) = BatchHeader::parse(rest) {
        next = Some(header.next_offset());
        rest = rest.get(header.size..).unwrap_or_default();
    }
    next.is_some_and(|next| next.0 < data.high_watermark)
}

fn refused(
    asked: &FetchPartition,
    refusal: &Refusal,
    topic: Option<TopicId>,
    version: i16,
    hint: &mut LeaderHint<'_>,
) -> PartitionData {
    let mut data = PartitionData::default()
        .with_partition_index(asked.partition)
        .with_error_code(refusal.error.code())
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_records(Some(bytes::Bytes::new()));
    if version >= 12
        && let Some((leader, epoch)) = hint.leader(refusal, topic, PartitionIndex(asked.partition))
    {
        data.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(leader.0.into())
            .with_leader_epoch(epoch.0);
    }
    data
}

fn endpoints(hint: &LeaderHint<'_>) -> Vec<NodeEndpoint> {
    hint.endpoints()
        .map(|(id, host, port)| {
            NodeEndpoint::default()
                .with_node_id(id.0.into())
                .with_host(StrBytes::from_string(host.to_owned()))
                .with_port(i32::from(port))
        })
        .collect()
}
