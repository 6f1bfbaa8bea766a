//! Making, replacing and removing files and folders, with the syncs that belong to it.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, File, Kind, OpenMode};

use crate::digest::Hasher;
use crate::error::Context;
use crate::{Digest, LakeError};

/// Makes a folder and its missing parents durably. Where it is there already, an earlier process
/// may have been killed before it synced the parent, so that is done again.
pub(crate) fn ensure_durable<D: Disk>(disk: &D, path: &Path) -> Result<(), LakeError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    if disk.exists(path).during("look at", path)? {
        return match disk.sync_dir(parent) {
            // Whoever may not read the parent hasn't made this folder either.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced.map_err(|source| not_durable(parent, source)),
        };
    }
    ensure_durable(disk, parent)?;
    ensure(disk, path)?;
    sync(disk, parent)
}

/// Makes a folder if it is absent, without syncing anything.
pub(crate) fn ensure<D: Disk>(disk: &D, path: &Path) -> Result<(), LakeError> {
    match disk.create_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.during("make the folder", path),
    }
}

pub(crate) fn sync<D: Disk>(disk: &D, folder: &Path) -> Result<(), LakeError> {
    disk.sync_dir(folder)
        .map_err(|source| not_durable(folder, source))
}

pub(crate) fn not_durable(path: &Path, source: io::Error) -> LakeError {
    LakeError::Sync {
        path: path.to_owned(),
        source,
    }
}

/// Writes a new file and syncs its content. An older file of this name, which may have other
/// names that must keep their content, is unlinked first.
pub(crate) fn write_new<D: Disk>(disk: &D, path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
    remove_file_if_there(disk, path)?;
    let file = disk.open(path, OpenMode::CreateNew).during("create", path)?;
    file.write_all_at(bytes, 0).during("write", path)?;
    file.sync_data().map_err(|source| not_durable(path, source))
}

/// Replaces the content of a file durably and in one step.
pub(crate) fn replace<D: Disk>(disk: &D, path: &Path, bytes: &[u8]) -> Result<(), LakeError> {
    let folder = path.parent().expect("a file lies in a folder");
    let temporary = path.with_added_extension("tmp");
    write_new(disk, &temporary, bytes)?;
    disk.rename(&temporary, path).during("replace", path)?;
    sync(disk, folder)
}

/// The content of a file, if it is there.
pub(crate) fn read_if_there<D: Disk>(disk: &D, path: &Path) -> Result<Option<Vec<u8>>, LakeError> {
    match disk.read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.during("read", path).map(Some),
    }
}

/// The digest of a file's content, read piece by piece; `None` if the file is absent.
pub(crate) fn digest_if_there<D: Disk>(disk: &D, path: &Path) -> Result<Option<Digest>, LakeError> {
    match disk.open(path, OpenMode::Read) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => digest(&opened.during("open", path)?)
            .during("read", path)
            .map(Some),
    }
}

pub(crate) fn digest<F: File>(file: &F) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    let mut buf = vec![0; 64 * 1024];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buf, offset) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(n) => {
                hasher.update(&buf[..n]);
                offset += n as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

pub(crate) fn remove_file_if_there<D: Disk>(disk: &D, path: &Path) -> Result<(), LakeError> {
    match disk.remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.during("remove", path),
    }
}

/// The names in a folder; none if it is absent.
pub(crate) fn names_if_there<D: Disk>(disk: &D, path: &Path) -> Result<Vec<String>, LakeError> {
    match disk.read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => Ok(read
            .during("list", path)?
            .into_iter()
            .map(|entry| entry.name)
            .collect()),
    }
}

/// Removes a folder, or a file, with everything in it. Nothing is synced: what comes back after a
/// power loss is removed again.
pub(crate) fn remove_tree<D: Disk>(disk: &D, path: &Path, kind: Kind) -> Result<(), LakeError> {
    if kind != Kind::Dir {
        return remove_file_if_there(disk, path);
    }
    let entries = match disk.read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.during("list", path)?,
    };
    for entry in entries {
        remove_tree(disk, &path.join(&entry.name), entry.kind)?;
    }
    match disk.remove_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.during("remove", path),
    }
}

/// A folder and all folders below it, parents first.
pub(crate) fn all_below<D: Disk>(disk: &D, folder: &Path) -> Result<Vec<PathBuf>, LakeError> {
    let mut found = vec![folder.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next).cloned() {
        next += 1;
        for entry in disk.read_dir(&folder).during("list", &folder)? {
            if entry.kind == Kind::Dir {
                found.push(folder.join(entry.name));
            }
        }
    }
    Ok(found)
}
