//! Configs of topics and brokers, described and altered.

use std::{fmt, time::Duration};

use kafka_protocol::{
    messages::{
        DescribeConfigsRequest, IncrementalAlterConfigsRequest,
        describe_configs_request::DescribeConfigsResource,
        describe_configs_response::DescribeConfigsResourceResult,
        incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig},
        incremental_alter_configs_response::AlterConfigsResourceResponse,
    },
    protocol::StrBytes,
};
use record::BrokerId;

use super::{Answers, Change, call_within};
use crate::{
    client::Client,
    connection::Connection,
    error::{ClientError, ErrorCode, ServerError},
};

/// What has configs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigResource {
    /// A topic.
    Topic(String),
    /// A broker. Its configs are asked of itself.
    Broker(BrokerId),
}

impl ConfigResource {
    /// Kafka's number for this kind of thing.
    fn kind(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) => 4,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Topic(topic) => topic.clone(),
            Self::Broker(id) => id.to_string(),
        }
    }

    fn refused(&self, error: ServerError) -> ClientError {
        ClientError::Refused {
            what: format!("configs of {self}"),
            error,
        }
    }
}

impl fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic `{topic}`"),
            Self::Broker(id) => write!(f, "broker {id}"),
        }
    }
}

/// Where the value of a config comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set for the topic.
    Topic,
    /// Set for the broker or all brokers while they run.
    DynamicBroker,
    /// Set when the broker was started.
    StaticBroker,
    /// Nobody has set it.
    Default,
    /// Another of Kafka's numbers.
    Other(i8),
}

impl ConfigSource {
    fn of(number: i8) -> Self {
        match number {
            1 => Self::Topic,
            2 | 3 => Self::DynamicBroker,
            4 => Self::StaticBroker,
            5 => Self::Default,
            other => Self::Other(other),
        }
    }
}

/// One config of a topic or a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// Its key, e.g. `retention.ms`.
    pub name: String,
    /// Its value; `None` where it is sensitive.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: ConfigSource,
    /// Whether it can't be changed.
    pub read_only: bool,
}

impl ConfigEntry {
    fn of(config: DescribeConfigsResourceResult) -> Self {
        Self {
            name: config.name.to_string(),
            value: config.value.map(|value| value.to_string()),
            source: ConfigSource::of(config.config_source),
            read_only: config.read_only,
        }
    }
}

/// A change of one config; all others stay as they are (KIP-339).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigChange {
    /// A key gets this value.
    Set(String, String),
    /// A key gets its default again.
    Unset(String),
    /// Items are added to a key that holds a list.
    Append(String, String),
    /// Items are taken from a key that holds a list.
    Subtract(String, String),
}

impl ConfigChange {
    fn wire(&self) -> AlterableConfig {
        let (operation, name, value) = match self {
            Self::Set(name, value) => (0, name, Some(value)),
            Self::Unset(name) => (1, name, None),
            Self::Append(name, value) => (2, name, Some(value)),
            Self::Subtract(name, value) => (3, name, Some(value)),
        };
        AlterableConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_config_operation(operation)
            .with_value(value.map(|value| StrBytes::from_string(value.clone())))
    }
}

struct Alteration<'a> {
    resource: &'a ConfigResource,
    changes: &'a [ConfigChange],
    validate_only: bool,
}

impl Alteration<'_> {
    fn request(&self) -> IncrementalAlterConfigsRequest {
        let resource = AlterConfigsResource::default()
            .with_resource_type(self.resource.kind())
            .with_resource_name(StrBytes::from_string(self.resource.name()))
            .with_configs(self.changes.iter().map(ConfigChange::wire).collect());
        IncrementalAlterConfigsRequest::default()
            .with_resources(vec![resource])
            .with_validate_only(self.validate_only)
    }
}

impl Change for Alteration<'_> {
    type Given = ();

    async fn ask(&self, connection: &Connection, patience: Duration) -> Result<Answers<()>, ClientError> {
        let response = call_within(connection, &self.request(), patience).await?;
        let result = |resource: AlterConfigsResourceResponse| {
            let result = ServerError::check(resource.error_code, resource.error_message.as_deref());
            (resource.resource_name.to_string(), result)
        };
        Ok(response.responses.into_iter().map(result).collect())
    }
}

impl Client {
    /// All configs of a topic or a broker, in the broker's order.
    ///
    /// # Errors
    /// Where it doesn't exist, or no broker answers.
    pub async fn describe_configs(&self, resource: &ConfigResource) -> Result<Vec<ConfigEntry>, ClientError> {
        let asked = DescribeConfigsResource::default()
            .with_resource_type(resource.kind())
            .with_resource_name(StrBytes::from_string(resource.name()))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default().with_resources(vec![asked]);
        let patience = self.options().request_timeout;
        let response = match resource {
            ConfigResource::Topic(_) => self.ask_any(&request, patience).await?,
            ConfigResource::Broker(id) => self.connection_to(*id).await?.call(&request, patience).await?,
        };
        let mut configs = Vec::new();
        for result in response.results {
            ServerError::check(result.error_code, result.error_message.as_deref())
                .map_err(|error| resource.refused(error))?;
            configs.extend(result.configs.into_iter().map(ConfigEntry::of));
        }
        Ok(configs)
    }

    /// Changes some configs of a topic or a broker (IncrementalAlterConfigs, Kafka 2.3 and later): all of
    /// them or none. With `validate_only` nothing is changed, but what would be refused is refused.
    ///
    /// # Errors
    /// Where the broker refuses, with its reason, or no controller answers within `patience`.
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
        validate_only: bool,
        patience: Duration,
    ) -> Result<(), ClientError> {
        let change = Alteration {
            resource,
            changes,
            validate_only,
        };
        let answers = match resource {
            ConfigResource::Topic(_) => self.ask_controller(change, patience).await?,
            ConfigResource::Broker(id) => change.ask(&*self.connection_to(*id).await?, patience).await?,
        };
        let lacking = ServerError {
            code: ErrorCode::UnknownServerError,
            message: Some("the answer lacks it".to_owned()),
        };
        let answer = answers
            .into_iter()
            .next()
            .map_or(Err(lacking), |(_, result)| result);
        answer.map_err(|error| resource.refused(error))
    }
}
