//! The segment that is written to.

use std::io;
use std::sync::Arc;

use disk::{Disk, File, OpenMode};
use record::{BatchHeader, LeaderEpoch, Offset, Timestamp};

use super::Sealed;
use crate::folder::{Folder, Part};
use crate::index::{MaxTimestamp, OffsetIndex, TimeIndex};
use crate::scanner::{Scanner, Step};
use crate::{LogError, Options};

/// The segment that is written to. Its indexes are in memory until it is sealed or closed.
pub(crate) struct Active<D: Disk> {
    pub(crate) base: Offset,
    /// The offset behind its last record.
    pub(crate) end: Offset,
    pub(crate) size: u64,
    pub(crate) max: MaxTimestamp,
    pub(crate) file: Arc<D::File>,
    index: OffsetIndex,
    times: TimeIndex,
    /// Highest timestamp of the first batch, from which `segment.ms` counts.
    first_timestamp: Option<Timestamp>,
    /// Bytes since the last index entry.
    unindexed: u64,
}

impl<D: Disk> Active<D> {
    /// A new, empty segment.
    pub(crate) fn create(folder: &Folder<D>, base: Offset) -> Result<Self, LogError> {
        let file = folder.open(Part::Log, base, OpenMode::Create)?;
        let io = |source| LogError::Io {
            path: folder.part(Part::Log, base),
            source,
        };
        if !file.is_empty().map_err(io)? {
            file.set_len(0).map_err(io)?;
        }
        Ok(Self::empty(Arc::new(file), base))
    }

    /// A segment of which nothing is known yet but the file; batches are to be noted.
    pub(crate) fn empty(file: Arc<D::File>, base: Offset) -> Self {
        Self {
            base,
            end: base,
            size: 0,
            max: MaxTimestamp::NONE,
            file,
            index: OffsetIndex::new(base),
            times: TimeIndex::new(base),
            first_timestamp: None,
            unindexed: 0,
        }
    }

    /// Opens a segment of `size` bytes by the indexes on disk. `None` where indexes and records
    /// contradict each other.
    pub(crate) fn by_indexes(
        folder: &Folder<D>,
        base: Offset,
        size: u64,
        options: &Options,
    ) -> Result<Option<Self>, LogError> {
        let index = folder.read(&folder.part(Part::Index, base))?.unwrap_or_default();
        let times = folder
            .read(&folder.part(Part::TimeIndex, base))?
            .unwrap_or_default();
        let decoded = OffsetIndex::decode(base, &index, u64::MAX).zip(TimeIndex::decode(
            base,
            &times,
            Offset(i64::MAX),
        ));
        let Some((index, times)) = decoded else {
            return Ok(None);
        };
        let file = Arc::new(folder.open(Part::Log, base, OpenMode::Write)?);
        Self::resume(file, index, times, size, options).map_err(|source| LogError::Io {
            path: folder.part(Part::Log, base),
            source,
        })
    }

    /// The same segment after its file was cut to `size` bytes. `None` where indexes and records
    /// contradict each other.
    pub(crate) fn cut_to(&self, size: u64, options: &Options) -> io::Result<Option<Self>> {
        Self::resume(
            Arc::clone(&self.file),
            self.index.clone(),
            self.times.clone(),
            size,
            options,
        )
    }

    /// Takes indexes, which may reach beyond `size`; batches behind the last index entry are read.
    fn resume(
        file: Arc<D::File>,
        mut index: OffsetIndex,
        mut times: TimeIndex,
        size: u64,
        options: &Options,
    ) -> io::Result<Option<Self>> {
        let base = index.base();
        index.truncate(size);
        let mut active = Self::empty(file, base);
        active.first_timestamp = active.first_batch(size)?.map(|header| header.max_timestamp);
        // The batch of the last entry is read again, so that the entry's claim is checked.
        let (last_offset, from) = index.last().unwrap_or((base, 0));
        index.truncate(from);
        times.truncate(last_offset.plus(1));
        active.max = times.max();
        (active.index, active.times) = (index, times);
        active.size = from;
        active.unindexed = if from == 0 {
            0
        } else {
            u64::from(options.index_interval_bytes) + 1
        };

        let file = Arc::clone(&active.file);
        let first = (from == 0).then_some(base);
        let mut scanner = Scanner::new(file.as_ref(), from, size, first).checked(LeaderEpoch(-1));
        loop {
            match scanner.step()? {
                Step::Batch { position, header } => {
                    if position == from && from > 0 && header.last_offset() != last_offset {
                        return Ok(None);
                    }
                    active.note(&header, options);
                }
                Step::End => return Ok(Some(active)),
                Step::Broken(_) => return Ok(None),
            }
        }
    }

