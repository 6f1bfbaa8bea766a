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
