//! The ETL's part of a lake commit, as JSON: where to go on, how far event time has come, the ledger,
//! and the state files. Format 1.

use std::collections::BTreeMap;

use record::{LeaderEpoch, Offset, PartitionIndex};
use serde::{Deserialize, Serialize};

use crate::EtlError;
use crate::declaration::{DerivedDeclaration, SourceDeclaration};
use crate::ledger::{Counts, Ledger, LedgerKey, WindowCounts};

const FORMAT: &str = "minicluster-etl";
const VERSION: u32 = 1;

/// Everything that the next epoch needs to know of the ones before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payload {
    pub format: String,
    pub version: u32,
    pub job: String,
    /// Spark's `batchId`: counts the epochs from 0.
    pub epoch: u64,
    pub cluster_id: String,
    pub sources: BTreeMap<String, SourcePayload>,
    pub derived: BTreeMap<String, DerivedPayload>,
}

/// One source table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourcePayload {
    pub declaration: SourceDeclaration,
    /// As Kafka writes it: 22 characters of base64.
    pub topic_id: String,
    pub watermark_us: Option<i64>,
    pub partitions: BTreeMap<i32, PartitionPayload>,
    /// Deduplication keys: a snapshot, then deltas in order.
    pub state: Vec<StateFile>,
}

/// One partition of a source table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartitionPayload {
    pub next_offset: i64,
    /// Leader epoch of the last record read; -1 before the first.
    pub leader_epoch: i32,
    pub highest_us: Option<i64>,
    pub idle: bool,
    pub ledger: Counts,
}

/// One derived table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DerivedPayload {
    pub declaration: DerivedDeclaration,
    pub closed: u64,
    pub open: u64,
    /// Open windows: a snapshot, then deltas in order.
    pub state: Vec<StateFile>,
}

/// A state file that this commit rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateFile {
    pub name: String,
    pub kind: StateKind,
    pub rows: u64,
}

/// Whether a state file stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StateKind {
    /// The whole state when its epoch ended.
    Snapshot,
    /// What its epoch added.
    Delta,
}

impl Payload {
    /// The payload before the first epoch.
    pub(crate) fn empty(job: &str, cluster_id: &str) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            job: job.into(),
            epoch: 0,
            cluster_id: cluster_id.into(),
            sources: BTreeMap::new(),
            derived: BTreeMap::new(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, EtlError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|e| EtlError::Payload(e.to_string()))?;
        if head.format != FORMAT {
            return Err(EtlError::Payload(format!(
                "its format is `{}`, not `{FORMAT}`",
                head.format
            )));
        }
        if head.version != VERSION {
            return Err(EtlError::Payload(format!(
                "its version is {}, this minicluster knows {VERSION}: use the version that wrote it",
                head.version
            )));
        }
        serde_json::from_str(text).map_err(|e| EtlError::Payload(e.to_string()))
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let partitions = self.sources.iter().flat_map(|(table, source)| {
            source.partitions.iter().map(move |(&index, partition)| {
                let topic = source.declaration.topic.clone();
                let key = LedgerKey {
                    table: table.clone(),
                    topic,
                    partition: PartitionIndex(index),
                };
                (key, partition.ledger)
            })
        });
        let windows = self.derived.iter().map(|(table, derived)| {
            let source = derived.declaration.source.clone();
            (
                table.clone(),
                WindowCounts {
                    source,
                    closed: derived.closed,
                    open: derived.open,
                },
            )
        });
        Ledger {
            partitions: partitions.collect(),
            windows: windows.collect(),
        }
    }

    /// Names of all state files that the commit rests on.
    pub(crate) fn state_files(&self) -> impl Iterator<Item = &StateFile> {
        let sources = self.sources.values().flat_map(|s| &s.state);
        sources.chain(self.derived.values().flat_map(|d| &d.state))
    }
}

impl PartitionPayload {
    pub(crate) fn position(&self) -> Position {
        Position {
            offset: Offset(self.next_offset),
            leader_epoch: LeaderEpoch(self.leader_epoch),
        }
    }
}

/// Where reading goes on in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// The next offset to read.
    pub offset: Offset,
    /// Leader epoch of the record before it; -1 where unknown.
    pub leader_epoch: LeaderEpoch,
}

#[cfg(test)]
pub(crate) mod tests;
