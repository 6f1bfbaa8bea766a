//! The broker's own settings under Kafka's names, for reading: they are set where the broker is started.

use std::borrow::Cow;

use cluster::{ConfigType, topic_config};

use crate::{Serving, topic_settings};

/// One setting of the broker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BrokerSetting {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// Kafka's default, or ours where the documentation says so.
    pub(crate) default: String,
    pub(crate) kind: ConfigType,
    pub(crate) documentation: &'static str,
}

/// The broker's keys that a topic's keys fall back to.
const OF_TOPICS: &[(&str, &str)] = &[
    ("cleanup.policy", "log.cleanup.policy"),
    ("compression.gzip.level", "compression.gzip.level"),
    ("compression.lz4.level", "compression.lz4.level"),
    ("compression.type", "compression.type"),
    ("compression.zstd.level", "compression.zstd.level"),
    ("delete.retention.ms", "log.cleaner.delete.retention.ms"),
    ("file.delete.delay.ms", "log.segment.delete.delay.ms"),
    ("flush.messages", "log.flush.interval.messages"),
    ("flush.ms", "log.flush.interval.ms"),
    ("index.interval.bytes", "log.index.interval.bytes"),
    ("local.retention.bytes", "log.local.retention.bytes"),
    ("local.retention.ms", "log.local.retention.ms"),
    ("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    ("max.message.bytes", "message.max.bytes"),
    (
        "message.timestamp.after.max.ms",
        "log.message.timestamp.after.max.ms",
    ),
    (
        "message.timestamp.before.max.ms",
        "log.message.timestamp.before.max.ms",
    ),
    ("message.timestamp.type", "log.message.timestamp.type"),
    ("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio"),
    ("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("preallocate", "log.preallocate"),
    ("retention.bytes", "log.retention.bytes"),
    ("retention.ms", "log.retention.ms"),
    ("segment.bytes", "log.segment.bytes"),
    ("segment.index.bytes", "log.index.size.max.bytes"),
    ("segment.jitter.ms", "log.roll.jitter.ms"),
    ("segment.ms", "log.roll.ms"),
    ("unclean.leader.election.enable", "unclean.leader.election.enable"),
];

/// The broker's key that a topic's key falls back to.
pub(crate) fn behind(topic_key: &str) -> Option<&'static str> {
    OF_TOPICS
        .iter()
        .find(|(topic, _)| *topic == topic_key)
        .map(|(_, broker)| *broker)
}

/// All settings that are shown, sorted by name.
pub(crate) fn all(node: &cluster::Options, serving: &Serving) -> Vec<BrokerSetting> {
    let mut settings = own(node, serving);
    settings.extend(OF_TOPICS.iter().filter_map(|(topic, name)| {
        let definition = topic_config(topic)?;
        Some(BrokerSetting {
            name,
            value: topic_settings::default_value(topic, serving).into_owned(),
            default: definition.default.to_owned(),
            kind: definition.kind,
            documentation: definition.doc,
        })
    }));
    settings.sort_by_key(|setting| setting.name);
    settings
}

fn own(node: &cluster::Options, serving: &Serving) -> Vec<BrokerSetting> {
    use ConfigType as T;
    let defaults = Serving::default();
    let set = |name, value: String, default: Cow<'_, str>, kind, documentation| BrokerSetting {
        name,
        value,
        default: default.into_owned(),
        kind,
        documentation,
    };
    let listeners: Vec<String> = node
        .listeners
        .iter()
        .map(|listener| format!("{}://{}:{}", listener.name, listener.host, listener.port))
        .collect();
    let id = node.id.to_string();
    let number = |n: u128| n.to_string();
    vec![
        set(
            "advertised.listeners",
            listeners.join(","),
            "".into(),
            T::String,
            "Where clients and other brokers reach this broker.",
        ),
        set(
            "auto.create.topics.enable",
            serving.auto_create_topics.to_string(),
            defaults.auto_create_topics.to_string().into(),
            T::Boolean,
            "Asking for the metadata of a topic creates it.",
        ),
        set("broker.id", id.clone(), "-1".into(), T::Int, "This broker's id."),
        set(
            "broker.heartbeat.interval.ms",
            node.heartbeat_interval.0.to_string(),
            "500".into(),
            T::Int,
            "How often this broker tells the controller that it lives; 2000 in Apache Kafka.",
        ),
        set(
            "broker.session.timeout.ms",
            node.session_timeout.0.to_string(),
            "6000".into(),
            T::Int,
            "Without a heartbeat for so long a broker counts as dead.",
        ),
        set(
            "default.replication.factor",
            node.default_replication.to_string(),
            "1".into(),
            T::Int,
            "Replicas of a topic that is created without a number.",
        ),
        set(
            "delete.topic.enable",
            "true".into(),
            "true".into(),
            T::Boolean,
            "Topics can be deleted.",
        ),
        set(
            "fetch.max.bytes",
            serving.fetch_max_bytes.to_string(),
            defaults.fetch_max_bytes.to_string().into(),
            T::Int,
            "Most bytes of one Fetch response.",
        ),
        set(
            "log.retention.check.interval.ms",
            number(serving.retention_check.as_millis()),
            number(defaults.retention_check.as_millis()).into(),
            T::Long,
            "How often old segments are looked for.",
        ),
        set(
            "replica.lag.time.max.ms",
            number(serving.replica_max_lag.as_millis()),
            number(defaults.replica_max_lag.as_millis()).into(),
            T::Long,
            "A follower that hasn't had all records for so long is in sync no longer.",
        ),
        set("node.id", id, "-1".into(), T::Int, "This broker's id."),
        set(
            "num.partitions",
            node.default_partitions.to_string(),
            "1".into(),
            T::Int,
            "Partitions of a topic that is created without a number.",
        ),
        set(
            "process.roles",
            match node.voters.contains(&node.id) {
                true => "broker,controller".into(),
                false => "broker".into(),
            },
            "".into(),
            T::List,
            "The first three brokers are also voters of the metadata quorum; of fewer the first one alone.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use cluster::topic_configs;

    use super::*;

    #[test]
    fn every_topic_key_has_a_broker_key_behind_it_or_is_the_topics_alone() {
        let alone: Vec<&str> = topic_configs()
            .iter()
            .map(|definition| definition.name)
            .filter(|name| behind(name).is_none())
            .collect();
        let expected = [
            "follower.replication.throttled.replicas",
            "leader.replication.throttled.replicas",
            "remote.storage.enable",
        ];
        assert_eq!(alone, expected);
        assert!(OF_TOPICS.iter().all(|(topic, _)| topic_config(topic).is_some()));
    }
}
