//! One partition's records on disk, in Kafka's own files.
//!
//! A [`Partition`] owns one folder, `<topic>-<partition>/`:
//!
//! | file | what it holds |
//! |---|---|
//! | `<base offset>.log` | a *segment*: record batches, one after the other |
//! | `<base offset>.index` | sparse: offset -> position in the segment |
//! | `<base offset>.timeindex` | sparse: highest timestamp so far -> offset |
//! | `<offset>.snapshot` | the idempotent producers as they were before that offset |
//! | `leader-epoch-checkpoint` | the offset at which each leader epoch began |
//! | `partition.metadata` | the topic's id |
//! | `log-start-offset-checkpoint` | the first offset to be served |
//! | `recovery-point-offset-checkpoint` | everything below was made durable |
//! | `damaged` | there where acknowledged records may be gone, until [`Partition::forget_damage`] |
//!
//! The first six are in the formats of Apache Kafka 3.7, and its `kafka-dump-log` reads them.
//!
//! What holds:
//!
//! * Batches are stored as they came. The leader checks them, and patches base offset and leader
//!   epoch, which the CRC does not cover; followers copy bytes.
//! * An append is one `write(2)` that has returned before the caller hears of it. Where it fails,
//!   what it left is cut away at once; where that fails too, the partition is offline until it is
//!   opened again.
//! * The segment files are the truth. Indexes, producer state and epochs can all be rebuilt from
//!   them, and are after a stop that was not clean. So the active segment's indexes live in memory
//!   and reach the disk when the segment is sealed or the partition is closed.
//! * Segments follow each other without a gap, offsets only grow, leader epochs never go down.
//!   What contradicts this at opening is cut off, and [`Recovery`] says precisely what was cut.
//! * What is lost stays known: a partition of which more is cut off than an interrupted write leaves is *damaged*, which
//!   is noted before anything is cut.
//! * A truncation is durable before the next append; removed segments are below a durable start
//!   offset. Nothing that was removed can come back after a power loss.
//! * All I/O goes through [`disk::Disk`]; the time is a parameter.
//!
//! Durability is the caller's choice: [`Partition::flush`], or [`Partition::begin_flush`] to have
//! the `fdatasync` run on another thread.

mod epochs;
mod error;
mod folder;
mod index;
mod options;
mod partition;
mod producers;
mod recovery;
mod scanner;
mod segment;
mod views;

pub use error::{AppendError, InvalidRecord, LogError, ReadError};
pub use options::Options;
pub use partition::{Flush, Partition};
pub use recovery::{Cut, Recovery, Trust};
pub use views::{Appended, ProducerView, SegmentView, TimestampAndOffset};
