//! Appending.

use std::io;

use disk::Disk;
use record::{BatchHeader, LeaderEpoch, Timestamp, TimestampType, set_base_offset, set_leader_epoch};

use super::Partition;
use super::check::{check_batch, refusal};
use crate::epochs::Epochs;
use crate::error::is_disk_full;
use crate::folder::Part;
use crate::producers::Staged;
use crate::segment::Active;
use crate::{AppendError, Appended, LogError};

impl<D: Disk> Partition<D> {
    /// Appends whole batches as the leader of `epoch`: checks them, and writes their offsets and
    /// leader epochs into `batches`. All of them are appended by one write, or none.
    ///
    /// Where the first batch of an idempotent producer has been appended before, nothing is
    /// appended and the offsets of the first time are given.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was appended then.
    pub fn append_as_leader(
        &mut self,
        batches: &mut [u8],
        epoch: LeaderEpoch,
        now: Timestamp,
    ) -> Result<Appended, AppendError> {
        self.online()?;
        self.check_epoch(epoch)?;
        let limit = self.options.segment_bytes;
        if batches.len() > limit as usize {
            return Err(AppendError::RecordListTooLarge {
                size: batches.len(),
                limit,
            });
        }

        let mut headers = Vec::with_capacity(1);
        let mut staged = Staged::default();
        let mut next = self.active.end;
        let mut budget = self.options.max_decompressed_bytes;
        let mut rest = &mut *batches;
        while !rest.is_empty() {
            let size = BatchHeader::parse(rest)
                .and_then(|header| fits(&header, rest))
                .map_err(refusal)?;
            let (batch, after) = rest.split_at_mut(size);
            rest = after;
            let mut header = check_batch(batch, &self.options, now, &mut budget, &mut self.scratch)?;
            header.base_offset = next;
            header.leader_epoch = epoch;
            if header.has_producer_id()
                && let Some(first) = self.producers.stage(&mut staged, &header, now)?
            {
                if !headers.is_empty() {
                    let reason = "a batch that was appended before follows one that was not";
                    return Err(AppendError::invalid(reason));
                }
                return Ok(Appended {
                    base_offset: first.base_offset(),
                    last_offset: first.last_offset,
                    log_append_time: None,
                    duplicate: true,
                    rolled: false,
                });
            }
            set_base_offset(batch, next);
            set_leader_epoch(batch, epoch);
            next = header.next_offset();
            headers.push(header);
        }
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else {
            return Err(AppendError::invalid("there is no batch to append"));
        };
        let (base_offset, last_offset) = (first.base_offset, last.last_offset());

        let rolled = headers
            .iter()
            .any(|header| self.active.is_full_for(header, 0, &self.options))
            || self.active.size > 0 && self.active.size + batches.len() as u64 > u64::from(limit);
        if rolled {
            self.roll()?;
        }
        self.note_epoch(epoch)?;
        self.write(batches, &headers)?;
        self.producers.commit(staged);
        let leader_sets_time = self.options.timestamp_type == TimestampType::LogAppendTime;
        Ok(Appended {
            base_offset,
            last_offset,
            log_append_time: leader_sets_time.then_some(now),
            duplicate: false,
            rolled,
        })
    }

    /// Appends whole batches as they came from the leader; their offsets must continue the log. The first batch
    /// of a log without records may begin before its end: where the leader's records were deleted up to the
    /// middle of a batch, the leader gives it whole.
    ///
    /// # Errors
    /// See [`AppendError`]. Where the batches fill more than one segment, those of the first
    /// segments may have been appended: see [`Partition::end_offset`].
    pub fn append_as_follower(&mut self, batches: &[u8], now: Timestamp) -> Result<Appended, AppendError> {
        self.online()?;
        let headers = self.check_copied(batches)?;
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else {
            return Err(AppendError::invalid("there is no batch to append"));
        };
        let (base_offset, last_offset) = (first.base_offset, last.last_offset());
        if base_offset < self.active.end {
            let begun = self.begin_at(base_offset, self.start);
            self.or_offline(begun)?;
        }

        let mut rolled = false;
        let mut rest = batches;
        let mut left = headers.as_slice();
        while let Some(first) = left.first() {
            if self.active.is_full_for(first, 0, &self.options) {
                self.roll()?;
                rolled = true;
            }
            // As many batches as fit the segment and carry one leader epoch go by one write.
            let mut bytes = first.size;
            let more = left[1..].iter().take_while(|header| {
                let fits = header.leader_epoch == first.leader_epoch
                    && !self.active.is_full_for(header, bytes as u64, &self.options);
                if fits {
                    bytes += header.size;
                }
                fits
            });
            let count = 1 + more.count();
            self.note_copied_epoch(first.leader_epoch)?;
            let (now_written, after) = rest.split_at(bytes);
            self.write(now_written, &left[..count])?;
            for header in &left[..count] {
                self.producers.replay(header, now);
            }
            rest = after;
            left = &left[count..];
        }
        Ok(Appended {
            base_offset,
            last_offset,
            log_append_time: None,
            duplicate: false,
            rolled,
        })
    }

