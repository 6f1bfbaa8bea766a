//! Counts what is acknowledged, in the order of the sequences, and logs the counts.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use client::Delivery;
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use crate::{
    Counts, GeneratorError,
    progress::{Meters, Times},
    truth_log::{Done, Entry, TruthLog},
};

/// Between two entries of counts.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// Records of one topic that were handed over, one after the other.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Which of the streams.
    pub(crate) stream: usize,
    /// The sequence behind the last one.
    pub(crate) to: u64,
    pub(crate) counts: Counts,
    pub(crate) parts: Vec<Part>,
}

/// Records of a chunk that went into one batch of the producer. Batches are written as a whole.
#[derive(Debug)]
pub(crate) struct Part {
    /// Of the last of them.
    pub(crate) delivery: Delivery,
    pub(crate) records: u64,
    pub(crate) first_due: Instant,
    pub(crate) last_due: Instant,
}

/// The counts of all streams of a run.
#[derive(Debug)]
pub(crate) struct Tally {
    /// By stream.
    pub(crate) done: Vec<Done>,
    pub(crate) log: Arc<Mutex<TruthLog>>,
    pub(crate) meters: Arc<Meters>,
}

impl Tally {
    /// Counts until the sender has ended and all that it sent is acknowledged; then the run is closed.
    pub(crate) async fn run(mut self, mut chunks: mpsc::Receiver<Chunk>) -> Result<(), GeneratorError> {
        let mut tick = interval(LOG_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut logged: Vec<u64> = self.done.iter().map(|done| done.to).collect();
        loop {
            tokio::select! {
                biased;
                _ = tick.tick() => {
                    for (done, logged) in self.done.iter().zip(&mut logged) {
                        if done.to > *logged {
                            self.log(done)?;
                            *logged = done.to;
                        }
                    }
                }
                chunk = chunks.recv() => match chunk {
                    Some(chunk) => self.count(chunk).await?,
                    None => break,
                },
            }
        }
        for done in &mut self.done {
            done.closed = true;
        }
        self.log_all()
    }

    async fn count(&mut self, chunk: Chunk) -> Result<(), GeneratorError> {
        let Some(done) = self.done.get_mut(chunk.stream) else {
            return Ok(());
        };
        let mut times = Times::new();
        for part in chunk.parts {
            let delivered = part.delivery.await?;
            let now = Instant::now();
            let waited = |since| now.saturating_duration_since(since);
            times.record_between(waited(part.first_due), waited(part.last_due), part.records);
            let index = usize::try_from(delivered.partition.0).unwrap_or_default();
            if let (Some(offset), Some(next)) = (delivered.offset, done.next.get_mut(index)) {
                // Offsets of a topic never go back.
                if offset.0 < *next {
                    let topic = done.topic.clone();
                    return Err(GeneratorError::Recreated { topic });
                }
                *next = offset.0 + 1;
            }
        }
        done.to = chunk.to;
        done.counts.add_all(&chunk.counts);
        self.meters
            .acknowledged(&done.topic, chunk.counts.records(), &times);
        Ok(())
    }

    /// Logs all counts as they are.
    pub(crate) fn log_all(&self) -> Result<(), GeneratorError> {
        self.done.iter().try_for_each(|done| self.log(done))
    }

    fn log(&self, done: &Done) -> Result<(), GeneratorError> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.append(Entry::Done(done.clone()))
    }
}
