//! The loop: wait for records, plan, gather, commit, tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::FetchedBatch;
use disk::{Disk, RealDisk};
use lake::Locks;
use record::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::commit::Committed;
use crate::declaration::{TableDeclaration, check_tables};
use crate::job::{Job, OpenLake};
use crate::kafka::KafkaSource;
use crate::payload::Position;
use crate::recover::Cluster;
use crate::source::{EventSource, Plan, TopicPartition};
use crate::stopwatch::Stopwatch;
use crate::telling::Teller;
use crate::{EtlError, Progress, Settings};

/// Between two attempts while brokers are away or the disk is full.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// In a silence: between two looks whether the brokers are still there.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What a running ETL tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The lake is open, the state restored, and nothing is waited for. Told again after each wait.
    Ready,
    /// Something passes by itself (brokers away, a topic missing, a full disk): what, and for how long.
    Waiting {
        /// What is waited for, as an operator reads it.
        reason: String,
        /// Until the next attempt.
        pause: Duration,
    },
    /// A micro-batch was committed and published.
    Progress(Box<Progress>),
}

/// Runs the ETL as [`run_telling`] does, with a listener for progress alone.
///
/// # Errors
/// As [`run_telling`].
pub async fn run(
    settings: Settings,
    client: client::Options,
    shutdown: impl Future<Output = ()>,
    mut on_progress: impl FnMut(Progress) + Send,
) -> Result<(), EtlError> {
    let tell = move |event| {
        if let Event::Progress(progress) = event {
            on_progress(*progress);
        }
    };
    run_telling(settings, client, shutdown, tell).await
}

/// Runs the ETL until `shutdown` comes; the epoch that is on is then committed.
///
/// Brokers that are away, topics that are not there yet and a full disk are waited for, and logged.
///
/// # Errors
/// Whatever an operator has to decide; see [`EtlError`]. Among them: another ETL holds the lake.
pub async fn run_telling(
    settings: Settings,
    client: client::Options,
    shutdown: impl Future<Output = ()>,
    tell: impl FnMut(Event) + Send,
) -> Result<(), EtlError> {
    let tables = settings.tables.iter().filter_map(|table| match table {
        TableDeclaration::Source(source) => Some((source.topic.clone(), source.table.clone())),
        TableDeclaration::Derived(_) => None,
    });
    let source = KafkaSource::new(client, tables.collect());
    let (stop, stopped) = watch::channel(false);
    let driven = drive(
        RealDisk,
        settings,
        source,
        World {
            now: Arc::new(wall_clock),
            random: Arc::new(random),
        },
        stopped,
        tell,
    );
    let stopping = async {
        shutdown.await;
        // The receiver lives as long as `driven`.
        stop.send_replace(true);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = driven => result,
        () = stopping => Ok(()),
    }
}

/// Clock and randomness.
#[derive(Clone)]
pub(crate) struct World {
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub random: Arc<dyn Fn() -> Result<u128, EtlError> + Send + Sync>,
}

fn wall_clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

fn random() -> Result<u128, EtlError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| EtlError::Setting(format!("no random numbers: {error}")))?;
    Ok(u128::from_le_bytes(bytes))
}

/// Runs sessions, one after the other, until one is stopped or fails for good. The lake's locks
/// outlive them: nobody else may write while this ETL waits.
pub(crate) async fn drive<D: Disk, S: EventSource>(
    disk: D,
    settings: Settings,
    mut source: S,
    world: World,
    mut stop: watch::Receiver<bool>,
    mut tell: impl FnMut(Event) + Send,
) -> Result<(), EtlError> {
    check_tables(&settings.tables)?;
    settings.check()?;
    let mut backoff = Backoff(FIRST_PAUSE);
    let mut locks = None;
    loop {
        let began = Instant::now();
        let session = Session {
            disk: disk.clone(),
            settings: settings.clone(),
            world: world.clone(),
        };
        let error = match session.run(&mut locks, &mut source, &mut stop, &mut tell).await {
            Err(error) if error.is_retriable() => error,
            done => return done,
        };
        if began.elapsed() > LONGEST_PAUSE {
            backoff = Backoff(FIRST_PAUSE);
        }
        tokio::select! {
            () = backoff.wait(&error, &mut tell) => {}
            () = stopping(&mut stop) => return Ok(()),
        }
    }
}

/// The pause before the next attempt: it grows.
struct Backoff(Duration);

