//! DescribeConfigs (32): every key of a topic or of a broker, with its default and where it comes from.

use std::collections::BTreeSet;

use cluster::{ConfigType, Metadata, Topic, topic_configs};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_protocol::protocol::StrBytes;

use crate::broker_settings::{self, BrokerSetting};
use crate::{Serving, topic_settings};

/// `DYNAMIC_TOPIC_CONFIG`: set for the topic.
pub(crate) const TOPIC_SOURCE: i8 = 1;
/// `STATIC_BROKER_CONFIG`: set when the broker was started.
const BROKER_SOURCE: i8 = 4;
/// `DEFAULT_CONFIG`.
pub(crate) const DEFAULT_SOURCE: i8 = 5;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// What DescribeConfigs uses.
pub(crate) struct DescribeConfigs<'a> {
    pub(crate) metadata: &'a Metadata,
    pub(crate) serving: &'a Serving,
    pub(crate) node: &'a cluster::Options,
}

/// One key with its value.
struct Key {
    name: &'static str,
    /// Key, value and source, wherever the value could come from; the first is in force.
    origins: Vec<(&'static str, String, i8)>,
    kind: i8,
    read_only: bool,
    documentation: &'static str,
}

impl DescribeConfigs<'_> {
    pub(crate) fn answer(&self, request: &DescribeConfigsRequest, version: i16) -> DescribeConfigsResponse {
        // Each resource once, however often it is named.
        let mut seen = BTreeSet::new();
        let resources = request.resources.iter().filter(|resource| {
            let name = resource.resource_name.as_str();
            seen.insert((resource.resource_type, name))
        });
        let results = resources.map(|resource| {
            let result = DescribeConfigsResult::default()
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name.clone());
            match self.keys(resource) {
                Ok(keys) => result
                    .with_error_message(None)
                    .with_configs(describe(&keys, resource, request, version)),
                Err((error, message)) => result
                    .with_error_code(error.code())
                    .with_error_message(Some(StrBytes::from_string(message))),
            }
        });
        DescribeConfigsResponse::default().with_results(results.collect())
    }

    fn keys(&self, resource: &DescribeConfigsResource) -> Result<Vec<Key>, (ResponseError, String)> {
        let name = resource.resource_name.as_str();
        match resource.resource_type {
            TOPIC => match self.metadata.topic(name) {
                Some(topic) => Ok(self.topic_keys(topic)),
                None => Err((
                    ResponseError::UnknownTopicOrPartition,
                    format!("there is no topic {name}"),
                )),
            },
            BROKER if name.is_empty() => Ok(Vec::new()),
            BROKER if name.parse() == Ok(self.node.id.0) => Ok(self.broker_keys()),
            BROKER => {
                let message = format!("ask broker {name} itself, this is broker {}", self.node.id);
                Err((ResponseError::InvalidRequest, message))
            }
            other => {
                let message = format!("resources of type {other} have no configuration here");
                Err((ResponseError::InvalidRequest, message))
            }
        }
    }

    fn topic_keys(&self, topic: &Topic) -> Vec<Key> {
        let key = |definition: &'static cluster::ConfigDefinition| {
            let inherited = topic_settings::default_value(definition.name, self.serving).into_owned();
            let mut origins = Vec::new();
            if let Some(set) = topic.configs.get(definition.name) {
                origins.push((definition.name, set.clone(), TOPIC_SOURCE));
            }
            let behind = broker_settings::behind(definition.name).unwrap_or(definition.name);
            if inherited != definition.default {
                origins.push((behind, inherited, BROKER_SOURCE));
            }
            origins.push((behind, definition.default.to_owned(), DEFAULT_SOURCE));
            Key {
                name: definition.name,
                origins,
                kind: kind(definition.kind),
                read_only: false,
                documentation: definition.doc,
            }
        };
        topic_configs().iter().map(key).collect()
    }

    fn broker_keys(&self) -> Vec<Key> {
        let key = |setting: BrokerSetting| {
            let mut origins = Vec::new();
            if setting.value != setting.default {
                origins.push((setting.name, setting.value, BROKER_SOURCE));
            }
            origins.push((setting.name, setting.default, DEFAULT_SOURCE));
            Key {
                name: setting.name,
                origins,
                kind: kind(setting.kind),
                read_only: true,
                documentation: setting.documentation,
            }
        };
        broker_settings::all(self.node, self.serving)
            .into_iter()
            .map(key)
            .collect()
    }
}

fn describe(
    keys: &[Key],
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
    version: i16,
) -> Vec<DescribeConfigsResourceResult> {
    // An empty list stands for all keys, as null does; librdkafka sends it.
    let names: BTreeSet<&str> = resource
        .configuration_keys
        .iter()
        .flatten()
        .map(StrBytes::as_str)
        .collect();
    let wanted = |key: &&Key| names.is_empty() || names.contains(key.name);
    keys.iter()
        .filter(wanted)
        .map(|key| key.describe(request, version))
        .collect()
}

impl Key {
    fn describe(&self, request: &DescribeConfigsRequest, version: i16) -> DescribeConfigsResourceResult {
        let text = |text: &str| Some(StrBytes::from_string(text.to_owned()));
        let synonym = |(name, value, source): &(&'static str, String, i8)| {
            DescribeConfigsSynonym::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(text(value))
                .with_source(*source)
        };
        let synonyms = if request.include_synonyms {
            self.origins.iter().map(synonym).collect()
        } else {
            Vec::new()
        };
        let mut result = DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(self.name))
            .with_read_only(self.read_only)
            .with_synonyms(synonyms);
        if let Some((_, value, source)) = self.origins.first() {
            result = result.with_value(text(value)).with_config_source(*source);
        }
        if version < 3 {
            return result;
        }
        let documentation = request
            .include_documentation
            .then(|| text(self.documentation))
            .flatten();
        result
            .with_config_type(self.kind)
            .with_documentation(documentation)
    }
}

/// Kafka's `ConfigDef.Type` as DescribeConfigs numbers it.
fn kind(kind: ConfigType) -> i8 {
    match kind {
        ConfigType::Boolean => 1,
        ConfigType::String => 2,
        ConfigType::Int => 3,
        ConfigType::Long => 5,
        ConfigType::Double => 6,
        ConfigType::List => 7,
    }
}
