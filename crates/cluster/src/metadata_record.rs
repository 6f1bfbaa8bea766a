//! What entries of the metadata log say, and snapshots.

use record::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionIndex, ProducerId, TopicId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{Listener, Reassignment, UncleanRecovery, as_number};

#[cfg(test)]
mod tests;

/// Version of every record; a change of meaning gets another number for its type.
const VERSION: u32 = 2;

/// One record. The records of an entry take effect together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum MetadataRecord {
    /// The first record of a cluster.
    Cluster { cluster_id: String },
    /// A feature is finalized at a level.
    Feature { name: String, level: i16 },
    /// A process is registered, and fenced until it shows a sign of life.
    RegisterBroker {
        #[serde(with = "as_number::broker_id")]
        broker: BrokerId,
        /// In the log the index of the entry, and left out; a snapshot says it.
        #[serde(with = "as_number::maybe_broker_epoch")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker_epoch: Option<BrokerEpoch>,
        incarnation: Uuid,
        listeners: Vec<Listener>,
        clean: bool,
    },
    /// A broker has left the cluster.
    UnregisterBroker {
        #[serde(with = "as_number::broker_id")]
        broker: BrokerId,
    },
    /// A broker counts as dead or alive.
    FenceBroker {
        #[serde(with = "as_number::broker_id")]
        broker: BrokerId,
        fenced: bool,
    },
    /// A topic; its partitions follow in order.
    Topic {
        #[serde(with = "as_number::topic_id")]
        topic_id: TopicId,
        name: String,
    },
    /// One key of a topic's configuration; `None` returns to the default.
    TopicConfig {
        #[serde(with = "as_number::topic_id")]
        topic_id: TopicId,
        key: String,
        value: Option<String>,
    },
    /// A partition of a topic, as it begins or as a snapshot finds it.
    Partition {
        #[serde(with = "as_number::topic_id")]
        topic_id: TopicId,
        #[serde(with = "as_number::partition_index")]
        partition: PartitionIndex,
        #[serde(with = "as_number::broker_ids")]
        replicas: Vec<BrokerId>,
        #[serde(with = "as_number::broker_ids")]
        isr: Vec<BrokerId>,
        #[serde(with = "as_number::maybe_broker")]
        leader: Option<BrokerId>,
        #[serde(with = "as_number::leader_epoch")]
        leader_epoch: LeaderEpoch,
        /// What follows is left out at the beginning: its state has not changed yet.
        #[serde(with = "as_number::broker_ids")]
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unclean: Vec<BrokerId>,
        #[serde(with = "as_number::broker_ids")]
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        offline: Vec<BrokerId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reassignment: Option<Reassignment>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unclean_recovery: Option<UncleanRecovery>,
        #[serde(default, skip_serializing_if = "is_first")]
        partition_epoch: i32,
    },
    /// A partition's new state, whole.
    PartitionChange {
        #[serde(with = "as_number::topic_id")]
        topic_id: TopicId,
        #[serde(with = "as_number::partition_index")]
        partition: PartitionIndex,
        #[serde(with = "as_number::maybe_broker")]
        leader: Option<BrokerId>,
        #[serde(with = "as_number::leader_epoch")]
        leader_epoch: LeaderEpoch,
        #[serde(with = "as_number::broker_ids")]
        isr: Vec<BrokerId>,
        #[serde(with = "as_number::broker_ids")]
        unclean: Vec<BrokerId>,
        #[serde(with = "as_number::broker_ids")]
        offline: Vec<BrokerId>,
        #[serde(with = "as_number::broker_ids")]
        replicas: Vec<BrokerId>,
        reassignment: Option<Reassignment>,
        unclean_recovery: Option<UncleanRecovery>,
    },
    /// A topic is deleted. In a snapshot: its id is remembered.
    RemoveTopic {
        #[serde(with = "as_number::topic_id")]
        topic_id: TopicId,
    },
    /// Who votes from this entry on, where it stands alone: whoever has it in the log goes by it, committed or
    /// not.
    Voters {
        #[serde(with = "as_number::broker_ids")]
        voters: Vec<BrokerId>,
    },
    /// Producer ids below `next` are handed out.
    ProducerIds {
        #[serde(with = "as_number::producer_id")]
        next: ProducerId,
    },
}

/// The names of all types, as `type` says them.
const TYPES: [&str; 12] = [
    "cluster",
    "feature",
    "registerBroker",
    "unregisterBroker",
    "fenceBroker",
    "topic",
    "topicConfig",
    "partition",
    "partitionChange",
    "removeTopic",
    "voters",
    "producerIds",
];

fn is_first(partition_epoch: &i32) -> bool {
    *partition_epoch == 0
}

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    #[serde(flatten)]
    record: &'a MetadataRecord,
}

#[derive(Deserialize)]
struct Head {
    v: u32,
    #[serde(rename = "type")]
    kind: String,
}

/// The bytes of one entry: a JSON list.
pub(crate) fn encode(records: &[MetadataRecord]) -> Vec<u8> {
    let written: Vec<_> = records
        .iter()
        .map(|record| Written { v: VERSION, record })
        .collect();
    serde_json::to_vec(&written).expect("plain data becomes JSON")
}

/// The records of one entry; none where a new leader only marked its term.
///
/// # Errors
/// What can't be read, for [`ClusterError::OtherVersion`](crate::ClusterError).
pub(crate) fn decode(data: &[u8]) -> Result<Vec<MetadataRecord>, String> {
    if data.is_empty() {
        return Ok(Vec::new());
    }
    let raw: Vec<&RawValue> = serde_json::from_slice(data).map_err(|e| e.to_string())?;
    raw.into_iter().map(|one| decode_one(one.get())).collect()
}

/// Who votes from this entry on, if it says so. Every entry is asked, so one look at its beginning must do.
pub(crate) fn voters_of_entry(data: &[u8]) -> Option<Vec<BrokerId>> {
    const TYPE: &[u8] = br#""type":"voters""#;
    let head = data.get(..32).unwrap_or(data);
    head.windows(TYPE.len())
        .any(|bytes| bytes == TYPE)
        .then(|| voters_of_snapshot(data))?
}

/// Who votes behind a snapshot, if that has changed since the cluster was founded.
pub(crate) fn voters_of_snapshot(data: &[u8]) -> Option<Vec<BrokerId>> {
    let records = decode(data).unwrap_or_default();
    records.into_iter().find_map(|record| match record {
        MetadataRecord::Voters { voters } => Some(voters),
        _ => None,
    })
}

fn decode_one(json: &str) -> Result<MetadataRecord, String> {
    let head: Head = serde_json::from_str(json).map_err(|e| e.to_string())?;
    if !TYPES.contains(&head.kind.as_str()) {
        return Err(format!("unknown record type {:?}", head.kind));
    }
    if head.v > VERSION {
        return Err(format!("record type {:?} in version {}", head.kind, head.v));
    }
    serde_json::from_str(json).map_err(|e| e.to_string())
}
