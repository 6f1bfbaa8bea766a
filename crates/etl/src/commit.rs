//! The end of an epoch: staged, committed, published.

use std::collections::BTreeMap;
use std::io::Write;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use disk::Disk;
use jiff::civil::Date;
use lake::{AttemptId, CommitNumber, Staging, TableName};
use record::Timestamp;

use crate::declaration::QUARANTINE;
use crate::derived_table::Closing;
use crate::event_time::{EventTime, MICROS_PER_DAY};
use crate::job::{Job, lake_time};
use crate::payload::{Payload, StateFile, StateKind};
use crate::pool::parallel;
use crate::progress::SinkProgress;
use crate::rows::{self, ByDay};
use crate::sink::Encoder;
use crate::source::Plan;
use crate::state;
use crate::stopwatch::Stopwatch;
use crate::{Durations, EtlError};

/// Between two collections of what no retained commit needs.
const COLLECT_EVERY_MS: i64 = 10_000;

/// Files that are encoded at once: more than any usual epoch has.
const FILES_AT_ONCE: usize = 16;

/// What an epoch did to the lake.
#[derive(Debug)]
pub(crate) struct Committed {
    pub number: CommitNumber,
    pub sink: SinkProgress,
    pub durations: Durations,
    /// Keys or groups added, by source table and by derived table.
    pub keys_added: Vec<u64>,
    pub groups_added: Vec<u64>,
}

/// Rows of one table that go into one folder.
struct FileTask<'a> {
    table: &'a TableName,
    day: i64,
    encoder: &'a Encoder,
    batches: Vec<RecordBatch>,
}

impl<D: Disk> Job<D> {
    /// Commits what was gathered; `None` if nothing was read and no position is due. After an error the job is of no use:
    /// what was committed is read back by a new one.
    pub(crate) fn finish(
        &mut self,
        plan: &Plan,
        now: Timestamp,
        attempt: u128,
    ) -> Result<Option<Committed>, EtlError> {
        let nothing_read = self.sources.iter().all(|table| table.epoch_counts().read == 0);
        if nothing_read && !self.is_due(&self.positions(), now) {
            return Ok(None);
        }
        let points = self.settings.fail_points.clone();
        points.pass("etl.judged")?;
        let mut watch = Stopwatch::start();
        let mut durations = Durations::default();
        let closings = self.advance(plan, now);
        let mut staging = self.writer.begin(AttemptId(attempt))?;
        let (order, sink) = self.stage_rows(&mut staging, &closings)?;
        points.pass("etl.data_staged")?;
        let (sources_state, keys_added) = self.stage_keys(&mut staging)?;
        let (derived_state, groups_added) = self.stage_windows(&mut staging, closings)?;
        points.pass("etl.state_staged")?;
        let payload = self.payload(&sources_state, &derived_state);
        let imbalances = payload.ledger().imbalances();
        if !imbalances.is_empty() {
            return Err(EtlError::Ledger(imbalances.join("; ")));
        }
        let application = lake::Payload::new(&payload).map_err(|e| EtlError::Payload(e.to_string()))?;
        durations.stage = watch.lap();
        points.pass("etl.before_commit")?;
        let number = self.writer.commit(staging, &order, application, lake_time(now))?;
        durations.wal_commit = watch.lap();
        points.pass("etl.committed")?;
        self.writer.publish()?;
        durations.publish = watch.lap();
        points.pass("etl.published")?;
        self.settled(sources_state, derived_state);
        self.committed = now;
        if now.0 - self.collected.0 >= COLLECT_EVERY_MS || now < self.collected {
            self.writer.collect(lake_time(now))?;
            self.collected = now;
        }
        durations.collect = watch.lap();
        points.pass("etl.collected")?;
        Ok(Some(Committed {
            number,
            sink,
            durations,
            keys_added,
            groups_added,
        }))
    }

