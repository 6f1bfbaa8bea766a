//! Makes sealed segments durable, so that a power loss costs a scan of the newest segment only.
//!
//! By itself it does so at once. A broker with a clock to keep has a thread do it: a segment may be a
//! gigabyte, and the executor must not be silent for so long.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};

use disk::Disk;
use log::{Flush, LogError};

use crate::replicas::Key;

/// Jobs that the thread has before it; more wait here.
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
    /// What the thread has no room for, in turn: one of each partition, because a later job covers what an
    /// earlier one would have made durable.
    waiting: VecDeque<Job<D>>,
    done: Vec<Done<D>>,
}

impl<D: Disk> Flusher<D> {
    pub(crate) fn new() -> Self {
        Self {
            thread: None,
            waiting: VecDeque::new(),
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
        match self.waiting.iter_mut().find(|waiting| waiting.key == job.key) {
            Some(waiting) => *waiting = job,
            None => self.waiting.push_back(job),
        }
        self.hand_out();
    }

    /// Gives the thread what it has room for.
    fn hand_out(&mut self) {
        while let Some(job) = self.waiting.pop_front() {
            let Some(thread) = &self.thread else {
                self.done.push(run(job));
                continue;
            };
            match thread.jobs.try_send(job) {
                Ok(()) => {}
                Err(TrySendError::Full(job)) => {
                    self.waiting.push_front(job);
                    return;
                }
                Err(TrySendError::Disconnected(job)) => {
                    tracing::error!("the flusher's thread has ended; segments are flushed without it");
                    self.done.extend(thread.done.try_iter());
                    self.done.push(run(job));
                    self.thread = None;
                }
            }
        }
    }

    /// What has been run since the last call.
    pub(crate) fn take_done(&mut self) -> Vec<Done<D>> {
        self.hand_out();
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use disk::SimDisk;
    use log::{Options, Partition, Trust};
    use record::{PartitionIndex, Timestamp, TopicId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn whoever_brings_more_than_the_thread_takes_does_not_wait_for_the_disk() {
        let disk = SimDisk::new();
        let dir = PathBuf::from("/t-0");
        let (mut partition, _) =
            Partition::open(disk, dir, Options::default(), Timestamp(0), Trust::Nothing).expect("it opens");
        let mut job = |partition_index, opened| Job {
            key: (TopicId(Uuid::from_u128(1)), PartitionIndex(partition_index)),
            opened,
            flush: partition.begin_flush().expect("online"),
        };
        // A thread that hasn't begun with the first yet.
        let (jobs, to_do) = sync_channel(QUEUE);
        let (_finished, done) = channel();
        let mut flusher = Flusher::new();
        flusher.thread = Some(Thread { jobs, done });
        let count = i32::try_from(QUEUE).expect("small") + 2;
        for index in 0..count {
            flusher.begin(job(index, 1));
        }
        flusher.begin(job(count - 1, 2));
        assert!(flusher.take_done().is_empty(), "nothing was run here");
        let taken: Vec<i32> = to_do.try_iter().map(|job| job.key.1.0).collect();
        assert_eq!(taken, (0..count - 2).collect::<Vec<_>>());
        assert!(flusher.take_done().is_empty());
        let rest: Vec<(i32, u64)> = to_do.try_iter().map(|job| (job.key.1.0, job.opened)).collect();
        assert_eq!(
            rest,
            [(count - 2, 1), (count - 1, 2)],
            "the later covers the earlier"
        );
    }
}
