//! Removing records from the beginning, and the whole partition.

use std::io;
use std::path::Path;

use disk::{Disk, Kind};
use record::{Offset, Timestamp};

use super::Partition;
use crate::LogError;
use crate::folder::{Folder, Part, START};

/// How the name of a folder ends that is being deleted. A partition's ends in a number.
const DELETED: &str = "-delete";

impl<D: Disk> Partition<D> {
    /// Raises the start offset, as DeleteRecords does; records below are no longer served.
    ///
    /// # Errors
    /// [`LogError::OutOfRange`] beyond the end; where the checkpoint cannot be written.
    pub fn set_start_offset(&mut self, offset: Offset) -> Result<(), LogError> {
        self.online()?;
        let (start, end) = (self.start, self.active.end);
        if offset > end {
            return Err(LogError::OutOfRange { offset, start, end });
        }
        if offset > start {
            self.folder.write_offset(START, offset, true)?;
            self.start = offset;
            self.epochs.begin_at(offset);
        }
        Ok(())
    }

    /// Removes whole segments that are too old, too many, or below the start offset, but nothing
    /// that reaches beyond `up_to` (the high watermark). Gives the bytes removed.
    ///
    /// # Errors
    /// Where the file system fails; what remains is consistent.
    pub fn apply_retention(&mut self, now: Timestamp, up_to: Offset) -> Result<u64, LogError> {
        self.online()?;
        let expired = |max: Timestamp| {
            self.options
                .retention_ms
                .is_some_and(|keep| max.0 >= 0 && now.0.saturating_sub(max.0) > keep)
        };
        let mut excess = self
            .options
            .retention_bytes
            .map_or(0, |keep| self.size_bytes().saturating_sub(keep));
        let mut count = 0;
        for segment in &self.sealed {
            let too_many = excess >= segment.size && segment.size > 0;
            let unwanted = segment.end <= self.start || too_many || expired(segment.max.timestamp);
            if !unwanted || segment.end > up_to {
                break;
            }
            excess -= segment.size.min(excess);
            count += 1;
        }
        let active = &self.active;
        if count == self.sealed.len()
            && active.size > 0
            && active.end <= up_to
            && expired(active.max.timestamp)
        {
            self.roll()?;
            count += 1;
        }
        self.remove_first(count)
    }

    /// Removes the first `count` segments.
    fn remove_first(&mut self, count: usize) -> Result<u64, LogError> {
        let Some(last) = count.checked_sub(1) else {
            return Ok(0);
        };
        // Durable first: after a power loss some of them may be back, with gaps between.
        let start = self.sealed[last].end;
        self.set_start_offset(start)?;
        let removed: Vec<_> = self.sealed.drain(..count).collect();
        for segment in &removed {
            self.folder.remove_segment(segment.base)?;
            self.folder
                .remove(&self.folder.part(Part::Snapshot, segment.base))?;
        }
        self.durable.names_changed += 1;
        Ok(removed.iter().map(|segment| segment.size).sum())
    }

    /// Removes the partition with its folder.
    ///
    /// # Errors
    /// Where the file system fails; [`Partition::remove_deleted`] finishes the work later.
    pub fn delete(self) -> Result<(), LogError> {
        let Folder { disk, path } = &self.folder;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(self.folder.error(io::ErrorKind::InvalidInput.into()));
        };
        let id = self.options.topic_id.map(|id| id.to_string()).unwrap_or_default();
        let doomed = Folder {
            disk: disk.clone(),
            path: parent.join(format!("{}.{id}{DELETED}", name.to_string_lossy())),
        };
        if disk.exists(&doomed.path).map_err(|e| doomed.error(e))? {
            remove_folder(&doomed)?;
        }
        disk.rename(path, &doomed.path)
            .map_err(|e| self.folder.error(e))?;
        disk.sync_dir(parent).map_err(|e| self.folder.error(e))?;
        remove_folder(&doomed)
    }

    /// Removes what interrupted deletions have left in `data_dir`, the folder of the partitions.
    ///
    /// # Errors
    /// Where the file system fails.
    pub fn remove_deleted(disk: &D, data_dir: &Path) -> Result<(), LogError> {
        let data = Folder {
            disk: disk.clone(),
            path: data_dir.to_owned(),
        };
        for entry in disk.read_dir(data_dir).map_err(|e| data.error(e))? {
            if entry.kind == Kind::Dir && entry.name.ends_with(DELETED) {
                remove_folder(&Folder {
                    disk: disk.clone(),
                    path: data_dir.join(entry.name),
                })?;
            }
        }
        Ok(())
    }
}

/// Removes a folder of files.
fn remove_folder<D: Disk>(folder: &Folder<D>) -> Result<(), LogError> {
    for entry in folder.disk.read_dir(&folder.path).map_err(|e| folder.error(e))? {
        folder.remove(&folder.path.join(entry.name))?;
    }
    folder.disk.remove_dir(&folder.path).map_err(|e| folder.error(e))
}
