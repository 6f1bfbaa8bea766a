//! Counts what is acknowledged, in the order of the sequences, and logs the counts.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use crate::{
    GeneratorError,
    progress::Meter,
    sender::Underway,
    truth_log::{Done, Entry, TruthLog},
};

/// Between two entries of counts.
const LOG_EVERY: Duration = Duration::from_secs(1);

/// One stream's counts.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) done: Done,
    pub(crate) log: Arc<Mutex<TruthLog>>,
    pub(crate) meter: Arc<Meter>,
}

impl Tally {
    /// Counts until the sender has ended and all that it sent is acknowledged; then the run is closed.
    pub(crate) async fn run(mut self, mut underway: mpsc::Receiver<Underway>) -> Result<(), GeneratorError> {
        let mut tick = interval(LOG_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut logged = self.done.to;
        loop {
            tokio::select! {
                biased;
                _ = tick.tick() => {
                    if self.done.to > logged {
                        self.log()?;
                        logged = self.done.to;
                    }
                }
                record = underway.recv() => match record {
                    Some(record) => self.count(record).await?,
                    None => break,
                },
            }
        }
        self.done.closed = true;
        self.log()
    }

    async fn count(&mut self, record: Underway) -> Result<(), GeneratorError> {
        let delivered = record.delivery.await?;
        self.done.to = record.sequence + 1;
        self.done.counts.add(record.kind);
        let index = usize::try_from(delivered.partition.0).unwrap_or_default();
        if let (Some(offset), Some(next)) = (delivered.offset, self.done.next.get_mut(index)) {
            *next = offset.0 + 1;
        }
        self.meter.acknowledged();
        Ok(())
    }

    pub(crate) fn log(&self) -> Result<(), GeneratorError> {
        let entry = Entry::Done(self.done.clone());
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(entry)
    }
}
