//! A small application of the lake: writes numbered epochs, and continues after the last one.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use disk::{Disk, File, SimDisk};
use jiff::Timestamp;
use jiff::civil::{Date, date};

use super::Told;
use crate::{AttemptId, FailPoint, Options, Payload, Staging, TableName, Writer};

pub(super) const ROOT: &str = "/data/lake";
pub(super) const STATE: &str = "/data/checkpoints";
pub(super) const JOB: &str = "etl";

/// A file that every epoch writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) table: &'static str,
    pub(super) dt: Date,
    pub(super) row: &'static str,
}

/// The files of an epoch: two partitions of a source table, and a table derived from it.
pub(super) const PARTS: [Part; 3] = [
    Part {
        table: "source",
        dt: date(2026, 1, 1),
        row: "a",
    },
    Part {
        table: "source",
        dt: date(2026, 1, 2),
        row: "b",
    },
    Part {
        table: "derived",
        dt: date(2026, 1, 1),
        row: "count",
    },
];

impl Part {
    /// What the file holds in an epoch: one row that is unlike any other.
    pub(super) fn content(self, epoch: u64) -> String {
        format!("{} {} {epoch}", self.table, self.row)
    }
}

/// A rule broken on purpose.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mistake {
    /// Syncs of these paths are skipped.
    SkipSync(fn(&str) -> bool),
    /// A starting writer skips the syncs of what it finds.
    SkipSyncsAtStart,
    /// The derived table is published before its source.
    DerivedFirst,
    /// The next commit is made before the last one is published.
    PublishLater,
}

/// Where the job is within an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Stage,
    Commit,
    Publish,
    Collect,
}

/// One process: opens the lake and writes what is missing.
pub(super) struct Job {
    disk: SimDisk,
    /// Which process it is; part of its attempts' ids, as random numbers are never drawn twice.
    life: usize,
    epochs: u64,
    mistake: Option<Mistake>,
    phase: Phase,
    epoch: u64,
    writer: Option<Writer<SimDisk>>,
    staging: Option<Staging<SimDisk>>,
    told_before: Told,
}

impl Job {
    pub(super) fn new(disk: SimDisk, life: usize, epochs: u64, mistake: Option<Mistake>) -> Job {
        Job {
            disk,
            life,
            epochs,
            mistake,
            phase: Phase::Open,
            epoch: 0,
            writer: None,
            staging: None,
            told_before: Told::default(),
        }
    }

    /// What the world was told before the last [`Job::advance`].
    pub(super) fn told_before(&self) -> Told {
        self.told_before
    }

    /// Whether the writer knows nothing that isn't on the disk.
    pub(super) fn is_between_epochs(&self) -> bool {
        self.phase == Phase::Stage
    }

    /// Takes the next of its calls; false after the last one. The error is a broken promise.
    pub(super) fn advance(&mut self, told: &mut Told) -> Result<bool, String> {
        self.told_before = *told;
        let phase = self.phase;
        self.phase = match phase {
            Phase::Open => self.open(told)?,
            Phase::Stage if self.epoch == self.epochs => return Ok(false),
            Phase::Stage => self.stage()?,
            Phase::Commit => self.commit(told)?,
            Phase::Publish => self.publish(told)?,
            Phase::Collect => self.collect()?,
        };
        Ok(true)
    }

    fn open(&mut self, told: &mut Told) -> Result<Phase, String> {
        let mut options = Options::new(ROOT, STATE, JOB);
        options.retain = Duration::ZERO;
        options.snapshot_every = 2;
        let options = self.make_mistakes(options);
        let random = 0xface_0000 + self.life as u128;
        let writer = Writer::open(self.disk.clone(), options, now(), random)
            .map_err(|e| format!("the writer doesn't start: {e}"))?;
        let application = &writer.newest().application;
        self.epoch = if application.is_null() {
            0
        } else {
            let epoch = application
                .read()
                .map_err(|e| format!("the payload is lost: {e}"))?;
            expect_state(&writer, epoch)?;
            epoch
        };
        if self.epoch < told.committed {
            return Err(format!(
                "epoch {} was committed, now {} is",
                told.committed, self.epoch
            ));
        }
        *told = Told {
            committed: self.epoch,
            published: self.epoch,
        };
        self.writer = Some(writer);
        Ok(Phase::Stage)
    }

