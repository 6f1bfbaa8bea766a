//! The machine's file system.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, RenameFlags};

use crate::{Disk, Entry, File, Kind, Metadata, OpenMode};

mod network;

#[cfg(test)]
mod tests;

/// The machine's file system. Paths mean what they mean to the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

/// An open file of a [`RealDisk`].
#[derive(Debug)]
pub struct RealFile {
    file: fs::File,
}

/// The lock of a folder, released when it is dropped or its process ends. Child processes don't
/// inherit it.
#[derive(Debug)]
pub struct RealLock {
    folder: OwnedFd,
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealLock;

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<RealFile> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => {
                options.write(true);
            }
            OpenMode::Create => {
                options.write(true).create(true).truncate(false);
            }
            OpenMode::CreateNew => {
                options.write(true).create_new(true);
            }
        }
        let file = options.open(path)?;
        // Opening a folder for reading succeeds on Linux; only its first read would fail.
        if mode == OpenMode::Read && file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(RealFile { file })
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if let Some(file_type) = unless_gone(entry.file_type())? {
                entries.push(Entry {
                    name: entry.file_name().to_string_lossy().into_owned(),
                    kind: kind(file_type),
                });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let found = fs::symlink_metadata(path)?;
        Ok(Metadata {
            kind: kind(found.file_type()),
            len: found.len(),
            inode: found.ino(),
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()> {
        rustix::fs::renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?;
        Ok(())
    }

    fn hard_link(&self, existing: &Path, new: &Path) -> io::Result<()> {
        fs::hard_link(existing, new)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let folder = open_dir(path)?;
        rustix::fs::fsync(&folder)?;
        Ok(())
    }

    fn lock_dir(&self, path: &Path) -> io::Result<RealLock> {
        let folder = open_dir(path)?;
        rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
        Ok(RealLock { folder })
    }

    fn still_locks(&self, lock: &RealLock, path: &Path) -> io::Result<bool> {
        let locked = rustix::fs::fstat(&lock.folder)?;
        match rustix::fs::stat(path) {
            Ok(found) => Ok((found.st_dev, found.st_ino) == (locked.st_dev, locked.st_ino)),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    fn available_space(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn network_file_system(&self, path: &Path) -> io::Result<Option<String>> {
        network::kind_of(path)
    }
}

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Opens a folder close-on-exec, so that a child process can't keep its lock alive.
fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Where the file system doesn't list the kinds of names, each is asked for after it was listed;
/// one that was removed in between is no longer in the folder.
fn unless_gone<T>(asked: io::Result<T>) -> io::Result<Option<T>> {
    match asked {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        asked => asked.map(Some),
    }
}

fn kind(file_type: fs::FileType) -> Kind {
    if file_type.is_file() {
        Kind::File
    } else if file_type.is_dir() {
        Kind::Dir
    } else {
        Kind::Other
    }
}
