//! What the lake's newest commit says about the ETL, for `status` and `ledger`.

use std::collections::BTreeMap;

use config::Settings;
use disk::RealDisk;
use etl::Ledger;
use jiff::Timestamp;
use lake::{LakeError, Payload, Snapshot};
use serde::Deserialize;

use crate::failure::Outcome;

/// The newest commit, as far as operators want to know it.
pub(crate) struct Newest {
    /// Its number.
    pub(crate) commit: u64,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// What became of every event.
    pub(crate) ledger: Ledger,
    /// Where the ETL stands, by source table; empty before its first micro-batch.
    pub(crate) sources: BTreeMap<String, Source>,
    /// Rows by table, as the commit's files hold them.
    pub(crate) rows: BTreeMap<String, u64>,
}

/// Where the ETL stands in one topic.
#[derive(Debug, Deserialize)]
pub(crate) struct Source {
    declaration: Declaration,
    /// The table's watermark in microseconds since 1970.
    pub(crate) watermark_us: Option<i64>,
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug, Deserialize)]
struct Declaration {
    topic: String,
}

#[derive(Debug, Deserialize)]
struct Partition {
    next_offset: i64,
}

#[derive(Debug, Deserialize)]
struct Standing {
    sources: BTreeMap<String, Source>,
}

impl Source {
    /// The topic that is read.
    pub(crate) fn topic(&self) -> &str {
        &self.declaration.topic
    }

    /// The next offset of a partition; 0 where none was read.
    pub(crate) fn next_offset(&self, partition: i32) -> i64 {
        self.partitions
            .get(&partition)
            .map_or(0, |partition| partition.next_offset)
    }
}

impl Newest {
    /// Reads the newest commit; none where there is no lake yet.
    pub(crate) fn read(settings: &Settings) -> Outcome<Option<Self>> {
        let snapshot = match Snapshot::open(RealDisk, settings.folders.lake()) {
            Err(LakeError::NoLake { .. }) => return Ok(None),
            opened => opened?,
        };
        let application = snapshot.application();
        let rows = snapshot
            .tables()
            .map(|table| {
                (
                    table.to_string(),
                    snapshot.files(table).map(|file| file.rows).sum(),
                )
            })
            .collect();
        Ok(Some(Self {
            commit: snapshot.commit().number.0,
            at: snapshot.commit().at,
            ledger: ledger(application)?,
            sources: sources(application)?,
            rows,
        }))
    }
}

fn ledger(application: &Payload) -> Outcome<Ledger> {
    match application.is_null() {
        true => Ok(Ledger::default()),
        false => Ok(Ledger::from_payload(application.as_str())?),
    }
}

fn sources(application: &Payload) -> Outcome<BTreeMap<String, Source>> {
    match application.is_null() {
        true => Ok(BTreeMap::new()),
        false => Ok(application.read::<Standing>()?.sources),
    }
}
