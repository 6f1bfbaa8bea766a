//! The temporary folder of `up --ephemeral`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Options;
use crate::cli::Shared;
use crate::failure::{Failure, Outcome};

/// A data folder that is removed at the end.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates one; in the background the command that was run has.
    pub(super) fn of(shared: &Shared, options: &Options) -> Outcome<Self> {
        match options.detached {
            Some(_) => Ok(Self {
                path: shared.loaded()?.settings.folders.data().to_owned(),
            }),
            None => Self::create(),
        }
    }

    /// Creates one for this user alone.
    pub(super) fn create() -> Outcome<Self> {
        let mut random = [0; 4];
        getrandom::fill(&mut random)?;
        let number = u32::from_le_bytes(random);
        let path = std::env::temp_dir().join(format!("minicluster-{number:08x}"));
        let created = DirBuilder::new().mode(0o700).create(&path);
        created.map_err(|error| Failure::plain(format!("cannot create {}: {error}", path.display())))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that lies in it.
    pub(super) fn remove(self) -> Outcome {
        let removed = std::fs::remove_dir_all(&self.path);
        removed.map_err(|error| Failure::plain(format!("{} stays: {error}", self.path.display())))
    }
}
