//! What can go wrong, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::{CommitNumber, LakeId, NameError};

/// Why the lake refuses or stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// The file system refused an operation.
    #[error("can't {action} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file system couldn't make something durable.
    #[error(
        "can't make {} durable: {source}{}. Check the disk, then start again: the log says what was committed",
        path.display(), advice(source)
    )]
    Sync {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Somebody else writes this lake.
    #[error(
        "{} is locked by another process that writes this lake (it may be paused); there can be only one: \
         stop the other one first, for example with `minicluster down`",
        path.display()
    )]
    Locked {
        /// The locked folder.
        path: PathBuf,
    },
    /// The locked folder is not the one that lies there now.
    #[error(
        "{} was removed or replaced while this process writes it, so its lock keeps nobody out any more: \
         what it had not committed is read again at the next start",
        path.display()
    )]
    Replaced {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not on this machine.
    #[error(
        "{} is on a network file system ({kind}), where a lock doesn't keep a second writer out: \
         set storage.datalake_root and storage.checkpoint_root to folders on a local disk",
        path.display()
    )]
    NetworkFileSystem {
        /// The folder.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// A newer program wrote it.
    #[error(
        "{} was written by a newer minicluster (format {found}, this one knows up to {known}): \
         use that version, or start over with `minicluster clean --lake --checkpoints`",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// A file isn't what was written.
    #[error(
        "{} is damaged ({reason}): restore the lake and its checkpoints from one backup, \
         or start over with `minicluster clean --lake --checkpoints`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A commit is missing in the middle of the log.
    #[error(
        "commit {number} is missing in {}: restore the lake and its checkpoints from one backup, \
         or start over with `minicluster clean --lake --checkpoints`",
        log.display()
    )]
    MissingCommit {
        /// The log folder.
        log: PathBuf,
        /// The missing commit.
        number: CommitNumber,
    },
    /// A file that a commit names is gone.
    #[error(
        "{} is missing, though commit {number} names it: restore the lake and its checkpoints from one backup, \
         or start over with `minicluster clean --lake --checkpoints`",
        path.display()
    )]
    MissingFile {
        /// Where it should be.
        path: PathBuf,
        /// The commit that names it.
        number: CommitNumber,
    },
    /// Lake and state don't belong together.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// There is no lake yet.
    #[error("there is no lake in {} yet: it appears when the ETL has started (`minicluster up`)", root.display())]
    NoLake {
        /// The folder.
        root: PathBuf,
    },
    /// Somebody else made the commit that this writer was about to make.
    #[error(
        "{} appeared while this process holds the lake's lock: another program writes this lake; \
         find it and stop it, then start again",
        path.display()
    )]
    AnotherWriter {
        /// The commit that was there already.
        path: PathBuf,
    },
    /// The writer met an error after which it can't know what is durable.
    #[error("the writer has stopped after an earlier error: start it again, it then continues from the log")]
    Stopped,
    /// The newest commit isn't published yet.
    #[error("commit {number} must be published before the next one is made")]
    NotPublished {
        /// The newest commit.
        number: CommitNumber,
    },
    /// A commit replaces files, which this program can't publish.
    #[error(
        "commit {number} removes files from {table}, which this version of minicluster can't publish: use the version that made it"
    )]
    Unpublishable {
        /// The commit.
        number: CommitNumber,
        /// The table.
        table: crate::TableName,
    },
    /// A commit was asked for that can't be made.
    #[error("{0}")]
    Misuse(String),
    /// A name that can't be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A file of a snapshot is gone.
    #[error(
        "{} of commit {number} is gone: the commit may not be retained any more, so run the query again; \
         if this repeats, the lake has lost a file",
        path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// The commit of the snapshot.
        number: CommitNumber,
    },
}

/// Folders that don't belong together: copied, lost, restored in part, or not mounted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// There are commits or tables, but not the file that identifies the lake.
    #[error(
        "{} holds commits or tables, but not its format.json: it was copied in part, or another program uses it. \
         Restore it, or start over with `minicluster clean --lake --checkpoints`",
        root.display()
    )]
    IdentityLost {
        /// The lake's root.
        root: PathBuf,
    },
    /// The state folder belongs to a lake that isn't there.
    #[error(
        "{} belongs to a lake that is not in {}: mount or restore the lake, \
         or start over with `minicluster clean --lake --checkpoints`",
        state.display(), root.display()
    )]
    LakeLost {
        /// The lake's root.
        root: PathBuf,
        /// The state folder.
        state: PathBuf,
    },
    /// The lake is there, its state isn't.
    #[error(
        "the lake in {} has commits, but {} has lost the state that goes with them: mount or restore it, \
         or start over with `minicluster clean --lake --checkpoints`",
        root.display(), state.display()
    )]
    StateLost {
        /// The lake's root.
        root: PathBuf,
        /// The state folder.
        state: PathBuf,
    },
    /// The state folder belongs to another lake or another job.
    #[error(
        "{} belongs to lake {found} and job {found_job:?}, not to lake {expected}: check storage.datalake_root and \
         storage.checkpoint_root, or start over with `minicluster clean --lake --checkpoints`",
        state.display()
    )]
    ForeignState {
        /// The state folder.
        state: PathBuf,
        /// The lake that it names.
        found: LakeId,
        /// The job that it names.
        found_job: String,
        /// The lake in the root.
        expected: LakeId,
    },
    /// There are tables or state of commits that the log doesn't have.
    #[error(
        "{} is there, but the commits in {} are gone: mount or restore the log, \
         or start over with `minicluster clean --lake --checkpoints`",
        what.display(), log.display()
    )]
    LogLost {
        /// The log folder.
        log: PathBuf,
        /// What shows that there were commits.
        what: PathBuf,
    },
    /// The tables that the log speaks of are gone.
    #[error(
        "the log in {} names files of tables, but {} is gone: mount or restore it, \
         or start over with `minicluster clean --lake --checkpoints`",
        log.display(), tables.display()
    )]
    TablesLost {
        /// The log folder.
        log: PathBuf,
        /// The missing folder.
        tables: PathBuf,
    },
    /// Log and state are of different times.
    #[error(
        "the log in {} ends with commit {newest}, but {} has last seen another commit {seen}: \
         one of them is an old or a foreign copy. Restore both from one backup, \
         or start over with `minicluster clean --lake --checkpoints`",
        log.display(), state.display()
    )]
    Diverged {
        /// The log folder.
        log: PathBuf,
        /// The state folder.
        state: PathBuf,
        /// The newest commit of the log.
        newest: CommitNumber,
        /// The commit that the state folder names.
        seen: CommitNumber,
    },
}

impl LakeError {
    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> LakeError {
        LakeError::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    /// Whether the disk was full: nothing was lost, and the same can be tried again.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, LakeError::Io { source, .. } | LakeError::Sync { source, .. } if is_full(source))
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        _ if is_full(error) => ". Nothing is lost: free some space and try again",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            ". The lake's folders (storage.datalake_root, storage.checkpoint_root) must be writable for this user"
        }
        io::ErrorKind::CrossesDevices => ". Choose a folder on the lake's own file system",
        _ => "",
    }
}

/// Says what was done to which path when an operation of the disk fails.
pub(crate) trait Context<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T, LakeError>;
}

impl<T> Context<T> for io::Result<T> {
    fn during(self, action: &'static str, path: &Path) -> Result<T, LakeError> {
        self.map_err(|source| LakeError::Io {
            action,
            path: path.to_owned(),
            source,
        })
    }
}
