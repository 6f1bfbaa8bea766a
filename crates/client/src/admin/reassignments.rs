//! Partitions that move to other brokers.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId as WireBrokerId,
    alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
};
use record::{BrokerId, PartitionIndex};

use super::{Answers, Change, TopicResult, call_within, millis};
use crate::{
    client::{Client, topic_name},
    connection::Connection,
    error::{ClientError, ServerError},
};

/// Where a partition shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplicas {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// Its brokers, the preferred leader first.
    pub replicas: Vec<BrokerId>,
}

struct Reassignment<'a>(&'a [NewReplicas]);

impl Change for Reassignment<'_> {
    type Given = ();

    async fn ask(&self, connection: &Connection, patience: Duration) -> Result<Answers<()>, ClientError> {
        let mut topics: BTreeMap<&str, Vec<ReassignablePartition>> = BTreeMap::new();
        for new in self.0 {
            let ids = new.replicas.iter().map(|id| WireBrokerId(id.0)).collect();
            let partition = ReassignablePartition::default()
                .with_partition_index(new.partition.0)
                .with_replicas(Some(ids));
            topics.entry(&new.topic).or_default().push(partition);
        }
        let topic = |(name, partitions): (&str, _)| {
            ReassignableTopic::default()
                .with_name(topic_name(name))
                .with_partitions(partitions)
        };
        let request = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(millis(patience))
            .with_topics(topics.into_iter().map(topic).collect());
        let response = call_within(connection, &request, patience).await?;
        // What is said of the whole request is said of each of its partitions.
        let whole = ServerError::check(response.error_code, response.error_message.as_deref());
        if let Err(error) = whole {
            let refused = |new: &NewReplicas| (name(&new.topic, new.partition.0), Err(error.clone()));
            return Ok(self.0.iter().map(refused).collect());
        }
        let mut answers = Vec::new();
        for topic in response.responses {
            for partition in topic.partitions {
                let result = ServerError::check(partition.error_code, partition.error_message.as_deref());
                answers.push((name(&topic.name, partition.partition_index), result));
            }
        }
        Ok(answers)
    }
}

fn name(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

impl Client {
    /// Begins to move partitions to other brokers (AlterPartitionReassignments, KIP-455). One answer a
    /// partition, by `<topic>-<partition>`. The metadata tells when they are there: replicas and ISR are the
    /// wanted brokers then.
    ///
    /// # Errors
    /// Where no controller answers within `patience`.
    pub async fn reassign(
        &self,
        partitions: &[NewReplicas],
        patience: Duration,
    ) -> Result<Vec<TopicResult<()>>, ClientError> {
        let answers = self.ask_controller(Reassignment(partitions), patience).await?;
        Ok(answers.into_iter().map(TopicResult::of).collect())
    }
}
