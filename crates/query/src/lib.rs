//! SQL over one committed snapshot of the lake.
//!
//! An [`Engine`] holds a [`lake::Snapshot`]: exactly one commit of all tables. Every query of the
//! engine sees that commit, whatever is written meanwhile. DataFusion plans and executes; this
//! crate gives it its tables and takes everything else away:
//!
//! * A lake table knows its files, their partitions and their row counts from the commit, so
//!   that `where dt = '2025-06-01'` opens the files of that day only and `count(*)` opens none.
//! * The one object store that queries can reach holds the snapshot's files and nothing else, and
//!   cannot be written. There is no other path to a file: none in SQL, none in a function.
//! * Statements that change something (DDL, DML, COPY, SET, PREPARE and the like) are refused
//!   before they are executed, and nothing is spilled to disk.
//! * A text is refused that is so long or so deeply nested that working on it could overflow a stack.
//! * [`Limits`] bound the time of a query, and the memory of what takes most: sorting, grouping, joining
//!   and functions that lengthen. They are no ceiling for the process; [`Limits`] says what is bounded.
//!
//! Never here: writing, Kafka, settings.

mod engine;
mod error;
mod footer;
mod lengthening;
mod nesting;
mod store;
mod table;

pub use engine::{Engine, Limits, Rows};
pub use error::QueryError;
