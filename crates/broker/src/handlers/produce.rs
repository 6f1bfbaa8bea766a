//! Produce (0): batches into logs.
//!
//! Records stay the slice of the frame that they came in. A request for one partition holds the only
//! reference to its frame by then, so that offsets are written in place; otherwise one copy is made.

use bytes::{Bytes, BytesMut};
use cluster::{Metadata, Topic};
use disk::Disk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use log::Appended;
use record::{BATCH_OVERHEAD, Batch, BatchError, LENGTH_PREFIX, Offset, PartitionIndex, Timestamp, TopicId};

use crate::handlers::leader_hint::LeaderHint;
use crate::purgatory::Uncommitted;
use crate::refusal::Refusal;
use crate::replicas::{Key, Replicas};
use crate::{Serving, topic_settings};

/// What a Produce uses.
pub(crate) struct Produce<'a, D: Disk> {
    pub(crate) replicas: &'a mut Replicas<D>,
    pub(crate) metadata: &'a Metadata,
    pub(crate) serving: &'a Serving,
    /// The controller has been heard of lately, so that this broker may believe that it leads.
    pub(crate) has_session: bool,
    pub(crate) now: Timestamp,
}

/// What a Produce did.
pub(crate) struct Produced {
    pub(crate) response: ProduceResponse,
    /// Where something was appended.
    pub(crate) appended: Vec<Key>,
    /// What `acks=all` has to wait for, unless it is committed already.
    pub(crate) uncommitted: Vec<Uncommitted>,
    /// Where a segment was sealed.
    pub(crate) rolled: Vec<Key>,
    /// Some partition refused.
    pub(crate) refused: bool,
}

impl<'a, D: Disk> Produce<'a, D> {
    pub(crate) fn append(mut self, request: ProduceRequest, version: i16) -> Produced {
        let mut produced = Produced {
            rolled: Vec::new(),
            response: ProduceResponse::default(),
            appended: Vec::new(),
            uncommitted: Vec::new(),
            refused: false,
        };
        let whole = check_request(&request);
        let mut hint = LeaderHint::new(self.metadata, &self.serving.listener);
        for (topic, at) in request.topic_data.into_iter().zip(0..) {
            let (found, mut answer) = self.topic(&topic, version);
            // Slices of the frame that are no longer needed stand in the way of changing it in place.
            let partitions = { topic }.partition_data;
            for data in partitions {
                let index = data.index;
                let result = match (&whole, &found) {
                    (Err(refusal), _) | (_, Err(refusal)) => Err(refusal.clone()),
                    (Ok(()), Ok(topic)) => self.partition(topic, data, request.acks),
                };
                self.replicas.note_write(result.as_ref().err());
                let topic = found.as_ref().ok().map(|topic| topic.id);
                answer.partition_responses.push(match result {
                    Ok((response, appended)) => {
                        if let Some(id) = topic {
                            let key = (id, PartitionIndex(index));
                            produced.rolled.extend(appended.rolled.then_some(key));
                            produced.appended.push(key);
                            produced.uncommitted.push(Uncommitted {
                                key,
                                needs: Offset(appended.last_offset.0 + 1),
                                place: (at, answer.partition_responses.len()),
                            });
                        }
                        response
                    }
                    Err(refusal) => {
                        produced.refused = true;
                        refused(index, &refusal, topic, version, &mut hint)
                    }
                });
            }
            produced.response.responses.push(answer);
        }
        if version >= 10 {
            produced.response.node_endpoints = endpoints(&hint);
        }
        produced
    }

    /// The topic, and the answer without its partitions. The answer's name is ours, not the frame's.
    fn topic(
        &self,
        asked: &TopicProduceData,
        version: i16,
    ) -> (Result<&'a Topic, Refusal>, TopicProduceResponse) {
        if version >= 13 {
            let found = self.metadata.topics.get(&TopicId(asked.topic_id));
            let answer = TopicProduceResponse::default().with_topic_id(asked.topic_id);
            return (found.ok_or(ResponseError::UnknownTopicId.into()), answer);
        }
        let found = self
            .metadata
            .topic(&asked.name)
            .ok_or(ResponseError::UnknownTopicOrPartition.into());
        let name = TopicName(StrBytes::from_string(asked.name.to_string()));
        (found, TopicProduceResponse::default().with_name(name))
    }

