//! Records from Kafka, by the client.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use client::{
    Client, ClientError, ErrorCode, FetchError, FetchedBatch, Fetcher, FetcherOptions, Isolation, OffsetSpec,
    ServerError,
};
use record::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::payload::Position;
use crate::recover::{Cluster, PartitionNow, TopicNow};
use crate::source::{Epochs, EventSource, Plan, TopicPartition};
use crate::{EtlError, Refusal};

/// A leader that does not say its end offset within this time is left out of the plan.
const PLAN_PATIENCE: Duration = Duration::from_secs(1);

/// The topics of a cluster.
pub(crate) struct KafkaSource {
    options: client::Options,
    /// Connected when it is first needed, and kept: brokers may be away when the ETL starts.
    client: Option<Client>,
    fetcher: Option<Fetcher>,
    assigned: BTreeSet<TopicPartition>,
    /// Topic ids, for messages.
    tables: BTreeMap<String, String>,
}

impl KafkaSource {
    /// `tables` are the tables by topic.
    pub(crate) fn new(options: client::Options, tables: BTreeMap<String, String>) -> Self {
        Self {
            options,
            client: None,
            fetcher: None,
            assigned: BTreeSet::new(),
            tables,
        }
    }

    async fn client(&mut self) -> Result<Client, ClientError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let client = Client::connect(self.options.clone()).await?;
        Ok(self.client.insert(client).clone())
    }

    fn explain(&self, error: FetchError) -> EtlError {
        match error {
            FetchError::OffsetOutOfRange {
                topic,
                partition,
                offset,
                start,
                end,
            } => out_of_range(topic, partition, offset, start, end),
            FetchError::Truncated {
                topic,
                partition,
                position,
                end_offset,
                ..
            } => Refusal::TailLost {
                topic,
                partition,
                next: position.offset,
                epoch: position.leader_epoch.unwrap_or(LeaderEpoch(-1)),
                end: end_offset,
            }
            .into(),
            FetchError::TopicRecreated { topic, before, now } => {
                let table = self.tables.get(&topic).cloned().unwrap_or_default();
                Refusal::TopicRecreated {
                    table,
                    topic,
                    lake: before.to_string(),
                    now: now.to_string(),
                }
                .into()
            }
            FetchError::Corrupt {
                topic,
                partition,
                offset,
                error,
            } => EtlError::Batch {
                topic,
                partition: partition.0,
                offset: offset.0,
                what: error.to_string(),
            },
            FetchError::Client(error) => error.into(),
            other => EtlError::Setting(other.to_string()),
        }
    }
}

impl EventSource for KafkaSource {
    async fn describe(&mut self, topics: &[String], epochs: &Epochs) -> Result<Cluster, EtlError> {
        let client = self.client().await?;
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let metadata = client.metadata(Some(&names)).await?;
        let mut cluster = Cluster {
            id: metadata.cluster_id.clone(),
            topics: BTreeMap::new(),
        };
        for topic in &metadata.topics {
            if !is_there(&topic.name, topic.error)? {
                continue;
            }
            let asked: Vec<_> = topic
                .partitions
                .iter()
                .map(|p| (&*topic.name, p.index, OffsetSpec::Earliest))
                .collect();
            let earliest = client.list_offsets(&asked, Isolation::ReadCommitted).await;
            let mut partitions = BTreeMap::new();
            for ((_, index, _), earliest) in asked.iter().zip(earliest) {
                partitions.insert(
                    *index,
                    PartitionNow {
                        earliest: earliest?.offset,
                        epoch_ends: BTreeMap::new(),
                    },
                );
            }
            let id = if topic.id == TopicId::default() {
                String::new()
            } else {
                topic.id.to_string()
            };
            cluster
                .topics
                .insert(topic.name.to_string(), TopicNow { id, partitions });
        }
        ask_epochs(&client, epochs, &mut cluster).await?;
        Ok(cluster)
    }

    fn assign(&mut self, positions: &BTreeMap<TopicPartition, Position>) {
        let Some(client) = &self.client else { return };
        let options = FetcherOptions {
            isolation: Isolation::ReadCommitted,
            max_bytes: 4 << 20,
            partition_max_bytes: 1 << 20,
            ..FetcherOptions::default()
        };
        // A new one: what the old one holds was read beyond these positions.
        let mut fetcher = Fetcher::new(client, options);
        for ((topic, partition), position) in positions {
            fetcher.assign(topic, *partition, to_client(*position));
        }
        self.assigned = positions.keys().cloned().collect();
        self.fetcher = Some(fetcher);
    }

    fn assign_new(&mut self, key: &TopicPartition, earliest: Offset) {
        if let Some(fetcher) = &mut self.fetcher {
            fetcher.assign(&key.0, key.1, earliest);
            self.assigned.insert(key.clone());
        }
    }

