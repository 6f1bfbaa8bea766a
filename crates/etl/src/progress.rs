//! What one micro-batch did, in the words of Spark's `StreamingQueryProgress`.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::Event;

/// Micro-batches that a [`Report`] keeps.
const KEPT: usize = 200;

/// What the ETL tells about itself to whoever asks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// What it waits for, while it does.
    pub waiting: Option<String>,
    /// The last 200 micro-batches, the oldest first.
    pub progress: VecDeque<Progress>,
}

impl Report {
    /// Takes in what the ETL told.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Ready => self.waiting = None,
            Event::Waiting { reason, .. } => self.waiting = Some(reason.clone()),
            Event::Progress(progress) => {
                self.waiting = None;
                while self.progress.len() >= KEPT {
                    self.progress.pop_front();
                }
                self.progress.push_back((**progress).clone());
            }
        }
    }
}

/// Progress of one micro-batch. Serialises with Spark's field names where Spark has the field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The job's name.
    pub name: String,
    /// When the micro-batch began, ISO 8601 in UTC.
    pub timestamp: String,
    /// Counts the micro-batches of the lake from 0.
    pub batch_id: u64,
    /// The lake's commit that holds it.
    pub commit: u64,
    /// Length in milliseconds.
    pub batch_duration: u64,
    /// Records read.
    pub num_input_rows: u64,
    /// Records read per second since the previous micro-batch began.
    pub input_rows_per_second: f64,
    /// Records read per second of this micro-batch's length.
    pub processed_rows_per_second: f64,
    /// Milliseconds by phase.
    pub duration_ms: Durations,
    /// Event time of each source table.
    pub event_time: BTreeMap<String, EventTimeProgress>,
    /// State of each table that has some.
    pub state_operators: Vec<StateProgress>,
    /// Each source table's topic.
    pub sources: Vec<SourceProgress>,
    /// What came into the lake.
    pub sink: SinkProgress,
    /// Records that lie in the topics and were not read yet.
    pub backlog: u64,
}

/// Where the time of a micro-batch went, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Durations {
    /// Asking for the end offsets.
    pub latest_offset: u64,
    /// Waiting for records.
    pub get_batch: u64,
    /// Decoding, judging and aggregating.
    pub add_batch: u64,
    /// Writing Parquet and state files.
    pub stage: u64,
    /// Creating the commit.
    pub wal_commit: u64,
    /// Publishing it.
    pub publish: u64,
    /// Removing what no retained commit needs.
    pub collect: u64,
    /// All of it.
    pub trigger_execution: u64,
}

/// Event time of one source table in a micro-batch; ISO 8601 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventTimeProgress {
    /// The earliest event time of the written rows.
    pub min: Option<String>,
    /// The latest event time of the written rows.
    pub max: Option<String>,
    /// The table's watermark after the micro-batch.
    pub watermark: Option<String>,
}

/// State of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateProgress {
    /// The table.
    pub table: String,
    /// `dedup` or `windows`.
    pub operator_name: String,
    /// Keys or groups held.
    pub num_rows_total: u64,
    /// Keys or groups that this micro-batch touched.
    pub num_rows_updated: u64,
}

/// One source table in a micro-batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceProgress {
    /// The table.
    pub table: String,
    /// The topic.
    pub description: String,
    /// Per partition: the offset at which the micro-batch began.
    pub start_offset: BTreeMap<i32, i64>,
    /// Per partition: the offset at which it ended, exclusive.
    pub end_offset: BTreeMap<i32, i64>,
    /// Per partition: where the topic ended when the micro-batch was planned.
    pub latest_offset: BTreeMap<i32, i64>,
    /// Records read.
    pub num_input_rows: u64,
    /// Of these: rows of the table.
    pub written: u64,
    /// Of these: known keys.
    pub duplicates: u64,
    /// Of these: not kept by the filter.
    pub filtered: u64,
    /// Of these: late, in quarantine.
    pub late: u64,
    /// Of these: future, in quarantine.
    pub future: u64,
    /// Of these: malformed, in quarantine.
    pub malformed: u64,
    /// Records that lie in the topic and were not read yet.
    pub backlog: u64,
}

/// What a micro-batch added to the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SinkProgress {
    /// Rows of all tables.
    pub num_output_rows: u64,
    /// Parquet files.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
}
