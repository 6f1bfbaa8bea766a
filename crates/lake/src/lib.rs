//! Tables on disk with one commit log: what is committed is there exactly once, whatever is
//! killed and whenever the power fails.
//!
//! ```text
//! <root>/format.json                                       the lake's id
//! <root>/tables/<table>/dt=YYYY-MM-DD/part-<attempt>-<n>.parquet   what everybody reads
//! <root>/log/<20 digits>.json                              commits, numbered without gaps
//! <root>/log/<20 digits>.published                         says that a commit is published
//! <root>/log/<20 digits>.snapshot.json                     what all commits so far add up to
//! <root>/staging/<attempt>/part-<attempt>-<n>.parquet      files of a commit before it is published
//! <checkpoint_root>/<job>/format.json                      the lake and the job that it belongs to
//! <checkpoint_root>/<job>/newest.json                      the newest commit that it has seen
//! <checkpoint_root>/<job>/<attempt>-<name>                 state files, named by commits
//! ```
//!
//! One process writes: a [`Writer`], which holds the locks of both folders. It *stages* files
//! ([`Writer::begin`], [`Staging`]), makes a *commit* of them together with the state and the
//! payload of the application ([`Writer::commit`]), and *publishes* it ([`Writer::publish`]): gives
//! the files their final names, source tables before the tables derived from them. The commit is
//! the instant at which everything counts. Before it, a crash leaves only what the next start
//! removes; after it, only what the next start finishes.
//!
//! Two kinds of readers look on without any lock:
//!
//! * A [`Snapshot`] is exactly one commit of all tables, always.
//! * Who reads the folders below `tables` gets every file of the published commits and some of the
//!   one that is being published; never a file that isn't committed, never a torn one.
//!
//! A commit stays readable while it is *retained*: while it is the newest, and for a time after its
//! successor was made. [`Writer::collect`] deletes what no retained commit needs.
//!
//! Four rules carry all of this, and the tests explore the real code over a simulated disk to show
//! that leaving one out loses or doubles rows:
//!
//! 1. What a commit names is durable before the commit is made, down to every new folder's parent.
//! 2. A commit gets its name by `link`, which never replaces anything.
//! 3. A commit is published, and marked so durably, before the next one is made.
//! 4. Who finds something that an earlier process left syncs it before building on it.
//!
//! This crate never opens a data file's content beyond its digest, knows nothing of Kafka, does all
//! I/O through [`disk`], and is told the time and its random numbers.

mod collect;
mod commit;
mod commit_log;
mod digest;
mod error;
#[cfg(test)]
mod explore;
mod folders;
mod identity;
mod layout;
mod live;
mod locks;
mod names;
mod opening;
mod options;
mod publish;
mod retained;
mod sealed;
mod snapshot;
mod staging;
mod start;
mod writer;

pub use collect::Collected;
pub use commit::{Commit, DataFile, Payload, StateFile, TableChange};
pub use digest::{Digest, DigestError};
pub use error::{LakeError, Mismatch};
pub use locks::Locks;
pub use names::{AttemptId, CommitNumber, LakeId, NameError, TableName};
pub use options::{FailPoint, Options};
pub use snapshot::Snapshot;
pub use staging::{StagedFile, Staging};
pub use writer::Writer;
