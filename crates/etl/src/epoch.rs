//! An epoch while it is gathered: batches become judged rows, in memory, up to a budget.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use arrow::datatypes::SchemaRef;
use client::FetchedBatch;
use disk::Disk;
use record::Timestamp;

use crate::job::Job;
use crate::part::{self, Budget, Part, PartInput, Rejected};
use crate::payload::Position;
use crate::pool::parallel;
use crate::rows::{self, ByDay};
use crate::source::{Plan, TopicPartition};
use crate::windows::Partials;
use crate::{EtlError, Settings};

/// An epoch is cut when its source tables have rows for so many folders; usually they have one or two.
const EPOCH_FILES: usize = 200;

/// What an epoch has gathered so far.
pub(crate) struct Gathered {
    pub began: Timestamp,
    /// Rows of the source tables, by their places.
    pub rows: Vec<ByDay>,
    pub rejected: Vec<Rejected>,
    pub budget: Budget,
    /// Lowest and highest event time of the written rows, by source table.
    pub event_times: Vec<Option<(i64, i64)>>,
}

impl Gathered {
    pub(crate) fn new(settings: &Settings, began: Timestamp) -> Self {
        Self {
            began,
            rows: Vec::new(),
            rejected: Vec::new(),
            budget: Budget {
                bytes: AtomicUsize::new(0),
                max_bytes: settings.epoch_bytes,
                records: AtomicUsize::new(0),
                max_records: settings.epoch_records,
                files: Mutex::default(),
                max_files: EPOCH_FILES,
            },
            event_times: Vec::new(),
        }
    }

    /// Whether the budget is spent.
    pub(crate) fn is_full(&self) -> bool {
        self.budget.is_spent()
    }
}

/// What one part became, after duplicates were told apart.
struct Settled {
    table: usize,
    rows: ByDay,
    /// Per derived table of the source.
    partials: Vec<(usize, Partials)>,
    event_times: Option<(i64, i64)>,
}

