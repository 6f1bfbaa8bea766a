//! What can go wrong with the run folder.

use std::io;
use std::path::{Path, PathBuf};

use crate::service::Service;

/// Why the run folder could not be read, written or had.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The data folder cannot be created or written.
    #[error(
        "the data folder {} cannot be written ({error}): give this user the right to write there, \
         or choose another with `--data`",
        path.display()
    )]
    Unwritable {
        /// The data folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is not what was written there.
    #[error("{} is damaged ({reason}): remove it while nothing runs; `minicluster up` makes another", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What says which brokers the cluster has doesn't fit what lies beside it.
    #[error(
        "{}: {reason}; bring back the file that lay there, or start from nothing with `minicluster clean --all`",
        path.display()
    )]
    Membership {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A supervisor runs in this data folder.
    #[error(
        "already running in {}{}: `minicluster status` shows it, `minicluster down` stops it",
        data.display(),
        pid.map_or(String::new(), |pid| format!(", pid {pid}"))
    )]
    AlreadyRunning {
        /// The data folder.
        data: PathBuf,
        /// The supervisor, where it has recorded itself.
        pid: Option<u32>,
    },
    /// Another process is this service.
    #[error("{service} is already running here, pid {pid}: it must stop first")]
    ServiceRuns {
        /// The service.
        service: Service,
        /// The other process.
        pid: u32,
    },
    /// The supervisor that started this process is gone, so the service must not begin.
    #[error("the supervisor, pid {supervisor}, ended before {service} began")]
    SupervisorGone {
        /// The service.
        service: Service,
        /// The supervisor that was.
        supervisor: u32,
    },
    /// The data folder is of a newer format.
    #[error(
        "{} was written by a newer minicluster (format {found}, this one knows {known}): use that one",
        data.display()
    )]
    Newer {
        /// The data folder.
        data: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that we know.
        known: u32,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
    /// This process could not find out who it is.
    #[error("/proc cannot be read ({0}): is it mounted?")]
    Proc(io::Error),
}

impl RunError {
    /// Whether somebody else has what was asked for.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::AlreadyRunning { .. } | Self::ServiceRuns { .. })
    }

    pub(crate) fn file(path: &Path, error: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            error,
        }
    }
}
