//! What a topic's configuration means for its log and for what clients may write.

use cluster::{ReplicationOptions, Topic, topic_config};
use log::Options;
use record::TimestampType;

use crate::Serving;
use crate::executor::millis;

/// The value of a key for a topic: what was set, else the broker's default, else Kafka's.
pub(crate) fn value<'a>(topic: &'a Topic, key: &str, serving: &'a Serving) -> std::borrow::Cow<'a, str> {
    match topic.configs.get(key) {
        Some(set) => set.as_str().into(),
        None => default_value(key, serving),
    }
}

/// The value of a key where the topic doesn't set it.
pub(crate) fn default_value<'a>(key: &str, serving: &Serving) -> std::borrow::Cow<'a, str> {
    match key {
        "max.message.bytes" => serving.message_max_bytes.to_string().into(),
        _ => topic_config(key)
            .map_or("", |definition| definition.default)
            .into(),
    }
}

/// The settings of a topic's logs.
pub(crate) fn log_options(topic: &Topic, serving: &Serving) -> Options {
    let number = |key| value(topic, key, serving).parse::<i64>().ok();
    let positive = |key| number(key).filter(|n| *n >= 0);
    let defaults = Options::default();
    let small = |key, or: u32| positive(key).and_then(|n| u32::try_from(n).ok()).unwrap_or(or);
    let append_time = value(topic, "message.timestamp.type", serving) == "LogAppendTime";
    let deletes = deletes(topic, serving);
    Options {
        topic_id: Some(topic.id),
        segment_bytes: small("segment.bytes", defaults.segment_bytes),
        segment_ms: positive("segment.ms").unwrap_or(defaults.segment_ms),
        index_interval_bytes: small("index.interval.bytes", defaults.index_interval_bytes),
        segment_index_bytes: small("segment.index.bytes", defaults.segment_index_bytes),
        max_message_bytes: small("max.message.bytes", i32::MAX.cast_unsigned()) as usize,
        timestamp_type: if append_time {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        timestamp_before_max_ms: positive("message.timestamp.before.max.ms")
            .unwrap_or(defaults.timestamp_before_max_ms),
        timestamp_after_max_ms: positive("message.timestamp.after.max.ms")
            .unwrap_or(defaults.timestamp_after_max_ms),
        retention_ms: positive("retention.ms").filter(|_| deletes),
        retention_bytes: positive("retention.bytes")
            .filter(|_| deletes)
            .map(i64::cast_unsigned),
        ..defaults
    }
}

/// Whether the topic keeps the last record of each key, so that every record must have one.
pub(crate) fn is_compacted(topic: &Topic, serving: &Serving) -> bool {
    has_policy(topic, "compact", serving)
}

/// Whether the topic's old records may go.
pub(crate) fn deletes(topic: &Topic, serving: &Serving) -> bool {
    has_policy(topic, "delete", serving)
}

fn has_policy(topic: &Topic, policy: &str, serving: &Serving) -> bool {
    value(topic, "cleanup.policy", serving)
        .split(',')
        .any(|set| set.trim() == policy)
}

/// What a topic asks of its replicas.
pub(crate) fn replication(topic: &Topic, serving: &Serving) -> ReplicationOptions {
    let min_in_sync = value(topic, "min.insync.replicas", serving);
    ReplicationOptions::new(min_in_sync.parse().unwrap_or(1), millis(serving.replica_max_lag))
}
