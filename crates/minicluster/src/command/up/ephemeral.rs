//! The temporary folder of `up --ephemeral`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::Options;
use crate::cli::Shared;
use crate::failure::{Failure, Outcome};

/// A data folder that is removed at the end, whatever the end is.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Whether somebody else removes it, or it is gone.
    is_left: bool,
}

impl Folder {
    /// Creates one; in the background the command that was run has.
    pub(super) fn of(shared: &Shared, options: &Options) -> Outcome<Self> {
        match options.detached {
            Some(_) => Ok(Self {
                path: shared.loaded()?.settings.folders.data().to_owned(),
                is_left: false,
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
        Ok(Self { path, is_left: false })
    }

    /// Leaves it to the supervisor that lives in it by now.
    pub(super) fn leave(mut self) {
        self.is_left = true;
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it with all that lies in it.
    pub(super) fn remove(mut self) -> Outcome {
        self.is_left = true;
        let removed = std::fs::remove_dir_all(&self.path);
        removed.map_err(|error| Failure::plain(format!("{} stays: {error}", self.path.display())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.is_left {
            // What failed before is told already.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Folder;

    #[test]
    fn a_folder_goes_with_whoever_made_it_unless_it_is_left_to_another() {
        let folder = Folder::create().expect("room");
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
        let folder = Folder::create().expect("room");
        let path = folder.path().to_owned();
        folder.leave();
        assert!(path.exists());
        std::fs::remove_dir(&path).expect("it is empty");
    }
}
