use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the ETL does.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Etl {
    /// The last micro-batch; counted from 0.
    pub batch: Option<u64>,
    /// When it began.
    pub batch_at: Option<Timestamp>,
    /// How long it took.
    pub batch_ms: Option<u64>,
    /// Records read a second since the micro-batch before it began.
    pub input_per_second: Option<f64>,
    /// Records read a second of the micro-batch's own length.
    pub processed_per_second: Option<f64>,
    /// Keys and groups held.
    pub state_rows: Option<u64>,
    /// What it waits for, if it does.
    pub waiting: Option<String>,
    /// What it reads.
    pub sources: Vec<Source>,
}

/// One source table of the ETL and its topic.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The table.
    pub table: String,
    /// The topic.
    pub topic: String,
    /// The table's watermark: what is at or below it comes too late.
    pub watermark: Option<Timestamp>,
    /// How far the watermark lies behind now.
    pub watermark_gap_ms: Option<u64>,
    /// Records in the topic that were not read; unknown without the brokers.
    pub to_read: Option<u64>,
    /// Records read a second, lately.
    pub records_per_second: Option<f64>,
}

impl Etl {
    /// Records read a second, over all sources, lately.
    #[must_use]
    pub fn records_per_second(&self) -> Option<f64> {
        self.sources.iter().map(|source| source.records_per_second).sum()
    }

    /// Records in all topics that were not read; unknown while one of them is.
    #[must_use]
    pub fn to_read(&self) -> Option<u64> {
        self.sources.iter().map(|source| source.to_read).sum()
    }

    /// How far the slowest watermark lies behind now.
    #[must_use]
    pub fn watermark_gap_ms(&self) -> Option<u64> {
        self.sources
            .iter()
            .filter_map(|source| source.watermark_gap_ms)
            .max()
    }
}
