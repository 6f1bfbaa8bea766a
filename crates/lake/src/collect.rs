//! Log snapshots, and deleting what no retained commit needs. What comes back after a power loss
//! is deleted again.

use disk::Disk;

use crate::commit_log::{self, Head, Listing, LogSnapshot};
use crate::error::Context;
use crate::layout::{Layout, LogEntry, StateLayout, attempt_of_state_file};
use crate::retained::Retained;
use crate::{AttemptId, CommitNumber, FailPoint, LakeError, Options, folders, sealed};

/// What [`crate::Writer::collect`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// The commit of which a log snapshot was made.
    pub snapshot: Option<CommitNumber>,
    /// How many commits, markers and log snapshots were deleted.
    pub log_entries: usize,
    /// How many state files were deleted.
    pub state_files: usize,
}

/// Makes a log snapshot of the newest commit, which is published, when the last one is so many
/// commits ago.
pub(crate) fn snapshot_if_due<D: Disk>(
    disk: &D,
    options: &Options,
    layout: &Layout,
    head: &Head,
    listing: &Listing,
) -> Result<Option<CommitNumber>, LakeError> {
    let number = head.commit.number;
    let last = listing.snapshots.last().map_or(0, |number| number.0);
    if number.0 < last.saturating_add(options.snapshot_every.max(1)) {
        return Ok(None);
    }
    let snapshot = LogSnapshot {
        lake: head.commit.lake,
        number,
        sha256: head.digest,
        at: head.commit.at,
        tables: head.live.clone(),
        state: head.commit.state.clone(),
        application: head.commit.application.clone(),
    };
    let (bytes, _) = sealed::seal(&snapshot)
        .map_err(|e| LakeError::Misuse(format!("the log snapshot can't be written as JSON: {e}")))?;
    let temporary = layout.staged_snapshot(number);
    folders::write_new(disk, &temporary, &bytes)?;
    options.reached(FailPoint::SnapshotWritten);
    commit_log::link(disk, &temporary, &layout.log_entry(LogEntry::Snapshot(number)))?;
    folders::sync(disk, &layout.log)?;
    options.reached(FailPoint::SnapshotSynced);
    folders::remove_file_if_there(disk, &temporary)?;
    Ok(Some(number))
}

/// Deletes log entries and state files that no retained commit needs. The files of `attempt`
/// belong to the next commit.
pub(crate) fn delete_unretained<D: Disk>(
    disk: &D,
    options: &Options,
    layout: &Layout,
    state: &StateLayout,
    retained: &Retained,
    attempt: Option<AttemptId>,
) -> Result<Collected, LakeError> {
    let listing = Listing::read(disk, layout)?;
    let mut collected = Collected::default();
    // Below the newest log snapshot from which every retained commit can still be read.
    let base = listing.snapshots.range(..=retained.oldest()).next_back();
    for entry in listing.below(base.copied().unwrap_or(CommitNumber(0))) {
        let path = layout.log_entry(entry);
        disk.remove_file(&path).during("remove", &path)?;
        collected.log_entries += 1;
        options.reached(FailPoint::LogEntryDeleted);
    }
    if collected.log_entries > 0 {
        folders::sync(disk, &layout.log)?;
    }
    for file in folders::names_if_there(disk, &state.dir)? {
        let made_by = attempt_of_state_file(&file);
        if made_by.is_some() && made_by != attempt && !retained.names_state_file(&file) {
            let path = state.file(&file);
            disk.remove_file(&path).during("remove", &path)?;
            collected.state_files += 1;
            options.reached(FailPoint::StateFileDeleted);
        }
    }
    Ok(collected)
}

/// Removes what an earlier writer has staged and no retained commit needs. The newest commit is
/// published by now.
pub(crate) fn remove_strangers<D: Disk>(
    disk: &D,
    layout: &Layout,
    state: &StateLayout,
    retained: &Retained,
) -> Result<(), LakeError> {
    for entry in disk.read_dir(&layout.staging).during("list", &layout.staging)? {
        let attempt = entry.name.parse::<AttemptId>();
        if !attempt.is_ok_and(|attempt| retained.needs_staging_of(attempt)) {
            folders::remove_tree(disk, &layout.staging.join(&entry.name), entry.kind)?;
        }
    }
    for file in folders::names_if_there(disk, &state.dir)? {
        if attempt_of_state_file(&file).is_some() && !retained.names_state_file(&file) {
            folders::remove_file_if_there(disk, &state.file(&file))?;
        }
    }
    folders::sync(disk, &layout.staging)?;
    folders::sync(disk, &state.dir)
}
