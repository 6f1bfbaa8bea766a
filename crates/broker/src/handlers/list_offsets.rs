//! ListOffsets (2): offsets by time, and both ends.

use std::collections::BTreeSet;

use cluster::Metadata;
use disk::Disk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use record::{Batch, LeaderEpoch, Offset, PartitionIndex, Timestamp};

use crate::refusal::Refusal;
use crate::replica::Replica;
use crate::replicas::Replicas;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// With tiered storage: where the local log begins. All of it is local here.
const EARLIEST_LOCAL: i64 = -4;
/// With tiered storage: where what was moved away ends. Nothing ever is.
const LATEST_TIERED: i64 = -5;

/// The answer.
pub(crate) fn answer<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    request: &ListOffsetsRequest,
    version: i16,
) -> ListOffsetsResponse {
    let mut seen = BTreeSet::new();
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let response =
                ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
            let found = if seen.insert((topic.name.as_str(), asked.partition_index)) {
                partition(replicas, metadata, topic, asked, version)
            } else {
                // As Kafka does; a scan for each repetition would keep all others waiting.
                Err(ResponseError::InvalidRequest.into())
            };
            match found {
                Ok((timestamp, offset, epoch)) => response
                    .with_timestamp(timestamp.0)
                    .with_offset(offset.0)
                    .with_leader_epoch(if version >= 4 { epoch.0 } else { -1 }),
                Err(refusal) => response.with_error_code(refusal.error.code()),
            }
        });
        ListOffsetsTopicResponse::default()
            .with_partitions(partitions.collect())
            .with_name(topic.name.clone())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn partition<D: Disk>(
    replicas: &mut Replicas<D>,
    metadata: &Metadata,
    topic: &ListOffsetsTopic,
    asked: &ListOffsetsPartition,
    version: i16,
) -> Result<(Timestamp, Offset, LeaderEpoch), Refusal> {
    let id = metadata
        .topic(&topic.name)
        .ok_or(ResponseError::UnknownTopicOrPartition)?
        .id;
    let index = PartitionIndex(asked.partition_index);
    metadata
        .partition(id, index)
        .ok_or(ResponseError::UnknownTopicOrPartition)?;
    let client_epoch = if version >= 4 {
        asked.current_leader_epoch
    } else {
        -1
    };
    let replica = replicas.leader((id, index), client_epoch)?;
    find(replica, asked.timestamp, version).map_err(|refusal| match refusal.error {
        // Older clients don't know it, and try again after this one.
        ResponseError::OffsetNotAvailable if version < 5 => ResponseError::LeaderNotAvailable.into(),
        _ => refusal,
    })
}

fn find<D: Disk>(
    replica: &Replica<D>,
    timestamp: i64,
    version: i16,
) -> Result<(Timestamp, Offset, LeaderEpoch), Refusal> {
    let none = (Timestamp(-1), Offset(-1), LeaderEpoch(-1));
    let log = replica.log()?;
    let needs = |least| {
        if version >= least {
            Ok(())
        } else {
            Err(Refusal::from(ResponseError::UnsupportedVersion))
        }
    };
    let found = match timestamp {
        LATEST => return Ok((Timestamp(-1), replica.latest()?, replica.leader_epoch())),
        EARLIEST | EARLIEST_LOCAL => {
            if timestamp == EARLIEST_LOCAL {
                needs(8)?;
            }
            return Ok((Timestamp(-1), log.start_offset(), first_epoch(replica)?));
        }
        LATEST_TIERED => {
            needs(9)?;
            return Ok(none);
        }
        MAX_TIMESTAMP => {
            needs(7)?;
            log.max_timestamp()
        }
        time if time >= 0 => log.find_timestamp(Timestamp(time)),
        _ => return Err(ResponseError::UnsupportedVersion.into()),
    };
    let mut found = found.map_err(|e| Refusal::from(&e))?;
    if found
        .as_ref()
        .is_some_and(|found| found.offset >= replica.high_watermark())
    {
        // The leader before may have told of it already.
        replica.latest()?;
        // What isn't committed is nobody's business yet.
        found = None;
    }
    Ok(found.map_or(none, |found| (found.timestamp, found.offset, found.leader_epoch)))
}

/// The epoch of the first record, or the leader's where there is none.
fn first_epoch<D: Disk>(replica: &Replica<D>) -> Result<LeaderEpoch, Refusal> {
    let log = replica.log()?;
    let first = log
        .read(log.start_offset(), 0, replica.high_watermark())
        .map_err(|e| Refusal::from(&e))?;
    let first = Batch::split(first).next().and_then(Result::ok);
    Ok(first.map_or_else(|| replica.leader_epoch(), |batch| batch.leader_epoch()))
}
