//! Runs of the generator: one after the other, until it is told to stop.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use client::{Client, Isolation, OffsetSpec, Producer, ProducerOptions, TopicMetadata};
use futures::{FutureExt, future::Shared};
use record::{PartitionIndex, ProducerEpoch, ProducerId};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    GeneratorError, Progress, Settings, StreamSettings, Summary,
    clock::Clock,
    plan::Plan,
    progress::Meter,
    resolve,
    sender::Sender,
    tally::Tally,
    truth_log::{Done, Entry, Run, TruthLog},
};

/// How long topics and brokers may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before a run that failed is followed by the next.
const PAUSE: Duration = Duration::from_secs(1);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// Records on their way between sending and counting; the producer's buffer is the tighter bound.
const UNDERWAY: usize = 100_000;
/// Who takes over a producer id jumps ahead by so many epochs, past those that its owner may have begun.
const EPOCH_STEP: i16 = 100;
/// How long a graceful stop waits for acknowledgements; what is open then is settled at the next start.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Generates until `shutdown` completes; then flushes, counts and ends. `progress` is called when sending
/// begins, with all that earlier runs left open settled, and each second from then on.
///
/// Brokers that are away are waited for, with what a run sent settled before the next begins: the counts
/// stay true.
///
/// # Errors
/// Where the settings make no sense, the folder is in use or damaged, a topic doesn't exist, or brokers
/// can't be reached at the start.
pub async fn run(
    settings: Settings,
    options: client::Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
    mut progress: impl FnMut(&Progress) + Send,
) -> Result<Summary, GeneratorError> {
    settings.check()?;
    let log = Arc::new(Mutex::new(TruthLog::open(&settings.folder)?));
    let streams: Vec<StreamSettings> = settings
        .streams
        .iter()
        .filter(|stream| stream.per_second > 0.0)
        .cloned()
        .collect();
    let meters = streams
        .iter()
        .map(|stream| (stream.topic.clone(), Arc::default()))
        .collect();
    let generator = Generator {
        settings,
        options,
        streams,
        log,
        meters,
        began: Instant::now(),
    };
    let stop: Stop = shutdown.boxed().shared();
    let mut errors = Errors::default();
    loop {
        match generator.one_run(&stop, &mut errors, &mut progress).await {
            Ok(()) => return Ok(generator.progress(&errors)),
            Err(error) if errors.may_pass(&error, &generator) => {
                tracing::warn!(%error, "the run was interrupted; the next settles what it sent");
                errors.count += 1;
                errors.last = Some(error.to_string());
                tokio::select! {
                    () = stop.clone() => return Ok(generator.progress(&errors)),
                    () = sleep(PAUSE) => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
}

type Stop = Shared<futures::future::BoxFuture<'static, ()>>;

impl Errors {
    /// Brokers that are just starting get some time; those that were there once, any.
    fn may_pass(&self, error: &GeneratorError, generator: &Generator) -> bool {
        error.is_passing() && (self.started || generator.began.elapsed() < PATIENCE)
    }
}

#[derive(Debug, Default)]
struct Errors {
    /// Whether a run got as far as sending: from then on, errors that pass are waited out.
    started: bool,
    count: u64,
    last: Option<String>,
}

struct Generator {
    settings: Settings,
    options: client::Options,
    streams: Vec<StreamSettings>,
    log: Arc<Mutex<TruthLog>>,
    meters: BTreeMap<String, Arc<Meter>>,
    began: Instant,
}

impl Generator {
    async fn one_run(
        &self,
        stop: &Stop,
        errors: &mut Errors,
        progress: &mut (impl FnMut(&Progress) + Send),
    ) -> Result<(), GeneratorError> {
        let (told, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut ending = Box::pin(stop.clone().fuse());
        let producer = tokio::select! {
            started = self.start(&mut tasks, &stopped) => started?,
            () = &mut ending => return Ok(()),
        };
        errors.started = true;
        let mut tick = interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut ending => break,
                _ = tick.tick() => progress(&self.progress(errors)),
                Some(ended) = tasks.join_next() => ended??,
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
        stopped: &watch::Receiver<bool>,
    ) -> Result<Arc<Producer>, GeneratorError> {
        let client = Client::connect(self.options.clone()).await?;
        let mut topics = Vec::new();
        for stream in &self.streams {
            let topic = client.await_topic(&stream.topic, PATIENCE).await?;
            self.forget_recreated(&topic);
            topics.push((stream, topic));
        }
        let run = self.begin_run(&client).await?;
        let start_ms = self.start_ms();
        let identity = (ProducerId(run.producer_id), ProducerEpoch(run.producer_epoch));
        let producer = Arc::new(Producer::new(
            &client,
            ProducerOptions {
                identity: Some(identity),
                linger: Duration::from_millis(20),
                batch_bytes: 64 << 10,
                ..ProducerOptions::default()
            },
        )?);
        let mut settled = Vec::new();
        for (stream, topic) in topics {
            let mut sender = self.sender(stream, &run, start_ms, &producer);
            let done = self.settle(&client, &topic, &mut sender).await?;
            let (log, meter) = (Arc::clone(&self.log), Arc::clone(&sender.meter));
            let tally = Tally { done, log, meter };
            tally.log()?;
            settled.push((sender, tally));
        }
        for (sender, tally) in settled {
            let first = tally.done.to;
            let (underway, arriving) = mpsc::channel(UNDERWAY);
            tasks.spawn(sender.run(first, self.settings.threads, stopped.clone(), underway));
            tasks.spawn(tally.run(arriving));
        }
        Ok(producer)
    }

    fn sender(&self, stream: &StreamSettings, run: &Run, start_ms: i64, producer: &Arc<Producer>) -> Sender {
        let Settings {
            seed, speed, faults, ..
        } = self.settings;
        let clock = Clock {
            start_ms,
            per_second: stream.per_second,
            speed,
        };
        Sender {
            topic: stream.topic.clone(),
            run: run.id,
            plan: Arc::new(Plan::new(stream.kind, clock, faults, seed, run.number)),
            producer: Arc::clone(producer),
            log: Arc::clone(&self.log),
            meter: self.meters.get(&stream.topic).cloned().unwrap_or_default(),
            reserved: 0,
            placed: Vec::new(),
        }
    }

    /// What the topic holds before this run's records, but for the fences that it took to find out.
    async fn settle(
        &self,
        client: &Client,
        topic: &TopicMetadata,
        sender: &mut Sender,
    ) -> Result<Done, GeneratorError> {
        let state = self
            .log()
            .state()
            .topics
            .get(&*topic.name)
            .cloned()
            .unwrap_or_default();
        let run = sender.run;
        let done = |counts, to, next| Done {
            topic: topic.name.to_string(),
            topic_id: topic.id.to_string(),
            run,
            to,
            counts,
            next,
            closed: false,
        };
        let partitions: Vec<PartitionIndex> =
            topic.partitions.iter().map(|partition| partition.index).collect();
        if state.open() == 0 {
            let asked: Vec<_> = partitions
                .iter()
                .map(|p| (&*topic.name, *p, OffsetSpec::Latest))
                .collect();
            let mut next = Vec::new();
            for end in client.list_offsets(&asked, Isolation::ReadUncommitted).await {
                next.push(end?.offset.0);
            }
            return Ok(done(
                state.done.map(|done| done.counts).unwrap_or_default(),
                0,
                next,
            ));
        }
        let fences = sender.fence(&partitions).await?;
        // The fences are part of the tail: their intent stands in the log by now.
        let state = self
            .log()
            .state()
            .topics
            .get(&*topic.name)
            .cloned()
            .unwrap_or_default();
        let counted = resolve::count_tail(client, &topic.name, &state, &fences).await;
        let counts = counted.map_err(|error| GeneratorError::Unresolved {
            topic: topic.name.to_string(),
            error: Box::new(error),
            log: self.log().path().to_owned(),
        })?;
        tracing::info!(topic = %topic.name, open = state.open(), "settled what the last run had sent");
        Ok(done(
            counts,
            sender.placed.len() as u64,
            fences.iter().map(|fence| fence + 1).collect(),
        ))
    }

    /// Logs a new run, with the producer id of the last where that left something open.
    async fn begin_run(&self, client: &Client) -> Result<Run, GeneratorError> {
        let (last, open) = {
            let log = self.log();
            (
                log.state().run.clone(),
                log.state().topics.values().any(|topic| topic.open() > 0),
            )
        };
        let taken_over = last.as_ref().filter(|_| open).and_then(|last| {
            let epoch = last.producer_epoch.checked_add(EPOCH_STEP)?;
            // Room for epochs that the producer begins by itself.
            epoch.checked_add(EPOCH_STEP)?;
            Some((last.producer_id, epoch))
        });
        let (producer_id, producer_epoch) = match taken_over {
            Some(identity) => identity,
            None => {
                let (id, epoch) = client.new_producer_id().await?;
                (id.0, epoch.0)
            }
        };
        let id = getrandom::u64().map_err(GeneratorError::Random)?;
        let run = Run {
            number: last.map_or(0, |last| last.number + 1),
            id,
            producer_id,
            producer_epoch,
        };
        self.log().append(Entry::Run(run.clone()))?;
        Ok(run)
    }

    /// Where the clock of a run starts: never at a time that an event may have already.
    fn start_ms(&self) -> i64 {
        let asked = self
            .settings
            .start
            .unwrap_or_else(jiff::Timestamp::now)
            .as_millisecond();
        let until = self.log().state().until_ms;
        until.map_or(asked, |until| asked.max(until + 1))
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
            log.forget(&topic.name);
        }
    }

    fn progress(&self, errors: &Errors) -> Progress {
        let elapsed = self.began.elapsed();
        let log = self.log();
        let counts = |topic: &str| {
            let done = log
                .state()
                .topics
                .get(topic)
                .and_then(|topic| topic.done.as_ref());
            done.map(|done| done.counts.clone()).unwrap_or_default()
        };
        let topics = self.meters.iter();
        Progress {
            elapsed,
            topics: topics
                .map(|(topic, meter)| meter.progress(topic, counts(topic), elapsed))
                .collect(),
            errors: errors.count,
            last_error: errors.last.clone(),
        }
    }

    fn log(&self) -> MutexGuard<'_, TruthLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
