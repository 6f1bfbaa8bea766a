//! DeleteRecords (21): records below an offset are served no longer, and their segments go with the next
//! retention check. It is answered when that is true of all replicas in sync: whoever leads next must not bring
//! them back.

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

use crate::purgatory::{Undeleted, WaitingDeletion};
use crate::refusal::Refusal;
use crate::replicas::{Key, Replicas};
use crate::{Serving, topic_settings};

/// Everything up to the high watermark.
const HIGH_WATERMARK: i64 = -1;
/// The low watermark of a partition where nothing was deleted.
const NONE: Offset = Offset(-1);

/// Deletes here, durably. Gives the answer if all goes well, and what it has to wait for.
pub(crate) fn delete<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    serving: &Serving,
    request: &DeleteRecordsRequest,
) -> WaitingDeletion {
    let mut seen = BTreeSet::new();
    let mut undeleted = Vec::new();
    let topics = request.topics.iter().zip(0..).map(|(topic, topic_at)| {
        let partitions = topic.partitions.iter().zip(0..).map(|(asked, at)| {
            let result = if seen.insert((topic.name.as_str(), asked.partition_index)) {
                partition(replicas, metadata, serving, topic, asked)
            } else {
                Err(ResponseError::InvalidRequest.into())
            };
            let (error, start) = match result {
                Ok((key, up_to)) => {
                    let place = (topic_at, at);
                    undeleted.push(Undeleted { key, up_to, place });
                    (0, up_to)
                }
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
    let response = DeleteRecordsResponse::default().with_topics(topics.collect());
    WaitingDeletion { response, undeleted }
}

fn partition<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    serving: &Serving,
    topic: &DeleteRecordsTopic,
    asked: &DeleteRecordsPartition,
) -> Result<(Key, Offset), Refusal> {
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
    let key = (topic.id, index);
    let replica = replicas.leader(key, -1)?;
    let end = replica.high_watermark();
    let up_to = match asked.offset {
        HIGH_WATERMARK => end,
        offset => Offset(offset),
    };
    if up_to < Offset(0) || up_to > end {
        return Err(ResponseError::OffsetOutOfRange.into());
    }
    replica.delete_records(up_to)?;
    Ok((key, replica.log()?.start_offset()))
}
