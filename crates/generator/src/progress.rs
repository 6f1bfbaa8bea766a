//! How it goes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{Counts, Settings};

/// How it goes, each second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Seconds since the generator started.
    pub elapsed_seconds: f64,
    /// What the clock of the events shows, milliseconds since 1970.
    pub clock_ms: Option<i64>,
    /// How much of the whole is done, from 0 to 1; `None` where there is no end.
    pub done: Option<f64>,
    /// Records a second, over the last seconds.
    pub per_second: f64,
    /// Records a second that the settings ask for in the mean; `None` for as many as it can.
    pub wanted_per_second: Option<f64>,
    /// By topic.
    pub topics: Vec<TopicProgress>,
    /// How much later than due records were handed over, since the start. It grows when the receiver is
    /// slower than the rate asks for.
    pub lateness: Latency,
    /// The same, of the last seconds.
    pub recent_lateness: Latency,
    /// From the moment when a record was due to its acknowledgement, since the start: what was late counts as
    /// waiting. Empty without brokers.
    pub acknowledgement: Latency,
    /// Records handed over and not acknowledged yet.
    pub underway: u64,
    /// Bytes of values and keys handed over.
    pub bytes: u64,
    /// Bytes of batches before compression, over what was sent; 1 without compression.
    pub compression_ratio: f64,
    /// Interruptions so far: brokers away for longer than a delivery may take.
    pub errors: u64,
    /// The last of them.
    pub last_error: Option<String>,
}

/// How it went.
pub type Summary = Progress;

/// One topic's progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopicProgress {
    /// The topic.
    pub topic: String,
    /// What it holds of all runs, acknowledged and logged; of a file what was written.
    pub counts: Counts,
    /// Records acknowledged since the generator started.
    pub acknowledged: u64,
    /// Of them a second, over the last seconds.
    pub per_second: f64,
}

/// A distribution of times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// Half are at or below.
    pub p50_ms: f64,
    /// 99 of 100 are at or below.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// How many.
    pub count: u64,
}

impl Progress {
    /// Fills in how far it is on its way.
    pub(crate) fn show_course(
        &mut self,
        settings: &Settings,
        per_second: Option<f64>,
        start_us: Option<i64>,
        clock_us: Option<i64>,
    ) {
        self.wanted_per_second = settings.speed.zip(per_second).map(|(speed, rate)| speed * rate);
        self.clock_ms = clock_us.map(|us| us.div_euclid(1_000));
        let acknowledged: u64 = self.topics.iter().map(|topic| topic.acknowledged).sum();
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| (part / whole).clamp(0.0, 1.0));
        let of_records = settings
            .end
            .records
            .and_then(|records| share(acknowledged as f64, records as f64));
        let of_time = settings.end.until.and_then(|until| {
            let start_us = start_us?;
            let passed = clock_us? - start_us;
            share(passed as f64, (until.as_microsecond() - start_us) as f64)
        });
        // Whichever comes first ends it.
        self.done = of_records.into_iter().chain(of_time).reduce(f64::max);
    }
}

/// Between two looks at how many there are.
const RECENT: Duration = Duration::from_secs(1);

/// What is measured while it runs.
#[derive(Debug)]
pub(crate) struct Meters {
    began: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    lateness: Times,
    recent_lateness: Times,
    last_lateness: Latency,
    acknowledgement: Times,
    sent: u64,
    bytes: u64,
    acknowledged: BTreeMap<String, u64>,
    rates: BTreeMap<String, f64>,
    looked: Instant,
    acknowledged_then: BTreeMap<String, u64>,
}

impl Meters {
    pub(crate) fn new(topics: impl Iterator<Item = String>) -> Self {
        let now = Instant::now();
        Self {
            began: now,
            inner: Mutex::new(Inner {
                lateness: Times::new(),
                recent_lateness: Times::new(),
                last_lateness: Latency::default(),
                acknowledgement: Times::new(),
                sent: 0,
                bytes: 0,
                acknowledged: topics.map(|topic| (topic, 0)).collect(),
                rates: BTreeMap::new(),
                looked: now,
                acknowledged_then: BTreeMap::new(),
            }),
        }
    }

    /// Records of a window were handed over, with how late each was.
    pub(crate) fn sent(&self, count: u64, bytes: u64, lateness: &Times) {
        let mut inner = self.inner();
        inner.sent += count;
        inner.bytes += bytes;
        inner.lateness.add(lateness);
        inner.recent_lateness.add(lateness);
    }

