//! A broker's folder: who it belongs to, and whether what lies in it can be trusted.
//!
//! | file | holds |
//! |---|---|
//! | `meta.properties` | format version, `cluster.id`, `node.id` (Kafka's own file) |
//! | `boot-id` | the kernel's boot id of the last start |
//! | `durability` | there while nothing is acknowledged before it is flushed |
//! | `clean-shutdown` | there only between a graceful stop and the next start |
//! | `replication-offset-checkpoint` | which replicas were made, what of them is committed ([`crate::high_watermarks`]) |
//! | `quorum-state` | Raft's term and vote ([`crate::quorum_store`]) |
//! | `__cluster_metadata-0/` | Raft's entries, a snapshot of the metadata |
//! | `<topic>-<partition>/` | one partition's records |

use std::path::{Path, PathBuf};
use std::{fmt, io};

use disk::{Disk, File, OpenMode};
use log::Trust;
use record::BrokerId;

use crate::{BrokerError, Durability};

#[cfg(test)]
mod tests;

const META: &str = "meta.properties";
const BOOT_ID: &str = "boot-id";
const CLEAN: &str = "clean-shutdown";
const DURABILITY: &str = "durability";
const FORMAT: u32 = 1;

/// How the folder was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// There was nothing yet.
    New,
    /// Stopped gracefully: all was flushed.
    Closed,
    /// The process died, but the kernel that held its unflushed writes lives on.
    SameBoot,
    /// The machine may have lost power: what was not flushed may be gone.
    OtherBoot,
    /// The machine may have lost power, and nothing was acknowledged that was not flushed.
    Flushed,
}

impl Left {
    /// How far the logs that lie here are to be believed.
    pub(crate) fn trust(self) -> Trust {
        match self {
            Self::New | Self::SameBoot => Trust::SameBoot,
            Self::Closed => Trust::CleanStop,
            Self::OtherBoot | Self::Flushed => Trust::Nothing,
        }
    }

    /// Whether all is there that the broker had acknowledged. Not so where there is nothing: the folder may be
    /// new because the old one is lost.
    pub(crate) fn is_clean(self) -> bool {
        matches!(self, Self::Closed | Self::SameBoot | Self::Flushed)
    }
}

/// The locked folder.
pub(crate) struct Folder<D: Disk> {
    disk: D,
    path: PathBuf,
    _lock: D::Lock,
}