    /// Moves the watermarks and closes windows.
    fn advance(&mut self, plan: &Plan, now: Timestamp) -> Vec<Closing> {
        for table in &mut self.sources {
            let of_topic = plan
                .ends
                .iter()
                .filter(|((topic, _), _)| *topic == table.declaration.topic);
            let ends: BTreeMap<_, _> = of_topic.map(|((_, partition), end)| (*partition, *end)).collect();
            table.advance(&ends, self.gathered.began, now);
        }
        let sources = &self.sources;
        self.derived
            .iter_mut()
            .map(|table| table.close(sources[table.source].watermark.value))
            .collect()
    }

    /// Writes the Parquet files; returns the tables in the order of publishing.
    fn stage_rows(
        &mut self,
        staging: &mut Staging<D>,
        closings: &[Closing],
    ) -> Result<(Vec<TableName>, SinkProgress), EtlError> {
        let name = |table: &str| TableName::new(table).map_err(|error| EtlError::columns(table, error));
        let mut tables: Vec<(TableName, Encoder, ByDay)> = Vec::new();
        for (table, rows) in self.sources.iter().zip(std::mem::take(&mut self.gathered.rows)) {
            let declaration = &table.declaration;
            let mut unique = declaration.unique_columns();
            unique.push(&declaration.event_time);
            let encoder = Encoder::new(rows::source_schema(declaration), &unique);
            expect_rows(&declaration.table, &rows, table.epoch_counts().written)?;
            tables.push((name(&declaration.table)?, encoder, rows));
        }
        tables.push(self.quarantine()?);
        for (table, closing) in self.derived.iter().zip(closings) {
            let schema = rows::derived_schema(&table.declaration);
            let rows = rows::derived_rows(&schema, &table.declaration, &closing.closed)
                .map_err(|error| EtlError::columns(&table.declaration.table, error))?;
            tables.push((name(&table.declaration.table)?, Encoder::new(schema, &[]), rows));
        }
        let mut tasks = Vec::new();
        for (table, encoder, rows) in &mut tables {
            for (day, batches) in std::mem::take(rows) {
                tasks.push(FileTask {
                    table,
                    day,
                    encoder,
                    batches,
                });
            }
        }
        let sink = self.stage_files(staging, &tasks)?;
        Ok((tables.into_iter().map(|(table, ..)| table).collect(), sink))
    }

    fn quarantine(&mut self) -> Result<(TableName, Encoder, ByDay), EtlError> {
        let schema = rows::quarantine_schema();
        let names: Vec<_> = self
            .sources
            .iter()
            .map(|t| (t.declaration.table.as_str(), t.declaration.topic.as_str()))
            .collect();
        let rejected = std::mem::take(&mut self.gathered.rejected);
        let rows = rows::quarantine_rows(&schema, &names, &rejected, self.gathered.began)
            .map_err(|error| EtlError::columns(QUARANTINE, error))?;
        expect_rows(
            QUARANTINE,
            &rows,
            self.sources.iter().map(|t| t.epoch_counts().quarantined()).sum(),
        )?;
        let table = TableName::new(QUARANTINE).map_err(|error| EtlError::columns(QUARANTINE, error))?;
        Ok((table, Encoder::new(schema, &["offset", "key", "value"]), rows))
    }