impl Backoff {
    /// Says what is waited for, and waits.
    async fn wait(&mut self, error: &EtlError, tell: &mut impl FnMut(Event)) {
        let pause = self.0;
        tracing::warn!(retry_ms = pause.as_millis() as u64, "the ETL waits: {error}");
        tell(Event::Waiting {
            reason: error.to_string(),
            pause,
        });
        sleep(pause).await;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Tells which partitions nobody speaks for, so that silence is not taken for idleness; and that none are left.
fn tell_silent<D: Disk>(job: &Job<D>, plan: &Plan, tell: &mut impl FnMut(Event)) {
    let silent = job
        .positions()
        .into_keys()
        .filter(|key| !plan.ends.contains_key(key));
    let silent: Vec<String> = silent
        .map(|(topic, partition)| format!("{topic}-{partition}"))
        .collect();
    if silent.is_empty() {
        tell(Event::Ready);
    } else {
        let reason = format!(
            "no broker answers for {}: what they hold is read when it is back",
            silent.join(", ")
        );
        tracing::warn!("the ETL waits: {reason}");
        tell(Event::Waiting {
            reason,
            pause: LOOK_EVERY,
        });
    }
}

/// Comes when the ETL is told to stop.
async fn stopping(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Who could tell us to stop is gone: nobody does.
        std::future::pending::<()>().await;
    }
}

/// Work that keeps a thread busy, or waits for a disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, EtlError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| EtlError::Worker(error.to_string()))
}

/// From the opening of the lake to the first error.
struct Session<D: Disk> {
    disk: D,
    settings: Settings,
    world: World,
}

impl<D: Disk> Session<D> {
    async fn run<S: EventSource>(
        self,
        locks: &mut Option<Locks<D>>,
        source: &mut S,
        stop: &mut watch::Receiver<bool>,
        tell: &mut (impl FnMut(Event) + Send),
    ) -> Result<(), EtlError> {
        let job = tokio::select! {
            job = self.open(locks, source, tell) => job?,
            () = stopping(stop) => return Ok(()),
        };
        source.assign(&job.positions());
        tell(Event::Ready);
        let trigger = self.settings.trigger;
        let mut teller = Teller::default();
        let mut gathering = Gathering {
            job,
            queue: Vec::new(),
            world: self.world.clone(),
            trigger,
        };
        let mut next_start = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(next_start) => {}
                () = stopping(stop) => return Ok(()),
            }
            if gathering.queue.is_empty() {
                tokio::select! {
                    fetched = source.fetch() => gathering.queue = fetched?,
                    () = sleep(LOOK_EVERY) => {
                        let plan = gathering.plan(source).await?;
                        tell_silent(&gathering.job, &plan, tell);
                    }
                    () = stopping(stop) => return Ok(()),
                }
            }
            if gathering.queue.is_empty() && !gathering.is_due(source) {
                continue;
            }
            let started = Instant::now();
            let (goes_on, progress) = gathering.epoch(source, stop, &mut teller).await?;
            let behind =
                progress.as_ref().is_some_and(|progress| progress.backlog > 0) || !goes_on.queue.is_empty();
            gathering = goes_on;
            if let Some(progress) = progress {
                tell(Event::Progress(Box::new(progress)));
            }
            next_start = if behind { started } else { started + trigger };
        }
    }

    /// Opens the lake, looks at the topics, and restores the state. The lake stays locked while
    /// brokers, topics or room on the disk are waited for.
    async fn open<S: EventSource>(
        &self,
        locks: &mut Option<Locks<D>>,
        source: &mut S,
        tell: &mut (impl FnMut(Event) + Send),
    ) -> Result<Job<D>, EtlError> {
        let (disk, settings) = (self.disk.clone(), self.settings.clone());
        let (now, random) = ((self.world.now)(), (self.world.random)()?);
        let locks = match locks {
            Some(held) => held.clone(),
            None => {
                let taken = blocking(move || OpenLake::lock(disk, &settings)).await??;
                locks.insert(taken).clone()
            }
        };
        let lake = blocking(move || OpenLake::open(&locks, now, random)).await??;
        let mut backoff = Backoff(FIRST_PAUSE);
        let cluster = loop {
            match self.look(source, &lake).await {
                Err(error) if error.is_retriable() => backoff.wait(&error, tell).await,
                looked => break looked?,
            }
        };
        let (settings, now) = (self.settings.clone(), (self.world.now)());
        blocking(move || lake.start(settings, &cluster, now)).await?
    }

    /// Looks at the declared topics, which must all be there.
    async fn look<S: EventSource>(&self, source: &mut S, lake: &OpenLake<D>) -> Result<Cluster, EtlError> {
        let sources = || {
            self.settings.tables.iter().filter_map(|table| match table {
                TableDeclaration::Source(source) => Some(source),
                TableDeclaration::Derived(_) => None,
            })
        };
        let topics: Vec<String> = sources().map(|source| source.topic.clone()).collect();
        let cluster = source.describe(&topics, &lake.epochs()).await?;
        match sources().find(|declared| !cluster.topics.contains_key(&declared.topic)) {
            None => Ok(cluster),
            Some(missing) => {
                let (table, topic) = (missing.table.clone(), missing.topic.clone());
                Err(EtlError::TopicMissing { table, topic })
            }
        }
    }
}

