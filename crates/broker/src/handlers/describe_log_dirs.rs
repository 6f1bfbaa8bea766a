//! DescribeLogDirs (35): the folder of this broker, and how much each of its partitions takes.

use std::collections::{BTreeMap, BTreeSet};

use cluster::Metadata;
use disk::Disk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::replicas::Replicas;

/// A number that isn't known (KIP-827).
const UNKNOWN: i64 = -1;

/// The answer: one folder, with those of the wanted partitions that this broker holds.
pub(crate) fn answer<D: Disk>(
    replicas: &Replicas<D>,
    metadata: &Metadata,
    request: &DescribeLogDirsRequest,
    version: i16,
) -> DescribeLogDirsResponse {
    let wanted: Option<BTreeSet<(&str, i32)>> = request.topics.as_ref().map(|topics| {
        let named = topics.iter().flat_map(|topic| {
            let indexes = topic.partitions.iter();
            indexes.map(|index| (topic.topic.as_str(), *index))
        });
        named.collect()
    });
    let mut topics: BTreeMap<&str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for ((id, index), bytes) in replicas.sizes() {
        let Some(topic) = metadata.topics.get(&id) else {
            continue;
        };
        let name = topic.name.as_str();
        if wanted
            .as_ref()
            .is_some_and(|wanted| !wanted.contains(&(name, index.0)))
        {
            continue;
        }
        let partition = DescribeLogDirsPartition::default()
            .with_partition_index(index.0)
            .with_partition_size(bytes.cast_signed());
        topics.entry(name).or_default().push(partition);
    }
    let topics = topics.into_iter().map(|(name, partitions)| {
        DescribeLogDirsTopic::default()
            .with_name(TopicName(StrBytes::from_string(name.to_owned())))
            .with_partitions(partitions)
    });
    let space = replicas.available_space();
    let error = if space.is_ok() {
        0
    } else {
        ResponseError::KafkaStorageError.code()
    };
    let mut result = DescribeLogDirsResult::default()
        .with_error_code(error)
        .with_log_dir(StrBytes::from_string(replicas.folder().display().to_string()))
        .with_topics(topics.collect());
    if version >= 4 {
        let usable = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        result.usable_bytes = space.map_or(UNKNOWN, usable);
        result.total_bytes = UNKNOWN;
    }
    DescribeLogDirsResponse::default().with_results(vec![result])
}
