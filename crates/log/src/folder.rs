//! The folder of a partition: its file names, and how small files are replaced.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, File, Kind, OpenMode};
use record::Offset;

use crate::LogError;

/// Offset at which each leader epoch began.
pub(crate) const EPOCHS: &str = "leader-epoch-checkpoint";
/// The topic's id.
pub(crate) const METADATA: &str = "partition.metadata";
/// First offset to be served.
pub(crate) const START: &str = "log-start-offset-checkpoint";
/// Everything below was made durable.
pub(crate) const RECOVERY_POINT: &str = "recovery-point-offset-checkpoint";
/// What it says while everything is removed: what is missing then was not lost.
pub(crate) const BEGINNING_ANEW: Offset = Offset(-1);
/// There where records may be gone that were acknowledged, until whoever decides knows.
pub(crate) const DAMAGED: &str = "damaged";

/// How the name of a file ends that is about to replace another.
const TEMPORARY: &str = ".tmp";

/// What a file that is named after an offset holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Log,
    Index,
    TimeIndex,
    Snapshot,
}

impl Part {
    fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Index => "index",
            Self::TimeIndex => "timeindex",
            Self::Snapshot => "snapshot",
        }
    }

    /// Part and offset by the name of a file.
    pub(crate) fn of(name: &str) -> Option<(Self, Offset)> {
        let (digits, extension) = name.split_once('.')?;
        let part = [Self::Log, Self::Index, Self::TimeIndex, Self::Snapshot]
            .into_iter()
            .find(|part| part.extension() == extension)?;
        if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some((part, Offset(digits.parse().ok()?)))
    }
}

/// The folder of a partition.
#[derive(Debug, Clone)]
pub(crate) struct Folder<D: Disk> {
    pub(crate) disk: D,
    pub(crate) path: PathBuf,
}

impl<D: Disk> Folder<D> {
    pub(crate) fn at(disk: &D, path: &Path) -> Self {
        Self {
            disk: disk.clone(),
            path: path.to_owned(),
        }
    }

    /// Path of a file that is named after an offset.
    pub(crate) fn part(&self, part: Part, offset: Offset) -> PathBuf {
        self.path.join(format!("{:020}.{}", offset.0, part.extension()))
    }

    /// The offsets that have a file of this kind, in order.
    pub(crate) fn offsets(&self, part: Part) -> Result<Vec<Offset>, LogError> {
        let entries = self.disk.read_dir(&self.path).map_err(|e| self.error(e))?;
        let mut offsets: Vec<Offset> = entries
            .iter()
            .filter(|entry| entry.kind == Kind::File)
            .filter_map(|entry| Part::of(&entry.name))
            .filter(|(found, _)| *found == part)
            .map(|(_, offset)| offset)
            .collect();
        offsets.sort_unstable();
        Ok(offsets)
    }

    /// Opens a segment's file or another that is named after an offset.
    pub(crate) fn open(&self, part: Part, offset: Offset, mode: OpenMode) -> Result<D::File, LogError> {
        let path = self.part(part, offset);
        self.disk
            .open(&path, mode)
            .map_err(|source| LogError::Io { path, source })
    }

