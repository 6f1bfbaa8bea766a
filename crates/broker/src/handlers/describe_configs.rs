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
use record::BrokerId;

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
    pub(crate) me: BrokerId,
    pub(crate) default_partitions: i32,
}

/// One key with its value.
struct Key<'a> {
    name: &'static str,
    value: String,
    source: i8,
    kind: i8,
    read_only: bool,
    default: String,
    documentation: &'a str,
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

    fn keys(&self, resource: &DescribeConfigsResource) -> Result<Vec<Key<'static>>, (ResponseError, String)> {
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
            BROKER if name.parse() == Ok(self.me.0) => Ok(self.broker_keys()),
            BROKER => {
                let message = format!("ask broker {name} itself, this is broker {}", self.me);
                Err((ResponseError::InvalidRequest, message))
            }
            other => {
                let message = format!("resources of type {other} have no configuration here");
                Err((ResponseError::InvalidRequest, message))
            }
        }
    }

    fn topic_keys(&self, topic: &Topic) -> Vec<Key<'static>> {
        let key = |definition: &'static cluster::ConfigDefinition| {
            let default = topic_settings::default_value(definition.name, self.serving).into_owned();
            let set = topic.configs.get(definition.name);
            Key {
                name: definition.name,
                value: set.cloned().unwrap_or_else(|| default.clone()),
                source: if set.is_some() {
                    TOPIC_SOURCE
                } else {
                    DEFAULT_SOURCE
                },
                kind: kind(definition.kind),
                read_only: false,
                default,
                documentation: definition.doc,
            }
        };
        topic_configs().iter().map(key).collect()
    }

    fn broker_keys(&self) -> Vec<Key<'static>> {
        let defaults = Serving::default();
        let key = |name, value: String, default: String, kind: ConfigType, documentation| Key {
            name,
            source: if value == default {
                DEFAULT_SOURCE
            } else {
                BROKER_SOURCE
            },
            value,
            kind: self::kind(kind),
            read_only: true,
            default,
            documentation,
        };
        vec![
            key(
                "auto.create.topics.enable",
                self.serving.auto_create_topics.to_string(),
                defaults.auto_create_topics.to_string(),
                ConfigType::Boolean,
                "Asking for the metadata of a topic creates it.",
            ),
            key(
                "default.replication.factor",
                "1".to_owned(),
                "1".to_owned(),
                ConfigType::Int,
                "Replicas of a topic that is created without a number.",
            ),
            key(
                "fetch.max.bytes",
                self.serving.fetch_max_bytes.to_string(),
                defaults.fetch_max_bytes.to_string(),
                ConfigType::Int,
                "Most bytes of one Fetch response.",
            ),
            key(
                "message.max.bytes",
                self.serving.message_max_bytes.to_string(),
                defaults.message_max_bytes.to_string(),
                ConfigType::Int,
                "Largest record batch where a topic doesn't say otherwise.",
            ),
            key(
                "node.id",
                self.me.to_string(),
                "-1".to_owned(),
                ConfigType::Int,
                "This broker's id.",
            ),
            key(
                "num.partitions",
                self.default_partitions.to_string(),
                "1".to_owned(),
                ConfigType::Int,
                "Partitions of a topic that is created without a number.",
            ),
        ]
    }
}

fn describe(
    keys: &[Key<'_>],
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
    version: i16,
) -> Vec<DescribeConfigsResourceResult> {
    let names: BTreeSet<&str> = resource
        .configuration_keys
        .iter()
        .flatten()
        .map(StrBytes::as_str)
        .collect();
    let wanted = |key: &&Key<'_>| names.is_empty() || names.contains(key.name);
    let text = |text: &str| Some(StrBytes::from_string(text.to_owned()));
    let describe = |key: &Key<'_>| {
        let mut synonyms = Vec::new();
        let mut synonym = |value: &str, source| {
            let synonym = DescribeConfigsSynonym::default()
                .with_name(StrBytes::from_static_str(key.name))
                .with_value(text(value))
                .with_source(source);
            synonyms.push(synonym);
        };
        if request.include_synonyms {
            if key.source != DEFAULT_SOURCE {
                synonym(&key.value, key.source);
            }
            synonym(&key.default, DEFAULT_SOURCE);
        }
        let result = DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(key.name))
            .with_value(text(&key.value))
            .with_read_only(key.read_only)
            .with_config_source(key.source)
            .with_synonyms(synonyms);
        if version < 3 {
            return result;
        }
        let documentation = request
            .include_documentation
            .then(|| text(key.documentation))
            .flatten();
        result
            .with_config_type(key.kind)
            .with_documentation(documentation)
    };
    keys.iter().filter(wanted).map(describe).collect()
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
