//! One partition's part of an epoch: its records decoded and judged, but for duplicates. It knows
//! nothing of other partitions, so parts can be made in parallel.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, Float64Builder, Int32Builder, StringBuilder};
use client::FetchedBatch;
use record::{LeaderEpoch, Offset, PartitionIndex, Record, Timestamp};

use crate::declaration::{ColumnType, SourceDeclaration};
use crate::decode::{Decoded, Decoder, Malformed, Value};
use crate::event_time::EventTime;
use crate::ledger::Counts;
use crate::payload::Position;
use crate::shard::KeyHash;
use crate::verdict::{Candidate, Limits, Verdict, judge};
use crate::watermark::PartitionWatermark;

/// What a part begins with.
pub(crate) struct PartInput<'a> {
    /// The source table, by its place among the source tables.
    pub table: usize,
    pub declaration: &'a SourceDeclaration,
    pub limits: Limits,
    pub partition: PartitionIndex,
    pub position: Position,
    pub watermark: PartitionWatermark,
    /// Batches of this partition, in the order of their offsets.
    pub batches: Vec<FetchedBatch>,
    /// Time of reading, for records without a timestamp.
    pub now: Timestamp,
}

/// What an epoch may still take in, shared by its parts.
pub(crate) struct Budget {
    pub bytes: AtomicUsize,
    pub max_bytes: usize,
    pub records: AtomicUsize,
    pub max_records: usize,
    /// Source table and day of what may be written: each becomes a file.
    pub files: Mutex<BTreeSet<(usize, i64)>>,
    pub max_files: usize,
}

/// A partition's part of an epoch.
pub(crate) struct Part {
    pub table: usize,
    pub partition: PartitionIndex,
    /// Where reading goes on.
    pub position: Position,
    pub watermark: PartitionWatermark,
    /// The declared columns of the candidates: what is neither malformed, future, filtered nor late.
    pub columns: Vec<ArrayRef>,
    pub event_times: Vec<i64>,
    /// The records' own timestamps, in microseconds.
    pub record_times: Vec<i64>,
    /// Empty where the table does not deduplicate.
    pub keys: Vec<KeyHash>,
    /// The partition's watermark before each candidate.
    pub watermarks: Vec<Option<EventTime>>,
    pub rejected: Vec<Rejected>,
    /// Candidates are not counted yet.
    pub counts: Counts,
    /// Batches beyond the budget.
    pub leftover: Vec<FetchedBatch>,
}

/// A record on its way to quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub table: usize,
    pub partition: PartitionIndex,
    pub offset: Offset,
    pub timestamp: Timestamp,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub verdict: Verdict,
    pub reason: String,
}

enum Builder {
    Text(StringBuilder),
    Int(Int32Builder),
    Double(Float64Builder),
}

impl Builder {
    fn new(column_type: ColumnType) -> Self {
        match column_type {
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Int => Self::Int(Int32Builder::new()),
            ColumnType::Double => Self::Double(Float64Builder::new()),
        }
    }

    fn append(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Text(builder), Value::Text(text)) => builder.append_value(text),
            (Self::Int(builder), Value::Int(number)) => builder.append_value(number),
            (Self::Double(builder), Value::Double(number)) => builder.append_value(number),
            (Self::Text(builder), _) => builder.append_null(),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::Double(builder), _) => builder.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Int(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
        }
    }
}

impl Budget {
    /// Whether a part of it is spent.
    pub(crate) fn is_spent(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.max_bytes
            || self.records.load(Ordering::Relaxed) >= self.max_records
            || self.files().len() >= self.max_files
    }

    fn take(&self, bytes: usize, records: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
    }

