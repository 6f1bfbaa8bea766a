//! One partition.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use disk::Disk;
use record::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId};

use crate::{AppendError, LogError, Options, ReadError, Recovery, Trust};

/// One partition's records on disk. See the crate's page.
#[derive(Debug)]
pub struct Partition<D: Disk> {
    disk: D,
    dir: PathBuf,
    options: Options,
}

/// Where batches were appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The time that the leader gave the records, where `message.timestamp.type` says so.
    pub log_append_time: Option<Timestamp>,
    /// True where the batch had been appended before: the offsets are those of the first time.
    pub duplicate: bool,
    /// True where a segment was sealed: a good time for [`Partition::begin_flush`].
    pub rolled: bool,
}

/// A record's position and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampAndOffset {
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// Its offset.
    pub offset: Offset,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
}

/// A segment, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentView {
    /// Offset of its first record.
    pub base_offset: Offset,
    /// The offset behind its last record.
    pub next_offset: Offset,
    /// Bytes of its records.
    pub size_bytes: u64,
    /// Highest timestamp in it, -1 if there is none.
    pub max_timestamp: Timestamp,
}

/// An idempotent producer that has written to the partition, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerView {
    /// The producer.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of its last record.
    pub last_sequence: Sequence,
    /// When it last wrote.
    pub last_timestamp: Timestamp,
}

/// Files to be made durable, on any thread. See [`Partition::begin_flush`].
#[derive(Debug)]
pub struct Flush<D: Disk> {
    disk: D,
    up_to: Offset,
}

impl<D: Disk> Flush<D> {
    /// Everything below this offset will be durable.
    #[must_use]
    pub fn up_to(&self) -> Offset {
        self.up_to
    }

    /// Makes the files durable. To be handed to [`Partition::finish_flush`].
    ///
    /// # Errors
    /// Where the file system fails; the partition must hear of it.
    pub fn run(&mut self) -> Result<(), LogError> {
        todo!()
    }
}

impl<D: Disk> Partition<D> {
    /// Opens the partition in `dir`, whose parent exists; creates it where it is absent.
    ///
    /// # Errors
    /// Where the file system fails, the folder is another topic's, or was written by a newer
    /// version. Damaged records are no error: they are cut off, and [`Recovery`] tells.
    pub fn open(
        disk: D,
        dir: PathBuf,
        options: Options,
        now: Timestamp,
        trust: Trust,
    ) -> Result<(Self, Recovery), LogError> {
        let _ = (disk, dir, options, now, trust);
        todo!()
    }

    /// Appends whole batches as the leader of `epoch`: checks them, and writes their offsets and
    /// leader epochs into `batches`.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended then.
    pub fn append_as_leader(
        &mut self,
        batches: &mut [u8],
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        let _ = (batches, epoch, now);
        todo!()
    }

    /// Appends whole batches as they came from the leader; their offsets must continue the log.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended then, or a prefix of the batches where they fill
    /// more than one segment.
    pub fn append_as_follower(&mut self, batches: &[u8], now: Timestamp) -> Result<Appended, AppendError> {
        let _ = (batches, now);
        todo!()
    }

    /// Whole batches from the one that holds `from`, at most `max_bytes` of them but at least one,
    /// none that reaches `up_to` or beyond. Empty where there is nothing yet.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] where `from` is below the start or beyond the end.
    pub fn read(&self, from: Offset, max_bytes: usize, up_to: Offset) -> Result<Bytes, ReadError> {
        let _ = (from, max_bytes, up_to);
        todo!()
    }

    /// The first record whose timestamp is `timestamp` or later.
    ///
    /// # Errors
    /// Where segments cannot be read.
    pub fn find_timestamp(&self, timestamp: Timestamp) -> Result<Option<TimestampAndOffset>, ReadError> {
        let _ = timestamp;
        todo!()
    }

    /// The first record of the highest timestamp.
    ///
    /// # Errors
    /// Where segments cannot be read.
    pub fn max_timestamp(&self) -> Result<Option<TimestampAndOffset>, ReadError> {
        todo!()
    }

    /// The first offset that is served (log start offset).
    #[must_use]
    pub fn start_offset(&self) -> Offset {
        todo!()
    }

    /// The offset behind the last record (log end offset).
    #[must_use]
    pub fn end_offset(&self) -> Offset {
        todo!()
    }

    /// Everything below this offset was made durable by this process or before it.
    #[must_use]
    pub fn flushed_offset(&self) -> Offset {
        todo!()
    }

    /// The newest leader epoch.
    #[must_use]
    pub fn last_epoch(&self) -> Option<LeaderEpoch> {
        todo!()
    }

