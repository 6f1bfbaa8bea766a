//! One partition.

mod append;
mod check;
mod flush;
mod open;
mod opening;
mod read;
mod retention;
mod time;
mod truncate;

use std::path::Path;

use disk::Disk;
use record::{LeaderEpoch, Offset, Timestamp, TopicId};

pub use flush::Flush;

use crate::epochs::Epochs;
use crate::folder::{DAMAGED, Folder};
use crate::producers::Producers;
use crate::segment::{Active, Sealed};
use crate::{LogError, Options, ProducerView, SegmentView};

/// One partition's records on disk. See the crate's page.
pub struct Partition<D: Disk> {
    folder: Folder<D>,
    options: Options,
    /// Oldest first; each begins where the one before ends.
    sealed: Vec<Sealed>,
    active: Active<D>,
    epochs: Epochs,
    producers: Producers,
    /// The first offset that is served.
    start: Offset,
    durable: Durable,
    /// Records may be gone that were acknowledged, and that is noted in the folder.
    damaged: bool,
    /// Why nothing is done any more.
    offline: Option<String>,
    /// Decompressed records while a batch is checked.
    scratch: Vec<u8>,
}

/// What is known to survive a power loss.
#[derive(Debug, Clone, Default)]
struct Durable {
    /// All records below were synced.
    flushed: Offset,
    /// What the checkpoint on disk says; base offset of a segment, or the end after a clean stop.
    recovery_point: Offset,
    /// Counts truncations: a flush that began before one proves nothing about what came after.
    truncations: u64,
    /// Counts changes of names in the folder, and how many of them were synced.
    names_changed: u64,
    names_synced: u64,
    /// Whether the epochs' checkpoint was replaced without a sync.
    epochs_unsynced: bool,
    /// Whether it knows epochs that were cut off, for there was no space to replace it: opening drops them, as long
    /// as nothing is appended before it is replaced.
    epochs_stale: bool,
}

impl<D: Disk> Partition<D> {
    /// The first offset that is served (log start offset).
    #[must_use]
    pub fn start_offset(&self) -> Offset {
        self.start
    }

    /// The offset behind the last record (log end offset).
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        self.active.end
    }

    /// Everything below this offset is known to be durable.
    #[must_use]
    pub fn flushed_offset(&self) -> Offset {
        self.durable.flushed
    }

    /// The newest leader epoch.
    #[must_use]
    pub fn last_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.last()
    }

    /// The epoch of the last record, which a follower tells its leader (`LastFetchedEpoch`, KIP-595).
    /// Older than [`Partition::last_epoch`] where leaders came and went without a record.
    #[must_use]
    pub fn last_record_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.of_last_record(self.active.end)
    }

    /// The largest epoch not above `epoch`, and the offset at which it ended (KIP-101, KIP-279).
    /// An epoch older than all that are known ends where the oldest known one begins. `None` where
    /// `epoch` is newer than all that are known.
    #[must_use]
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        self.epochs.end_of(epoch, self.active.end)
    }

    /// Forgets producers that have been idle for `producer_id_expiration_ms`.
    pub fn expire_producers(&mut self, now: Timestamp) {
        self.producers.expire(now, self.options.producer_id_expiration_ms);
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentView> {
        let active = self.active.sealed();
        let all = self.sealed.iter().chain([&active]);
        all.map(|segment| SegmentView {
            base_offset: segment.base,
            next_offset: segment.end,
            size_bytes: segment.size,
            max_timestamp: segment.max.timestamp,
        })
        .collect()
    }

    /// The idempotent producers that are known.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerView> {
        self.producers.views()
    }

    /// Bytes of records in all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.active.size + self.sealed.iter().map(|segment| segment.size).sum::<u64>()
    }

    /// Why the partition is offline, if it is.
    #[must_use]
    pub fn offline(&self) -> Option<&str> {
        self.offline.as_deref()
    }

    /// Whether records may be gone that were acknowledged: opening it found less than there was, or that was noted.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// Durably notes that records may be gone.
    ///
    /// # Errors
    /// Where the file system fails; the partition counts as damaged until it is opened again.
    pub fn note_damage(&mut self) -> Result<(), LogError> {
        self.damaged = true;
        self.folder.note_damage()
    }

    /// Whoever decides what becomes of the partition knows of its damage: the note is removed.
    ///
    /// # Errors
    /// Where the file system fails; the partition counts as damaged then.
    pub fn forget_damage(&mut self) -> Result<(), LogError> {
        if self.damaged {
            self.folder.remove(&self.folder.path.join(DAMAGED))?;
            self.damaged = false;
        }
        Ok(())
    }

    /// The topic's id, from `partition.metadata`.
    #[must_use]
    pub fn topic_id(&self) -> Option<TopicId> {
        self.options.topic_id
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.folder.path
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Changes the settings; the topic's id and the first offset stay.
    pub fn set_options(&mut self, options: Options) {
        let (topic_id, first_offset) = (self.options.topic_id, self.options.first_offset);
        self.options = Options {
            topic_id,
            first_offset,
            ..options
        };
    }

    /// The error that every call gives while the partition is offline.
    fn online(&self) -> Result<(), LogError> {
        match &self.offline {
            None => Ok(()),
            Some(reason) => Err(LogError::Offline(reason.clone())),
        }
    }

    /// Takes the partition offline where `result` is an error: the files are then in a state that
    /// only opening them again can clear up.
    fn or_offline<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(e) = &result {
            self.offline.get_or_insert_with(|| e.to_string());
        }
        result
    }
}

impl<D: Disk> std::fmt::Debug for Partition<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partition")
            .field("dir", &self.folder.path)
            .field("start", &self.start)
            .field("end", &self.active.end)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
