//! What a writer is told.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to open a lake for writing.
#[derive(Debug, Clone)]
pub struct Options {
    /// The lake's root folder.
    pub root: PathBuf,
    /// The folder below which each job keeps its state.
    pub checkpoint_root: PathBuf,
    /// The job that writes the lake; names its state folder.
    pub job: String,
    /// How long a commit stays readable after its successor was made.
    pub retain: Duration,
    /// A log snapshot is made every so many commits.
    pub snapshot_every: u64,
    fail_points: FailPoints,
}

impl Options {
    /// Commits are retained for an hour; a log snapshot is made every 1,000 commits.
    pub fn new(
        root: impl Into<PathBuf>,
        checkpoint_root: impl Into<PathBuf>,
        job: impl Into<String>,
    ) -> Options {
        Options {
            root: root.into(),
            checkpoint_root: checkpoint_root.into(),
            job: job.into(),
            retain: Duration::from_secs(60 * 60),
            snapshot_every: 1000,
            fail_points: FailPoints(None),
        }
    }

    /// Calls `hook` between all steps. Tests use it to kill the process there.
    #[cfg(any(test, feature = "fail-points"))]
    pub fn with_fail_points(mut self, hook: impl Fn(FailPoint) + Send + Sync + 'static) -> Options {
        self.fail_points = FailPoints(Some(Arc::new(hook)));
        self
    }

    pub(crate) fn reached(&self, point: FailPoint) {
        if let FailPoints(Some(hook)) = &self.fail_points {
            hook(point);
        }
    }
}

type Hook = Arc<dyn Fn(FailPoint) + Send + Sync>;

#[derive(Clone)]
struct FailPoints(Option<Hook>);

impl fmt::Debug for FailPoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "FailPoints(set)"
        } else {
            "FailPoints(none)"
        })
    }
}

macro_rules! fail_points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// A place between two steps of the writer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FailPoint {
            $($(#[$doc])* $point,)*
        }

        impl FailPoint {
            /// All of them, in the order in which a commit passes them.
            pub const ALL: &[FailPoint] = &[$(FailPoint::$point,)*];

            /// The name by which a test selects it.
            pub fn name(self) -> &'static str {
                match self {
                    $(FailPoint::$point => $name,)*
                }
            }
        }
    };
}

fail_points! {
    /// A new lake's folders are there, its identity is not.
    FoldersMade = "folders-made",
    /// The root has its identity, the state folder has not.
    RootIdentified = "root-identified",
    /// Everything that an earlier process left was synced; nothing was changed yet.
    FoundSynced = "found-synced",
    /// Both have it; there is no commit yet.
    StateIdentified = "state-identified",
    /// A staged file was created.
    StagedFileCreated = "staged-file-created",
    /// A staged file was written and synced.
    StagedFileSynced = "staged-file-synced",
    /// All staged files and their folders are durable; there is no commit yet.
    StagingSynced = "staging-synced",
    /// The commit is written under its temporary name.
    CommitWritten = "commit-written",
    /// The commit has its name, which may not be durable.
    CommitLinked = "commit-linked",
    /// The commit is durable.
    CommitSynced = "commit-synced",
    /// The state folder names the commit.
    CommitSeen = "commit-seen",
    /// The folders of a table are there and durable.
    TableFoldersSynced = "table-folders-synced",
    /// A file has its final name, which may not be durable.
    FileLinked = "file-linked",
    /// The files of a partition are durable under their final names.
    PartitionSynced = "partition-synced",
    /// A file lost its staged name.
    FileUnstaged = "file-unstaged",
    /// All files are published; the commit is not marked.
    FilesPublished = "files-published",
    /// The commit is marked, which may not be durable.
    CommitMarked = "commit-marked",
    /// The commit is published.
    CommitPublished = "commit-published",
    /// Its staging folder is gone.
    StagingRemoved = "staging-removed",
    /// A log snapshot is written under its temporary name.
    SnapshotWritten = "snapshot-written",
    /// The log snapshot is durable.
    SnapshotSynced = "snapshot-synced",
    /// An old commit, marker or log snapshot was deleted.
    LogEntryDeleted = "log-entry-deleted",
    /// A state file that no retained commit names was deleted.
    StateFileDeleted = "state-file-deleted",
}
