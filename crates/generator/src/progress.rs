//! How it goes.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::Counts;

/// How it goes, each second.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Since the generator started.
    pub elapsed: Duration,
    /// By topic.
    pub topics: Vec<TopicProgress>,
    /// Interruptions so far: brokers away for longer than a delivery may take.
    pub errors: u64,
    /// The last of them.
    pub last_error: Option<String>,
}

/// How it went.
pub type Summary = Progress;

/// One topic's progress.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicProgress {
    /// The topic.
    pub topic: String,
    /// What it holds of all runs, acknowledged and logged.
    pub counts: Counts,
    /// Records acknowledged since the generator started.
    pub acknowledged: u64,
    /// Of them a second, over the time since it started.
    pub per_second: f64,
    /// By how much a record was sent later than its time, at most, since the last progress. It grows when
    /// brokers are slower than the rate asks for.
    pub lateness: Duration,
}

/// What a stream counts while it runs.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    acknowledged: AtomicU64,
    lateness_us: AtomicU64,
}

impl Meter {
    pub(crate) fn acknowledged(&self) {
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn late(&self, by: Duration) {
        let us = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.lateness_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(crate) fn progress(&self, topic: &str, counts: Counts, elapsed: Duration) -> TopicProgress {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        let seconds = elapsed.as_secs_f64();
        TopicProgress {
            topic: topic.to_owned(),
            counts,
            acknowledged,
            per_second: if seconds > 0.0 {
                acknowledged as f64 / seconds
            } else {
                0.0
            },
            lateness: Duration::from_micros(self.lateness_us.swap(0, Ordering::Relaxed)),
        }
    }
}
