//! What a writer finds, and whether it may go on from there.

use std::path::PathBuf;

use crate::identity::{RootIdentity, Seen, StateIdentity};
use crate::layout::{Layout, StateLayout};
use crate::{CommitNumber, Digest, Mismatch};

/// What lies in the lake's root and in the state folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) root: Option<RootIdentity>,
    pub(crate) state: Option<StateIdentity>,
    pub(crate) newest: Option<Newest>,
    pub(crate) seen: Option<Seen>,
    /// Anything in `tables`, if it is there.
    pub(crate) table: Option<PathBuf>,
    /// Any state file.
    pub(crate) state_file: Option<PathBuf>,
    /// Whether the folders `log` and `tables` are there.
    pub(crate) has_log: bool,
    pub(crate) has_tables: bool,
}

/// The newest commit of the log that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest {
    pub(crate) number: CommitNumber,
    pub(crate) digest: Digest,
    pub(crate) previous: Option<Digest>,
    /// Whether the tables have files at this commit.
    pub(crate) has_files: bool,
}

/// How a writer begins. Creating a lake may have been interrupted after each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Start {
    /// Nothing is there.
    NewLake,
    /// The root has its identity; the state folder has none.
    NewState,
    /// Both have theirs; there is no commit.
    FirstCommit,
    /// There are commits.
    Resume,
}

/// Decides from what was found. Nothing here is undone or guessed: what doesn't fit stops.
pub(crate) fn decide(
    layout: &Layout,
    state: &StateLayout,
    job: &str,
    found: &Found,
) -> Result<Start, Mismatch> {
    let lake_lost = || Mismatch::LakeLost {
        root: layout.root.clone(),
        state: state.dir.clone(),
    };
    let state_lost = || Mismatch::StateLost {
        root: layout.root.clone(),
        state: state.dir.clone(),
    };
    let log_lost = |what: PathBuf| Mismatch::LogLost {
        log: layout.log.clone(),
        what,
    };
    let Some(root) = &found.root else {
        if found.newest.is_some() || found.table.is_some() {
            return Err(Mismatch::IdentityLost {
                root: layout.root.clone(),
            });
        }
        if found.state.is_some() || found.seen.is_some() || found.state_file.is_some() {
            return Err(lake_lost());
        }
        return Ok(Start::NewLake);
    };
    // The folders were durable before the identity was written.
    if !found.has_log {
        return Err(log_lost(layout.identity()));
    }
    let Some(identity) = &found.state else {
        if found.newest.is_some() {
            return Err(state_lost());
        }
        if let Some(what) = found.table.clone().or(found.state_file.clone()) {
            return Err(log_lost(what));
        }
        return Ok(Start::NewState);
    };
    if identity.lake != root.lake || identity.job != job {
        return Err(Mismatch::ForeignState {
            state: state.dir.clone(),
            found: identity.lake,
            found_job: identity.job.clone(),
            expected: root.lake,
        });
    }
    let Some(newest) = found.newest else {
        let seen = found.seen.map(|_| state.seen());
        return match seen.or(found.table.clone()).or(found.state_file.clone()) {
            Some(what) => Err(log_lost(what)),
            None => Ok(Start::FirstCommit),
        };
    };
    if newest.has_files && !found.has_tables {
        let (log, tables) = (layout.log.clone(), layout.tables.clone());
        return Err(Mismatch::TablesLost { log, tables });
    }
    match found.seen {
        // A commit is seen before the next one is made, so only the newest may be unseen.
        None if newest.number == CommitNumber::FIRST => Ok(Start::Resume),
        None => Err(state_lost()),
        Some(seen) if fits(seen, newest) => Ok(Start::Resume),
        Some(seen) => Err(Mismatch::Diverged {
            log: layout.log.clone(),
            state: state.dir.clone(),
            newest: newest.number,
            seen: seen.commit,
        }),
    }
}

fn fits(seen: Seen, newest: Newest) -> bool {
    let is_newest = seen.commit == newest.number && seen.sha256 == newest.digest;
    let is_previous = seen.commit.next() == newest.number && Some(seen.sha256) == newest.previous;
    is_newest || is_previous
}