    /// The content of a file, `None` where it is absent.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, LogError> {
        match self.disk.read(path) {
            Ok(content) => Ok(Some(content)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(LogError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Creates or overwrites a file in place, without making it durable.
    pub(crate) fn write(&self, path: &Path, content: &[u8]) -> Result<(), LogError> {
        let write = || {
            let file = self.disk.open(path, OpenMode::Create)?;
            file.write_all_at(content, 0)?;
            file.set_len(content.len() as u64)
        };
        write().map_err(|source| LogError::Io {
            path: path.to_owned(),
            source,
        })
    }

    /// Replaces a small file in one step: a reader sees the old content or the new. With `durable`
    /// the new content is there after a power loss, too; without it may be missing or damaged.
    pub(crate) fn replace(&self, name: &str, content: &[u8], durable: bool) -> Result<(), LogError> {
        let path = self.path.join(name);
        let temporary = self.path.join(format!("{name}{TEMPORARY}"));
        let write = || {
            let file = self.disk.open(&temporary, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(content, 0)?;
            if durable {
                file.sync_data()?;
            }
            self.disk.rename(&temporary, &path)?;
            if durable {
                self.disk.sync_dir(&self.path)
            } else {
                Ok(())
            }
        };
        write().map_err(|source| LogError::Io {
            path: path.clone(),
            source,
        })
    }

    /// Creates the folder, durably, where it is absent.
    pub(crate) fn create(&self) -> Result<(), LogError> {
        let error = |e| self.error(e);
        if self.disk.exists(&self.path).map_err(error)? {
            return Ok(());
        }
        self.disk.create_dir(&self.path).map_err(error)?;
        match self.path.parent() {
            Some(parent) => self.disk.sync_dir(parent).map_err(error),
            None => Ok(()),
        }
    }

    /// Whether records may be gone.
    pub(crate) fn is_damaged(&self) -> Result<bool, LogError> {
        self.disk
            .exists(&self.path.join(DAMAGED))
            .map_err(|e| self.error(e))
    }

    /// Durably says that records may be gone.
    pub(crate) fn note_damage(&self) -> Result<(), LogError> {
        self.replace(DAMAGED, b"records may be gone\n", true)
    }

    /// Removes a file, whether it is there or not.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), LogError> {
        match self.disk.remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LogError::Io {
                path: path.to_owned(),
                source,
            }),
            _ => Ok(()),
        }
    }

    /// Removes what interrupted replacements have left.
    pub(crate) fn remove_temporary(&self) -> Result<(), LogError> {
        for entry in self.disk.read_dir(&self.path).map_err(|e| self.error(e))? {
            if entry.kind == Kind::File && entry.name.ends_with(TEMPORARY) {
                self.remove(&self.path.join(entry.name))?;
            }
        }
        Ok(())
    }

    /// Removes the files of a segment. The records go first: what is left is then recognised as
    /// an orphan. The snapshot is the state *before* the segment and stays.
    pub(crate) fn remove_segment(&self, base: Offset) -> Result<(), LogError> {
        for part in [Part::Log, Part::Index, Part::TimeIndex] {
            self.remove(&self.part(part, base))?;
        }
        Ok(())
    }

    /// Gives the folder another name, durably.
    pub(crate) fn rename(&self, to: &Path) -> Result<(), LogError> {
        self.disk.rename(&self.path, to).map_err(|e| self.error(e))?;
        match to.parent() {
            Some(parent) => self.disk.sync_dir(parent).map_err(|e| self.error(e)),
            None => Ok(()),
        }
    }

    /// Makes the names in the folder durable.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.disk.sync_dir(&self.path).map_err(|e| self.error(e))
    }

    /// An offset kept in a file of two lines, version and number. `None` where it is absent or
    /// was left damaged by a power loss.
    pub(crate) fn read_offset(&self, name: &str) -> Result<Option<Offset>, LogError> {
        let path = self.path.join(name);
        let Some(content) = self.read(&path)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&content);
        match text.split_once('\n') {
            Some(("0", number)) => Ok(number
                .strip_suffix('\n')
                .and_then(|number| number.parse().ok())
                .map(Offset)),
            Some((version, _)) if version.parse::<u32>().is_ok() => Err(LogError::Format {
                path,
                reason: format!("version {version} was written by a newer minicluster: run that one"),
            }),
            _ => Ok(None),
        }
    }

    /// Writes what [`Folder::read_offset`] reads.
    pub(crate) fn write_offset(&self, name: &str, offset: Offset, durable: bool) -> Result<(), LogError> {
        self.replace(name, format!("0\n{offset}\n").as_bytes(), durable)
    }

    /// An error of the folder itself.
    pub(crate) fn error(&self, source: io::Error) -> LogError {
        LogError::Io {
            path: self.path.clone(),
            source,
        }
    }
}