    /// Stages all files, few at a time: those at hand are encoded in memory.
    fn stage_files(
        &self,
        staging: &mut Staging<D>,
        files: &[FileTask<'_>],
    ) -> Result<SinkProgress, EtlError> {
        let mut sink = SinkProgress::default();
        for files in files.chunks(FILES_AT_ONCE) {
            self.stage_some(staging, files, &mut sink)?;
        }
        Ok(sink)
    }

    /// Encodes all columns of these files in parallel, then writes file after file.
    fn stage_some(
        &self,
        staging: &mut Staging<D>,
        files: &[FileTask<'_>],
        sink: &mut SinkProgress,
    ) -> Result<(), EtlError> {
        let failed = |file: &FileTask<'_>, error| EtlError::columns(file.table.as_str(), error);
        let (mut unfinished, mut columns) = (Vec::new(), Vec::new());
        for file in files {
            let (writer, tasks) = file.encoder.begin().map_err(|error| failed(file, error))?;
            unfinished.push((writer, tasks.len()));
            columns.extend(tasks.into_iter().map(|task| (task, file)));
        }
        let chunks = parallel(self.settings.threads, columns, |(task, file)| {
            task.encode(&file.batches).map_err(|error| failed(file, error))
        });
        let mut chunks = chunks.into_iter();
        for (file, (writer, columns)) in files.iter().zip(unfinished) {
            let chunks: Vec<_> = chunks.by_ref().take(columns).collect::<Result<_, _>>()?;
            let bytes = writer.finish(chunks).map_err(|error| failed(file, error))?;
            let rows = file
                .batches
                .iter()
                .map(|batch| batch.num_rows() as u64)
                .sum::<u64>();
            let table = file.table;
            let mut staged = staging.data_file(table, date(file)?)?;
            let what = || format!("a file of table {table}");
            staged
                .write_all(&bytes)
                .map_err(|source| EtlError::Write { what: what(), source })?;
            staged.finish(rows)?;
            self.settings.fail_points.pass("etl.data_file")?;
            sink.num_output_rows += rows;
            sink.files += 1;
            sink.bytes += bytes.len() as u64;
        }
        Ok(())
    }

    /// Writes the keys that each source table saw in this epoch, or all of them.
    fn stage_keys(&mut self, staging: &mut Staging<D>) -> Result<(Vec<Vec<StateFile>>, Vec<u64>), EtlError> {
        let epoch = self.epoch;
        let (mut files, mut counts) = (Vec::new(), Vec::new());
        for table in &mut self.sources {
            let name = &table.declaration.table;
            let schema = state::dedup_schema(name);
            let watermark = table.watermark.value;
            let added = table.dedup.take_added(watermark);
            counts.push(added.len() as u64);
            let live = table.dedup.len();
            let next = NextState {
                name: format!("dedup.{name}.{epoch}"),
                files: &table.state,
            };
            if live == 0 && table.state.is_empty() {
                files.push(Vec::new());
            } else if state::snapshot_is_due(&table.state, live) {
                let keys = table
                    .dedup
                    .iter()
                    .filter(|key| watermark.is_none_or(|w| key.bucket_end > w.0));
                files.push(next.snapshot(staging, |to| state::write_dedup(to, &schema, keys))?);
            } else {
                let is_empty = added.is_empty();
                files.push(next.delta(staging, is_empty, |to| {
                    state::write_dedup(to, &schema, added.into_iter())
                })?);
            }
        }
        Ok((files, counts))
    }

    /// Writes the partial aggregates that this epoch added to open windows, or all of them.
    fn stage_windows(
        &mut self,
        staging: &mut Staging<D>,
        closings: Vec<Closing>,
    ) -> Result<(Vec<Vec<StateFile>>, Vec<u64>), EtlError> {
        let epoch = self.epoch;
        let (mut files, mut counts) = (Vec::new(), Vec::new());
        for (table, closing) in self.derived.iter().zip(closings) {
            let schema = state::windows_schema(&table.declaration);
            let added = closing.added;
            counts.push(added.len() as u64);
            let live = table.windows.len();
            let next = NextState {
                name: format!("windows.{}.{epoch}", table.declaration.table),
                files: &table.state,
            };
            if live == 0 && table.state.is_empty() {
                files.push(Vec::new());
            } else if state::snapshot_is_due(&table.state, live) {
                let rows = table
                    .windows
                    .groups()
                    .map(|(start, hash, group)| crate::windows::WindowRow {
                        start,
                        hash,
                        group: group.clone(),
                    });
                files.push(next.snapshot(staging, |to| state::write_windows(to, &schema, rows))?);
            } else {
                let is_empty = added.is_empty();
                files.push(next.delta(staging, is_empty, |to| {
                    state::write_windows(to, &schema, added.into_iter())
                })?);
            }
        }
        Ok((files, counts))
    }

    /// The payload of the next commit.
    pub(crate) fn payload(
        &self,
        sources_state: &[Vec<StateFile>],
        derived_state: &[Vec<StateFile>],
    ) -> Payload {
        let mut payload = Payload::empty(&self.settings.job, &self.cluster_id);
        payload.epoch = self.epoch;
        for (index, table) in self.sources.iter().enumerate() {
            let state = sources_state.get(index).cloned().unwrap_or_default();
            payload
                .sources
                .insert(table.declaration.table.clone(), table.payload(state));
        }
        for (index, table) in self.derived.iter().enumerate() {
            let state = derived_state.get(index).cloned().unwrap_or_default();
            payload
                .derived
                .insert(table.declaration.table.clone(), table.payload(state));
        }
        payload
    }

    /// The epoch is durable: memory follows.
    fn settled(&mut self, sources_state: Vec<Vec<StateFile>>, derived_state: Vec<Vec<StateFile>>) {
        for (table, state) in self.sources.iter_mut().zip(sources_state) {
            table.committed(state);
        }
        for (table, state) in self.derived.iter_mut().zip(derived_state) {
            table.state = state;
        }
        self.epoch += 1;
    }
}

/// The state file that an epoch may add to those of the commit before.
struct NextState<'a> {
    name: String,
    files: &'a [StateFile],
}

impl NextState<'_> {
    fn snapshot<D: Disk>(
        self,
        staging: &mut Staging<D>,
        write: impl FnOnce(&mut dyn Write) -> Result<u64, ArrowError>,
    ) -> Result<Vec<StateFile>, EtlError> {
        let rows = self.write(staging, write)?;
        Ok(vec![StateFile {
            name: self.name,
            kind: StateKind::Snapshot,
            rows,
        }])
    }