    /// Notes that `epoch` begins at the end offset, as a new leader does before its first append.
    ///
    /// # Errors
    /// Where it lies below the newest one, or cannot be written.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), AppendError> {
        self.online()?;
        self.check_epoch(epoch)?;
        self.note_epoch(epoch)
    }

    /// Checks that copied batches are whole and continue the log.
    fn check_copied(&self, batches: &[u8]) -> Result<Vec<BatchHeader>, AppendError> {
        let mut headers = Vec::new();
        let mut next = self.active.end;
        // An epoch that this broker led without writing anything says nothing about what another wrote.
        let mut epoch = self.last_record_epoch().unwrap_or_default();
        let mut rest = batches;
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).map_err(refusal)?;
            let size = fits(&header, rest).map_err(refusal)?;
            header.check_crc(rest).map_err(refusal)?;
            let holds_start = headers.is_empty() && self.start == next && header.last_offset() >= next;
            if header.base_offset != next && !(holds_start && header.base_offset < next) {
                return Err(AppendError::UnexpectedOffset {
                    expected: next,
                    got: header.base_offset,
                });
            }
            if header.leader_epoch < epoch {
                return Err(AppendError::StaleLeaderEpoch {
                    current: epoch,
                    got: header.leader_epoch,
                });
            }
            epoch = header.leader_epoch;
            next = header.next_offset();
            rest = &rest[size..];
            headers.push(header);
        }
        Ok(headers)
    }

    fn check_epoch(&self, epoch: LeaderEpoch) -> Result<(), AppendError> {
        match self.epochs.last() {
            Some(current) if current > epoch => Err(AppendError::StaleLeaderEpoch { current, got: epoch }),
            _ => Ok(()),
        }
    }

    /// Notes that `epoch` begins at the end offset, if it is new.
    fn note_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), AppendError> {
        if self.epochs.last() == Some(epoch) && !self.durable.epochs_stale {
            return Ok(());
        }
        let mut epochs = self.epochs.clone();
        epochs.assign(epoch, self.active.end);
        self.store_epochs(epochs)
    }

    /// Notes that records of `epoch` come next. What this broker led without writing anything never was, for
    /// the leader, and is forgotten on disk as well: whoever opens the log would believe it.
    fn note_copied_epoch(&mut self, epoch: LeaderEpoch) -> Result<(), AppendError> {
        let known = self.epochs.last() == Some(epoch);
        let has_records = self.epochs.of_last_record(self.active.end) == Some(epoch);
        if known && has_records && !self.durable.epochs_stale {
            return Ok(());
        }
        let mut epochs = self.epochs.clone();
        epochs.truncate_to(self.active.end);
        epochs.assign(epoch, self.active.end);
        self.store_epochs(epochs)
    }

    fn store_epochs(&mut self, epochs: Epochs) -> Result<(), AppendError> {
        let is_stale = self.durable.epochs_stale;
        if epochs != self.epochs || is_stale {
            epochs.write(&self.folder, is_stale)?;
            self.epochs = epochs;
            self.durable.epochs_unsynced = true;
            self.durable.epochs_stale = false;
            self.durable.names_changed += 1;
        }
        Ok(())
    }

    /// One write of these batches behind the last one. What a failed write has left is cut off.
    fn write(&mut self, bytes: &[u8], headers: &[BatchHeader]) -> Result<(), AppendError> {
        if let Err(e) = self.active.write(bytes) {
            if let Err(cut) = self.active.cut() {
                let reason = format!("{e}, and what the write left could not be cut off: {cut}");
                self.offline = Some(reason.clone());
                return Err(AppendError::Offline(reason));
            }
            return Err(AppendError::of(e));
        }
        for header in headers {
            self.active.note(header, &self.options);
        }
        Ok(())
    }

    /// Seals the active segment and begins a new one. Nothing has changed where this fails.
    pub(super) fn roll(&mut self) -> Result<(), LogError> {
        let end = self.active.end;
        self.active.write_indexes(&self.folder)?;
        self.folder
            .write(&self.folder.part(Part::Snapshot, end), &self.producers.encode())?;
        let next = Active::create(&self.folder, end)?;
        let before = std::mem::replace(&mut self.active, next);
        self.sealed.push(before.sealed());
        self.durable.names_changed += 1;
        Ok(())
    }
}

/// The size of the batch at the start of `bytes`, if all of it is there.
fn fits(header: &BatchHeader, bytes: &[u8]) -> Result<usize, record::BatchError> {
    if header.size <= bytes.len() {
        Ok(header.size)
    } else {
        Err(record::BatchError::Truncated {
            needed: header.size,
            available: bytes.len(),
        })
    }
}

impl AppendError {
    fn of(error: io::Error) -> Self {
        match is_disk_full(&error) {
            true => Self::DiskFull(error),
            false => Self::Io(error),
        }
    }
}

impl From<LogError> for AppendError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Offline(reason) => Self::Offline(reason),
            LogError::Io { path, source } => Self::of(io::Error::new(
                source.kind(),
                format!("{}: {source}", path.display()),
            )),
            other => Self::Io(io::Error::other(other.to_string())),
        }
    }
}
