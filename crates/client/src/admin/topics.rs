//! Topics created, given more partitions, deleted.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::{
    messages::{
        CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
        create_partitions_request::CreatePartitionsTopic,
        create_partitions_response::CreatePartitionsTopicResult,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        create_topics_response::CreatableTopicResult,
        delete_topics_request::DeleteTopicState,
        delete_topics_response::DeletableTopicResult,
    },
    protocol::{Message, StrBytes},
};
use record::TopicId;

use super::{Answers, Change, call_within, millis};
use crate::{
    client::{Client, topic_name},
    connection::Connection,
    error::{ClientError, ServerError},
};

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

/// More partitions for a topic. The cluster chooses where their replicas lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPartitions {
    /// The topic.
    pub topic: String,
    /// How many it has afterwards, in all.
    pub total: i32,
}

/// What became of one topic of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicResult<T = TopicId> {
    /// The topic.
    pub name: String,
    /// What the broker gives (an id is all zero where it doesn't say), or why it refused.
    pub result: Result<T, ServerError>,
}

impl<T> TopicResult<T> {
    /// What the broker gives; an error says which topic was refused and why.
    ///
    /// # Errors
    /// Where the broker refused.
    pub fn into_result(self) -> Result<T, ClientError> {
        let Self { name, result } = self;
        result.map_err(|error| ClientError::Refused {
            what: format!("topic `{name}`"),
            error,
        })
    }

    pub(super) fn of((name, result): (String, Result<T, ServerError>)) -> Self {
        Self { name, result }
    }
}

struct Creation<'a>(&'a [NewTopic]);

impl Change for Creation<'_> {
    type Given = TopicId;

    async fn ask(
        &self,
        connection: &Connection,
        patience: Duration,
    ) -> Result<Answers<TopicId>, ClientError> {
        let request = CreateTopicsRequest::default()
            .with_topics(self.0.iter().map(creatable).collect())
            .with_timeout_ms(millis(patience));
        let response = call_within(connection, &request, patience).await?;
        let result = |topic: CreatableTopicResult| {
            let refused = ServerError::from_code(topic.error_code, topic.error_message.as_deref());
            let result = refused.map_or(Ok(TopicId(topic.topic_id)), Err);
            (topic.name.to_string(), result)
        };
        Ok(response.topics.into_iter().map(result).collect())
    }
}

struct Growth<'a>(&'a [NewPartitions]);

impl Change for Growth<'_> {
    type Given = ();

    async fn ask(&self, connection: &Connection, patience: Duration) -> Result<Answers<()>, ClientError> {
        let topic = |new: &NewPartitions| {
            CreatePartitionsTopic::default()
                .with_name(topic_name(&new.topic))
                .with_count(new.total)
                .with_assignments(None)
        };
        let request = CreatePartitionsRequest::default()
            .with_topics(self.0.iter().map(topic).collect())
            .with_timeout_ms(millis(patience));
        let response = call_within(connection, &request, patience).await?;
        let result = |topic: CreatePartitionsTopicResult| {
            let result = ServerError::check(topic.error_code, topic.error_message.as_deref());
            (topic.name.to_string(), result)
        };
        Ok(response.results.into_iter().map(result).collect())
    }
}

struct Deletion<'a>(&'a [&'a str]);

impl Change for Deletion<'_> {
    type Given = TopicId;

    async fn ask(
        &self,
        connection: &Connection,
        patience: Duration,
    ) -> Result<Answers<TopicId>, ClientError> {
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
            let result = refused.map_or(Ok(TopicId(topic.topic_id)), Err);
            (
                topic.name.map(|name| name.to_string()).unwrap_or_default(),
                result,
            )
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
        let answers = self.ask_controller(Creation(topics), patience).await?;
        Ok(answers.into_iter().map(TopicResult::of).collect())
    }

    /// Gives topics more partitions (CreatePartitions, KIP-195). One answer a topic; `INVALID_PARTITIONS`
    /// where a topic has as many already. Records with keys go to other partitions from then on.
    ///
    /// # Errors
    /// Where no controller answers within `patience`.
    pub async fn create_partitions(
        &self,
        topics: &[NewPartitions],
        patience: Duration,
    ) -> Result<Vec<TopicResult<()>>, ClientError> {
        let answers = self.ask_controller(Growth(topics), patience).await?;
        Ok(answers.into_iter().map(TopicResult::of).collect())
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
        let answers = self.ask_controller(Deletion(topics), patience).await?;
        Ok(answers.into_iter().map(TopicResult::of).collect())
    }
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
