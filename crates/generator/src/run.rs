//! Runs of the generator against brokers: one after the other, until it is told to stop.

use std::{
    collections::BTreeMap,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::{Client, Producer, ProducerOptions, TopicMetadata};
use futures::{FutureExt, future::Shared};
use record::{ProducerEpoch, ProducerId, TopicId};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    GeneratorError, Progress, Settings, StreamSettings, Summary,
    feed::{Feed, Replay},
    pace::Pace,
    progress::Meters,
    sender::Sender,
    settle::{Settled, begin_run, settle},
    stream::Beginning,
    tally::Tally,
    truth_log::TruthLog,
};

/// How long topics and brokers may take to appear.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Before a run that failed is followed by the next.
const PAUSE: Duration = Duration::from_secs(1);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// Between two looks whether the topics are still the same ones.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Windows on their way between sending and counting; the producer's buffer is the tighter bound.
const UNDERWAY: usize = 64;
/// How long a graceful stop waits for acknowledgements; what is open then is settled at the next start.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A cluster to send to.
#[derive(Debug, Clone)]
pub struct Kafka {
    /// Where it is.
    pub options: client::Options,
    /// The folder of the truth log: one for each cluster.
    pub folder: PathBuf,
}

/// Generates until `shutdown` completes or the settings' end is reached; then flushes, counts and ends.
/// `progress` is called when sending begins, with all that earlier runs left open settled, and each second
/// from then on.
///
/// Brokers that are away, and room on the disk of the folder, are waited for, with what a run sent settled before the next begins: the counts
/// stay true.
///
/// # Errors
/// Where the settings make no sense, the folder is in use or damaged, a topic doesn't exist, or brokers
/// can't be reached at the start.
pub async fn run(
    settings: Settings,
    kafka: Kafka,
    shutdown: impl Future<Output = ()> + Send + 'static,
    progress: impl FnMut(&Progress) + Send,
) -> Result<Summary, GeneratorError> {
    let streams = settings.check()?;
    run_feed(settings, Feed::Streams(streams), kafka, shutdown, progress).await
}

/// Sends the lines of a file to its topic, by the times that stand in them; else as [`run`].
///
/// # Errors
/// As [`run`], and where the file can't be read.
pub async fn replay(
    settings: Settings,
    replay: Replay,
    kafka: Kafka,
    shutdown: impl Future<Output = ()> + Send + 'static,
    progress: impl FnMut(&Progress) + Send,
) -> Result<Summary, GeneratorError> {
    settings.check()?;
    run_feed(settings, Feed::File(replay), kafka, shutdown, progress).await
}

