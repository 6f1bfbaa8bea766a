//! The log folder: commits, their markers, and log snapshots.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use disk::Disk;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::Context;
use crate::layout::{Layout, LogEntry};
use crate::live::LiveSet;
use crate::{Commit, CommitNumber, Digest, LakeError, LakeId, Payload, StateFile, folders, sealed};

/// What stands in the log folder. Names of other kinds are no concern of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) commits: BTreeSet<CommitNumber>,
    pub(crate) markers: BTreeSet<CommitNumber>,
    pub(crate) snapshots: BTreeSet<CommitNumber>,
}

/// Everything that the commits up to one of them add up to, so that those before it may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSnapshot {
    pub(crate) lake: LakeId,
    pub(crate) number: CommitNumber,
    /// The digest of that commit.
    pub(crate) sha256: Digest,
    #[serde(rename = "at_ms", with = "crate::commit::timestamp_ms")]
    pub(crate) at: Timestamp,
    pub(crate) tables: LiveSet,
    pub(crate) state: Vec<StateFile>,
    pub(crate) application: Payload,
}

/// The newest commit of a log, and what all commits add up to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) commit: Commit,
    pub(crate) digest: Digest,
    pub(crate) live: LiveSet,
    pub(crate) published: bool,
}

impl Listing {
    pub(crate) fn read<D: Disk>(disk: &D, layout: &Layout) -> Result<Listing, LakeError> {
        let mut listing = Listing::default();
        for name in folders::names_if_there(disk, &layout.log)? {
            match LogEntry::parse(&name) {
                Some(LogEntry::Commit(number)) => listing.commits.insert(number),
                Some(LogEntry::Marker(number)) => listing.markers.insert(number),
                Some(LogEntry::Snapshot(number)) => listing.snapshots.insert(number),
                None => continue,
            };
        }
        Ok(listing)
    }

    /// The newest commit. A log snapshot that is newer than all commits proves that one is lost.
    pub(crate) fn newest(&self, layout: &Layout) -> Result<Option<CommitNumber>, LakeError> {
        let newest = self.commits.last().copied();
        match self.snapshots.last().copied() {
            Some(snapshot) if newest < Some(snapshot) => Err(missing(layout, snapshot)),
            _ => Ok(newest),
        }
    }

    /// Everything of the commits before `number`.
    pub(crate) fn below(&self, number: CommitNumber) -> impl Iterator<Item = LogEntry> {
        let commits = self.commits.range(..number).copied().map(LogEntry::Commit);
        let markers = self.markers.range(..number).copied().map(LogEntry::Marker);
        let snapshots = self.snapshots.range(..number).copied().map(LogEntry::Snapshot);
        commits.chain(markers).chain(snapshots)
    }

    /// The log snapshot to begin with, for the state at `number`.
    fn base(&self, number: CommitNumber) -> Option<CommitNumber> {
        self.snapshots.range(..=number).next_back().copied()
    }
}

fn missing(layout: &Layout, number: CommitNumber) -> LakeError {
    LakeError::MissingCommit {
        log: layout.log.clone(),
        number,
    }
}

/// Reads a commit and checks that it is what its name says.
pub(crate) fn read_commit<D: Disk>(
    disk: &D,
    layout: &Layout,
    lake: LakeId,
    number: CommitNumber,
) -> Result<(Commit, Digest), LakeError> {
    let path = layout.commit(number);
    let bytes = folders::read_if_there(disk, &path)?.ok_or_else(|| missing(layout, number))?;
    let (commit, digest): (Commit, _) = sealed::open(&bytes, &path)?;
    check_identity(&path, lake, number, commit.lake, commit.number)?;
    Ok((commit, digest))
}

fn read_snapshot<D: Disk>(
    disk: &D,
    layout: &Layout,
    lake: LakeId,
    number: CommitNumber,
) -> Result<LogSnapshot, LakeError> {
    let path = layout.log_entry(LogEntry::Snapshot(number));
    let bytes = folders::read_if_there(disk, &path)?.ok_or_else(|| missing(layout, number))?;
    let (snapshot, _): (LogSnapshot, _) = sealed::open(&bytes, &path)?;
    check_identity(&path, lake, number, snapshot.lake, snapshot.number)?;
    Ok(snapshot)
}

fn check_identity(
    path: &Path,
    lake: LakeId,
    number: CommitNumber,
    found_lake: LakeId,
    found: CommitNumber,
) -> Result<(), LakeError> {
    if found_lake != lake {
        return Err(LakeError::damaged(
            path,
            format!("it belongs to lake {found_lake}"),
        ));
    }
    if found != number {
        return Err(LakeError::damaged(path, format!("it holds commit {found}")));
    }
    Ok(())
}

/// Reads the log up to its newest commit; `None` where there is no commit.
pub(crate) fn read_head<D: Disk>(
    disk: &D,
    layout: &Layout,
    lake: LakeId,
    listing: &Listing,
) -> Result<Option<Head>, LakeError> {
    let Some(newest) = listing.newest(layout)? else {
        return Ok(None);
    };
    let mut live = LiveSet::default();
    let mut before: Option<(CommitNumber, Digest)> = None;
    if let Some(base) = listing.base(newest) {
        let snapshot = read_snapshot(disk, layout, lake, base)?;
        live = snapshot.tables;
        before = Some((base, snapshot.sha256));
    }
    let mut head = None;
    if let Some((base, expected)) = before
        && base == newest
    {
        let (commit, digest) = read_commit(disk, layout, lake, newest)?;
        if digest != expected {
            let reason = "its log snapshot was made of another commit";
            return Err(LakeError::damaged(&layout.commit(newest), reason));
        }
        head = Some((commit, digest));
    }
    let first = before.map_or(CommitNumber::FIRST, |(base, _)| base.next());
    for number in (first.0..=newest.0).map(CommitNumber) {
        let path = layout.commit(number);
        let (commit, digest) = read_commit(disk, layout, lake, number)?;
        if commit.previous != before.map(|(_, digest)| digest) {
            return Err(LakeError::damaged(
                &path,
                "it doesn't continue the commit before it",
            ));
        }
        live.check(&commit)
            .map_err(|reason| LakeError::damaged(&path, reason))?;
        live.apply(&commit);
        before = Some((number, digest));
        head = Some((commit, digest));
    }
    let published = listing.markers.contains(&newest);
    Ok(head.map(|(commit, digest)| Head {
        commit,
        digest,
        live,
        published,
    }))
}

/// How giving a log entry its name ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    Made,
    WasThere,
}

/// Gives a written and synced file its name in the log. `link` never replaces what is there.
pub(crate) fn link<D: Disk>(disk: &D, temporary: &Path, path: &Path) -> Result<Linked, LakeError> {
    match disk.hard_link(temporary, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Linked::WasThere),
        linked => linked.during("make", path).map(|()| Linked::Made),
    }
}
