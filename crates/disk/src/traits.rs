//! What a file system must offer to the log and to the lake.

use std::io;
use std::path::Path;

/// How [`Disk::open`] opens a file. None of them truncates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Reads only; the file must exist.
    Read,
    /// Reads and writes; the file must exist.
    Write,
    /// Reads and writes; the file is created if it is absent.
    Create,
    /// Reads and writes; fails with [`io::ErrorKind::AlreadyExists`] if the name is taken.
    CreateNew,
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// Anything else: a symbolic link, a socket, a device.
    Other,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last component of the path. Names that are not UTF-8 are given lossily.
    pub name: String,
    /// What the name stands for.
    pub kind: Kind,
}

/// What is known of a path without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What the path stands for.
    pub kind: Kind,
    /// Length in bytes; meaningful for files only.
    pub len: u64,
    /// Tells whether two names are links to the same file.
    pub inode: u64,
}

/// A file system. Cheap to clone: every clone is the same file system.
///
/// A name (created, linked, renamed, removed) survives a power loss for certain only after
/// [`Disk::sync_dir`] of its folder; a new folder is durable only when its parent was synced.
pub trait Disk: Clone + Send + Sync + 'static {
    /// An open file.
    type File: File;
    /// An exclusive lock on a folder, held until it is dropped.
    type Lock: Send + Sync + 'static;

    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Self::File>;
    /// Creates one folder; its parent must exist.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder, sorted.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Length, kind and identity of a path. Does not follow symbolic links.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;
    /// Removes a name of a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes an empty folder.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or a folder; an existing file of the new name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Swaps two names in one step (`renameat2(RENAME_EXCHANGE)`); both must exist.
    fn exchange(&self, a: &Path, b: &Path) -> io::Result<()>;
    /// Gives a file a second name; fails with [`io::ErrorKind::AlreadyExists`] if it is taken.
    fn hard_link(&self, existing: &Path, new: &Path) -> io::Result<()>;
    /// Makes all changes of the names in this folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a folder without waiting (`flock`, close-on-exec).
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] while somebody else holds it.
    fn lock_dir(&self, path: &Path) -> io::Result<Self::Lock>;
    /// Whether the path still leads to the folder that was locked. It doesn't when the folder was
    /// removed or replaced meanwhile; then the lock keeps nobody away from what lies there now.
    fn still_locks(&self, lock: &Self::Lock, path: &Path) -> io::Result<bool>;
    /// Bytes that can still be written to the file system that holds this path.
    fn available_space(&self, path: &Path) -> io::Result<u64>;
    /// The kind of network file system that holds this path (`nfs`, `cifs`, ...), if it is one.
    /// Locks and the order of changes can't be relied on there.
    fn network_file_system(&self, path: &Path) -> io::Result<Option<String>>;

    /// Whether the path exists. Errors other than "not found" are passed on.
    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// The whole content of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::Read)?;
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut content = vec![0; len];
        file.read_exact_at(&mut content, 0)?;
        Ok(content)
    }
}

/// An open file with positioned reads and writes. There is no cursor.
pub trait File: Send + Sync + 'static {
    /// Reads up to `buf.len()` bytes at `offset`; 0 at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some bytes at `offset` and says how many: like `pwrite(2)`, it may write fewer.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Cuts or extends (with zeros) to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Makes content and length durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buf`, or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    buf = &mut buf[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Writes all of `buf`. After an error any prefix of it may have been written.
    fn write_all_at(&self, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    buf = &buf[n..];
                    offset += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