async fn run_feed(
    settings: Settings,
    feed: Feed,
    kafka: Kafka,
    shutdown: impl Future<Output = ()> + Send + 'static,
    mut progress: impl FnMut(&Progress) + Send,
) -> Result<Summary, GeneratorError> {
    let stop: Stop = shutdown.boxed().shared();
    let log = Arc::new(Mutex::new(open_log(&kafka.folder, &stop).await?));
    let generator = Generator {
        meters: Arc::new(Meters::new(feed.topics().into_iter())),
        settings,
        feed,
        options: kafka.options,
        log,
        began: Instant::now(),
    };
    let mut standing = Standing::default();
    loop {
        match generator.one_run(&stop, &mut standing, &mut progress).await {
            Ok(()) => return Ok(generator.progress(&standing)),
            Err(error) if standing.may_pass(&error, &generator) => {
                tracing::warn!(%error, "the run was interrupted; the next settles what it sent");
                standing.errors += 1;
                standing.last_error = Some(error.to_string());
                generator.meters.forget_underway();
                tokio::select! {
                    () = stop.clone() => return Ok(generator.progress(&standing)),
                    () = sleep(PAUSE) => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Opens the truth log, once there is room for it.
async fn open_log(folder: &Path, stop: &Stop) -> Result<TruthLog, GeneratorError> {
    loop {
        match TruthLog::open(folder) {
            Err(error) if error.is_full_disk() => {
                tracing::warn!("the generator waits for room on the disk: {error}");
                tokio::select! {
                    () = stop.clone() => return Err(error),
                    () = sleep(PAUSE) => {}
                }
            }
            opened => return opened,
        }
    }
}

type Stop = Shared<futures::future::BoxFuture<'static, ()>>;

/// Where the runs stand, for progress.
#[derive(Debug, Default)]
struct Standing {
    /// Whether a run got as far as sending: from then on, errors that pass are waited out.
    started: bool,
    errors: u64,
    last_error: Option<String>,
    producer: Option<Arc<Producer>>,
    /// Where the clock of the events began.
    start_us: Option<i64>,
    clock: Option<watch::Receiver<i64>>,
}

impl Standing {
    /// Brokers that are just starting get some time; those that were there once, any, and so does a disk.
    fn may_pass(&self, error: &GeneratorError, generator: &Generator) -> bool {
        error.is_full_disk() || error.is_passing() && (self.started || generator.began.elapsed() < PATIENCE)
    }
}

struct Generator {
    settings: Settings,
    feed: Feed,
    options: client::Options,
    log: Arc<Mutex<TruthLog>>,
    meters: Arc<Meters>,
    began: Instant,
}

impl Generator {
    async fn one_run(
        &self,
        stop: &Stop,
        standing: &mut Standing,
        progress: &mut (impl FnMut(&Progress) + Send),
    ) -> Result<(), GeneratorError> {
        let (told, stopped) = watch::channel(false);
        let (mut tasks, mut watchers) = (JoinSet::new(), JoinSet::new());
        let mut ending = Box::pin(stop.clone().fuse());
        let producer = tokio::select! {
            started = self.start(&mut tasks, &mut watchers, &stopped, standing) => started?,
            () = &mut ending => return Ok(()),
        };
        standing.started = true;
        standing.producer = Some(Arc::clone(&producer));
        let mut tick = interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut ending => break,
                _ = tick.tick() => progress(&self.progress(standing)),
                ended = tasks.join_next() => match ended {
                    Some(ended) => ended??,
                    // All is sent and counted.
                    None => break,
                },
                Some(ended) = watchers.join_next() => ended??,
            }
        }
        told.send_replace(true);
        let flushed = async {
            producer.flush().await;
            while let Some(ended) = tasks.join_next().await {
                ended??;
            }
            Ok(())
        };
        tokio::time::timeout(STOP_PATIENCE, flushed)
            .await
            .unwrap_or_else(|_| {
                tracing::warn!("brokers don't acknowledge; what is open is settled at the next start");
                Ok(())
            })
    }

    /// Settles what earlier runs left open, and starts sending.
    async fn start(
        &self,
        tasks: &mut JoinSet<Result<(), GeneratorError>>,
        watchers: &mut JoinSet<Result<(), GeneratorError>>,
        stopped: &watch::Receiver<bool>,
        standing: &mut Standing,
    ) -> Result<Arc<Producer>, GeneratorError> {
        self.log().mend()?;
        let client = Client::connect(self.options.clone()).await?;
        let mut topics: Vec<TopicMetadata> = Vec::new();
        for topic in self.feed.topics() {
            let topic = client.await_topic(&topic, PATIENCE).await?;
            self.forget_recreated(&topic);
            topics.push(topic);
        }
        let asked_us = self.settings.start_us(jiff::Timestamp::now());
        let run = begin_run(&client, &self.log).await?;
        let beginning = Beginning {
            run: run.number,
            start_us: self.not_before_earlier_runs(asked_us),
        };
        self.check_end(beginning.start_us)?;
        let of_stream =
            |stream: &StreamSettings, count| crate::stream::fences(&self.settings, stream, beginning, count);
        let Settled { done, start_us } =
            settle(&client, &self.log, &run, &topics, beginning, |index, count| {
                self.feed.fences(index, beginning, count, of_stream)
            })
            .await?;
        let beginning = Beginning {
            start_us,
            ..beginning
        };
        let identity = (ProducerId(run.identity.id), ProducerEpoch(run.identity.epoch));
        let producer = Arc::new(Producer::new(&client, producer_options(identity))?);
        let tally = Tally {
            done,
            log: Arc::clone(&self.log),
            meters: Arc::clone(&self.meters),
        };
        tally.log_all()?;
        let acknowledged = self.meters.all_acknowledged();
        let (clock, shown) = watch::channel(start_us);
        standing.start_us.get_or_insert(start_us);
        standing.clock = Some(shown);
        // Backfilling is over when the clock shows what it would without.
        let backfill = i64::try_from(self.settings.backfill.as_micros()).unwrap_or(i64::MAX);
        let zero_us = start_us.max(asked_us.saturating_add(backfill));
        let windows = self.feed.windows(&self.settings, beginning, acknowledged)?;
        let sender = Sender {
            run: run.id,
            topics: self.feed.topics(),
            next: tally.done.iter().map(|done| done.to).collect(),
            producer: Arc::clone(&producer),
            log: Arc::clone(&self.log),
            meters: Arc::clone(&self.meters),
            pace: Pace::new(
                std::time::Instant::now(),
                zero_us,
                self.settings.speed,
                crate::stream::stalls(&self.settings, beginning),
            ),
            until_us: self.feed.until_us(&self.settings),
            left: self
                .settings
                .end
                .records
                .map_or(u64::MAX, |all| all.saturating_sub(acknowledged)),
            clock,
        };
        let (chunks, counting) = mpsc::channel(UNDERWAY);
        tasks.spawn(sender.run(windows, stopped.clone(), chunks));
        tasks.spawn(tally.run(counting));
        watchers.spawn(watch_topics(client, topics));
        Ok(producer)
    }

    /// A run never starts at a time that an event may have already.
    fn not_before_earlier_runs(&self, asked_us: i64) -> i64 {
        let until_ms = self.log().state().until_ms;
        until_ms.map_or(asked_us, |until_ms| {
            asked_us.max((until_ms + 1).saturating_mul(1_000))
        })
    }

    /// An end that earlier runs have passed already is told, for nothing would come.
    fn check_end(&self, start_us: i64) -> Result<(), GeneratorError> {
        let Some(until) = self.settings.end.until else {
            return Ok(());
        };
        if start_us < until.as_microsecond() || self.meters.all_acknowledged() > 0 {
            return Ok(());
        }
        let begins = jiff::Timestamp::from_microsecond(start_us).unwrap_or(until);
        let what = format!(
            "there is nothing to make before {until:.0}: the topics hold earlier runs, and this one begins behind \
             them, at {begins:.0}; fill other topics, or a file"
        );
        Err(GeneratorError::Settings { what })
    }

    /// Counts belong to a topic's id; another topic of the same name starts from zero.
    fn forget_recreated(&self, topic: &TopicMetadata) {
        let mut log = self.log();
        let known = log
            .state()
            .topics
            .get(&*topic.name)
            .and_then(|state| state.done.as_ref());
        if known.is_some_and(|done| done.topic_id != topic.id.to_string()) {
            tracing::warn!(topic = %topic.name, "the topic was made anew: counting from zero");
            log.forget_counts(&topic.name);
        }
    }

    fn progress(&self, standing: &Standing) -> Progress {
        let log = self.log();
        let counts = |topic: &str| {
            let done = log
                .state()
                .topics
                .get(topic)
                .and_then(|topic| topic.done.as_ref());
            done.map(|done| done.counts.clone()).unwrap_or_default()
        };
        let mut progress = self.meters.progress(counts);
        let clock_us = standing.clock.as_ref().map(|clock| *clock.borrow());
        progress.show_course(
            &self.settings,
            self.feed.per_second(),
            standing.start_us,
            clock_us,
        );
        progress.errors = standing.errors;
        progress.last_error.clone_from(&standing.last_error);
        if let Some(producer) = &standing.producer {
            progress.compression_ratio = producer.stats().compression_ratio();
        }
        progress
    }

    fn log(&self) -> MutexGuard<'_, TruthLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Large batches: the generator is after throughput, and its own linger is what adds latency.
fn producer_options(identity: (ProducerId, ProducerEpoch)) -> ProducerOptions {
    ProducerOptions {
        identity: Some(identity),
        linger: Duration::from_millis(20),
        batch_bytes: 256 << 10,
        ..ProducerOptions::default()
    }
}

/// Ends with an error when a topic is another one than it was.
async fn watch_topics(client: Client, topics: Vec<TopicMetadata>) -> Result<(), GeneratorError> {
    let names: Vec<&str> = topics.iter().map(|topic| &*topic.name).collect();
    let ids: BTreeMap<&str, TopicId> = topics.iter().map(|topic| (&*topic.name, topic.id)).collect();
    loop {
        sleep(LOOK_EVERY).await;
        // Brokers that don't answer are the sender's business.
        let Ok(metadata) = client.metadata(Some(&names)).await else {
            continue;
        };
        let other = |topic: &&TopicMetadata| {
            topic.error.is_none() && ids.get(&*topic.name).is_some_and(|id| *id != topic.id)
        };
        if let Some(topic) = metadata.topics.iter().find(other) {
            let topic = topic.name.to_string();
            return Err(GeneratorError::Recreated { topic });
        }
    }
}
