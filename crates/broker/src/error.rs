//! What stops a broker, told to its operator.

use std::io;
use std::path::{Path, PathBuf};

use record::BrokerId;

/// Why a broker can't start, or must stop.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Another program listens there.
    #[error(
        "port {port} on {host} is taken by another program; stop it, or set another port ({key}) in the configuration"
    )]
    PortTaken {
        /// Where this broker wanted to listen.
        host: String,
        /// The port.
        port: u16,
        /// The configuration key that sets it.
        key: String,
    },
    /// The address can't be listened on for another reason.
    #[error("can't listen on {host}:{port} ({key}): {source}")]
    Listen {
        /// Where this broker wanted to listen.
        host: String,
        /// The port.
        port: u16,
        /// The configuration key that sets it.
        key: String,
        /// What the system says.
        source: io::Error,
    },
    /// Another process holds the folder.
    #[error("{} is in use by another broker process; stop that one first", path.display())]
    FolderLocked {
        /// The folder of this broker.
        path: PathBuf,
    },
    /// The folder can't be written.
    #[error("{} can't be written ({source}); give this user the right to write there, or set another data folder", path.display())]
    ReadOnly {
        /// What was to be written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no room to start.
    #[error("no space is left for {}; free some and start again: nothing that was acknowledged is lost", path.display())]
    DiskFull {
        /// What was to be written.
        path: PathBuf,
    },
    /// This process may open no more files.
    #[error("{} can't be opened: too many files are open; raise the limit (ulimit -n) and start again", path.display())]
    TooManyFiles {
        /// What was to be opened.
        path: PathBuf,
    },
    /// Any other failure of the disk.
    #[error("{} failed: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder belongs to somebody else.
    #[error(
        "{} belongs to {field} {theirs}, this broker is of {field} {ours}; set the right data folder, or remove this one with `minicluster clean`",
        path.display()
    )]
    OtherOwner {
        /// The file that says so.
        path: PathBuf,
        /// `cluster.id` or `node.id`.
        field: &'static str,
        /// What this broker was started with.
        ours: String,
        /// What the file says.
        theirs: String,
    },
    /// A newer program wrote the folder.
    #[error("{} was written by a newer minicluster (format {found}, this one knows up to {known}); use that one, or remove the folder with `minicluster clean`", path.display())]
    NewerFormat {
        /// The file that says so.
        path: PathBuf,
        /// Its format.
        found: String,
        /// The newest format known here.
        known: u32,
    },
    /// A file of this broker's own can't be read.
    #[error("{} is damaged: {reason}; restore the folder {} from a copy, or remove it with `minicluster clean`", path.display(), path.parent().unwrap_or(path).display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A snapshot of the metadata can't be read.
    #[error(
        "the metadata snapshot {} is damaged: {reason}; the other brokers hold copies: stop this broker, move its \
         folder away and start it again",
        path.display()
    )]
    DamagedSnapshot {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The metadata log can't be read or written.
    #[error("the metadata log in {} failed: {reason}", path.display())]
    MetadataLog {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The node refuses to go on.
    #[error(transparent)]
    Cluster(#[from] cluster::ClusterError),
    /// This broker is not among the peers that it was given.
    #[error("broker {id} is not among the brokers of the cluster; check kafka.brokers in the configuration")]
    NotAmongPeers {
        /// This broker.
        id: BrokerId,
    },
    /// What brokers prove to each other could be guessed.
    #[error(
        "the cluster's secret must have at least {least} bytes; remove it, and `minicluster up` makes a new one"
    )]
    ShortSecret {
        /// How many it must have.
        least: usize,
    },
    /// A thread of the broker ended though nobody asked it to.
    #[error("the broker's {part} ended unexpectedly; its log tells more, please report it")]
    Died {
        /// Which part.
        part: &'static str,
    },
}

/// Whether there was no space, so that the same may work later.
pub(crate) fn is_full(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Whether this process or the machine has too many files open, so that the same may work later.
pub(crate) fn is_out_of_files(e: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE]
        .iter()
        .any(|errno| e.raw_os_error() == Some(errno.raw_os_error()))
}

impl BrokerError {
    /// Sorts a failure of the disk by what the operator can do about it.
    pub(crate) fn disk(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, source }
            }
            _ if is_full(&source) => Self::DiskFull { path },
            _ if is_out_of_files(&source) => Self::TooManyFiles { path },
            _ => Self::Disk { path, source },
        }
    }
}
