//! Topics created, deleted, described.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::{
    messages::{
        CreateTopicsRequest, DeleteTopicsRequest, DescribeConfigsRequest,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        create_topics_response::CreatableTopicResult,
        delete_topics_request::DeleteTopicState,
        delete_topics_response::DeletableTopicResult,
        describe_configs_request::DescribeConfigsResource,
    },
    protocol::{Message, Request, StrBytes},
};
use record::TopicId;
use tokio::time::{Instant, sleep};

use crate::{
    client::{Client, topic_name},
    connection::Connection,
    error::{ClientError, ErrorCode, ServerError},
    throttle::Throttle,
};

/// Between two attempts at a controller.
const BACKOFF: Duration = Duration::from_millis(100);
/// Kafka's number for a topic among the things that have configs.
const TOPIC_RESOURCE: i8 = 2;
/// From this version on, topics to delete are listed with name and id.
const DELETE_BY_STATE: i16 = 6;

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions; -1 means the cluster's default.
    pub partitions: i32,
    /// How many replicas; -1 means the cluster's default.
    pub replication_factor: i16,
    /// Its own configs, e.g. `retention.ms`.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with this many partitions, the cluster's default of replicas, and no configs of its own.
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self {
            name: name.into(),
            partitions,
            replication_factor: -1,
            configs: BTreeMap::new(),
        }
    }
}

/// What became of one topic of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicResult {
    /// The topic.
    pub name: String,
    /// Its id (all zero where the broker doesn't say), or why it was refused.
    pub result: Result<TopicId, ServerError>,
}

impl TopicResult {
    /// The id; an error says which topic was refused and why.
    ///
    /// # Errors
    /// Where the broker refused.
    pub fn into_id(self) -> Result<TopicId, ClientError> {
        let Self { name, result } = self;
        result.map_err(|error| ClientError::Refused {
            what: format!("topic `{name}`"),
            error,
        })
    }
}

/// One config of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its key, e.g. `retention.ms`.
    pub name: String,
    /// Its value; `None` where it is sensitive.
    pub value: Option<String>,
    /// Kafka's number for where the value comes from: 1 is the topic itself, 5 the default.
    pub source: i8,
    /// Whether it can't be changed.
    pub read_only: bool,
}

/// A change of topics that a controller makes.
trait Change: Send + Sync {
    fn ask(
        &self,
        connection: &Connection,
        patience: Duration,
    ) -> impl Future<Output = Result<Vec<TopicResult>, ClientError>> + Send;
}

struct Creation<'a>(&'a [NewTopic]);

impl Change for Creation<'_> {
    async fn ask(
        &self,
        connection: &Connection,
        patience: Duration,
    ) -> Result<Vec<TopicResult>, ClientError> {
        let request = CreateTopicsRequest::default()
            .with_topics(self.0.iter().map(creatable).collect())
            .with_timeout_ms(millis(patience));
        let response = call_within(connection, &request, patience).await?;
        let result = |topic: CreatableTopicResult| {
            let refused = ServerError::from_code(topic.error_code, topic.error_message.as_deref());
            TopicResult {
                name: topic.name.to_string(),
                result: refused.map_or(Ok(TopicId(topic.topic_id)), Err),
            }
        };
        Ok(response.topics.into_iter().map(result).collect())
    }
}

struct Deletion<'a>(&'a [&'a str]);

impl Change for Deletion<'_> {
    async fn ask(
        &self,
        connection: &Connection,
        patience: Duration,
    ) -> Result<Vec<TopicResult>, ClientError> {
        let version = connection.version::<DeleteTopicsRequest>(DeleteTopicsRequest::VERSIONS)?;
        let mut request = DeleteTopicsRequest::default().with_timeout_ms(millis(patience));
        if version >= DELETE_BY_STATE {
            let state = |name: &&str| DeleteTopicState::default().with_name(Some(topic_name(name)));
            request.topics = self.0.iter().map(state).collect();
        } else {
            request.topic_names = self.0.iter().map(|name| topic_name(name)).collect();
        }
        let response = call_within(connection, &request, patience).await?;
        let result = |topic: DeletableTopicResult| {
            let refused = ServerError::from_code(topic.error_code, topic.error_message.as_deref());
            TopicResult {
                name: topic.name.map(|name| name.to_string()).unwrap_or_default(),
                result: refused.map_or(Ok(TopicId(topic.topic_id)), Err),
            }
        };
        Ok(response.responses.into_iter().map(result).collect())
    }
}

