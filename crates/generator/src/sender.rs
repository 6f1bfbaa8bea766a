//! Sends windows of records at their times.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use client::{OutRecord, ProduceError, Producer};
use record::Timestamp;
use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};

use crate::{
    Counts, GeneratorError,
    engine::{Item, Window},
    headers::headers,
    pace::Pace,
    progress::{Meters, Times},
    tally::{Chunk, Part},
    truth_log::{Entry, TruthLog},
};

/// How often the time is looked at while records are handed over, in records.
const LOOK_EVERY: u32 = 32;

/// Sends all streams of one run.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) run: u64,
    /// The topics, by stream.
    pub(crate) topics: Vec<String>,
    /// The next sequences, by stream.
    pub(crate) next: Vec<u64>,
    pub(crate) producer: Arc<Producer>,
    pub(crate) log: Arc<Mutex<TruthLog>>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) pace: Pace,
    /// Where the windows end; earlier ends mean that a thread failed. `None`: wherever they do.
    pub(crate) until_us: Option<i64>,
    /// Records that may still be sent, of all runs.
    pub(crate) left: u64,
    /// The time that the clock of the events shows, for progress.
    pub(crate) clock: watch::Sender<i64>,
}

impl Sender {
    /// Sends until it is told to stop, the windows end, or enough was sent. Records that are late are sent
    /// at once: when each is due doesn't depend on those before it.
    pub(crate) async fn run(
        mut self,
        mut windows: mpsc::Receiver<Window>,
        mut stop: watch::Receiver<bool>,
        tally: mpsc::Sender<Chunk>,
    ) -> Result<(), GeneratorError> {
        let (mut has_begun, mut end_us) = (false, i64::MIN);
        while self.left > 0 {
            let window = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                window = windows.recv() => window,
            };
            let Some(window) = window else {
                let is_early = self.until_us.is_some_and(|until_us| end_us < until_us);
                return if is_early {
                    Err(GeneratorError::Maker)
                } else {
                    Ok(())
                };
            };
            end_us = window.end_us;
            if !std::mem::replace(&mut has_begun, true) {
                self.pace.begin(Instant::now());
            }
            self.reserve(&window)?;
            let mut hand_over = HandOver::new(self.topics.len());
            let sent = self.send(&window, &mut stop, &mut hand_over).await;
            self.meters
                .sent(hand_over.records, hand_over.bytes, &hand_over.lateness);
            for (stream, (counts, parts)) in hand_over.chunks.into_iter().enumerate() {
                let chunk = Chunk {
                    stream,
                    to: self.next[stream],
                    counts,
                    parts,
                };
                if !chunk.parts.is_empty() && tally.send(chunk).await.is_err() {
                    // The tally ended with an error of its own, which counts.
                    return Ok(());
                }
            }
            if !sent? {
                return Ok(());
            }
            self.clock.send_replace(window.end_us);
        }
        Ok(())
    }

    /// Sends a window; false where it was told to stop or enough was sent.
    async fn send(
        &mut self,
        window: &Window,
        stop: &mut watch::Receiver<bool>,
        hand_over: &mut HandOver,
    ) -> Result<bool, GeneratorError> {
        let (mut now, mut looked) = (Instant::now(), 0);
        for item in window.items(0) {
            if self.left == 0 {
                return Ok(false);
            }
            let due = self.pace.due(item.entry.at_us).unwrap_or(now);
            looked += 1;
            if due > now || looked == LOOK_EVERY {
                (now, looked) = (Instant::now(), 0);
            }
            if due > now {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return Ok(false),
                    () = sleep_until(due.into()) => now = Instant::now(),
                }
            }
            let late = now.saturating_duration_since(due);
            let sequence = self.next[item.stream];
            tokio::select! {
                biased;
                sent = self.send_one(item, sequence, due, hand_over) => sent?,
                _ = stop.wait_for(|stop| *stop) => return Ok(false),
            }
            hand_over.lateness.record(late, 1);
            self.next[item.stream] += 1;
            self.left -= 1;
        }
        Ok(true)
    }

    async fn send_one(
        &self,
        item: Item<'_>,
        sequence: u64,
        due: Instant,
        hand_over: &mut HandOver,
    ) -> Result<(), ProduceError> {
        let (run, sequence) = (self.run.to_be_bytes(), sequence.to_be_bytes());
        let record = OutRecord {
            timestamp: Timestamp(item.entry.at_us.div_euclid(1_000)),
            key: Some(item.key),
            value: item.value,
            headers: &headers(&run, &sequence, item.entry.kind),
        };
        let delivery = self
            .producer
            .send(&self.topics[item.stream], None, record)
            .await?;
        hand_over.bytes += u64::from(item.entry.key) + u64::from(item.entry.value);
        hand_over.records += 1;
        let (counts, parts) = &mut hand_over.chunks[item.stream];
        counts.add(item.entry.kind, 1);
        match parts
            .iter_mut()
            .rev()
            .find(|part| part.delivery.shares_batch_with(&delivery))
        {
            Some(part) => {
                part.delivery = delivery;
                part.records += 1;
                part.last_due = due;
            }
            None => parts.push(Part {
                delivery,
                records: 1,
                first_due: due,
                last_due: due,
            }),
        }
        Ok(())
    }

    /// Makes sure that the log announces what a window holds before any of it is sent.
    fn reserve(&self, window: &Window) -> Result<(), GeneratorError> {
        let mut counts = vec![0; self.topics.len()];
        for (stream, batch) in &window.batches {
            counts[*stream] += batch.entries.len() as u64;
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        for (stream, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            log.append(Entry::Intent {
                topic: self.topics[stream].clone(),
                run: self.run,
                to: self.next[stream] + count,
                until_ms: window.end_us.div_euclid(1_000),
            })?;
        }
        Ok(())
    }
}

/// What was handed over of a window.
#[derive(Debug)]
struct HandOver {
    records: u64,
    bytes: u64,
    lateness: Times,
    /// By stream.
    chunks: Vec<(Counts, Vec<Part>)>,
}

impl HandOver {
    fn new(streams: usize) -> Self {
        Self {
            records: 0,
            bytes: 0,
            lateness: Times::new(),
            chunks: (0..streams).map(|_| Default::default()).collect(),
        }
    }
}
