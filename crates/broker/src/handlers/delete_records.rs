//! DeleteRecords (21): records below an offset are served no longer, and their segments go with the next
//! retention check.

use std::collections::BTreeSet;

use cluster::Metadata;
use disk::Disk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use record::{Offset, PartitionIndex};

use crate::refusal::Refusal;
use crate::replicas::Replicas;
use crate::{Serving, topic_settings};

/// Everything up to the high watermark.
const HIGH_WATERMARK: i64 = -1;
/// The low watermark of a partition where nothing was deleted.
const NONE: Offset = Offset(-1);

/// The answer; the new start offsets are durable by then.
pub(crate) fn answer<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    serving: &Serving,
    request: &DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let mut seen = BTreeSet::new();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let result = if seen.insert((topic.name.as_str(), asked.partition_index)) {
                partition(replicas, metadata, serving, topic, asked)
            } else {
                Err(ResponseError::InvalidRequest.into())
            };
            let (error, start) = match result {
                Ok(start) => (0, start),
                Err(refusal) => (refusal.error.code(), NONE),
            };
            DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(error)
                .with_low_watermark(start.0)
        });
        DeleteRecordsTopicResult::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name.clone())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn partition<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    serving: &Serving,
    topic: &DeleteRecordsTopic,
    asked: &DeleteRecordsPartition,
) -> Result<Offset, Refusal> {
    let topic = metadata
        .topic(&topic.name)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let index = PartitionIndex(asked.partition_index);
    metadata
        .partition(topic.id, index)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    // A compacted topic's oldest records are its state: as Kafka, only `delete` gives them up.
    if !topic_settings::deletes(topic, serving) {
        return Err(ResponseError::PolicyViolation.into());
    }
    let replica = replicas.leader((topic.id, index), -1)?;
    let end = replica.high_watermark();
    let up_to = match asked.offset {
        HIGH_WATERMARK => end,
        offset => Offset(offset),
    };
    if up_to < Offset(0) || up_to > end {
        return Err(ResponseError::OffsetOutOfRange.into());
    }
    replica.delete_records(up_to)
}