    fn partition(
        &mut self,
        topic: &Topic,
        data: PartitionProduceData,
        acks: i16,
    ) -> Result<(PartitionProduceResponse, Appended), Refusal> {
        let index = PartitionIndex(data.index);
        self.metadata
            .partition(topic.id, index)
            .ok_or(ResponseError::UnknownTopicOrPartition)?;
        let replica = self.replicas.leader((topic.id, index), -1)?;
        replica.log()?;
        let leader = replica.leader().ok_or(ResponseError::NotLeaderOrFollower)?;
        leader.check_produce(acks, self.has_session)?;
        let records = data.records.unwrap_or_default();
        check_records(&records)?;
        if topic_settings::is_compacted(topic, self.serving) {
            check_keys(&records)?;
        }
        let mut batches = records
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let appended = replica.append(&mut batches, self.now)?;
        let start = replica.log()?.start_offset();
        let response = PartitionProduceResponse::default()
            .with_index(index.0)
            .with_base_offset(appended.base_offset.0)
            .with_log_append_time_ms(appended.log_append_time.map_or(-1, |time| time.0))
            .with_log_start_offset(start.0);
        Ok((response, appended))
    }
}

fn check_request(request: &ProduceRequest) -> Result<(), Refusal> {
    if !(-1..=1).contains(&request.acks) {
        return Err(ResponseError::InvalidRequiredAcks.into());
    }
    if request.transactional_id.is_some() {
        let message = "transactions are not there yet; produce without transactional.id";
        return Err(Refusal::new(
            ResponseError::TransactionalIdAuthorizationFailed,
            message,
        ));
    }
    Ok(())
}

/// Producers send exactly one batch for a partition.
fn check_records(records: &[u8]) -> Result<(), Refusal> {
    let invalid = |message: &str| Err(Refusal::new(ResponseError::InvalidRecord, message));
    if records.is_empty() {
        return invalid("a produce request needs a record batch for each of its partitions");
    }
    // Shorter than a header, or of an old format: the log says what is wrong with it.
    let (Some(len), true) = (records.get(8..12), records.len() >= BATCH_OVERHEAD) else {
        return Ok(());
    };
    let len = i32::from_be_bytes([len[0], len[1], len[2], len[3]]);
    let whole = usize::try_from(len)
        .ok()
        .and_then(|len| len.checked_add(LENGTH_PREFIX));
    if whole.is_some_and(|whole| whole < records.len()) {
        return invalid("a produce request takes one record batch for each of its partitions, not several");
    }
    Ok(())
}

/// Without a key compaction could never tell which record replaces it.
fn check_keys(records: &Bytes) -> Result<(), Refusal> {
    let corrupt = |e: BatchError| Refusal::new(ResponseError::CorruptMessage, e.to_string());
    for batch in Batch::split(records.clone()) {
        let payload = batch.and_then(|batch| batch.records()).map_err(corrupt)?;
        for record in payload.iter() {
            if record.map_err(corrupt)?.key.is_none() {
                let message = "a compacted topic takes no record without a key";
                return Err(Refusal::new(ResponseError::InvalidRecord, message));
            }
        }
    }
    Ok(())
}

fn refused(
    index: i32,
    refusal: &Refusal,
    topic: Option<TopicId>,
    version: i16,
    hint: &mut LeaderHint<'_>,
) -> PartitionProduceResponse {
    let mut response = PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(refusal.error.code())
        .with_base_offset(-1);
    if version >= 8 {
        response.error_message = refusal.message.clone().map(StrBytes::from_string);
    }
    if version >= 10
        && let Some((leader, epoch)) = hint.leader(refusal, topic, PartitionIndex(index))
    {
        response.current_leader = LeaderIdAndEpoch::default()
            .with_leader_id(leader.0.into())
            .with_leader_epoch(epoch.0);
    }
    response
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
