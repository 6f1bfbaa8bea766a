//! How a writer starts: checks, syncs, and a new lake's first commit.

use std::io;
use std::path::{Path, PathBuf};

use disk::Disk;
use jiff::Timestamp;

use crate::commit_log::{self, Head, Listing};
use crate::error::Context;
use crate::identity::{self, RootIdentity, Seen, StateIdentity};
use crate::layout::{Layout, LogEntry, StateLayout, attempt_of_state_file};
use crate::live::LiveSet;
use crate::start::{self, Found, Newest, Start};
use crate::{
    AttemptId, Commit, CommitNumber, FailPoint, LakeError, LakeId, Mismatch, Options, Payload, folders,
    sealed,
};

/// A lake that may be written.
pub(crate) struct Opened {
    pub(crate) lake: LakeId,
    pub(crate) head: Head,
    pub(crate) seen: Option<CommitNumber>,
}

/// Looks at everything, and goes on from there. The caller holds the locks.
pub(crate) fn open<D: Disk>(
    disk: &D,
    options: &Options,
    layout: &Layout,
    state: &StateLayout,
    now: Timestamp,
    random: u128,
) -> Result<Opened, LakeError> {
    let mut found = Found {
        root: identity::read(disk, &layout.identity())?,
        state: identity::read(disk, &state.identity())?,
        seen: identity::read(disk, &state.seen())?,
        table: first_name(disk, &layout.tables)?,
        state_file: any_state_file(disk, state)?,
        has_log: disk.exists(&layout.log).during("look at", &layout.log)?,
        has_tables: disk.exists(&layout.tables).during("look at", &layout.tables)?,
        newest: None,
    };
    let listing = Listing::read(disk, layout)?;
    let lake = match &found.root {
        Some(identity) => identity.lake,
        // Only the identity says which lake the commits belong to.
        None if !listing.commits.is_empty() => {
            return Err(Mismatch::IdentityLost {
                root: layout.root.clone(),
            }
            .into());
        }
        None => LakeId::from_random(random),
    };
    let head = commit_log::read_head(disk, layout, lake, &listing)?;
    found.newest = head.as_ref().map(newest);
    let start = start::decide(layout, state, &options.job, &found)?;
    let newest = head.as_ref().map(|head| &head.commit);
    check_state_files(disk, state, newest)?;
    if start == Start::NewLake {
        create_root(disk, options, layout, lake)?;
    }
    // Also what this lake was created with: the state folder must never name a lake whose own
    // identity a power loss can still take back.
    sync_all(disk, layout, state)?;
    options.reached(FailPoint::FoundSynced);
    if start <= Start::NewState {
        let identity = StateIdentity {
            lake,
            job: options.job.clone(),
        };
        identity::write(disk, &state.identity(), &identity)?;
        options.reached(FailPoint::StateIdentified);
    }
    let head = match head {
        Some(head) => head,
        None => first_commit(disk, options, layout, lake, now, AttemptId(random))?,
    };
    let seen = found
        .seen
        .filter(|seen| seen.sha256 == head.digest)
        .map(|seen: Seen| seen.commit);
    Ok(Opened { lake, head, seen })
}

fn newest(head: &Head) -> Newest {
    Newest {
        number: head.commit.number,
        digest: head.digest,
        previous: head.commit.previous,
        has_files: head.live.has_files(),
    }
}

fn first_name<D: Disk>(disk: &D, folder: &Path) -> Result<Option<PathBuf>, LakeError> {
    let names = folders::names_if_there(disk, folder)?;
    Ok(names.first().map(|name| folder.join(name)))
}

fn any_state_file<D: Disk>(disk: &D, state: &StateLayout) -> Result<Option<PathBuf>, LakeError> {
    let names = folders::names_if_there(disk, &state.dir)?;
    let file = names.iter().find(|name| attempt_of_state_file(name).is_some());
    Ok(file.map(|name| state.file(name)))
}

/// Every state file of the newest commit must be there, at its length. Contents are checked when
/// they are read.
fn check_state_files<D: Disk>(
    disk: &D,
    state: &StateLayout,
    newest: Option<&Commit>,
) -> Result<(), LakeError> {
    for file in newest.iter().flat_map(|commit| &commit.state) {
        let path = state.file(&file.file);
        match disk.metadata(&path) {
            Ok(found) if found.len == file.bytes => {}
            Ok(_) => {
                return Err(LakeError::damaged(
                    &path,
                    "its length is not what the commit says",
                ));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let number = newest.map_or(CommitNumber::FIRST, |commit| commit.number);
                return Err(LakeError::MissingFile { path, number });
            }
            Err(e) => return Err(e).during("look at", &path),
        }
    }
    Ok(())
}

/// Makes a new lake's folders, and only then its identity.
fn create_root<D: Disk>(disk: &D, options: &Options, layout: &Layout, lake: LakeId) -> Result<(), LakeError> {
    for folder in [&layout.log, &layout.tables, &layout.staging] {
        folders::ensure(disk, folder)?;
    }
    folders::sync(disk, &layout.root)?;
    options.reached(FailPoint::FoldersMade);
    identity::write(disk, &layout.identity(), &RootIdentity { lake })?;
    options.reached(FailPoint::RootIdentified);
    Ok(())
}

/// Makes durable what was found: whoever left it may have been killed before it synced it.
fn sync_all<D: Disk>(disk: &D, layout: &Layout, state: &StateLayout) -> Result<(), LakeError> {
    folders::ensure(disk, &layout.tables)?;
    folders::ensure(disk, &layout.staging)?;
    folders::sync(disk, &layout.root)?;
    folders::sync(disk, &layout.log)?;
    for root in [&layout.tables, &layout.staging] {
        for folder in folders::all_below(disk, root)? {
            folders::sync(disk, &folder)?;
        }
    }
    folders::sync(disk, &state.dir)
}

/// Every lake begins with an empty commit, made before anything is staged.
fn first_commit<D: Disk>(
    disk: &D,
    options: &Options,
    layout: &Layout,
    lake: LakeId,
    now: Timestamp,
    attempt: AttemptId,
) -> Result<Head, LakeError> {
    let commit = Commit {
        lake,
        number: CommitNumber::FIRST,
        previous: None,
        at: whole_ms(now),
        attempt,
        tables: Vec::new(),
        state: Vec::new(),
        application: Payload::null(),
    };
    let (bytes, digest) = sealed::seal(&commit)
        .map_err(|e| LakeError::Misuse(format!("the first commit can't be written: {e}")))?;
    let temporary = layout.staging.join(LogEntry::Commit(commit.number).name());
    folders::write_new(disk, &temporary, &bytes)?;
    options.reached(FailPoint::CommitWritten);
    let path = layout.commit(commit.number);
    if commit_log::link(disk, &temporary, &path)? == commit_log::Linked::WasThere {
        return Err(LakeError::AnotherWriter { path });
    }
    options.reached(FailPoint::CommitLinked);
    folders::sync(disk, &layout.log)?;
    options.reached(FailPoint::CommitSynced);
    Ok(Head {
        commit,
        digest,
        live: LiveSet::default(),
        published: false,
    })
}

/// A commit's time as it is stored.
pub(crate) fn whole_ms(now: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}
