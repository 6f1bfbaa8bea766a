//! The ETL's job: its tables as the newest commit has them, ready for the next epoch.

use std::collections::{BTreeMap, BTreeSet};

use disk::{Disk, File};
use lake::{LakeError, Locks, Writer};
use record::{LeaderEpoch, Offset, PartitionIndex, Timestamp};

use crate::declaration::TableDeclaration;
use crate::derived_table::DerivedTable;
use crate::epoch::Gathered;
use crate::payload::{Payload, Position};
use crate::recover::{Cluster, Decision, Found, PartitionKey, recover};
use crate::source::{Epochs, TopicPartition};
use crate::source_table::SourceTable;
use crate::{EtlError, Settings, state};

/// Between two commits while positions move over what no reader sees.
const COMMIT_EVERY_MS: i64 = 60_000;

/// The lake, opened for writing: rolled forward, its leftovers removed.
pub(crate) struct OpenLake<D: Disk> {
    writer: Writer<D>,
    payload: Option<Payload>,
    /// State files that are there and whole.
    state_files: BTreeSet<String>,
}

/// All tables between two epochs, and while one is on.
pub(crate) struct Job<D: Disk> {
    pub(crate) settings: Settings,
    pub(crate) writer: Writer<D>,
    pub(crate) cluster_id: String,
    /// Number of the next epoch.
    pub(crate) epoch: u64,
    pub(crate) sources: Vec<SourceTable>,
    pub(crate) derived: Vec<DerivedTable>,
    pub(crate) gathered: Gathered,
    pub(crate) collected: Timestamp,
    /// When the newest commit was made, or the job began.
    pub(crate) committed: Timestamp,
}

/// The lake's clock.
pub(crate) fn lake_time(now: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(now.0).unwrap_or_default()
}

impl<D: Disk> OpenLake<D> {
    /// Takes the lake's locks, which the ETL holds until it ends.
    pub(crate) fn lock(disk: D, settings: &Settings) -> Result<Locks<D>, EtlError> {
        let mut options =
            lake::Options::new(&settings.datalake_root, &settings.checkpoint_root, &settings.job);
        options.retain = settings.retain;
        Ok(Locks::take(disk, settings.fail_points.in_lake(options))?)
    }

    /// Opens or creates the lake.
    pub(crate) fn open(locks: &Locks<D>, now: Timestamp, random: u128) -> Result<Self, EtlError> {
        let writer = Writer::open_under(locks, lake_time(now), random)?;
        let application = &writer.newest().application;
        let payload = if application.is_null() {
            None
        } else {
            Some(Payload::parse(application.as_str())?)
        };
        let mut state_files = BTreeSet::new();
        for file in payload.iter().flat_map(Payload::state_files) {
            match writer.state(&file.name) {
                Ok(_) => {
                    state_files.insert(file.name.clone());
                }
                Err(error @ LakeError::Io { .. }) if !is_not_found(&error) => return Err(error.into()),
                Err(error) => tracing::error!(file = file.name, %error, "a state file cannot be used"),
            }
        }
        Ok(Self {
            writer,
            payload,
            state_files,
        })
    }

    /// The known leader epochs of the newest commit's positions, of all tables.
    pub(crate) fn epochs(&self) -> Epochs {
        let mut epochs = Epochs::new();
        for source in self.payload.iter().flat_map(|payload| payload.sources.values()) {
            for (&index, partition) in &source.partitions {
                let epoch = partition.position().leader_epoch;
                if epoch.0 >= 0 {
                    let key = (source.declaration.topic.clone(), PartitionIndex(index));
                    epochs.entry(key).or_default().insert(epoch);
                }
            }
        }
        epochs
    }

    /// Decides how to go on, and brings the tables to where the newest commit left them.
    pub(crate) fn start(
        self,
        settings: Settings,
        cluster: &Cluster,
        now: Timestamp,
    ) -> Result<Job<D>, EtlError> {
        let positions = self.decide(&settings, cluster)?;
        let payload = self.payload.as_ref();
        let (mut sources, mut derived) = (Vec::new(), Vec::new());
        for declaration in &settings.tables {
            let TableDeclaration::Source(declaration) = declaration else {
                continue;
            };
            let of_table = |((table, partition), position): (&PartitionKey, &Position)| {
                (*table == declaration.table).then_some((*partition, *position))
            };
            let topic_id = cluster
                .topics
                .get(&declaration.topic)
                .map(|t| t.id.clone())
                .unwrap_or_default();
            let committed = payload.and_then(|p| p.sources.get(&declaration.table));
            let mine = positions.iter().filter_map(of_table);
            sources.push(SourceTable::new(
                declaration.clone(),
                topic_id,
                committed,
                mine,
                now,
            ));
        }
        for declaration in &settings.tables {
            let TableDeclaration::Derived(declaration) = declaration else {
                continue;
            };
            let source = sources
                .iter()
                .position(|s| s.declaration.table == declaration.source);
            let source =
                source.ok_or_else(|| EtlError::columns(&declaration.table, "its source is not declared"))?;
            let committed = payload.and_then(|p| p.derived.get(&declaration.table));
            let of = &sources[source].declaration;
            derived.push(DerivedTable::new(declaration.clone(), source, of, committed));
        }
        let mut job = Job {
            cluster_id: cluster.id.clone(),
            epoch: payload.map_or(0, |p| p.epoch + 1),
            gathered: Gathered::new(&settings, now),
            settings,
            writer: self.writer,
            sources,
            derived,
            collected: now,
            committed: now,
        };
        job.restore()?;
        Ok(job)
    }

