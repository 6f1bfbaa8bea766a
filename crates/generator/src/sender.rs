//! Sends one stream's records at their times.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client::{Delivery, OutRecord, ProduceError, Producer};
use record::{Header, PartitionIndex, Timestamp};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use crate::{
    GeneratorError,
    event::{KIND_HEADER, Kind, Made, RUN_HEADER, SEQUENCE_HEADER},
    plan::Plan,
    progress::Meter,
    truth_log::{Entry, TruthLog},
    workers::Workers,
};

/// So many real seconds of records stand in the truth log ahead.
const INTENT_SECONDS: f64 = 2.0;

/// A record on its way.
#[derive(Debug)]
pub(crate) struct Underway {
    pub(crate) sequence: u64,
    pub(crate) kind: Kind,
    pub(crate) delivery: Delivery,
}

/// One stream of one run.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) topic: String,
    pub(crate) run: u64,
    pub(crate) plan: Arc<Plan>,
    pub(crate) producer: Arc<Producer>,
    pub(crate) log: Arc<Mutex<TruthLog>>,
    pub(crate) meter: Arc<Meter>,
    /// Records below it stand in the truth log.
    pub(crate) reserved: u64,
    /// Where the first sequences went, whatever their keys: see `fence`.
    pub(crate) placed: Vec<PartitionIndex>,
}

impl Sender {
    /// Sends from `first` on until it is told to stop. Records that are late are sent at once: when each is
    /// due doesn't depend on those before it.
    pub(crate) async fn run(
        mut self,
        first: u64,
        threads: usize,
        mut stop: watch::Receiver<bool>,
        tally: mpsc::Sender<Underway>,
    ) -> Result<(), GeneratorError> {
        let mut workers = Workers::new(Arc::clone(&self.plan), first, threads);
        let due_of = |sequence| Duration::from_micros(self.plan.clock.due_us(sequence));
        let began = Instant::now();
        let (plan, offset) = (Arc::clone(&self.plan), due_of(first));
        let due =
            |sequence| began + Duration::from_micros(plan.clock.due_us(sequence)).saturating_sub(offset);
        loop {
            let made = workers.next().await?;
            let due = due(made.sequence);
            if due > Instant::now() {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return Ok(()),
                    () = sleep_until(due) => {}
                }
            }
            self.meter.late(Instant::now().saturating_duration_since(due));
            self.reserve(made.sequence)?;
            let delivery = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                sent = self.send(&made, self.place_of(&made)) => sent?,
            };
            let underway = Underway {
                sequence: made.sequence,
                kind: made.kind,
                delivery,
            };
            if tally.send(underway).await.is_err() {
                // The tally ended with an error of its own, which counts.
                return Ok(());
            }
        }
    }

    /// Makes sure that the log announces this sequence, and some more.
    fn reserve(&mut self, sequence: u64) -> Result<(), GeneratorError> {
        if sequence < self.reserved {
            return Ok(());
        }
        let to = sequence + 1 + self.plan.clock.sequences_in(INTENT_SECONDS);
        let until_ms = self.plan.clock.at_ms(to);
        let intent = Entry::Intent {
            topic: self.topic.clone(),
            run: self.run,
            to,
            until_ms,
        };
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(intent)?;
        self.reserved = to;
        Ok(())
    }

    /// Writes this run's first records so that each partition gets one, whatever their keys: brokers then
    /// refuse what a dead producer of a lower epoch may still have on the way. Gives the offset of the last
    /// of them in each partition.
    pub(crate) async fn fence(&mut self, partitions: &[PartitionIndex]) -> Result<Vec<i64>, GeneratorError> {
        let mut deliveries = Vec::new();
        let mut open = partitions.iter();
        while open.len() > 0 {
            let sequence = self.placed.len() as u64;
            self.reserve(sequence)?;
            let made = self.plan.make(sequence);
            // A duplicate goes where its original went; only others can be placed at will.
            let place = self.place_of(&made).or_else(|| open.next().copied());
            let Some(partition) = place else { break };
            deliveries.push(self.send(&made, Some(partition)).await?);
            self.placed.push(partition);
        }
        let mut last = vec![-1; partitions.len()];
        for delivery in deliveries {
            let unknown = || ProduceError::Fatal {
                reason: "a broker acknowledged a fence without its offset".to_owned(),
            };
            let delivered = delivery.await?;
            let offset = delivered.offset.ok_or_else(unknown)?.0;
            if let Some(place) = partitions
                .iter()
                .position(|partition| *partition == delivered.partition)
            {
                last[place] = last[place].max(offset);
            }
        }
        Ok(last)
    }

    /// Where a record must go, if not by its key.
    fn place_of(&self, made: &Made) -> Option<PartitionIndex> {
        let original = usize::try_from(made.original?).ok()?;
        self.placed.get(original).copied()
    }

    async fn send(&self, made: &Made, partition: Option<PartitionIndex>) -> Result<Delivery, ProduceError> {
        let (run, sequence) = (self.run.to_be_bytes(), made.sequence.to_be_bytes());
        let headers = [
            Header {
                key: RUN_HEADER,
                value: Some(&run),
            },
            Header {
                key: SEQUENCE_HEADER,
                value: Some(&sequence),
            },
            Header {
                key: KIND_HEADER,
                value: Some(made.kind.name().as_bytes()),
            },
        ];
        let record = OutRecord {
            timestamp: Timestamp(made.timestamp_ms),
            key: Some(&made.key),
            value: Some(&made.value),
            headers: &headers,
        };
        self.producer.send(&self.topic, partition, record).await
    }
}