    async fn plan(&mut self) -> Result<Plan, EtlError> {
        let client = self.client().await?;
        let topics: BTreeSet<String> = self.assigned.iter().map(|(topic, _)| topic.clone()).collect();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut asked = self.assigned.clone();
        // Partitions that were added meanwhile. Without an answer the known ones do.
        if let Ok(Ok(metadata)) = timeout(PLAN_PATIENCE, client.metadata(Some(&names))).await {
            for topic in metadata.topics.iter().filter(|topic| topic.error.is_none()) {
                asked.extend(topic.partitions.iter().map(|p| (topic.name.to_string(), p.index)));
            }
        }
        let mut questions = JoinSet::new();
        for key in asked {
            let client = client.clone();
            let is_new = !self.assigned.contains(&key);
            questions.spawn(async move {
                let end = ask(&client, &key, OffsetSpec::Latest).await;
                let earliest = if is_new {
                    ask(&client, &key, OffsetSpec::Earliest).await
                } else {
                    None
                };
                (key, end, earliest)
            });
        }
        let mut plan = Plan::default();
        while let Some(answer) = questions.join_next().await {
            let Ok((key, end, earliest)) = answer else {
                continue;
            };
            let Some(end) = end else { continue };
            if self.assigned.contains(&key) {
                plan.ends.insert(key, end);
            } else if let Some(earliest) = earliest {
                plan.new.insert(key.clone(), earliest);
                plan.ends.insert(key, end);
            }
        }
        Ok(plan)
    }

    async fn fetch(&mut self) -> Result<Vec<FetchedBatch>, EtlError> {
        let Some(fetcher) = &mut self.fetcher else {
            return std::future::pending().await;
        };
        let fetched = fetcher.next().await;
        fetched.map_err(|error| self.explain(error))
    }

    fn position(&self, topic: &str, partition: PartitionIndex) -> Option<Position> {
        let position = self.fetcher.as_ref()?.position(topic, partition)?;
        Some(Position {
            offset: position.offset,
            leader_epoch: position.leader_epoch.unwrap_or(LeaderEpoch(-1)),
        })
    }
}

/// Asks where the leader epochs end, of the partitions that are there. A request names a partition
/// once: its epochs are asked for one after the other.
async fn ask_epochs(client: &Client, epochs: &Epochs, cluster: &mut Cluster) -> Result<(), ClientError> {
    let there = |topic: &str, partition| cluster.topics.get(topic)?.partitions.get(partition);
    let mut rest: Vec<_> = epochs
        .iter()
        .filter(|((topic, partition), _)| there(topic, partition).is_some())
        .map(|((topic, partition), epochs)| (topic.as_str(), *partition, epochs.iter()))
        .collect();
    loop {
        let next = rest.iter_mut().filter_map(|(topic, partition, epochs)| {
            let epoch = epochs.next()?;
            Some((*topic, *partition, *epoch))
        });
        let asked: Vec<_> = next.collect();
        if asked.is_empty() {
            return Ok(());
        }
        let ends = client.end_offsets_for_epochs(&asked).await;
        for ((topic, partition, epoch), end) in asked.iter().zip(ends) {
            let end = end?;
            let topic = cluster.topics.get_mut(*topic);
            if let Some(now) = topic.and_then(|topic| topic.partitions.get_mut(partition)) {
                now.epoch_ends.insert(*epoch, (end.leader_epoch, end.end_offset));
            }
        }
    }
}

/// Whether the topic exists; an error where the brokers don't say so, such as one of authorization.
fn is_there(topic: &str, error: Option<ErrorCode>) -> Result<bool, ClientError> {
    match error {
        None => Ok(true),
        Some(ErrorCode::UnknownTopicOrPartition) => Ok(false),
        Some(code) => Err(ClientError::Refused {
            what: format!("looking at topic `{topic}`"),
            error: ServerError { code, message: None },
        }),
    }
}

/// A refusal needs evidence: the range is asked for after the fetch failed, may not be known (-1),
/// and may hold the offset again.
fn out_of_range(
    topic: String,
    partition: PartitionIndex,
    next: Offset,
    start: Offset,
    end: Offset,
) -> EtlError {
    if start > next {
        let earliest = start;
        Refusal::OffsetsGone {
            topic,
            partition,
            next,
            earliest,
        }
        .into()
    } else if end.0 >= 0 && end < next {
        let epoch = LeaderEpoch(-1);
        Refusal::TailLost {
            topic,
            partition,
            next,
            epoch,
            end,
        }
        .into()
    } else {
        EtlError::OutOfRange {
            topic,
            partition: partition.0,
            offset: next.0,
        }
    }
}

async fn ask(client: &Client, key: &TopicPartition, spec: OffsetSpec) -> Option<Offset> {
    let asked = [(key.0.as_str(), key.1, spec)];
    let answers = timeout(
        PLAN_PATIENCE,
        client.list_offsets(&asked, Isolation::ReadCommitted),
    )
    .await
    .ok()?;
    Some(answers.into_iter().next()?.ok()?.offset)
}

fn to_client(position: Position) -> client::Position {
    let leader_epoch = Some(position.leader_epoch).filter(|epoch| epoch.0 >= 0);
    client::Position {
        offset: position.offset,
        leader_epoch,
    }
}

#[cfg(test)]
mod tests;
