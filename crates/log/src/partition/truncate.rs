//! Removing records from the end.

use std::sync::Arc;

use disk::{Disk, File, OpenMode};
use record::{Offset, Timestamp};

use super::Partition;
use crate::LogError;
use crate::folder::{BEGINNING_ANEW, Folder, Part, RECOVERY_POINT, START};
use crate::producers::Producers;
use crate::scanner::Scanner;
use crate::segment::Active;

/// Where a log is to be cut.
struct CutPoint {
    /// Index of the segment, and its base offset.
    index: usize,
    base: Offset,
    /// Where in the segment, and what the end offset is then.
    position: u64,
    end: Offset,
}

impl<D: Disk> Partition<D> {
    /// Removes all records from `offset` on, and durably so; gives the new end offset, which is
    /// lower than `offset` where that lies inside a batch.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] below the start offset; where the file system fails, the partition
    /// is offline.
    pub fn truncate_to(&mut self, offset: Offset) -> Result<Offset, LogError> {
        self.online()?;
        let (start, end) = (self.start, self.active.end);
        if offset < start {
            return Err(LogError::OutOfRange { offset, start, end });
        }
        if offset < end {
            let point = self.plan_cut(offset)?;
            let done = self.carry_out(point);
            self.or_offline(done)?;
        }
        Ok(self.active.end)
    }

    /// Finds where the log is to be cut, and sees to it that nothing on disk claims more than will
    /// be there. Where this fails the partition is as before.
    fn plan_cut(&mut self, offset: Offset) -> Result<CutPoint, LogError> {
        let index = self.segment_of(offset);
        let source = self.source(index)?;
        let base = source.base;
        let from = self.position(index, offset)?;
        let (position, end) = first_batch_reaching(source.file.as_ref(), from, source.size, offset)
            .map_err(|source| LogError::Io {
                path: self.folder.part(Part::Log, base),
                source,
            })?
            .unwrap_or((source.size, source.end));
        if self.durable.recovery_point > base {
            self.folder.write_offset(RECOVERY_POINT, base, true)?;
            self.durable.recovery_point = base;
        }
        Ok(CutPoint {
            index,
            base,
            position,
            end,
        })
    }

    /// Removes what lies behind the cut, from the end.
    fn carry_out(
        &mut self,
        CutPoint {
            index,
            base,
            position,
            end,
        }: CutPoint,
    ) -> Result<(), LogError> {
        let io = |source| LogError::Io {
            path: self.folder.part(Part::Log, base),
            source,
        };
        self.durable.truncations += 1;
        self.durable.flushed = self.durable.flushed.min(end);
        remove_snapshots(&self.folder, |at| at > end)?;
        let in_active = index == self.sealed.len();
        if !in_active {
            self.folder.remove_segment(self.active.base)?;
            for segment in self.sealed.drain(index + 1..).rev() {
                self.folder.remove_segment(segment.base)?;
            }
            self.sealed.truncate(index);
        }
        let file = Arc::new(self.folder.open(Part::Log, base, OpenMode::Write)?);
        file.set_len(position)
            .and_then(|()| file.sync_data())
            .map_err(io)?;
        self.folder.sync()?;
        // Opening drops epochs that begin behind the end, but cannot invent those that are missing.
        self.epochs.truncate_to(end);
        let written = self.epochs.write(&self.folder, true);
        self.durable.epochs_stale = written.as_ref().is_err_and(LogError::is_disk_full);
        if !self.durable.epochs_stale {
            written?;
        }

        let resumed = if in_active {
            self.active.cut_to(position, &self.options).map_err(io)?
        } else {
            Active::by_indexes(&self.folder, base, position, &self.options)?
        };
        self.active = match resumed {
            Some(active) => active,
            None => Active::by_records(file, base, position, &self.options).map_err(io)?,
        };
        // Nobody gives the time here. For those that come from records alone the newest time at
        // which any producer wrote is close enough to it.
        let now = self.producers.newest_use();
        self.producers = self.producers_at(end, now)?;
        Ok(())
    }

