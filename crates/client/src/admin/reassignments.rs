//! Partitions that move to other brokers.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, BrokerId as WireBrokerId, ListPartitionReassignmentsRequest,
    alter_partition_reassignments_request::{ReassignablePartition, ReassignableTopic},
    list_partition_reassignments_response::OngoingTopicReassignment,
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

/// A partition on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reassignment {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
    /// Brokers that get it.
    pub adding: Vec<BrokerId>,
    /// Brokers that give it up.
    pub removing: Vec<BrokerId>,
}

struct Moves<'a>(&'a [NewReplicas]);

impl Change for Moves<'_> {
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
    /// What moves now (ListPartitionReassignments).
    ///
    /// # Errors
    /// Where no controller is found or it refuses.
    pub async fn reassignments(&self) -> Result<Vec<Reassignment>, ClientError> {
        let connection = self.controller_connection().await?;
        let request = ListPartitionReassignmentsRequest::default().with_topics(None);
        let response = connection.call(&request, self.options().request_timeout).await?;
        let refused = ServerError::check(response.error_code, response.error_message.as_deref());
        refused.map_err(|error| ClientError::Refused {
            what: "what moves".to_owned(),
            error,
        })?;
        let ids = |ids: &[WireBrokerId]| ids.iter().map(|id| BrokerId(id.0)).collect();
        let of_topic = |topic: OngoingTopicReassignment| {
            let name = topic.name.to_string();
            let partitions = topic.partitions.into_iter();
            partitions.map(move |partition| Reassignment {
                topic: name.clone(),
                partition: PartitionIndex(partition.partition_index),
                adding: ids(&partition.adding_replicas),
                removing: ids(&partition.removing_replicas),
            })
        };
        Ok(response.topics.into_iter().flat_map(of_topic).collect())
    }

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
        let answers = self.ask_controller(Moves(partitions), patience).await?;
        Ok(answers.into_iter().map(TopicResult::of).collect())
    }
}