    fn make_mistakes(&self, options: Options) -> Options {
        match self.mistake {
            Some(Mistake::SkipSync(of)) => {
                self.disk.lie_about_sync(move |path| of(&path.to_string_lossy()));
                options
            }
            Some(Mistake::SkipSyncsAtStart) if self.has_commits() => {
                self.disk.lie_about_sync(|_| true);
                let disk = Arc::new(self.disk.clone());
                options.with_fail_points(move |point| {
                    if point == FailPoint::FoundSynced {
                        disk.lie_about_sync(|_| false);
                    }
                })
            }
            _ => options,
        }
    }

    fn has_commits(&self) -> bool {
        let log = self.disk.read_dir(&Path::new(ROOT).join("log"));
        log.is_ok_and(|log| !log.is_empty())
    }

    fn stage(&mut self) -> Result<Phase, String> {
        let epoch = self.epoch + 1;
        let attempt = AttemptId(self.life as u128 * 1000 + u128::from(epoch));
        let mut staging = self.writer().begin(attempt).map_err(|e| format!("begin: {e}"))?;
        let mut write = || -> Result<(), Box<dyn std::error::Error>> {
            for part in PARTS {
                let mut file = staging.data_file(&TableName::new(part.table)?, part.dt)?;
                file.write_all(part.content(epoch).as_bytes())?;
                file.finish(1)?;
            }
            let mut file = staging.state_file("epochs")?;
            file.write_all(epoch.to_string().as_bytes())?;
            file.finish(0)?;
            Ok(())
        };
        write().map_err(|e| format!("stage: {e}"))?;
        self.staging = Some(staging);
        Ok(Phase::Commit)
    }

    fn commit(&mut self, told: &mut Told) -> Result<Phase, String> {
        let mut order: Vec<TableName> = ["source", "derived"]
            .map(|name| TableName::new(name).expect("a good name"))
            .into();
        if matches!(self.mistake, Some(Mistake::DerivedFirst)) {
            order.reverse();
        }
        let epoch = self.epoch + 1;
        let staging = self.staging.take().expect("staged before");
        let payload = Payload::new(&epoch).map_err(|e| e.to_string())?;
        self.writer()
            .commit(staging, &order, payload, now())
            .map_err(|e| format!("commit: {e}"))?;
        self.epoch = epoch;
        told.committed = epoch;
        if matches!(self.mistake, Some(Mistake::PublishLater)) && epoch == 1 {
            self.writer().forget_to_publish();
            return Ok(Phase::Stage);
        }
        Ok(Phase::Publish)
    }

    fn publish(&mut self, told: &mut Told) -> Result<Phase, String> {
        self.writer().publish().map_err(|e| format!("publish: {e}"))?;
        told.published = self.epoch;
        Ok(Phase::Collect)
    }

    fn collect(&mut self) -> Result<Phase, String> {
        self.writer()
            .collect(now())
            .map_err(|e| format!("collect: {e}"))?;
        Ok(Phase::Stage)
    }

    fn writer(&mut self) -> &mut Writer<SimDisk> {
        self.writer.as_mut().expect("opened before")
    }
}

/// The time stands still, so that equal states look equal.
fn now() -> Timestamp {
    Timestamp::from_millisecond(1_767_225_600_000).expect("a good time")
}

fn expect_state(writer: &Writer<SimDisk>, epoch: u64) -> Result<(), String> {
    let file = writer
        .state("epochs")
        .map_err(|e| format!("the state is lost: {e}"))?;
    let mut content = vec![0; usize::try_from(file.len().unwrap_or(0)).unwrap_or(0)];
    file.read_exact_at(&mut content, 0).map_err(|e| e.to_string())?;
    if content == epoch.to_string().as_bytes() {
        Ok(())
    } else {
        Err(format!("the state is not that of epoch {epoch}"))
    }
}
