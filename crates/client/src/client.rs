//! The client of a cluster: finds brokers, keeps their metadata, asks.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use kafka_protocol::{
    messages::{MetadataRequest, TopicName, metadata_request::MetadataRequestTopic},
    protocol::{Request, StrBytes},
};
use record::{BrokerId, LeaderEpoch, PartitionIndex, TopicId};
use tokio::time::{Instant, sleep};

use crate::{
    connection::Connection,
    error::{ClientError, ErrorCode, ServerError},
    known::Known,
    line::Lines,
    metadata::{ClusterMetadata, TopicMetadata},
    options::{Options, Security},
    throttle::Throttle,
};

/// The longest wait for metadata of one broker: another may know, where this one is stuck.
const METADATA_TIMEOUT: Duration = Duration::from_secs(3);
/// Between two looks at metadata that isn't what is waited for.
const METADATA_BACKOFF: Duration = Duration::from_millis(100);

/// A client of one cluster. Clones share connections and metadata.
#[derive(Debug, Clone)]
pub struct Client {
    options: Arc<Options>,
    known: Arc<RwLock<Known>>,
    lines: Arc<Lines>,
}

impl Client {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// Where no address answers (with the reason of each), or the security isn't there yet.
    pub async fn connect(options: Options) -> Result<Self, ClientError> {
        if options.security != Security::Plaintext {
            return Err(ClientError::SecurityNotThere {
                asked: format!("{:?}", options.security),
            });
        }
        if options.bootstrap.is_empty() {
            return Err(ClientError::NoBootstrap);
        }
        if let Some(address) = options.bootstrap.iter().find(|address| !is_address(address)) {
            return Err(ClientError::BadAddress {
                address: address.clone(),
            });
        }
        let options = Arc::new(options);
        let lines = Arc::new(Lines::new(Arc::clone(&options)));
        let client = Self {
            options,
            known: Arc::default(),
            lines,
        };
        client.metadata(Some(&[])).await?;
        Ok(client)
    }

    /// The same client with connections of its own.
    pub(crate) fn with_own_connections(&self) -> Self {
        let lines = Arc::new(Lines::new(Arc::clone(&self.options)));
        Self {
            lines,
            ..self.clone()
        }
    }

    /// The options that it was connected with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Asks a broker for metadata: of these topics, or of all (`None`). Topics that don't exist come back
    /// with an error; none is created by asking.
    ///
    /// # Errors
    /// Where no broker answers, or they belong to another cluster than before.
    pub async fn metadata(&self, topics: Option<&[&str]>) -> Result<ClusterMetadata, ClientError> {
        let topics = topics.map(|names| {
            let topic = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
            names.iter().map(topic).collect()
        });
        let request = MetadataRequest::default()
            .with_topics(topics)
            .with_allow_auto_topic_creation(false);
        let patience = self.options.request_timeout.min(METADATA_TIMEOUT);
        let response = self.ask_any(&request, patience).await?;
        let mut answer = ClusterMetadata::from_response(&response).map_err(|error| ClientError::Refused {
            what: "metadata".to_owned(),
            error,
        })?;
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .merge(&mut answer)?;
        Ok(answer)
    }

    /// Waits until the topic exists and all its partitions have leaders.
    ///
    /// # Errors
    /// Where that isn't so after `patience`, with what is missing.
    pub async fn await_topic(&self, topic: &str, patience: Duration) -> Result<TopicMetadata, ClientError> {
        let deadline = Instant::now() + patience;
        loop {
            let missing = match self.metadata(Some(&[topic])).await {
                Ok(answer) => match usable(&answer, topic) {
                    Ok(topic) => return Ok(topic.clone()),
                    Err(missing) => missing,
                },
                Err(error) if error.is_retriable() => error,
                Err(error) => return Err(error),
            };
            if Instant::now() >= deadline {
                return Err(missing);
            }
            sleep(METADATA_BACKOFF).await;
        }
    }

    /// The leader of a partition as known now; asks where nothing is known.
    pub(crate) async fn leader(
        &self,
        topic: &str,
        partition: PartitionIndex,
    ) -> Result<(BrokerId, LeaderEpoch), ClientError> {
        if let Some(leader) = self.known_leader(topic, partition) {
            return Ok(leader);
        }
        let answer = self.metadata(Some(&[topic])).await?;
        let found = answer.topic(topic).ok_or_else(|| ClientError::UnknownTopic {
            topic: topic.to_owned(),
        })?;
        check_topic(found)?;
        let index = partition;
        let partition = found
            .partition(index)
            .ok_or_else(|| ClientError::UnknownPartition {
                topic: topic.to_owned(),
                partition: index,
            })?;
        let leader = partition.leader.map(|leader| (leader, partition.leader_epoch));
        leader.ok_or_else(|| ClientError::NoLeader {
            topic: topic.to_owned(),
            partition: index,
        })
    }

