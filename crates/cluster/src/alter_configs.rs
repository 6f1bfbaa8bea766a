//! Changes of topics' configurations.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::metadata_record::MetadataRecord;
use crate::reign::View;
use crate::topic_config::{self, ConfigType};
use crate::{ControllerReply, ErrorCode, Metadata, Millis, Refusal, Topic};

/// Topics whose configuration changes (Kafka's IncrementalAlterConfigs and AlterConfigs).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlterConfigs {
    /// Each is changed or refused on its own, and as a whole.
    pub topics: Vec<AlterTopicConfigs>,
    /// Only say whether it could be done.
    pub validate_only: bool,
    /// How long the requester waits.
    pub timeout: Millis,
}

/// What changes in one topic's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlterTopicConfigs {
    /// The topic's name.
    pub topic: String,
    /// What changes.
    pub change: ConfigChange,
}

/// How a configuration changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigChange {
    /// Some keys, each at most once; the others stay (IncrementalAlterConfigs).
    Keys(Vec<(String, ConfigOp)>),
    /// All of it: keys that aren't named, or have `None`, return to their default (AlterConfigs).
    Replace(Vec<(String, Option<String>)>),
}

/// What happens to one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigOp {
    /// It gets this value.
    Set(String),
    /// It returns to its default.
    Delete,
    /// These values, separated by commas, are added to a list unless they are in it.
    Append(String),
    /// These values, separated by commas, are taken out of a list.
    Subtract(String),
}

/// What became of one topic of [`AlterConfigs`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlteredTopic {
    /// The topic's name.
    pub topic: String,
    /// Nothing, or why not.
    pub result: Result<(), Refusal>,
}

/// The records that change configurations, and the reply once they are committed.
pub(crate) fn alter_all(alter: &AlterConfigs, view: &View<'_>) -> (Vec<MetadataRecord>, ControllerReply) {
    let mut seen = BTreeSet::new();
    let mut records = Vec::new();
    let mut altered = Vec::new();
    for topic in &alter.topics {
        let result = match seen.insert(&topic.topic) {
            true => alter_one(view.metadata, topic),
            false => refuse(
                ErrorCode::InvalidRequest,
                format!("topic {:?} is named twice", topic.topic),
            ),
        };
        altered.push(AlteredTopic {
            topic: topic.topic.clone(),
            result: result.map(|new| records.extend(new)),
        });
    }
    if alter.validate_only {
        records.clear();
    }
    (records, ControllerReply::AlterConfigs(altered))
}

/// The records of those keys whose value becomes another.
fn alter_one(metadata: &Metadata, alter: &AlterTopicConfigs) -> Result<Vec<MetadataRecord>, Refusal> {
    let Some(topic) = metadata.topic(&alter.topic) else {
        return refuse(ErrorCode::UnknownTopicOrPartition, "there is no such topic");
    };
    let wanted = wanted(topic, &alter.change)?;
    for (key, value) in &wanted {
        topic_config::check(key, value.as_deref())
            .map_err(|why| Refusal::new(ErrorCode::InvalidConfig, why))?;
    }
    let changed = wanted
        .into_iter()
        .filter(|(key, value)| topic.configs.get(key) != value.as_ref());
    let record = |(key, value)| MetadataRecord::TopicConfig {
        topic_id: topic.id,
        key,
        value,
    };
    Ok(changed.map(record).collect())
}

/// The values that keys shall have; `None` for the default.
fn wanted(topic: &Topic, change: &ConfigChange) -> Result<BTreeMap<String, Option<String>>, Refusal> {
    let mut wanted = BTreeMap::new();
    let mut add = |key: &str, value: Option<String>| match wanted.insert(key.to_owned(), value) {
        None => Ok(()),
        Some(_) => refuse(
            ErrorCode::InvalidRequest,
            format!("topic config {key} is named twice"),
        ),
    };
    match change {
        ConfigChange::Keys(keys) => {
            for (key, op) in keys {
                add(key, apply(topic, key, op)?)?;
            }
        }
        ConfigChange::Replace(all) => {
            for (key, value) in all {
                add(key, value.clone())?;
            }
            for key in topic.configs.keys() {
                wanted.entry(key.clone()).or_insert(None);
            }
        }
    }
    Ok(wanted)
}

fn apply(topic: &Topic, key: &str, op: &ConfigOp) -> Result<Option<String>, Refusal> {
    let (values, add) = match op {
        ConfigOp::Set(value) => return Ok(Some(value.clone())),
        ConfigOp::Delete => return Ok(None),
        ConfigOp::Append(values) => (values, true),
        ConfigOp::Subtract(values) => (values, false),
    };
    let Some(definition) = topic_config::topic_config(key) else {
        return refuse(ErrorCode::InvalidConfig, format!("unknown topic config {key:?}"));
    };
    if definition.kind != ConfigType::List {
        let why = format!("topic config {key} is no list: set it, or delete what was set");
        return refuse(ErrorCode::InvalidConfig, why);
    }
    let now = topic.configs.get(key).map_or(definition.default, String::as_str);
    let mut list: Vec<&str> = items(now).collect();
    for value in items(values) {
        match add {
            true if list.contains(&value) => {}
            true => list.push(value),
            false => list.retain(|known| *known != value),
        }
    }
    Ok(Some(list.join(",")))
}

fn items(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn refuse<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(code, message))
}