    /// Opens a segment of `size` bytes by its records alone.
    pub(crate) fn by_records(
        file: Arc<D::File>,
        base: Offset,
        size: u64,
        options: &Options,
    ) -> io::Result<Self> {
        let mut active = Self::empty(file, base);
        let file = Arc::clone(&active.file);
        let mut scanner = Scanner::new(file.as_ref(), 0, size, Some(base));
        while let Some((_, header)) = scanner.batch()? {
            active.note(&header, options);
        }
        Ok(active)
    }

    fn first_batch(&self, size: u64) -> io::Result<Option<BatchHeader>> {
        match Scanner::new(self.file.as_ref(), 0, size, Some(self.base)).step()? {
            Step::Batch { header, .. } => Ok(Some(header)),
            Step::End | Step::Broken(_) => Ok(None),
        }
    }

    /// Writes bytes behind the last batch. They count only when their batches were noted.
    pub(crate) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.size)
    }

    /// Cuts off what a failed [`Active::write`] has left.
    pub(crate) fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.size)
    }

    /// Takes note of the next batch, which is in the file.
    pub(crate) fn note(&mut self, header: &BatchHeader, options: &Options) {
        if header.max_timestamp > self.max.timestamp {
            self.max = MaxTimestamp {
                timestamp: header.max_timestamp,
                offset: header.last_offset(),
            };
        }
        if self.unindexed > u64::from(options.index_interval_bytes) {
            self.index.push(header.last_offset(), self.size);
            self.times.push(self.max);
            self.unindexed = 0;
        }
        self.first_timestamp.get_or_insert(header.max_timestamp);
        self.unindexed += header.size as u64;
        self.size += header.size as u64;
        self.end = header.next_offset();
    }

    /// Whether the segment must be sealed before this batch, which comes behind `pending` bytes
    /// that are about to be written.
    pub(crate) fn is_full_for(&self, header: &BatchHeader, pending: u64, options: &Options) -> bool {
        let size = self.size + pending;
        let index_limit = options.segment_index_bytes as usize;
        let span = self
            .first_timestamp
            .map_or(0, |first| header.max_timestamp.0.saturating_sub(first.0));
        size > 0
            && (size + header.size as u64 > u64::from(options.segment_bytes.min(i32::MAX as u32))
                || header.last_offset().0 - self.base.0 >= i64::from(i32::MAX)
                || self.index.size() + 8 > index_limit
                || self.times.size() + 24 > index_limit
                || span > options.segment_ms)
    }

    /// Writes both indexes. The last entry of the time index is then the segment's maximum.
    pub(crate) fn write_indexes(&mut self, folder: &Folder<D>) -> Result<(), LogError> {
        self.times.push(self.max);
        folder.write(&folder.part(Part::Index, self.base), &self.index.encode())?;
        folder.write(&folder.part(Part::TimeIndex, self.base), &self.times.encode())
    }

    /// The segment as it is when nothing more comes; its indexes must have been written.
    pub(crate) fn sealed(&self) -> Sealed {
        Sealed {
            base: self.base,
            end: self.end,
            size: self.size,
            max: self.max,
        }
    }

    /// A position at or before the batch that holds `target`.
    pub(crate) fn position(&self, target: Offset) -> u64 {
        self.index.lookup(target).map_or(0, |(_, position)| position)
    }

    /// The offset from which a record of `timestamp` or later is to be sought.
    pub(crate) fn seek_time(&self, timestamp: Timestamp) -> Offset {
        self.times.lookup(timestamp)
    }
}
