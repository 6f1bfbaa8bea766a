//! What can go wrong with a query.

use std::time::Duration;

use datafusion::error::DataFusionError;

/// Why a query gave no answer. The messages are for who typed the query.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query names a table that the lake doesn't have.
    #[error("there is no table `{table}`; there are: {}", tables.join(", "))]
    UnknownTable {
        /// As the query has it.
        table: String,
        /// All tables.
        tables: Vec<String>,
    },
    /// Several statements, or none.
    #[error("give exactly one statement")]
    NotOne,
    /// So long, or so deeply nested, that it isn't planned.
    #[error("the query is too large: {reason}")]
    TooLarge {
        /// What is beyond which bound.
        reason: String,
    },
    /// Text that isn't SQL, or names what doesn't exist.
    #[error("{message}")]
    Sql {
        /// What DataFusion says.
        message: String,
    },
    /// A statement that would change something.
    #[error(
        "SQL only reads here, so `{statement}` is refused: ask with select, with, show, describe or explain"
    )]
    ReadOnly {
        /// The first word of the statement.
        statement: String,
    },
    /// The query needs more memory than it may have.
    #[error(
        "the query needs more memory than the {} MiB that it may use: narrow it down (a `where dt = ...`, \
         fewer groups or columns), or raise `sql.memory_mib`",
        limit_bytes >> 20
    )]
    Memory {
        /// What it may use.
        limit_bytes: usize,
    },
    /// The query takes longer than it may.
    #[error(
        "the query was given up after {} s: narrow it down (a `where dt = ...`), or raise `sql.timeout_ms`",
        limit.as_secs_f64()
    )]
    Timeout {
        /// What it may take.
        limit: Duration,
    },
    /// A file of the snapshot can't be read.
    #[error("cannot read the lake: {message}")]
    Lake {
        /// The file, and what the system says.
        message: String,
    },
    /// An error while the query was running: a division by zero, a text that is no number.
    #[error("the query failed: {message}")]
    Execution {
        /// What DataFusion says.
        message: String,
    },
}

impl QueryError {
    /// The error of a step of planning.
    pub(crate) fn planning(error: &DataFusionError) -> Self {
        Self::Sql {
            message: message(error),
        }
    }

    /// A bug: the task of the query is gone.
    pub(crate) fn panicked() -> Self {
        Self::Execution {
            message: "it ended without an answer (please report this query)".to_owned(),
        }
    }

    /// The error of a running query.
    pub(crate) fn running(error: &DataFusionError, limit_bytes: usize) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Memory { limit_bytes },
            DataFusionError::ObjectStore(source) => Self::Lake {
                message: source.to_string(),
            },
            DataFusionError::ParquetError(source) => Self::Lake {
                message: source.to_string(),
            },
            _ => Self::Execution {
                message: message(error),
            },
        }
    }
}

/// DataFusion's text without its own kinds of errors in front, which tell a user nothing.
fn message(error: &DataFusionError) -> String {
    let text = error.find_root().strip_backtrace();
    let text = text.lines().next().unwrap_or_default();
    let kinds = [
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ",
        "Execution error: ",
        "Arrow error: ",
        "This feature is not implemented: ",
    ];
    let mut text = text;
    while let Some(rest) = kinds.iter().find_map(|kind| text.strip_prefix(kind)) {
        text = rest;
    }
    let text = text
        .strip_prefix("ParserError(\"")
        .and_then(|rest| rest.strip_suffix("\")"))
        .unwrap_or(text);
    text.to_owned()
}
