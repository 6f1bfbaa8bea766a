//! What the lake's newest commit says about the ETL, for `status` and `ledger`.

use std::collections::BTreeMap;

use config::Settings;
use disk::RealDisk;
use etl::{Ledger, Standing};
use jiff::Timestamp;
use lake::{LakeError, Payload, Snapshot};

use crate::failure::Outcome;

/// The newest commit, as far as operators want to know it.
pub(crate) struct Newest {
    /// Its number.
    pub(crate) commit: u64,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// What became of every event.
    pub(crate) ledger: Ledger,
    /// Where the ETL stands; without tables before its first micro-batch.
    pub(crate) standing: Standing,
    /// Rows by table, as the commit's files hold them.
    pub(crate) rows: BTreeMap<String, u64>,
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
            standing: standing(application)?,
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

fn standing(application: &Payload) -> Outcome<Standing> {
    match application.is_null() {
        true => Ok(Standing::default()),
        false => Ok(Standing::from_payload(application.as_str())?),
    }
}
