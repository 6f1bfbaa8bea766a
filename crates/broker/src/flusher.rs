//! Makes sealed segments durable, so that a power loss costs a scan of the newest segment only.
//!
//! By itself it does so at once. A broker with a clock to keep has a thread do it: a segment may be a
//! gigabyte, and the executor must not be silent for so long.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};

use disk::Disk;
use log::{Flush, LogError};

use crate::replicas::Key;

/// Jobs that wait for the thread; one more is run at once, by whoever brings it.
const QUEUE: usize = 64;

/// One partition's files that are to be made durable.
pub(crate) struct Job<D: Disk> {
    pub(crate) key: Key,
    /// Which opening of the partition gave it.
    pub(crate) opened: u64,
    pub(crate) flush: Flush<D>,
}

/// A job that was run.
pub(crate) struct Done<D: Disk> {
    pub(crate) job: Job<D>,
    pub(crate) result: Result<(), LogError>,
}

/// Both ends of the thread.
struct Thread<D: Disk> {
    jobs: SyncSender<Job<D>>,
    done: Receiver<Done<D>>,
}

/// Runs jobs, here or on a thread.
pub(crate) struct Flusher<D: Disk> {
    thread: Option<Thread<D>>,
    done: Vec<Done<D>>,
}

impl<D: Disk> Flusher<D> {
    pub(crate) fn new() -> Self {
        Self {
            thread: None,
            done: Vec::new(),
        }
    }

    /// Has a thread run the jobs from now on. It ends with the flusher.
    pub(crate) fn start_thread(&mut self) -> std::io::Result<()> {
        let (jobs, to_do) = sync_channel(QUEUE);
        // Never more than have been begun and not taken back.
        let (finished, done) = channel();
        std::thread::Builder::new()
            .name("flusher".to_owned())
            .spawn(move || {
                for job in to_do {
                    // Without an executor nobody needs to know.
                    if finished.send(run(job)).is_err() {
                        return;
                    }
                }
            })?;
        self.thread = Some(Thread { jobs, done });
        Ok(())
    }

    pub(crate) fn begin(&mut self, job: Job<D>) {
        let left = match &self.thread {
            Some(thread) => thread.jobs.try_send(job).err(),
            None => Some(TrySendError::Full(job)),
        };
        match left {
            None => {}
            // Whoever writes faster than the disk takes it waits for the disk.
            Some(TrySendError::Full(job)) => self.done.push(run(job)),
            Some(TrySendError::Disconnected(job)) => {
                tracing::error!("the flusher's thread has ended; segments are flushed without it");
                self.done.extend(
                    self.thread
                        .take()
                        .iter()
                        .flat_map(|thread| thread.done.try_iter()),
                );
                self.done.push(run(job));
            }
        }
    }

    /// What has been run since the last call.
    pub(crate) fn take_done(&mut self) -> Vec<Done<D>> {
        if let Some(thread) = &self.thread {
            self.done.extend(thread.done.try_iter());
        }
        std::mem::take(&mut self.done)
    }
}

fn run<D: Disk>(mut job: Job<D>) -> Done<D> {
    let result = job.flush.run();
    Done { job, result }
}