    /// Notes that `epoch` begins at the end offset, as a new leader does before its first append.
    ///
    /// # Errors
    /// Where it lies below the newest one, or cannot be written.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), AppendError> {
        let _ = epoch;
        todo!()
    }

    /// The largest epoch not above `epoch`, and the offset at which it ended (KIP-101, KIP-279).
    /// An epoch older than all that are known ends where the oldest known one begins. `None` where
    /// `epoch` is newer than all that are known.
    #[must_use]
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let _ = epoch;
        todo!()
    }

    /// Removes all records from `offset` on, and durably so; gives the new end offset, which is
    /// lower than `offset` where that lies inside a batch.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] below the start offset; where the file system fails, the partition
    /// is offline.
    pub fn truncate_to(&mut self, offset: Offset) -> Result<Offset, LogError> {
        let _ = offset;
        todo!()
    }

    /// Removes everything and begins anew at `offset`: a follower whose log the leader no longer
    /// overlaps.
    ///
    /// # Errors
    /// Where the file system fails; the partition is offline then.
    pub fn reset_to(&mut self, offset: Offset) -> Result<(), LogError> {
        let _ = offset;
        todo!()
    }

    /// Makes everything that was appended durable.
    ///
    /// # Errors
    /// Where the file system fails; what was written is then unknown and the partition offline.
    pub fn flush(&mut self) -> Result<(), LogError> {
        let mut flush = self.begin_flush()?;
        let done = flush.run();
        self.finish_flush(flush, done)
    }

    /// What must be synced to make everything appended so far durable. It may run on another
    /// thread while this one appends on; give it back to [`Partition::finish_flush`].
    ///
    /// # Errors
    /// Where the partition is offline or an index cannot be written.
    pub fn begin_flush(&mut self) -> Result<Flush<D>, LogError> {
        todo!()
    }

    /// Takes note of what a flush has done.
    ///
    /// # Errors
    /// Where the flush failed: the partition is offline.
    pub fn finish_flush(&mut self, flush: Flush<D>, done: Result<(), LogError>) -> Result<(), LogError> {
        let _ = (flush, done);
        todo!()
    }

    /// Raises the start offset, as DeleteRecords does; records below are no longer served.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] beyond the end; where the checkpoint cannot be written.
    pub fn set_start_offset(&mut self, offset: Offset) -> Result<(), LogError> {
        let _ = offset;
        todo!()
    }

    /// Removes whole segments that are too old, too many, or below the start offset, but nothing
    /// that reaches `up_to` (the high watermark). Gives the bytes removed.
    ///
    /// # Errors
    /// Where the file system fails; what remains is consistent.
    pub fn apply_retention(&mut self, now: Timestamp, up_to: Offset) -> Result<u64, LogError> {
        let _ = (now, up_to);
        todo!()
    }

    /// Forgets producers that have been idle for `producer_id_expiration_ms`.
    pub fn expire_producers(&mut self, now: Timestamp) {
        let _ = now;
        todo!()
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentView> {
        todo!()
    }

    /// The idempotent producers that are known.
    #[must_use]
    pub fn producers(&self) -> Vec<ProducerView> {
        todo!()
    }

    /// Bytes of records in all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        todo!()
    }

    /// Why the partition is offline, if it is.
    #[must_use]
    pub fn offline(&self) -> Option<&str> {
        todo!()
    }

    /// The topic's id, from `partition.metadata`.
    #[must_use]
    pub fn topic_id(&self) -> Option<TopicId> {
        self.options.topic_id
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Changes the settings; the topic's id and the first offset stay.
    pub fn set_options(&mut self, options: Options) {
        self.options = Options {
            topic_id: self.options.topic_id,
            first_offset: self.options.first_offset,
            ..options
        };
    }

    /// Makes everything durable and writes indexes and producer state, so that the next opening
    /// can be a [`Trust::CleanStop`]. The caller writes the marker.
    ///
    /// # Errors
    /// Where the file system fails; the partition must not be called clean then.
    pub fn close(self) -> Result<(), LogError> {
        todo!()
    }

    /// Removes the partition with its folder.
    ///
    /// # Errors
    /// Where the file system fails; [`Partition::remove_deleted`] finishes the work later.
    pub fn delete(self) -> Result<(), LogError> {
        let _ = &self.disk;
        todo!()
    }

    /// Removes what interrupted deletions have left in `data_dir`, the folder of the partitions.
    ///
    /// # Errors
    /// Where the file system fails.
    pub fn remove_deleted(disk: &D, data_dir: &Path) -> Result<(), LogError> {
        let _ = (disk, data_dir);
        todo!()
    }

    /// The topic's id of the partition in `dir` without opening it; `None` where it has none.
    ///
    /// # Errors
    /// Where the file is unreadable.
    pub fn read_topic_id(disk: &D, dir: &Path) -> Result<Option<TopicId>, LogError> {
        let _ = (disk, dir);
        todo!()
    }
}