    /// Records of a topic were acknowledged, with how long after they were due.
    pub(crate) fn acknowledged(&self, topic: &str, count: u64, times: &Times) {
        let mut inner = self.inner();
        *inner.acknowledged.entry(topic.to_owned()).or_default() += count;
        inner.acknowledgement.add(times);
    }

    /// What was on its way when a run ended is settled otherwise.
    pub(crate) fn forget_underway(&self) {
        let mut inner = self.inner();
        inner.sent = inner.acknowledged.values().sum();
    }

    /// Everything that is measured; what isn't measured here is for the caller to fill in.
    pub(crate) fn progress(&self, counts: impl Fn(&str) -> Counts) -> Progress {
        let (now, mut inner) = (Instant::now(), self.inner());
        let since = now.saturating_duration_since(inner.looked);
        if since >= RECENT / 2 {
            inner.look(now, since);
        }
        let acknowledged: u64 = inner.acknowledged.values().sum();
        let topics = inner
            .acknowledged
            .iter()
            .map(|(topic, acknowledged)| TopicProgress {
                topic: topic.clone(),
                counts: counts(topic),
                acknowledged: *acknowledged,
                per_second: inner.rates.get(topic).copied().unwrap_or(0.0),
            });
        Progress {
            elapsed_seconds: now.saturating_duration_since(self.began).as_secs_f64(),
            clock_ms: None,
            done: None,
            per_second: inner.rates.values().sum(),
            wanted_per_second: None,
            topics: topics.collect(),
            lateness: inner.lateness.summary(),
            recent_lateness: inner.last_lateness,
            acknowledgement: inner.acknowledgement.summary(),
            underway: inner.sent.saturating_sub(acknowledged),
            bytes: inner.bytes,
            compression_ratio: 1.0,
            errors: 0,
            last_error: None,
        }
    }

    /// Records acknowledged since the generator started.
    pub(crate) fn all_acknowledged(&self) -> u64 {
        self.inner().acknowledged.values().sum()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn look(&mut self, now: Instant, since: Duration) {
        let rate = |(topic, count): (&String, &u64)| {
            let before = self.acknowledged_then.get(topic).copied().unwrap_or(0);
            (topic.clone(), (count - before) as f64 / since.as_secs_f64())
        };
        self.rates = self.acknowledged.iter().map(rate).collect();
        self.acknowledged_then = self.acknowledged.clone();
        self.looked = now;
        self.last_lateness = self.recent_lateness.summary();
        self.recent_lateness = Times::new();
    }
}

/// Times up to an hour, in microseconds, to a hundredth.
#[derive(Debug, Clone)]
pub(crate) struct Times(Histogram<u64>);

impl Times {
    const LONGEST_US: u64 = 3_600_000_000;

    pub(crate) fn new() -> Self {
        let bounds = Histogram::new_with_bounds(1, Self::LONGEST_US, 2);
        // The bounds are constant and fit each other.
        Self(bounds.unwrap_or_else(|_| unreachable!("constant bounds")))
    }

    pub(crate) fn record(&mut self, time: Duration, count: u64) {
        let us = u64::try_from(time.as_micros()).unwrap_or(Self::LONGEST_US);
        self.0.saturating_record_n(us, count);
    }

    /// Of so many records, from this time down to that one, evenly.
    pub(crate) fn record_between(&mut self, longest: Duration, shortest: Duration, count: u64) {
        let steps = count.clamp(1, 16);
        for step in 0..steps {
            let part = (count * (step + 1) / steps) - (count * step / steps);
            let spread = longest.saturating_sub(shortest);
            let time = longest - spread.mul_f64(step as f64 / (steps - 1).max(1) as f64);
            self.record(time, part);
        }
    }

    fn add(&mut self, other: &Self) {
        let added = self.0.add(&other.0);
        debug_assert!(added.is_ok(), "the bounds are equal");
    }

    fn summary(&self) -> Latency {
        let ms = |us: u64| us as f64 / 1_000.0;
        Latency {
            p50_ms: ms(self.0.value_at_quantile(0.5)),
            p99_ms: ms(self.0.value_at_quantile(0.99)),
            max_ms: ms(self.0.max()),
            count: self.0.len(),
        }
    }
}