/// A job and what was fetched for it.
struct Gathering<D: Disk> {
    job: Job<D>,
    queue: Vec<FetchedBatch>,
    world: World,
    trigger: Duration,
}

impl<D: Disk> Gathering<D> {
    /// Whether positions should be committed though nothing was fetched.
    fn is_due(&self, source: &impl EventSource) -> bool {
        let handed_out = handed_out(source, &self.job.positions());
        self.job.is_due(&handed_out, (self.world.now)())
    }

    /// Plans, and takes in the partitions that the topics got meanwhile.
    async fn plan<S: EventSource>(&mut self, source: &mut S) -> Result<Plan, EtlError> {
        let plan = source.plan().await?;
        for (key, &earliest) in &plan.new {
            self.job.add_partition(key, earliest, (self.world.now)());
            source.assign_new(key, earliest);
        }
        Ok(plan)
    }

    /// One epoch: up to the planned ends, the budget, or the stop.
    async fn epoch<S: EventSource>(
        mut self,
        source: &mut S,
        stop: &mut watch::Receiver<bool>,
        teller: &mut Teller,
    ) -> Result<(Self, Option<Progress>), EtlError> {
        let mut watch = Stopwatch::start();
        let began = Instant::now();
        let points = self.job.settings.fail_points.clone();
        let started = (self.world.now)();
        let plan = self.plan(source).await?;
        points.pass("etl.planned")?;
        self.job.begin(started);
        teller.begin(&self.job, watch.lap());
        // A leader that goes away must not hold the others back.
        let patience = began + self.trigger.max(Duration::from_secs(1));
        loop {
            points.pass("etl.fetched")?;
            let handed_out = handed_out(source, &self.job.positions());
            let (mut job, queue) = (self.job, std::mem::take(&mut self.queue));
            let (job, absorbed) = blocking(move || {
                let left = job.absorb(queue, &handed_out);
                (job, left)
            })
            .await?;
            self.job = job;
            self.queue = absorbed?;
            teller.absorbed(watch.lap());
            if !self.queue.is_empty() || self.job.gathered.is_full() || self.job.reached(&plan) {
                break;
            }
            tokio::select! {
                fetched = source.fetch() => self.queue = fetched?,
                () = sleep_until(patience) => break,
                () = stopping(stop) => break,
            }
            teller.waited(watch.lap());
        }
        let (now, attempt) = ((self.world.now)(), (self.world.random)()?);
        let mut job = self.job;
        let (job, plan, committed) = blocking(move || {
            let committed = finish(&mut job, &plan, now, attempt);
            (job, plan, committed)
        })
        .await?;
        self.job = job;
        let progress =
            committed?.map(|(committed, counted)| teller.progress(&self.job, &plan, &committed, counted));
        Ok((self, progress))
    }
}

/// What the epoch counted, taken before the commit folds it into the ledger.
type Counted = Vec<crate::Counts>;

fn finish<D: Disk>(
    job: &mut Job<D>,
    plan: &Plan,
    now: Timestamp,
    attempt: u128,
) -> Result<Option<(Committed, Counted)>, EtlError> {
    let counted = job
        .sources
        .iter()
        .map(crate::source_table::SourceTable::epoch_counts)
        .collect();
    Ok(job
        .finish(plan, now, attempt)?
        .map(|committed| (committed, counted)))
}

fn handed_out<S: EventSource>(
    source: &S,
    positions: &BTreeMap<TopicPartition, Position>,
) -> BTreeMap<TopicPartition, Position> {
    let of = |key: &TopicPartition| Some((key.clone(), source.position(&key.0, key.1)?));
    positions.keys().filter_map(of).collect()
}

#[cfg(test)]
mod tests;