    /// Follows the pure decision.
    fn decide(
        &self,
        settings: &Settings,
        cluster: &Cluster,
    ) -> Result<BTreeMap<PartitionKey, Position>, EtlError> {
        let found = Found {
            payload: self.payload.as_ref(),
            state_files: self.state_files.clone(),
        };
        match recover(&settings.job, &settings.tables, &found, cluster) {
            Decision::Resume(positions) => Ok(positions),
            Decision::Stop(refusal) => Err(refusal.into()),
        }
    }
}

fn is_not_found(error: &LakeError) -> bool {
    matches!(error, LakeError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

/// Keeps the lower of two positions.
fn lower(positions: &mut BTreeMap<TopicPartition, Position>, key: TopicPartition, position: Position) {
    let kept = positions.entry(key).or_insert(position);
    if position.offset < kept.offset {
        *kept = position;
    }
}

impl<D: Disk> Job<D> {
    /// Where reading goes on: for each partition the lowest of all tables that read it.
    pub(crate) fn positions(&self) -> BTreeMap<TopicPartition, Position> {
        let mut positions = BTreeMap::new();
        for table in &self.sources {
            for (&partition, state) in &table.partitions {
                lower(
                    &mut positions,
                    (table.declaration.topic.clone(), partition),
                    state.position,
                );
            }
        }
        positions
    }

    /// Whether positions moved beyond the newest commit long ago, so that they should be committed
    /// even where nothing was read: a start would pass the same aborted records again, or find them
    /// gone by retention.
    pub(crate) fn is_due(&self, positions: &BTreeMap<TopicPartition, Position>, now: Timestamp) -> bool {
        let moved = |table: &SourceTable| {
            table.partitions.iter().any(|(&partition, state)| {
                let key = (table.declaration.topic.clone(), partition);
                positions
                    .get(&key)
                    .is_some_and(|at| at.offset > state.began.offset)
            })
        };
        let long_ago = now.0 - self.committed.0 >= COMMIT_EVERY_MS || now < self.committed;
        long_ago && self.sources.iter().any(moved)
    }

    /// A partition that a topic got after the start.
    pub(crate) fn add_partition(
        &mut self,
        (topic, partition): &TopicPartition,
        offset: Offset,
        now: Timestamp,
    ) {
        let position = Position {
            offset,
            leader_epoch: LeaderEpoch(-1),
        };
        let tables = self.sources.iter_mut();
        tables
            .filter(|table| table.declaration.topic == *topic)
            .for_each(|table| table.add_partition(*partition, position, now));
    }

    /// Reads the state files of the newest commit.
    fn restore(&mut self) -> Result<(), EtlError> {
        for table in &mut self.sources {
            let schema = state::dedup_schema(&table.declaration.table);
            let watermark = table.watermark.value;
            for file in &table.state {
                let bytes = state_bytes(&self.writer, &file.name)?;
                let dedup = &mut table.dedup;
                let rows = state::read_dedup(&bytes, &schema, |key| {
                    if watermark.is_none_or(|w| key.bucket_end > w.0) {
                        dedup.restore(key);
                    }
                });
                check_rows(&file.name, rows, file.rows)?;
            }
        }
        for table in &mut self.derived {
            let schema = state::windows_schema(&table.declaration);
            for file in &table.state {
                let bytes = state_bytes(&self.writer, &file.name)?;
                let windows = &mut table.windows;
                check_rows(
                    &file.name,
                    state::read_windows(&bytes, &schema, |row| windows.merge(row)),
                    file.rows,
                )?;
            }
            // Deltas still hold windows that were closed after them: their rows are in the lake.
            if let Some(watermark) = self.sources[table.source].watermark.value {
                drop(table.windows.close(watermark));
            }
        }
        self.check_ledger()
    }

    /// The ledger as the tables have it now, asserted.
    fn check_ledger(&self) -> Result<(), EtlError> {
        let imbalances = self.payload(&[], &[]).ledger().imbalances();
        if imbalances.is_empty() {
            Ok(())
        } else {
            Err(EtlError::Ledger(imbalances.join("; ")))
        }
    }
}

fn check_rows(name: &str, read: Result<u64, String>, expected: u64) -> Result<(), EtlError> {
    let wrong = |what| EtlError::State {
        name: name.to_owned(),
        what,
    };
    match read {
        Ok(rows) if rows == expected => Ok(()),
        Ok(rows) => Err(wrong(format!("it holds {rows} rows, its commit says {expected}"))),
        Err(what) => Err(wrong(what)),
    }
}

fn state_bytes<D: Disk>(writer: &Writer<D>, name: &str) -> Result<Vec<u8>, EtlError> {
    let file = writer.state(name)?;
    let read = || {
        let mut bytes = vec![0; usize::try_from(file.len()?).map_err(std::io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    };
    read().map_err(|error: std::io::Error| EtlError::State {
        name: name.to_owned(),
        what: error.to_string(),
    })
}
