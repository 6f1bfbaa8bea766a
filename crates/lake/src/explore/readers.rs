//! What both kinds of readers are promised, checked on a file system as it lies there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use disk::{Disk, File, SimDisk};

use super::Told;
use super::job::{PARTS, Part, ROOT};
use crate::layout::LogEntry;
use crate::{LakeError, Snapshot};

/// A row that the model knows: a part of an epoch.
type Row = (u64, Part);

/// Checks all promises, and returns what the world knows after these readers have looked.
pub(super) fn check(disk: &SimDisk, told: Told) -> Result<Told, String> {
    let folders = read_folders(disk)?;
    let newest = read_snapshot(disk)?;
    if newest < told.committed {
        return Err(format!(
            "a snapshot shows epoch {newest} after epoch {} was committed",
            told.committed
        ));
    }
    for (epoch, part) in &folders {
        if *epoch > newest {
            return Err(format!(
                "{} of epoch {epoch} is visible but not committed",
                part.table
            ));
        }
        let sources = PARTS.iter().filter(|other| other.table == "source");
        let complete = || sources.copied().all(|source| folders.contains(&(*epoch, source)));
        if part.table == "derived" && !complete() {
            return Err(format!(
                "the derived row of epoch {epoch} is visible before its sources"
            ));
        }
    }
    // A commit is published when it is marked, or when there is a later one.
    let marked = newest > 0 && disk.exists(&marker(newest)).unwrap_or(false);
    let published = if marked { newest } else { newest.saturating_sub(1) };
    for epoch in 1..=published.max(told.published) {
        if let Some(part) = PARTS.iter().find(|part| !folders.contains(&(epoch, **part))) {
            return Err(format!(
                "{} of the published epoch {epoch} is not visible",
                part.table
            ));
        }
    }
    Ok(Told {
        committed: newest,
        published: told.published,
    })
}

/// Checks that every row of every epoch is there, for both kinds of readers.
pub(super) fn check_all_there(disk: &SimDisk, epochs: u64) -> Result<(), String> {
    check(
        disk,
        Told {
            committed: epochs,
            published: epochs,
        },
    )
    .map(|_| ())
}

/// Epoch `n` is commit `n + 1`, because the first commit is empty.
fn marker(epoch: u64) -> PathBuf {
    let number = crate::CommitNumber(epoch + 1);
    Path::new(ROOT).join("log").join(LogEntry::Marker(number).name())
}

/// The rows that one who lists `tables/<table>/dt=*/` gets: each at most once, none torn.
fn read_folders(disk: &SimDisk) -> Result<BTreeSet<Row>, String> {
    let mut rows = BTreeSet::new();
    let tables = Path::new(ROOT).join("tables");
    for table in names(disk, &tables) {
        for partition in names(disk, &tables.join(&table)) {
            let folder = tables.join(&table).join(&partition);
            for file in names(disk, &folder) {
                let content = disk.read(&folder.join(&file)).map_err(|e| e.to_string())?;
                let row = known_row(&table, &partition, &content)?;
                if !rows.insert(row) {
                    return Err(format!("{table} shows its row of epoch {} twice", row.0));
                }
            }
        }
    }
    Ok(rows)
}

fn names(disk: &SimDisk, folder: &Path) -> Vec<String> {
    let entries = disk.read_dir(folder).unwrap_or_default();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// The row that a file must hold exactly.
fn known_row(table: &str, partition: &str, content: &[u8]) -> Result<Row, String> {
    let text = String::from_utf8_lossy(content);
    let epoch = text.rsplit(' ').next().and_then(|epoch| epoch.parse().ok());
    let known = |part: &&Part| {
        part.table == table
            && partition == format!("dt={}", part.dt)
            && Some(part.content(epoch.unwrap_or(0))).as_deref() == Some(&*text)
    };
    match (epoch, PARTS.iter().find(known)) {
        (Some(epoch), Some(part)) => Ok((epoch, *part)),
        _ => Err(format!("{table}/{partition} shows {text:?}, which nobody wrote")),
    }
}

/// Reads everything through a snapshot: exactly the rows of its commit. Returns its epoch; 0 where
/// there is no lake yet.
fn read_snapshot(disk: &SimDisk) -> Result<u64, String> {
    let snapshot = match Snapshot::open(disk.clone(), ROOT) {
        Ok(snapshot) => snapshot,
        Err(LakeError::NoLake { .. }) => return Ok(0),
        Err(e) => return Err(format!("no snapshot can be opened: {e}")),
    };
    let payload = snapshot.application();
    let epoch = if payload.is_null() {
        0
    } else {
        payload.read().map_err(|e| e.to_string())?
    };
    let mut rows = BTreeSet::new();
    for table in snapshot.tables() {
        for file in snapshot.files(table) {
            let opened = snapshot.open_file(table, file).map_err(|e| e.to_string())?;
            let mut content = vec![0; usize::try_from(file.bytes).map_err(|e| e.to_string())?];
            opened
                .read_exact_at(&mut content, 0)
                .map_err(|e| format!("{}: {e}", file.name))?;
            let row = known_row(table.as_str(), &format!("dt={}", file.dt), &content)?;
            if !rows.insert(row) {
                return Err(format!("a snapshot of {table} shows epoch {} twice", row.0));
            }
        }
    }
    let expected: BTreeSet<Row> = (1..=epoch)
        .flat_map(|epoch| PARTS.iter().map(move |part| (epoch, *part)))
        .collect();
    if rows == expected {
        Ok(epoch)
    } else {
        Err(format!("a snapshot of epoch {epoch} shows {rows:?}"))
    }
}
