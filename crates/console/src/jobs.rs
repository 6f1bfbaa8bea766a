//! What the job does, batch by batch.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Part, Service};

/// The jobs that run: one, the ETL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Jobs {
    /// When it was put together.
    pub at: Timestamp,
    /// The jobs.
    pub jobs: Vec<Job>,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The service that runs it.
    pub service: Option<Service>,
    /// What it reads and writes.
    pub queries: Vec<Query>,
    /// The tables that it makes of these.
    pub derived: Vec<Derived>,
    /// Keys and groups that it holds.
    pub state_rows: Option<u64>,
    /// Bytes of the state files that its newest commit rests on.
    pub state_bytes: Option<u64>,
    /// What it tells: what it waits for, and its last micro-batches.
    pub report: Part<Told>,
}

/// What a job tells about itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Told {
    /// What it waits for, while it does.
    pub waiting: Option<String>,
    /// The last micro-batches, the latest first; at most 200.
    pub batches: Vec<etl::Progress>,
}

/// A source table of a job, and the topic that it reads.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Query {
    /// The table.
    pub table: String,
    /// The topic.
    pub topic: String,
    /// Records read a second, lately.
    pub records_per_second: Option<f64>,
    /// The table's watermark.
    pub watermark: Option<Timestamp>,
    /// How far it lies behind now.
    pub watermark_gap_ms: Option<u64>,
    /// Records in the topic that were not read.
    pub to_read: Option<u64>,
    /// What became of all records that were read, since the lake began.
    pub read: etl::Counts,
    /// Keys that are held to find duplicates.
    pub state_rows: Option<u64>,
}

/// A table that a job makes of another.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Derived {
    /// The table.
    pub table: String,
    /// Its source.
    pub source: String,
    /// Source rows in windows that are closed and written.
    pub closed: u64,
    /// Source rows in windows that are still open.
    pub open: u64,
    /// Groups in open windows.
    pub state_rows: Option<u64>,
}
