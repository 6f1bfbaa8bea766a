//! Files that are read by other processes while they are written: replaced as a whole, or made once.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::RunError;

/// The value in a file; none where there is no file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RunError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RunError::file(path, error)),
    };
    // Records are not forced to the disk: after a power loss one may have a name and no content.
    if text.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| RunError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })
}

/// Replaces a file as a whole, so that no reader sees a part.
pub(crate) fn replace(path: &Path, value: &impl Serialize) -> Result<(), RunError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| RunError::file(path, error.into()))?;
    replace_text(path, &text)
}

/// The same with a text.
pub(crate) fn replace_text(path: &Path, text: &str) -> Result<(), RunError> {
    let draft = draft_of(path);
    let written = write_draft(&draft, text.as_bytes(), 0o644).and_then(|_| std::fs::rename(&draft, path));
    written.map_err(|error| {
        // What could not be written as a whole is of no use.
        let _ = std::fs::remove_file(&draft);
        RunError::file(path, error)
    })
}

/// Replaces a file as a whole, durably.
pub(crate) fn replace_durably(path: &Path, content: &[u8]) -> Result<(), RunError> {
    let draft = draft_of(path);
    let replaced = write_draft(&draft, content, 0o644)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::rename(&draft, path));
    replaced.map_err(|error| {
        // As above.
        let _ = std::fs::remove_file(&draft);
        RunError::file(path, error)
    })?;
    sync_folder_of(path)
}

/// Creates a file durably with this content. A file that is there already stays:
/// of several processes that create it at once all go on with the same one.
pub(crate) fn create_once(path: &Path, content: &[u8], mode: u32) -> Result<(), RunError> {
    let draft = draft_of(path);
    let linked = write_draft(&draft, content, mode)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::hard_link(&draft, path));
    // Left behind it harms nobody.
    let _ = std::fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(RunError::file(path, error)),
        _ => {}
    }
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> Result<(), RunError> {
    let folder = path.parent().unwrap_or(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| RunError::file(folder, error))
}

fn write_draft(draft: &Path, content: &[u8], mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(draft)?;
    file.write_all(content)?;
    Ok(file)
}

/// A name that no other writer of the file uses at the same time.
fn draft_of(path: &Path) -> PathBuf {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{number}.new", std::process::id()))
}
