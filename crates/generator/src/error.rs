//! What can keep the generator from generating.

use std::{io, path::PathBuf};

use client::{ClientError, FetchError, ProduceError};

/// Counts from zero beside topics that hold records already never agree with what is read from them.
const AFRESH: &str = "begin in an empty data folder; or, to go on with these topics, move the file away, but then \
                      what they hold already is in no count, and `ledger` can't balance";

/// What can keep the generator from generating.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeneratorError {
    /// A setting makes no sense.
    #[error("{what}")]
    Settings {
        /// Which, and what it may be.
        what: String,
    },
    /// Another generator uses the folder.
    #[error("another generator writes to {}: stop it first, or use another folder", .folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The truth log can't be read or written.
    #[error("{}: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The truth log isn't one, or a line of it was changed.
    #[error("{}: line {line} is damaged ({reason}). The counts can't be trusted: {AFRESH}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The truth log is of another version.
    #[error("{} has format {found}, this minicluster reads {known}: use the one that wrote it, `minicluster clean --all`; or {AFRESH}", .path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format that is known here.
        known: u32,
    },
    /// A topic was deleted and made anew while the generator ran.
    #[error("topic `{topic}` was made anew: what it holds is counted from zero")]
    Recreated {
        /// The topic.
        topic: String,
    },
    /// The file to write to, or to replay, can't be used.
    #[error("{what}: {error}")]
    File {
        /// What was tried with which file.
        what: String,
        /// Why it failed.
        error: io::Error,
    },
    /// The end of a topic can't be read, so that it isn't known what a killed run had sent.
    #[error("what the last run sent to `{topic}` can't be counted: {error}. The counts are in {}: {AFRESH}", .log.display())]
    Unresolved {
        /// The topic.
        topic: String,
        /// Why.
        error: Box<FetchError>,
        /// The truth log.
        log: PathBuf,
    },
    /// A cluster can't be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Records were refused.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// The system gave no random number.
    #[error("the system gave no random number: {0}")]
    Random(getrandom::Error),
    /// A thread that makes events ended early.
    #[error("a thread that makes events failed; its message is above")]
    Maker,
    /// A task ended early.
    #[error("a task of the generator failed: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl GeneratorError {
    /// Whether it passes when there is room on the disk.
    pub(crate) fn is_full_disk(&self) -> bool {
        let Self::Io { error, .. } = self else {
            return false;
        };
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    }

    /// Whether it passes when brokers are back, or there is room on the disk.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Io { .. } => self.is_full_disk(),
            Self::Client(error) => error.is_retriable(),
            Self::Recreated { .. } => true,
            Self::Produce(ProduceError::TimedOut { .. } | ProduceError::Fatal { .. }) => true,
            Self::Produce(ProduceError::Client(error)) => error.is_retriable(),
            Self::Unresolved { error, .. } => match &**error {
                FetchError::Client(error) => error.is_retriable(),
                _ => false,
            },
            _ => false,
        }
    }
}