impl<D: Disk> Folder<D> {
    /// Creates or checks the folder and takes its lock. From here on it counts as not closed.
    pub(crate) fn open(
        disk: D,
        path: PathBuf,
        cluster_id: &str,
        node_id: BrokerId,
        boot_id: &str,
        durability: Durability,
    ) -> Result<(Self, Left), BrokerError> {
        create_dirs(&disk, &path)?;
        let lock = disk.lock_dir(&path).map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => BrokerError::FolderLocked { path: path.clone() },
            _ => BrokerError::disk(&path, e),
        })?;
        let folder = Self {
            disk,
            path,
            _lock: lock,
        };
        let known = folder.check_owner(cluster_id, node_id)?;
        let left = if known {
            folder.how_left(boot_id)?
        } else {
            Left::New
        };
        if left == Left::Closed {
            // Nothing needs recovery, so there is nothing that a crash could leave half recovered.
            folder.note_boot(boot_id)?;
        }
        folder.take_back(CLEAN)?;
        if durability == Durability::ProcessCrash {
            folder.doubt_durability()?;
        }
        // Written last: a folder without it is new, whatever else a crash left there. Written always:
        // a folder that can't be written is noticed now and not at the first record, and names that a
        // killed process has left are durable before anybody relies on them.
        let text = format!("#\nversion={FORMAT}\ncluster.id={cluster_id}\nnode.id={node_id}\n");
        match folder.replace(META, text.as_bytes()) {
            // What is there can still be read by clients, and space may come back.
            Err(BrokerError::DiskFull { .. }) if known => folder.sync()?,
            written => written?,
        }
        Ok((folder, left))
    }

    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Says that everything was flushed; the last thing before the lock goes.
    pub(crate) fn mark_closed(&self) -> Result<(), BrokerError> {
        self.replace(CLEAN, b"closed\n")
    }

    /// Puts a whole file in place of another, durably.
    pub(crate) fn replace(&self, name: &str, content: &[u8]) -> Result<(), BrokerError> {
        self.write(name, content, true)
    }

    /// The same without waiting for the disk: a power loss may leave the file as it was, or damaged.
    pub(crate) fn replace_unsynced(&self, name: &str, content: &[u8]) -> Result<(), BrokerError> {
        self.write(name, content, false)
    }

    fn write(&self, name: &str, content: &[u8], durable: bool) -> Result<(), BrokerError> {
        let path = self.path.join(name);
        let new = self.path.join(format!("{name}.tmp"));
        let write = || {
            let file = self.disk.open(&new, OpenMode::Create)?;
            file.set_len(0)?;
            file.write_all_at(content, 0)?;
            if durable {
                file.sync_data()?;
            }
            drop(file);
            self.disk.rename(&new, &path)?;
            if durable {
                self.disk.sync_dir(&self.path)?;
            }
            Ok(())
        };
        write().map_err(|e| BrokerError::disk(&path, e))
    }

    /// The content of a file, `None` where there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, BrokerError> {
        let path = self.path.join(name);
        match self.disk.read(&path) {
            Ok(content) => match String::from_utf8(content) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(BrokerError::Damaged {
                    path,
                    reason: "it is not text".to_owned(),
                }),
            },
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(BrokerError::disk(&path, e)),
        }
    }

    /// Whether there is a `meta.properties`; an error where it isn't ours.
    fn check_owner(&self, cluster_id: &str, node_id: BrokerId) -> Result<bool, BrokerError> {
        let Some(text) = self.read(META)? else {
            return Ok(false);
        };
        let path = self.path.join(META);
        let value = |key: &'static str| {
            let value = text
                .lines()
                .find_map(|line| line.split_once('=').filter(|(k, _)| k.trim() == key));
            value
                .map(|(_, value)| value.trim().to_owned())
                .ok_or_else(|| BrokerError::Damaged {
                    path: path.clone(),
                    reason: format!("{key} is missing"),
                })
        };
        let found = value("version")?;
        if found.parse::<u32>().ok() != Some(FORMAT) {
            return Err(BrokerError::NewerFormat {
                path,
                found,
                known: FORMAT,
            });
        }
        let belongs = |field, ours: &dyn fmt::Display| {
            let (ours, theirs) = (ours.to_string(), value(field)?);
            if ours == theirs {
                return Ok(());
            }
            Err(BrokerError::OtherOwner {
                path: path.clone(),
                field,
                ours,
                theirs,
            })
        };
        belongs("cluster.id", &cluster_id)?;
        belongs("node.id", &node_id)?;
        Ok(true)
    }

    fn how_left(&self, boot_id: &str) -> Result<Left, BrokerError> {
        if self.read(CLEAN)?.is_some() {
            return Ok(Left::Closed);
        }
        let same = self.read(BOOT_ID)?.is_some_and(|stored| stored.trim() == boot_id);
        Ok(match self.read(DURABILITY)? {
            _ if same => Left::SameBoot,
            Some(_) => Left::Flushed,
            None => Left::OtherBoot,
        })
    }

    /// Says that all was recovered that an earlier kernel may have lost.
    pub(crate) fn note_boot(&self, boot_id: &str) -> Result<(), BrokerError> {
        if self.read(BOOT_ID)?.is_some_and(|stored| stored.trim() == boot_id) {
            return Ok(());
        }
        self.replace(BOOT_ID, format!("{boot_id}\n").as_bytes())
    }

    /// Says that whatever lies here is flushed, and that from now on nothing is acknowledged before it is.
    pub(crate) fn note_durability(&self) -> Result<(), BrokerError> {
        match self.read(DURABILITY)? {
            Some(_) => Ok(()),
            None => self.replace(DURABILITY, b"power-loss\n"),
        }
    }

    /// Takes that back.
    pub(crate) fn doubt_durability(&self) -> Result<(), BrokerError> {
        self.take_back(DURABILITY)
    }

    /// Durably takes back a word that was given, before anything is appended.
    fn take_back(&self, name: &str) -> Result<(), BrokerError> {
        let path = self.path.join(name);
        match self.disk.remove_file(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(|e| BrokerError::disk(&path, e))?,
        }
        self.sync()
    }

    /// Makes the names in the folder durable.
    fn sync(&self) -> Result<(), BrokerError> {
        self.disk
            .sync_dir(&self.path)
            .map_err(|e| BrokerError::disk(&self.path, e))
    }
}

/// Creates a folder and what is missing above it, each durable in its parent, also where it was there: a
/// process that was killed may have left it in the page cache only.
fn create_dirs<D: Disk>(disk: &D, path: &Path) -> Result<(), BrokerError> {
    let failed = |e| BrokerError::disk(path, e);
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let there = disk.exists(path).map_err(failed)?;
    if let Some(parent) = parent {
        create_dirs(disk, parent)?;
    }
    if !there {
        match disk.create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            created => created.map_err(failed)?,
        }
    }
    match parent.map(|parent| disk.sync_dir(parent)) {
        // What this user may not look into, no broker of this user has made.
        Some(Err(e)) if there && e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Some(synced) => synced.map_err(failed),
        None => Ok(()),
    }
}
