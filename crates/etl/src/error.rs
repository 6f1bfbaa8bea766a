use crate::recover::Refusal;

/// Why the ETL stopped, or could not start. Messages say what the operator can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EtlError {
    /// A table's declaration has a mistake.
    #[error("table `{table}`: {what}")]
    Declaration {
        /// The table.
        table: String,
        /// The mistake.
        what: String,
    },
    /// What lies on disk and what the brokers say do not fit together.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The payload of a commit is not understood.
    #[error("the newest commit's ETL payload cannot be read: {0}")]
    Payload(String),
    /// A state file is not what its commit says.
    #[error(
        "state file {name}: {what}. Restore it from a backup of the checkpoint folder, or start a new lake with `minicluster clean --lake --checkpoints`"
    )]
    State {
        /// The file.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// The lake refused or failed.
    #[error(transparent)]
    Lake(#[from] lake::LakeError),
    /// A file of the lake cannot be written.
    #[error("can't write {what}: {source}. Nothing of the epoch was committed, nothing is lost")]
    Write {
        /// The file.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The brokers refused or failed.
    #[error(transparent)]
    Client(#[from] client::ClientError),
    /// A declared topic does not exist.
    #[error("topic {topic} of table {table} does not exist: create it; the ETL waits for it")]
    TopicMissing {
        /// The table.
        table: String,
        /// The topic.
        topic: String,
    },
    /// A broker refused an offset, and the range that it told afterwards doesn't say why.
    #[error(
        "{topic}-{partition}: a broker says that offset {offset} is out of range, but not why; it is asked again"
    )]
    OutOfRange {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// A record batch of a topic is damaged.
    #[error("{topic}-{partition}: the record batch at offset {offset} cannot be read: {what}")]
    Batch {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The batch's first offset.
        offset: i64,
        /// What is wrong.
        what: String,
    },
    /// Rows could not be turned into columns or Parquet.
    #[error("columns of table `{table}`: {what}")]
    Columns {
        /// The table.
        table: String,
        /// What is wrong.
        what: String,
    },
    /// The ledger of an epoch did not balance: nothing of it was committed.
    #[error("the ledger does not balance, nothing was committed (please report this): {0}")]
    Ledger(String),
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The process ended itself at a fail point; only in tests.
    #[error("ended at the fail point {0}")]
    FailPoint(&'static str),
    /// A worker of the ETL ended by a panic.
    #[error("a worker of the ETL panicked (please report this): {0}")]
    Worker(String),
}

impl EtlError {
    /// Whether the ETL waits and tries again by itself: brokers that are away, topics that are not
    /// there yet, a full disk. Nothing is lost by it: the epoch is read again.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            // A topic that is missing for a while is waited for as at the start.
            Self::Client(client::ClientError::UnknownTopic { .. }) => true,
            Self::Client(error) => error.is_retriable(),
            Self::Lake(error) => error.is_disk_full(),
            Self::Write { source, .. } => {
                matches!(
                    source.kind(),
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
                )
            }
            Self::TopicMissing { .. } | Self::OutOfRange { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn columns(table: &str, error: impl std::fmt::Display) -> Self {
        Self::Columns {
            table: table.to_owned(),
            what: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_goes_missing_is_waited_for() {
        let unknown = client::ClientError::UnknownTopic { topic: "t".into() };
        assert!(EtlError::from(unknown).is_retriable());
        assert!(!EtlError::from(client::ClientError::NoBootstrap).is_retriable());
    }
}
