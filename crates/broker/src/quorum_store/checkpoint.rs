//! Snapshots of the metadata: files `<end offset>-<epoch>.checkpoint` in the folder of the metadata partition.
//!
//! The end offset is the one behind the last entry that a snapshot holds, the epoch that entry's term, as in
//! Kafka's names. Such a file is one batch, as the log has them: its offset is the last entry's, its one record
//! the list of metadata records that make the metadata anew, and its CRC tells whether it is damaged.

use std::io;
use std::path::{Path, PathBuf};

use cluster::{Entry, Index, Term};
use disk::{Disk, File, Kind, OpenMode};
use record::{Batch, Timestamp};

use super::{batches, entry};
use crate::BrokerError;

/// How the name of a snapshot ends.
const SUFFIX: &str = ".checkpoint";

/// The newest snapshot in the folder, if there is one.
pub(super) fn read_newest<D: Disk>(disk: &D, folder: &Path) -> Result<Option<Entry>, BrokerError> {
    let Some((index, term, path)) = list(disk, folder)?.pop() else {
        return Ok(None);
    };
    // A killed process may have given it its name in the page cache only, and what is below it in the log
    // will go.
    disk.sync_dir(folder).map_err(|e| BrokerError::disk(folder, e))?;
    let content = disk.read(&path).map_err(|e| BrokerError::disk(&path, e))?;
    let snapshot = decode(content).and_then(|snapshot| {
        if (snapshot.index, snapshot.term) == (index, term) {
            return Ok(snapshot);
        }
        Err(format!(
            "it holds entry {} of term {}",
            snapshot.index, snapshot.term
        ))
    });
    let damaged = |reason| BrokerError::DamagedSnapshot { path, reason };
    snapshot.map(Some).map_err(damaged)
}

/// Writes a snapshot durably, or leaves nothing of it.
pub(super) fn write<D: Disk>(disk: &D, folder: &Path, snapshot: &Entry, now: Timestamp) -> io::Result<()> {
    let content = batches(std::slice::from_ref(snapshot), now).map_err(io::Error::other)?;
    let path = folder.join(name(snapshot));
    // The log removes what has such a name when it is opened.
    let new = folder.join(format!("{}.tmp", name(snapshot)));
    let write = || {
        let file = disk.open(&new, OpenMode::Create)?;
        file.set_len(0)?;
        file.write_all_at(&content, 0)?;
        file.sync_data()?;
        drop(file);
        disk.rename(&new, &path)
    };
    if let Err(e) = write() {
        // It is about space, mostly, and would take some of it.
        let _ = disk.remove_file(&new);
        return Err(e);
    }
    disk.sync_dir(folder)
}

/// Removes the snapshots that are older than this one.
pub(super) fn remove_older<D: Disk>(disk: &D, folder: &Path, than: Index) -> Result<(), BrokerError> {
    for (_, _, path) in list(disk, folder)?
        .into_iter()
        .filter(|(index, ..)| *index < than)
    {
        match disk.remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(BrokerError::disk(&path, e)),
            _ => {}
        }
    }
    Ok(())
}

/// All snapshots, oldest first.
fn list<D: Disk>(disk: &D, folder: &Path) -> Result<Vec<(Index, Term, PathBuf)>, BrokerError> {
    let names = disk.read_dir(folder).map_err(|e| BrokerError::disk(folder, e))?;
    let files = names.into_iter().filter(|entry| entry.kind == Kind::File);
    let mut snapshots: Vec<_> = files
        .filter_map(|file| parse(&file.name).map(|(index, term)| (index, term, folder.join(&file.name))))
        .collect();
    snapshots.sort_unstable();
    Ok(snapshots)
}

fn name(snapshot: &Entry) -> String {
    format!("{:020}-{:010}{SUFFIX}", snapshot.index.0 + 1, snapshot.term.0)
}

fn parse(name: &str) -> Option<(Index, Term)> {
    let (end, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
    if end.len() != 20 || epoch.len() != 10 {
        return None;
    }
    let end: u64 = end.parse().ok()?;
    Some((Index(end.checked_sub(1)?), Term(epoch.parse().ok()?)))
}

fn decode(content: Vec<u8>) -> Result<Entry, String> {
    let mut batches = Batch::split(content.into());
    match (batches.next(), batches.next()) {
        (Some(batch), None) => entry(&batch.map_err(|e| e.to_string())?),
        _ => Err("it isn't one batch".to_owned()),
    }
}