impl<D: Disk> Job<D> {
    /// Begins an epoch.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.gathered = Gathered::new(&self.settings, now);
        self.gathered.rows = self.sources.iter().map(|_| ByDay::new()).collect();
        self.gathered.event_times = vec![None; self.sources.len()];
    }

    /// Decodes and judges batches, which come in offset order within a partition. Returns those
    /// that are beyond the budget. A batch of a partition that no table reads is an error: left
    /// out, its events would never be accounted for.
    pub(crate) fn absorb(
        &mut self,
        batches: Vec<FetchedBatch>,
        handed_out: &BTreeMap<TopicPartition, Position>,
    ) -> Result<Vec<FetchedBatch>, EtlError> {
        let mut by_partition: BTreeMap<TopicPartition, Vec<FetchedBatch>> = BTreeMap::new();
        for batch in batches {
            by_partition
                .entry((batch.topic.to_string(), batch.partition))
                .or_default()
                .push(batch);
        }
        let threads = self.settings.threads;
        let budget = &self.gathered.budget;
        let inputs = self.part_inputs(&by_partition)?;
        let made = parallel(threads, inputs, |input| part::make(input, budget));
        let mut leftover: BTreeMap<TopicPartition, Vec<FetchedBatch>> = BTreeMap::new();
        let mut by_table: Vec<Vec<Part>> = self.sources.iter().map(|_| Vec::new()).collect();
        for mut part in made {
            let topic = self.sources[part.table].declaration.topic.clone();
            let rest = std::mem::take(&mut part.leftover);
            let kept = leftover.entry((topic, part.partition)).or_default();
            // Several tables may read a topic: the one that came least far decides.
            if rest.len() > kept.len() {
                *kept = rest;
            }
            by_table[part.table].push(part);
        }
        leftover.retain(|_, batches| !batches.is_empty());
        for (table, parts) in by_table.into_iter().enumerate() {
            self.settle(table, parts)?;
        }
        self.move_over(handed_out, &leftover);
        Ok(leftover.into_values().flatten().collect())
    }

    fn part_inputs(
        &self,
        by_partition: &BTreeMap<TopicPartition, Vec<FetchedBatch>>,
    ) -> Result<Vec<PartInput<'_>>, EtlError> {
        let mut inputs = Vec::new();
        for ((topic, partition), batches) in by_partition {
            let before = inputs.len();
            for (index, table) in self.sources.iter().enumerate() {
                if table.declaration.topic == *topic {
                    inputs.extend(table.part_input(index, *partition, batches.clone(), self.gathered.began));
                }
            }
            if inputs.len() == before {
                return Err(EtlError::Batch {
                    topic: topic.clone(),
                    partition: partition.0,
                    offset: batches.first().map_or(-1, |first| first.batch.base_offset().0),
                    what: "no table reads this partition (please report this)".into(),
                });
            }
        }
        Ok(inputs)
    }

    /// Tells duplicates apart, counts windows, and keeps the rows.
    fn settle(&mut self, table: usize, parts: Vec<Part>) -> Result<(), EtlError> {
        let threads = self.settings.threads;
        let written = self.sources[table].settle(&parts, threads);
        let declaration = &self.sources[table].declaration;
        let schema = rows::source_schema(declaration);
        let derived: Vec<_> = self
            .derived
            .iter()
            .enumerate()
            .filter(|(_, d)| d.source == table)
            .collect();
        let began = self.gathered.began;
        let mut tasks = Vec::with_capacity(parts.len());
        for (mut part, written) in parts.into_iter().zip(written) {
            self.gathered.rejected.append(&mut part.rejected);
            tasks.push((part, written));
        }
        let settled = parallel(threads, tasks, |(part, written)| {
            let partials = derived.iter().map(|(index, derived)| {
                (
                    *index,
                    derived.partials(&part.columns, &part.event_times, &written),
                )
            });
            let partials = partials.collect();
            let event_times = extent(&part.event_times, &written);
            let rows = keep(&schema, part, &written, began);
            rows.map(|rows| Settled {
                table,
                rows,
                partials,
                event_times,
            })
        });
        for settled in settled {
            let settled =
                settled.map_err(|error| EtlError::columns(&self.sources[table].declaration.table, error))?;
            self.take(settled);
        }
        Ok(())
    }

    fn take(&mut self, settled: Settled) {
        for (index, partials) in settled.partials {
            self.derived[index].epoch.merge(partials);
        }
        for (day, mut batches) in settled.rows {
            self.gathered.rows[settled.table]
                .entry(day)
                .or_default()
                .append(&mut batches);
        }
        let all = &mut self.gathered.event_times[settled.table];
        *all = match (*all, settled.event_times) {
            (Some((low, high)), Some((l, h))) => Some((low.min(l), high.max(h))),
            (known, new) => known.or(new),
        };
    }

    /// Moves over what holds nothing for readers: transaction markers, aborted batches. Their leader
    /// epoch goes along: an offset beside the epoch before it would look like a lost tail.
    fn move_over(
        &mut self,
        handed_out: &BTreeMap<TopicPartition, Position>,
        leftover: &BTreeMap<TopicPartition, Vec<FetchedBatch>>,
    ) {
        for table in &mut self.sources {
            for (&partition, state) in &mut table.partitions {
                let key = (table.declaration.topic.clone(), partition);
                if let Some(&position) = handed_out.get(&key)
                    && !leftover.contains_key(&key)
                    && position.offset > state.position.offset
                {
                    state.position = position;
                }
            }
        }
    }

    /// Whether every partition came to its planned end.
    pub(crate) fn reached(&self, plan: &Plan) -> bool {
        self.sources.iter().all(|table| {
            table.partitions.iter().all(|(&partition, state)| {
                let end = plan.ends.get(&(table.declaration.topic.clone(), partition));
                end.is_none_or(|end| state.position.offset >= *end)
            })
        })
    }

    /// Records between the positions and the planned ends, by source table.
    pub(crate) fn backlog(&self, plan: &Plan) -> Vec<u64> {
        let behind = |table: &crate::source_table::SourceTable| {
            let of = table.partitions.iter().map(|(&partition, state)| {
                let end = plan.ends.get(&(table.declaration.topic.clone(), partition));
                end.map_or(0, |end| {
                    u64::try_from(end.0 - state.position.offset.0).unwrap_or(0)
                })
            });
            of.sum()
        };
        self.sources.iter().map(behind).collect()
    }
}

fn keep(
    schema: &SchemaRef,
    part: Part,
    written: &[bool],
    ingested: Timestamp,
) -> Result<ByDay, arrow::error::ArrowError> {
    if written.contains(&true) {
        rows::source_rows(schema, part, written, ingested)
    } else {
        Ok(ByDay::new())
    }
}

fn extent(event_times: &[i64], written: &[bool]) -> Option<(i64, i64)> {
    let times = event_times
        .iter()
        .zip(written)
        .filter(|(_, written)| **written)
        .map(|(&time, _)| time);
    times.fold(None, |extent: Option<(i64, i64)>, time| {
        Some(extent.map_or((time, time), |(low, high)| (low.min(time), high.max(time))))
    })
}
