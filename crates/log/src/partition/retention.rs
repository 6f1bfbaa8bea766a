//! Removing records from the beginning, and the whole partition.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, Kind};
use record::{Offset, Timestamp, TopicId};

use super::Partition;
use crate::LogError;
use crate::folder::{Folder, Part, START};

/// How the name of a folder ends that is being deleted. A partition's ends in a number.
const DELETED: &str = "-delete";

/// How the name of a folder ends whose topic the cluster doesn't know.
const STRAY: &str = "-stray";

/// The longest name that file systems take.
const LONGEST_NAME: usize = 255;

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
        // Not from the start offset, which may lie within a batch: who asks where an epoch ended gets the whole truth.
        self.epochs
            .begin_at(self.sealed.first().map_or(self.active.base, |first| first.base));
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
        let doomed = Folder::at(disk, &renamed(path, self.options.topic_id, DELETED));
        if disk.exists(&doomed.path).map_err(|e| doomed.error(e))? {
            remove_folder(&doomed)?;
        }
        self.folder.rename(&doomed.path)?;
        remove_folder(&doomed)
    }

    /// Puts a partition aside whose topic the cluster doesn't know, under a name that ends in `-stray`:
    /// nothing opens it any more, and an operator can look at it. Gives its new folder. One that is
    /// aside already stays as it is.
    ///
    /// # Errors
    /// Where the file system fails, or the name is taken.
    pub fn set_aside(disk: &D, dir: &Path) -> Result<PathBuf, LogError> {
        if dir.as_os_str().as_encoded_bytes().ends_with(STRAY.as_bytes()) {
            return Ok(dir.to_owned());
        }
        let folder = Folder::at(disk, dir);
        let aside = renamed(dir, Self::read_topic_id(disk, dir)?, STRAY);
        if disk.exists(&aside).map_err(|e| folder.error(e))? {
            return Err(LogError::Io {
                path: aside,
                source: io::ErrorKind::AlreadyExists.into(),
            });
        }
        folder.rename(&aside)?;
        Ok(aside)
    }

    /// Removes what interrupted deletions have left in `data_dir`, the folder of the partitions.
    ///
    /// # Errors
    /// Where the file system fails.
    pub fn remove_deleted(disk: &D, data_dir: &Path) -> Result<(), LogError> {
        let data = Folder::at(disk, data_dir);
        for entry in disk.read_dir(data_dir).map_err(|e| data.error(e))? {
            if entry.kind == Kind::Dir && entry.name.ends_with(DELETED) {
                remove_folder(&Folder::at(disk, &data_dir.join(entry.name)))?;
            }
        }
        Ok(())
    }
}

/// `<topic>-<partition>.<topic id><suffix>`, the topic's name cut where it would be too long.
fn renamed(dir: &Path, id: Option<TopicId>, suffix: &str) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let (topic, partition) = name.rsplit_once('-').unwrap_or((&name, ""));
    let id = id.map(|id| id.to_string()).unwrap_or_default();
    let rest = format!("-{partition}.{id}{suffix}");
    let room = LONGEST_NAME.saturating_sub(rest.len());
    let topic = &topic[..topic.floor_char_boundary(room)];
    dir.with_file_name(format!("{topic}{rest}"))
}

/// Removes a folder of files.
fn remove_folder<D: Disk>(folder: &Folder<D>) -> Result<(), LogError> {
    for entry in folder.disk.read_dir(&folder.path).map_err(|e| folder.error(e))? {
        folder.remove(&folder.path.join(entry.name))?;
    }
    folder.disk.remove_dir(&folder.path).map_err(|e| folder.error(e))
}
