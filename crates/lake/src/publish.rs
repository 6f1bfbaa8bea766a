//! Giving a commit's files their final names, where folder readers see them.
//!
//! Every step can be repeated, so that whoever finds a commit unpublished carries on with it.

use std::collections::BTreeMap;
use std::io;

use disk::{Disk, OpenMode};
use jiff::civil::Date;

use crate::error::Context;
use crate::layout::{Layout, LogEntry};
use crate::{Commit, DataFile, FailPoint, LakeError, Options, TableChange, folders};

/// Publishes a commit and marks it.
pub(crate) fn publish<D: Disk>(
    disk: &D,
    options: &Options,
    layout: &Layout,
    commit: &Commit,
) -> Result<(), LakeError> {
    if let Some(change) = commit.tables.iter().find(|change| !change.removed.is_empty()) {
        return Err(LakeError::Unpublishable {
            number: commit.number,
            table: change.table.clone(),
        });
    }
    for change in commit.tables.iter().filter(|change| !change.added.is_empty()) {
        publish_table(disk, options, layout, commit, change)?;
    }
    options.reached(FailPoint::FilesPublished);
    mark(disk, options, layout, commit)
}

fn publish_table<D: Disk>(
    disk: &D,
    options: &Options,
    layout: &Layout,
    commit: &Commit,
    change: &TableChange,
) -> Result<(), LakeError> {
    let mut partitions: BTreeMap<Date, Vec<&DataFile>> = BTreeMap::new();
    for file in &change.added {
        partitions.entry(file.dt).or_default().push(file);
    }
    folders::ensure(disk, &layout.table(&change.table))?;
    for &dt in partitions.keys() {
        folders::ensure(disk, &layout.partition(&change.table, dt))?;
    }
    // Also where the folders were there already: who made them may not have come so far.
    folders::sync(disk, &layout.tables)?;
    folders::sync(disk, &layout.table(&change.table))?;
    options.reached(FailPoint::TableFoldersSynced);
    for (dt, files) in partitions {
        for file in &files {
            link(disk, layout, commit, change, file)?;
            options.reached(FailPoint::FileLinked);
        }
        folders::sync(disk, &layout.partition(&change.table, dt))?;
        options.reached(FailPoint::PartitionSynced);
        for file in &files {
            let staged = layout.staged_file(commit.attempt, &file.name);
            folders::remove_file_if_there(disk, &staged)?;
            options.reached(FailPoint::FileUnstaged);
        }
    }
    Ok(())
}

/// Gives one file its final name, unless it has it already.
fn link<D: Disk>(
    disk: &D,
    layout: &Layout,
    commit: &Commit,
    change: &TableChange,
    file: &DataFile,
) -> Result<(), LakeError> {
    let staged = layout.staged_file(commit.attempt, &file.name);
    let path = layout.data_file(&change.table, file);
    match disk.hard_link(&staged, &path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        linked => return linked.during("publish", &path),
    }
    match folders::digest_if_there(disk, &path)? {
        Some(digest) if digest == file.sha256 => Ok(()),
        Some(_) => Err(LakeError::damaged(
            &path,
            "its content is not what the commit says",
        )),
        None => Err(LakeError::MissingFile {
            path,
            number: commit.number,
        }),
    }
}

fn mark<D: Disk>(disk: &D, options: &Options, layout: &Layout, commit: &Commit) -> Result<(), LakeError> {
    let marker = layout.log_entry(LogEntry::Marker(commit.number));
    disk.open(&marker, OpenMode::Create).during("create", &marker)?;
    options.reached(FailPoint::CommitMarked);
    folders::sync(disk, &layout.log)?;
    options.reached(FailPoint::CommitPublished);
    Ok(())
}
