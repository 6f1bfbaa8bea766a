//! What lies on a broker's disks.

use kafka_protocol::messages::{
    DescribeLogDirsRequest,
    describe_log_dirs_response::{DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic},
};
use record::{BrokerId, PartitionIndex};

use crate::{
    client::Client,
    error::{ClientError, ServerError},
};

/// A folder in which a broker keeps partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDir {
    /// Its path on the broker's machine.
    pub path: String,
    /// Why the broker can't use it, e.g. `KAFKA_STORAGE_ERROR`.
    pub error: Option<ServerError>,
    /// Bytes of its file system (Kafka 3.3 and later).
    pub total_bytes: Option<u64>,
    /// Bytes that are free there (Kafka 3.3 and later).
    pub usable_bytes: Option<u64>,
    /// What lies in it.
    pub replicas: Vec<ReplicaSize>,
}

/// One replica of a partition on a broker's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaSize {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// Bytes of its segments.
    pub bytes: u64,
    /// How far it is behind the high watermark (or, while it moves here, behind the current replica), in records.
    pub offset_lag: i64,
    /// Whether it moves here from another folder of the broker.
    pub is_future: bool,
}

impl Client {
    /// The folders of a broker, with the size of each replica in them (DescribeLogDirs).
    ///
    /// # Errors
    /// Where the broker can't be reached or refuses as a whole.
    pub async fn describe_log_dirs(&self, broker: BrokerId) -> Result<Vec<LogDir>, ClientError> {
        let request = DescribeLogDirsRequest::default().with_topics(None);
        let connection = self.connection_to(broker).await?;
        let response = connection.call(&request, self.options().request_timeout).await?;
        ServerError::check(response.error_code, None).map_err(|error| ClientError::Refused {
            what: format!("log folders of broker {broker}"),
            error,
        })?;
        Ok(response.results.into_iter().map(log_dir).collect())
    }
}

fn log_dir(result: DescribeLogDirsResult) -> LogDir {
    let of_topic = |topic: DescribeLogDirsTopic| {
        let name = topic.name.to_string();
        topic
            .partitions
            .into_iter()
            .map(move |partition| replica(&name, &partition))
    };
    LogDir {
        path: result.log_dir.to_string(),
        error: ServerError::from_code(result.error_code, None),
        // -1 where the broker doesn't say.
        total_bytes: u64::try_from(result.total_bytes).ok(),
        usable_bytes: u64::try_from(result.usable_bytes).ok(),
        replicas: result.topics.into_iter().flat_map(of_topic).collect(),
    }
}

fn replica(topic: &str, partition: &DescribeLogDirsPartition) -> ReplicaSize {
    ReplicaSize {
        topic: topic.to_owned(),
        partition: PartitionIndex(partition.partition_index),
        bytes: u64::try_from(partition.partition_size).unwrap_or_default(),
        offset_lag: partition.offset_lag,
        is_future: partition.is_future_key,
    }
}
