//! Collects what a micro-batch did, for [`Progress`].

use std::collections::BTreeMap;

use disk::Disk;
use record::Timestamp;

use crate::commit::Committed;
use crate::event_time::EventTime;
use crate::job::Job;
use crate::ledger::Counts;
use crate::progress::{Durations, EventTimeProgress, Progress, SourceProgress, StateProgress};
use crate::source::Plan;
use crate::stopwatch::Stopwatch;

/// Collects what micro-batches did.
#[derive(Default)]
pub(crate) struct Teller {
    durations: Durations,
    began: Option<Timestamp>,
    before: Option<Timestamp>,
    start_offsets: Vec<BTreeMap<i32, i64>>,
    whole: Option<Stopwatch>,
}

impl Teller {
    pub(crate) fn begin<D: Disk>(&mut self, job: &Job<D>, planned_ms: u64) {
        self.durations = Durations {
            latest_offset: planned_ms,
            ..Durations::default()
        };
        self.before = self.began.replace(job.gathered.began);
        self.whole = Some(Stopwatch::start());
        self.start_offsets = offsets(job);
    }

    pub(crate) fn absorbed(&mut self, ms: u64) {
        self.durations.add_batch += ms;
    }

    pub(crate) fn waited(&mut self, ms: u64) {
        self.durations.get_batch += ms;
    }

    /// The micro-batch was committed; `counted` is what it read, by source table.
    pub(crate) fn progress<D: Disk>(
        &mut self,
        job: &Job<D>,
        plan: &Plan,
        committed: &Committed,
        counted: Vec<Counts>,
    ) -> Progress {
        let whole = self.whole.take().map_or(0, |mut watch| watch.lap()) + self.durations.latest_offset;
        let Durations {
            latest_offset,
            get_batch,
            add_batch,
            ..
        } = self.durations;
        let duration_ms = Durations {
            latest_offset,
            get_batch,
            add_batch,
            trigger_execution: whole,
            ..committed.durations
        };
        let rows = counted.iter().map(|counts| counts.read).sum::<u64>();
        let began = job.gathered.began;
        let since = self.before.map_or(0, |before| began.0 - before.0);
        let backlog = job.backlog(plan);
        let ends = offsets(job);
        let sources = job.sources.iter().enumerate().map(|(index, table)| {
            let counts = counted.get(index).copied().unwrap_or_default();
            let topic = &table.declaration.topic;
            let of_topic = plan.ends.iter().filter(|((name, _), _)| name == topic);
            SourceProgress {
                table: table.declaration.table.clone(),
                description: topic.clone(),
                start_offset: self.start_offsets.get(index).cloned().unwrap_or_default(),
                end_offset: ends.get(index).cloned().unwrap_or_default(),
                latest_offset: of_topic
                    .map(|((_, partition), end)| (partition.0, end.0))
                    .collect(),
                num_input_rows: counts.read,
                written: counts.written,
                duplicates: counts.duplicates,
                filtered: counts.filtered,
                late: counts.late,
                future: counts.future,
                malformed: counts.malformed,
                backlog: backlog.get(index).copied().unwrap_or(0),
            }
        });
        Progress {
            name: job.settings.job.clone(),
            timestamp: crate::job::lake_time(began).to_string(),
            batch_id: job.epoch.saturating_sub(1),
            commit: committed.number.0,
            batch_duration: whole,
            num_input_rows: rows,
            input_rows_per_second: per_second(rows, u64::try_from(since).unwrap_or(0)),
            processed_rows_per_second: per_second(rows, whole),
            duration_ms,
            event_time: event_times(job),
            state_operators: states(job, committed),
            sources: sources.collect(),
            sink: committed.sink,
            backlog: backlog.iter().sum(),
        }
    }
}

fn per_second(rows: u64, ms: u64) -> f64 {
    if ms == 0 {
        0.0
    } else {
        rows as f64 * 1000.0 / ms as f64
    }
}

fn offsets<D: Disk>(job: &Job<D>) -> Vec<BTreeMap<i32, i64>> {
    let of = |table: &crate::source_table::SourceTable| {
        table
            .partitions
            .iter()
            .map(|(partition, state)| (partition.0, state.position.offset.0))
            .collect()
    };
    job.sources.iter().map(of).collect()
}

fn event_times<D: Disk>(job: &Job<D>) -> BTreeMap<String, EventTimeProgress> {
    let shown = |time: i64| EventTime(time).to_string();
    let of = job.sources.iter().enumerate().map(|(index, table)| {
        let extent = job.gathered.event_times.get(index).copied().flatten();
        let progress = EventTimeProgress {
            min: extent.map(|(min, _)| shown(min)),
            max: extent.map(|(_, max)| shown(max)),
            watermark: table.watermark.value.map(|watermark| watermark.to_string()),
        };
        (table.declaration.table.clone(), progress)
    });
    of.collect()
}

fn states<D: Disk>(job: &Job<D>, committed: &Committed) -> Vec<StateProgress> {
    let keys = job
        .sources
        .iter()
        .zip(&committed.keys_added)
        .map(|(table, &updated)| StateProgress {
            table: table.declaration.table.clone(),
            operator_name: "dedup".to_owned(),
            num_rows_total: table.dedup.len() as u64,
            num_rows_updated: updated,
        });
    let groups = job
        .derived
        .iter()
        .zip(&committed.groups_added)
        .map(|(table, &updated)| StateProgress {
            table: table.declaration.table.clone(),
            operator_name: "windows".to_owned(),
            num_rows_total: table.windows.len() as u64,
            num_rows_updated: updated,
        });
    keys.chain(groups).collect()
}