impl Client {
    /// Creates topics. One answer a topic, in the broker's order; `TOPIC_ALREADY_EXISTS` is one of them.
    ///
    /// # Errors
    /// Where no controller answers within `patience`.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        patience: Duration,
    ) -> Result<Vec<TopicResult>, ClientError> {
        self.ask_controller(Creation(topics), patience).await
    }

    /// Deletes topics by name. One answer a topic.
    ///
    /// # Errors
    /// Where no controller answers within `patience`.
    pub async fn delete_topics(
        &self,
        topics: &[&str],
        patience: Duration,
    ) -> Result<Vec<TopicResult>, ClientError> {
        self.ask_controller(Deletion(topics), patience).await
    }

    /// All configs of a topic, with where each comes from.
    ///
    /// # Errors
    /// Where the topic doesn't exist, or no broker answers.
    pub async fn topic_configs(&self, topic: &str) -> Result<Vec<ConfigEntry>, ClientError> {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(TOPIC_RESOURCE)
            .with_resource_name(StrBytes::from_string(topic.to_owned()))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
        let response = self.ask_any(&request, self.options().request_timeout).await?;
        let mut configs = Vec::new();
        for result in response.results {
            ServerError::check(result.error_code, result.error_message.as_deref()).map_err(|error| {
                ClientError::Refused {
                    what: format!("configs of topic `{topic}`"),
                    error,
                }
            })?;
            configs.extend(result.configs.into_iter().map(|config| ConfigEntry {
                name: config.name.to_string(),
                value: config.value.map(|value| value.to_string()),
                source: config.config_source,
                read_only: config.read_only,
            }));
        }
        Ok(configs)
    }

    /// Asks the broker that the metadata names as controller, and again while there is none.
    async fn ask_controller(
        &self,
        change: impl Change,
        patience: Duration,
    ) -> Result<Vec<TopicResult>, ClientError> {
        let deadline = Instant::now() + patience;
        loop {
            let asked = async {
                self.metadata(Some(&[])).await?;
                match self.known_controller() {
                    Some(controller) => {
                        change
                            .ask(&*self.connection_to(controller).await?, patience)
                            .await
                    }
                    None => Err(ClientError::Refused {
                        what: "finding the controller".to_owned(),
                        error: ServerError {
                            code: ErrorCode::NotController,
                            message: None,
                        },
                    }),
                }
            };
            match asked.await {
                Ok(results) if !results.iter().any(wants_another_controller) => return Ok(results),
                Err(error) if !error.is_retriable() => return Err(error),
                outcome if Instant::now() >= deadline => return outcome,
                _ => sleep(BACKOFF).await,
            }
        }
    }
}

fn wants_another_controller(topic: &TopicResult) -> bool {
    matches!(&topic.result, Err(error) if error.code == ErrorCode::NotController)
}

/// The broker may take all of `patience` itself, so that the answer gets some time on top.
async fn call_within<R>(
    connection: &Connection,
    request: &R,
    patience: Duration,
) -> Result<R::Response, ClientError>
where
    R: Request + Sync,
    R::Response: Throttle,
{
    connection.call(request, patience + Duration::from_secs(5)).await
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config = |(name, value): (&String, &String)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    };
    CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(topic.configs.iter().map(config).collect())
}

/// As the protocol has it.
pub(crate) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
