//! A segment that is no longer written to.

use disk::{Disk, OpenMode};
use record::Offset;

use crate::LogError;
use crate::folder::{Folder, Part};
use crate::index::{MaxTimestamp, OffsetIndex, TimeIndex, lookup_in_file};

/// A segment that is no longer written to. It keeps no file open: a broker with thousands of
/// partitions must do with the file descriptors of an ordinary user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) base: Offset,
    /// The offset behind its last record.
    pub(crate) end: Offset,
    pub(crate) size: u64,
    pub(crate) max: MaxTimestamp,
}

impl Sealed {
    /// Takes a segment as it is, if its indexes are sane; `None` where it must be scanned.
    pub(crate) fn open<D: Disk>(
        folder: &Folder<D>,
        base: Offset,
        end: Offset,
        size: u64,
    ) -> Result<Option<Self>, LogError> {
        let index = folder.read(&folder.part(Part::Index, base))?;
        let times = folder.read(&folder.part(Part::TimeIndex, base))?;
        let (Some(index), Some(times)) = (index, times) else {
            return Ok(None);
        };
        let sane = OffsetIndex::decode(base, &index, size).is_some();
        let times = TimeIndex::decode(base, &times, end);
        Ok(times.filter(|_| sane).map(|times| Self {
            base,
            end,
            size,
            max: times.max(),
        }))
    }

    /// The file with the records.
    pub(crate) fn file<D: Disk>(&self, folder: &Folder<D>) -> Result<D::File, LogError> {
        folder.open(Part::Log, self.base, OpenMode::Read)
    }

    /// A position at or before the batch that holds `target`.
    pub(crate) fn position<D: Disk>(&self, folder: &Folder<D>, target: Offset) -> Result<u64, LogError> {
        let io = |source| LogError::Io {
            path: folder.part(Part::Index, self.base),
            source,
        };
        let index = folder.open(Part::Index, self.base, OpenMode::Read)?;
        let found = lookup_in_file(&index, self.base, target).map_err(io)?;
        Ok(found.map_or(0, |(_, position)| position))
    }

    /// The offset from which a record of `timestamp` or later is to be sought.
    pub(crate) fn seek_time<D: Disk>(
        &self,
        folder: &Folder<D>,
        timestamp: record::Timestamp,
    ) -> Result<Offset, LogError> {
        let content = folder.read(&folder.part(Part::TimeIndex, self.base))?;
        let times = content.and_then(|content| TimeIndex::decode(self.base, &content, self.end));
        Ok(times.map_or(self.base, |times| times.lookup(timestamp)))
    }
}
