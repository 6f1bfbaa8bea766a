use std::path::PathBuf;
use std::time::Duration;

use crate::EtlError;
use crate::declaration::{TableDeclaration, default_tables};
use crate::fail_point::FailPoints;

/// Settings of one ETL.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the job: the folder of its state below `checkpoint_root`.
    pub job: String,
    /// The lake: `tables`, `log` and `staging` lie here.
    pub datalake_root: PathBuf,
    /// State files of all jobs.
    pub checkpoint_root: PathBuf,
    /// The tables.
    pub tables: Vec<TableDeclaration>,
    /// An epoch begins as soon as there are records, and at least this long after the last one began.
    /// While there is a backlog epochs follow each other without a pause.
    pub trigger: Duration,
    /// Threads that decode, judge and encode.
    pub threads: usize,
    /// An epoch is cut when it holds this many bytes of decoded records.
    pub epoch_bytes: usize,
    /// An epoch is cut when it holds this many records.
    pub epoch_records: usize,
    /// How long a commit and its files stay readable after the next one.
    pub retain: Duration,
    /// Where the process ends itself; only in tests.
    pub fail_points: FailPoints,
}

impl Settings {
    /// The default tables and limits, with the given folders.
    #[must_use]
    pub fn new(datalake_root: PathBuf, checkpoint_root: PathBuf) -> Self {
        Self {
            job: "etl".into(),
            datalake_root,
            checkpoint_root,
            tables: default_tables(),
            trigger: Duration::from_secs(5),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            epoch_bytes: 64 << 20,
            epoch_records: 400_000,
            retain: Duration::from_secs(3600),
            fail_points: FailPoints::none(),
        }
    }

    /// Arrow's text columns end at 2 GiB: an epoch, and one batch beyond it, must fit.
    pub(crate) fn check(&self) -> Result<(), EtlError> {
        if self.epoch_bytes == 0 || self.epoch_bytes > 1 << 30 || self.epoch_records == 0 {
            let wrong = "the budget of an epoch must be at least one record and at most 1 GiB";
            return Err(EtlError::Setting(wrong.into()));
        }
        Ok(())
    }
}