    pub(crate) fn known_leader(
        &self,
        topic: &str,
        partition: PartitionIndex,
    ) -> Option<(BrokerId, LeaderEpoch)> {
        self.known().leader(topic, partition)
    }

    pub(crate) fn known_topic_id(&self, topic: &str) -> Option<TopicId> {
        self.known().topic(topic).map(|topic| topic.id)
    }

    pub(crate) fn known_partitions(&self, topic: &str) -> Option<usize> {
        self.known().topic(topic).map(|topic| topic.partitions.len())
    }

    pub(crate) fn known_controller(&self) -> Option<BrokerId> {
        self.known().controller()
    }

    fn known(&self) -> std::sync::RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// An open connection to this broker.
    pub(crate) async fn connection_to(&self, broker: BrokerId) -> Result<Arc<Connection>, ClientError> {
        let address = self
            .known()
            .address(broker)
            .ok_or(ClientError::UnknownBroker { broker })?;
        self.lines.to(&address).connection().await.map_err(|error| {
            if self.options.bootstrap.contains(&address) {
                return error;
            }
            let reason = reason_of(&error);
            ClientError::AdvertisedUnreachable {
                broker,
                address,
                reason,
            }
        })
    }

    /// Asks one broker after the other until one answers; those that can't be reached come last.
    pub(crate) async fn ask_any<R>(&self, request: &R, patience: Duration) -> Result<R::Response, ClientError>
    where
        R: Request,
        R::Response: Throttle,
    {
        let mut seen = HashSet::new();
        let mut addresses = self.known().addresses();
        addresses.extend(self.options.bootstrap.iter().cloned());
        addresses.retain(|address| seen.insert(address.clone()));
        let mut lines: Vec<_> = addresses
            .iter()
            .map(|address| (self.lines.to(address), address))
            .collect();
        lines.sort_by_key(|(line, _)| line.is_failing());
        let mut attempts = Vec::new();
        for (line, address) in lines {
            let asked = async { line.connection().await?.call(request, patience).await };
            match asked.await {
                Ok(response) => return Ok(response),
                Err(error) => {
                    line.failed();
                    attempts.push((address.clone(), reason_of(&error)));
                }
            }
        }
        Err(ClientError::Unreachable { attempts })
    }
}

/// An error without the address, where the address is said anyway.
fn reason_of(error: &ClientError) -> String {
    match error {
        ClientError::Disconnected { reason, .. } => reason.clone(),
        ClientError::TimedOut { api, after, .. } => {
            format!("{api}: no answer within {} ms", after.as_millis())
        }
        ClientError::Malformed { api, reason, .. } => {
            format!("malformed answer to {api}: {reason} (not a Kafka broker, or one with TLS?)")
        }
        other => other.to_string(),
    }
}

fn is_address(address: &str) -> bool {
    address
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn usable<'a>(answer: &'a ClusterMetadata, name: &str) -> Result<&'a TopicMetadata, ClientError> {
    let unknown = || ClientError::UnknownTopic {
        topic: name.to_owned(),
    };
    let topic = answer.topic(name).ok_or_else(unknown)?;
    check_topic(topic)?;
    match topic
        .partitions
        .iter()
        .find(|partition| partition.leader.is_none())
    {
        Some(partition) => Err(ClientError::NoLeader {
            topic: name.to_owned(),
            partition: partition.index,
        }),
        None if topic.partitions.is_empty() => Err(unknown()),
        None => Ok(topic),
    }
}

pub(crate) fn check_topic(topic: &TopicMetadata) -> Result<(), ClientError> {
    match topic.error {
        None => Ok(()),
        Some(ErrorCode::UnknownTopicOrPartition) => Err(ClientError::UnknownTopic {
            topic: topic.name.to_string(),
        }),
        Some(code) => Err(ClientError::Refused {
            what: format!("metadata of topic `{}`", topic.name),
            error: ServerError { code, message: None },
        }),
    }
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// Users run these in tasks of their own.
const _: fn(&Client) = |client| {
    fn is_send(_: impl Send) {}
    is_send(client.metadata(None));
    is_send(client.list_offsets(&[], crate::Isolation::ReadUncommitted));
    is_send(client.end_offsets_for_epochs(&[]));
    is_send(client.create_topics(&[], Duration::ZERO));
    is_send(client.delete_topics(&[], Duration::ZERO));
    is_send(client.create_partitions(&[], Duration::ZERO));
    is_send(client.delete_records(&[]));
    is_send(client.describe_log_dirs(BrokerId(0)));
};

#[cfg(test)]
mod tests;