    fn files(&self) -> MutexGuard<'_, BTreeSet<(usize, i64)>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decodes and judges the batches, in order, until they or the budget end.
pub(crate) fn make(input: PartInput<'_>, budget: &Budget) -> Part {
    let mut worker = Worker {
        decoder: Decoder::new(input.declaration),
        builders: input
            .declaration
            .columns
            .iter()
            .map(|c| Builder::new(c.column_type))
            .collect(),
        deduplicates: !input.declaration.dedup_keys.is_empty(),
        limits: input.limits,
        now: input.now,
        days: BTreeSet::new(),
        part: Part {
            table: input.table,
            partition: input.partition,
            position: input.position,
            watermark: input.watermark,
            columns: Vec::new(),
            event_times: Vec::new(),
            record_times: Vec::new(),
            keys: Vec::new(),
            watermarks: Vec::new(),
            rejected: Vec::new(),
            counts: Counts::default(),
            leftover: Vec::new(),
        },
    };
    for batch in input.batches {
        if !worker.part.leftover.is_empty() || budget.is_spent() {
            worker.part.leftover.push(batch);
        } else if batch.batch.next_offset() > worker.part.position.offset {
            worker.batch(&batch, budget);
        }
    }
    let Worker {
        mut builders,
        mut part,
        ..
    } = worker;
    part.columns = builders.iter_mut().map(Builder::finish).collect();
    part
}

struct Worker {
    decoder: Decoder,
    builders: Vec<Builder>,
    deduplicates: bool,
    limits: Limits,
    now: Timestamp,
    /// The days of the batch at hand.
    days: BTreeSet<i64>,
    part: Part,
}

impl Worker {
    fn batch(&mut self, fetched: &FetchedBatch, budget: &Budget) {
        let batch = &fetched.batch;
        let begin = self.part.position.offset;
        match batch.records() {
            Ok(records) => {
                budget.take(records.size(), usize::try_from(batch.record_count()).unwrap_or(0));
                for record in records.iter() {
                    match record {
                        Ok(record) if record.offset < begin => {}
                        Ok(record) => self.record(&record),
                        Err(error) => self.unreadable(fetched, &error),
                    }
                }
            }
            Err(error) => self.unreadable(fetched, &error),
        }
        let table = self.part.table;
        let days = std::mem::take(&mut self.days).into_iter();
        budget.files().extend(days.map(|day| (table, day)));
        self.part.position = Position {
            offset: batch.next_offset(),
            leader_epoch: known(batch.leader_epoch()),
        };
    }

    fn record(&mut self, record: &Record<'_>) {
        let rejected = match self.decoder.decode(record.value) {
            Err(Malformed(reason)) => Some((Verdict::Malformed, reason)),
            Ok(mut decoded) => {
                let at = if record.timestamp.0 < 0 {
                    self.now
                } else {
                    record.timestamp
                };
                let record_time = at.0.saturating_mul(1000);
                let own = self.part.watermark.watermark(self.limits.watermark_delay);
                let event_time = decoded.event_time;
                let candidate = Candidate {
                    event_time,
                    record_time,
                    kept_by_filter: true,
                };
                match judge(candidate, &self.limits, &mut self.part.watermark) {
                    None => {
                        append(&mut self.builders, &decoded);
                        if self.deduplicates {
                            self.part.keys.push(decoded.key());
                        }
                        self.days.insert(event_time.day());
                        self.part.event_times.push(event_time.0);
                        self.part.record_times.push(record_time);
                        self.part.watermarks.push(own);
                        None
                    }
                    Some(verdict) => Some((verdict, why(verdict, event_time, own, &self.limits))),
                }
            }
        };
        if let Some((verdict, reason)) = rejected {
            self.part.counts.count(verdict);
            if verdict != Verdict::Filtered {
                let rejected = self.rejected(record, verdict, reason);
                self.part.rejected.push(rejected);
            }
        }
    }

    fn rejected(&self, record: &Record<'_>, verdict: Verdict, reason: String) -> Rejected {
        Rejected {
            table: self.part.table,
            partition: self.part.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            verdict,
            reason,
        }
    }

    /// A batch that passed its CRC but cannot be taken apart counts as one malformed event, beside
    /// the records before the damage: how many more it holds only its own header claims.
    fn unreadable(&mut self, fetched: &FetchedBatch, error: &record::BatchError) {
        self.part.counts.count(Verdict::Malformed);
        self.part.rejected.push(Rejected {
            table: self.part.table,
            partition: self.part.partition,
            offset: fetched.batch.base_offset(),
            timestamp: fetched.batch.max_timestamp(),
            key: None,
            value: Some(fetched.batch.as_bytes().to_vec()),
            verdict: Verdict::Malformed,
            reason: format!(
                "a batch of {} records cannot be read: {error}",
                fetched.batch.record_count()
            ),
        });
    }
}

fn append(builders: &mut [Builder], decoded: &Decoded<'_>) {
    for (builder, value) in builders.iter_mut().zip(decoded.values()) {
        builder.append(value);
    }
}

fn known(epoch: LeaderEpoch) -> LeaderEpoch {
    LeaderEpoch(epoch.0.max(-1))
}

fn why(verdict: Verdict, at: EventTime, own: Option<EventTime>, limits: &Limits) -> String {
    let shown = |watermark: Option<EventTime>| watermark.map_or_else(|| "none".to_owned(), |w| w.to_string());
    match verdict {
        Verdict::Future => format!("event time {at} is too far ahead of the record's own timestamp"),
        Verdict::Late => format!(
            "event time {at} is not after the partition's watermark {}",
            shown(own)
        ),
        Verdict::LateAfterIdle => {
            let table = shown(limits.table_watermark);
            format!(
                "event time {at} is not after the table's watermark {table}, which went on while the partition was idle"
            )
        }
        Verdict::Malformed | Verdict::Filtered | Verdict::Duplicate | Verdict::Written => String::new(),
    }
}

#[cfg(test)]
mod tests;
