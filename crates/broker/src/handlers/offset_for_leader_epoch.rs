//! OffsetForLeaderEpoch (23): where an epoch ended, so that readers notice a log that was cut (KIP-320).

use cluster::Metadata;
use disk::Disk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use record::{LeaderEpoch, Offset, PartitionIndex};

use crate::refusal::Refusal;
use crate::replicas::Replicas;

/// The answer.
pub(crate) fn answer<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let response = EpochEndOffset::default().with_partition(asked.partition);
            match partition(replicas, metadata, topic, asked) {
                Ok(Some((epoch, end))) => response.with_leader_epoch(epoch.0).with_end_offset(end.0),
                Ok(None) => response,
                Err(refusal) => response.with_error_code(refusal.error.code()),
            }
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn partition<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    topic: &OffsetForLeaderTopic,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<(LeaderEpoch, Offset)>, Refusal> {
    let id = metadata
        .topic(&topic.topic)
        .ok_or(ResponseError::UnknownTopicOrPartition)?
        .id;
    let index = PartitionIndex(asked.partition);
    metadata
        .partition(id, index)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let replica = replicas.leader((id, index), asked.current_leader_epoch)?;
    let log = replica.log()?;
    let wanted = LeaderEpoch(asked.leader_epoch);
    if wanted == replica.leader_epoch() {
        return Ok(Some((wanted, replica.high_watermark())));
    }
    Ok(log.end_offset_for_epoch(wanted))
}
