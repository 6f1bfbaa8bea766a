use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What lies in the lake, as its newest commit says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lake {
    /// The lake's folder.
    pub root: String,
    /// The number of the commit.
    pub commit: u64,
    /// When it was made.
    pub committed_at: Timestamp,
    /// Bytes of the ETL's state files that the commit rests on.
    pub state_bytes: u64,
    /// The tables, by name.
    pub tables: Vec<Table>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its Parquet files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Its partitions: days.
    pub days: u64,
    /// Rows that came a second, lately.
    pub rows_per_second: Option<f64>,
}