    /// Removes everything and begins anew at `offset`: a follower whose log the leader no longer
    /// overlaps.
    ///
    /// # Errors
    /// Where the file system fails; the partition is offline then.
    pub fn reset_to(&mut self, offset: Offset) -> Result<(), LogError> {
        self.online()?;
        let reset = self.begin_at(offset, offset);
        self.or_offline(reset)
    }

    /// Removes everything. The next record gets offset `base`, and what lies below `start` is not served.
    pub(super) fn begin_at(&mut self, base: Offset, start: Offset) -> Result<(), LogError> {
        self.durable.truncations += 1;
        self.durable.flushed = base;
        self.durable.recovery_point = Offset(0);
        self.folder.write_offset(RECOVERY_POINT, BEGINNING_ANEW, true)?;
        // A log that ends below its start offset is reset when it is opened: the rest of this may
        // be interrupted.
        self.folder.write_offset(START, start, true)?;
        self.start = start;
        self.producers = Producers::default();
        remove_snapshots(&self.folder, |_| true)?;
        self.folder.remove_segment(self.active.base)?;
        for segment in self.sealed.drain(..).rev() {
            self.folder.remove_segment(segment.base)?;
        }
        self.folder.sync()?;
        self.epochs.clear();
        self.epochs.write(&self.folder, true)?;
        self.active = Active::create(&self.folder, base)?;
        self.folder.write_offset(RECOVERY_POINT, Offset(0), false)?;
        self.durable.names_changed += 1;
        Ok(())
    }

    /// The producers as they were before the record at `end`, the end of a segment or of the log:
    /// from the newest snapshot and the batches behind it.
    pub(super) fn producers_at(&self, end: Offset, now: Timestamp) -> Result<Producers, LogError> {
        let (mut at, mut producers) = newest_snapshot(&self.folder, end)?;
        at = at.max(
            self.sealed
                .first()
                .map_or(self.active.base, |segment| segment.base),
        );
        for index in self.segment_of(at)..=self.sealed.len() {
            if at >= end {
                break;
            }
            let source = self.source(index)?;
            replay(source.file.as_ref(), source.size, &mut producers, at, now).map_err(|e| LogError::Io {
                path: self.folder.part(Part::Log, source.base),
                source: e,
            })?;
            at = source.end;
        }
        Ok(producers)
    }
}

/// The producers of the newest sound snapshot at or before `end`, and its offset; none at offset 0
/// where there is no snapshot.
pub(super) fn newest_snapshot<D: Disk>(
    folder: &Folder<D>,
    end: Offset,
) -> Result<(Offset, Producers), LogError> {
    for at in folder
        .offsets(Part::Snapshot)?
        .into_iter()
        .rev()
        .filter(|at| *at <= end)
    {
        let content = folder.read(&folder.part(Part::Snapshot, at))?;
        if let Some(producers) = content.and_then(|content| Producers::decode(&content)) {
            return Ok((at, producers));
        }
    }
    Ok((Offset(0), Producers::default()))
}

/// Takes note of a segment's batches from `from` on.
pub(super) fn replay<F: File>(
    file: &F,
    size: u64,
    producers: &mut Producers,
    from: Offset,
    now: Timestamp,
) -> std::io::Result<()> {
    let mut scanner = Scanner::new(file, 0, size, None);
    while let Some((_, header)) = scanner.batch()? {
        if header.base_offset >= from {
            producers.replay(&header, now);
        }
    }
    Ok(())
}

pub(super) fn remove_snapshots<D: Disk>(
    folder: &Folder<D>,
    unwanted: impl Fn(Offset) -> bool,
) -> Result<(), LogError> {
    for at in folder
        .offsets(Part::Snapshot)?
        .into_iter()
        .rev()
        .filter(|at| unwanted(*at))
    {
        folder.remove(&folder.part(Part::Snapshot, at))?;
    }
    Ok(())
}

/// Position and base offset of the first batch that reaches `target`, sought from `position` on.
fn first_batch_reaching<F: File>(
    file: &F,
    position: u64,
    size: u64,
    target: Offset,
) -> std::io::Result<Option<(u64, Offset)>> {
    let mut scanner = Scanner::new(file, position, size, None);
    while let Some((position, header)) = scanner.batch()? {
        if header.last_offset() >= target {
            return Ok(Some((position, header.base_offset)));
        }
    }
    Ok(None)
}
