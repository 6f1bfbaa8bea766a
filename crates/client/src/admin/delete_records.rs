//! Records deleted from the beginning of partitions.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::messages::{
    DeleteRecordsRequest,
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
};
use record::{Offset, PartitionIndex};

use super::{call_within, millis};
use crate::{
    client::{Client, topic_name},
    connection::Connection,
    error::{ClientError, ServerError},
    leaders::{Answers, Ask, Question},
};

/// Everything below this offset is to go.
#[derive(Debug, Clone, Copy)]
struct Below(Offset);

impl Question for Below {
    type Answer = Offset;

    const WHAT: &'static str = "deleting records";

    async fn ask(
        connection: &Connection,
        asks: &[Ask<Self>],
        patience: Duration,
    ) -> Result<Answers<Offset>, ClientError> {
        let mut topics: BTreeMap<&str, Vec<DeleteRecordsPartition>> = BTreeMap::new();
        for ask in asks {
            let partition = DeleteRecordsPartition::default()
                .with_partition_index(ask.partition.0)
                .with_offset(ask.question.0.0);
            topics.entry(&ask.topic).or_default().push(partition);
        }
        let topic = |(name, partitions): (&str, Vec<DeleteRecordsPartition>)| {
            DeleteRecordsTopic::default()
                .with_name(topic_name(name))
                .with_partitions(partitions)
        };
        let request = DeleteRecordsRequest::default()
            .with_topics(topics.into_iter().map(topic).collect())
            .with_timeout_ms(millis(patience));
        let response = call_within(connection, &request, patience).await?;
        let mut answers = Answers::new();
        for topic in response.topics {
            for partition in topic.partitions {
                let first = Offset(partition.low_watermark);
                let answer = ServerError::check(partition.error_code, None).map(|()| first);
                answers.insert((topic.name.to_string(), partition.partition_index), answer);
            }
        }
        Ok(answers)
    }
}

impl Client {
    /// Deletes the records below an offset, each from the partition's leader (DeleteRecords, KIP-107); -1 is
    /// the high watermark, which empties the partition. One answer a partition, in their order: the
    /// first offset that is left in all replicas; `OFFSET_OUT_OF_RANGE` beyond the high watermark.
    pub async fn delete_records(
        &self,
        below: &[(&str, PartitionIndex, Offset)],
    ) -> Vec<Result<Offset, ClientError>> {
        let asked = |&(topic, partition, offset): &(_, _, Offset)| (topic, partition, Below(offset));
        let asked: Vec<_> = below.iter().map(asked).collect();
        self.ask_leaders(&asked).await
    }
}