    fn delta<D: Disk>(
        self,
        staging: &mut Staging<D>,
        is_empty: bool,
        write: impl FnOnce(&mut dyn Write) -> Result<u64, ArrowError>,
    ) -> Result<Vec<StateFile>, EtlError> {
        for file in self.files {
            staging.keep_state(&file.name)?;
        }
        let mut files = self.files.to_vec();
        if !is_empty {
            let rows = self.write(staging, write)?;
            files.push(StateFile {
                name: self.name,
                kind: StateKind::Delta,
                rows,
            });
        }
        Ok(files)
    }

    fn write<D: Disk>(
        &self,
        staging: &mut Staging<D>,
        write: impl FnOnce(&mut dyn Write) -> Result<u64, ArrowError>,
    ) -> Result<u64, EtlError> {
        let mut file = staging.state_file(&self.name)?;
        let rows = write(&mut file).map_err(|error| match error {
            ArrowError::IoError(_, source) => EtlError::Write {
                what: format!("state file {}", self.name),
                source,
            },
            other => EtlError::State {
                name: self.name.clone(),
                what: other.to_string(),
            },
        })?;
        file.finish(rows)?;
        Ok(rows)
    }
}

/// What goes into the files must be what the ledger counted.
fn expect_rows(table: &str, rows: &ByDay, counted: u64) -> Result<(), EtlError> {
    let held: u64 = rows.values().flatten().map(|batch| batch.num_rows() as u64).sum();
    if held == counted {
        return Ok(());
    }
    Err(EtlError::Ledger(format!(
        "table {table} has {held} new rows, the ledger counted {counted}"
    )))
}

fn date(file: &FileTask<'_>) -> Result<Date, EtlError> {
    let start = EventTime(file.day.saturating_mul(MICROS_PER_DAY));
    let none = || EtlError::columns(file.table.as_str(), format!("{start} has no date"));
    start.date().ok_or_else(none)
}
