//! Which lake a folder belongs to, and which commit the state folder has last seen.

use std::path::Path;

use disk::Disk;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{CommitNumber, Digest, LakeError, LakeId, folders, sealed};

/// `<root>/format.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RootIdentity {
    pub(crate) lake: LakeId,
}

/// `<checkpoint_root>/<job>/format.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateIdentity {
    pub(crate) lake: LakeId,
    pub(crate) job: String,
}

/// `<checkpoint_root>/<job>/newest.json`: the newest commit that the state folder has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    pub(crate) commit: CommitNumber,
    pub(crate) sha256: Digest,
}

pub(crate) fn read<D: Disk, T: DeserializeOwned>(disk: &D, path: &Path) -> Result<Option<T>, LakeError> {
    match folders::read_if_there(disk, path)? {
        Some(bytes) => sealed::open(&bytes, path).map(|(body, _)| Some(body)),
        None => Ok(None),
    }
}

pub(crate) fn write<D: Disk, T: Serialize>(disk: &D, path: &Path, body: &T) -> Result<(), LakeError> {
    let (bytes, _) = sealed::seal(body)
        .map_err(|e| LakeError::Misuse(format!("can't write {} as JSON: {e}", path.display())))?;
    folders::replace(disk, path, &bytes)
}
