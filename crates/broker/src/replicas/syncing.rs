//! What is made durable of the partitions, and when: sealed segments on a thread, or everything before it counts.

use std::collections::BTreeSet;

use disk::Disk;
use record::Offset;

use super::{Key, Replicas};
use crate::Durability;
use crate::flusher::{Done, Job};
use crate::refusal::Refusal;
use crate::replica::State;

impl<D: Disk> Replicas<D> {
    /// What is to be made durable of a partition.
    pub(crate) fn begin_flush(&mut self, key: Key) -> Option<Job<D>> {
        // It is done with all the rest.
        if self.syncs() {
            return None;
        }
        let replica = self.replicas.get_mut(&key)?;
        let State::Online(log) = &mut replica.state else {
            return None;
        };
        match log.begin_flush() {
            Ok(flush) => Some(Job {
                key,
                opened: replica.opened,
                flush,
            }),
            Err(e) => {
                tracing::error!(partition = %replica.dir.display(), "not flushed: {e}");
                None
            }
        }
    }

    /// Takes note of what was made durable.
    pub(crate) fn finish_flushes(&mut self, done: Vec<Done<D>>) {
        for Done { job, result } in done {
            let replica = self.replicas.get_mut(&job.key);
            let Some(replica) = replica.filter(|replica| replica.opened == job.opened) else {
                continue;
            };
            if let State::Online(log) = &mut replica.state
                && let Err(e) = log.finish_flush(job.flush, result)
            {
                tracing::error!(partition = %replica.dir.display(), "not flushed: {e}");
            }
        }
    }

    /// Whether records count only once they are synced.
    pub(super) fn syncs(&self) -> bool {
        #[cfg(feature = "deliberate-bugs")]
        if self.bug == Some(cluster::Bug::AnswerBeforeSync) {
            return false;
        }
        self.serving.durability == Durability::PowerLoss
    }

    /// A partition was appended to.
    pub(crate) fn note_append(&mut self, key: Key) {
        if self.syncs() {
            self.dirty.insert(key);
        }
    }

    /// Whether something must be synced before it counts.
    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The partitions that are to be synced now.
    pub(crate) fn take_dirty(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.dirty)
    }

    /// Makes a partition durable, and gives its end; none where it couldn't be tried and must be again.
    ///
    /// # Errors
    /// If the disk fails; the partition is offline then.
    pub(crate) fn sync(&mut self, key: Key) -> Result<Option<Offset>, Refusal> {
        match self.replicas.get_mut(&key) {
            Some(replica) => replica.sync(),
            // It was deleted meanwhile.
            None => Ok(Some(Offset(0))),
        }
    }
}
