//! The locks that keep every other writer out.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use disk::Disk;

use crate::error::Context;
use crate::layout::{Layout, StateLayout};
use crate::names::check_plain;
use crate::{LakeError, Options, folders};

/// The locks of a lake's root and of a job's state folder. Clones are the same locks; they are
/// held until the last clone and the writer under them are dropped.
///
/// A process that starts over after an error keeps them, so that nobody else begins to write in
/// between: it drops its [`crate::Writer`] and opens the next one by [`crate::Writer::open_under`].
pub struct Locks<D: Disk> {
    held: Arc<Held<D>>,
}

struct Held<D: Disk> {
    disk: D,
    options: Options,
    layout: Layout,
    state: StateLayout,
    root_lock: D::Lock,
    state_lock: D::Lock,
    has_writer: AtomicBool,
}

/// The right of the one writer that may live under the locks.
pub(crate) struct Turn<D: Disk> {
    locks: Locks<D>,
}

impl<D: Disk> Locks<D> {
    /// Takes the locks, for writers with these options. Missing folders are made.
    ///
    /// # Errors
    /// [`LakeError::Locked`] while another process holds one of them,
    /// [`LakeError::NetworkFileSystem`] where a lock means nothing.
    pub fn take(disk: D, options: Options) -> Result<Locks<D>, LakeError> {
        check_plain("job", &options.job)?;
        let layout = Layout::new(&options.root);
        let state = StateLayout::new(&options.checkpoint_root, &options.job);
        let held = Held {
            root_lock: lock(&disk, &layout.root)?,
            state_lock: lock(&disk, &state.dir)?,
            disk,
            options,
            layout,
            state,
            has_writer: AtomicBool::new(false),
        };
        Ok(Locks { held: Arc::new(held) })
    }

    pub(crate) fn disk(&self) -> &D {
        &self.held.disk
    }

    pub(crate) fn options(&self) -> &Options {
        &self.held.options
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.held.layout
    }

    pub(crate) fn state(&self) -> &StateLayout {
        &self.held.state
    }

    /// Checks that the locked folders still lie at their paths.
    ///
    /// # Errors
    /// [`LakeError::Replaced`] where one doesn't: there may be another lake now, with its own writer.
    pub(crate) fn check(&self) -> Result<(), LakeError> {
        let held = &self.held;
        for (lock, folder) in [
            (&held.root_lock, &held.layout.root),
            (&held.state_lock, &held.state.dir),
        ] {
            if !held.disk.still_locks(lock, folder).during("look at", folder)? {
                return Err(LakeError::Replaced { path: folder.clone() });
            }
        }
        Ok(())
    }

    /// Lets one writer begin.
    pub(crate) fn begin_turn(&self) -> Result<Turn<D>, LakeError> {
        self.check()?;
        if self.held.has_writer.swap(true, Ordering::AcqRel) {
            let lives = "another writer lives under the same locks: it must be dropped first";
            return Err(LakeError::Misuse(lives.to_owned()));
        }
        Ok(Turn { locks: self.clone() })
    }
}

impl<D: Disk> Turn<D> {
    pub(crate) fn check(&self) -> Result<(), LakeError> {
        self.locks.check()
    }
}

impl<D: Disk> Clone for Locks<D> {
    fn clone(&self) -> Locks<D> {
        Locks {
            held: Arc::clone(&self.held),
        }
    }
}

impl<D: Disk> Drop for Turn<D> {
    fn drop(&mut self) {
        self.locks.held.has_writer.store(false, Ordering::Release);
    }
}

/// Makes a folder that is to be locked, and locks it.
fn lock<D: Disk>(disk: &D, folder: &Path) -> Result<D::Lock, LakeError> {
    folders::ensure_durable(disk, folder)?;
    if let Some(kind) = disk.network_file_system(folder).during("look at", folder)? {
        return Err(LakeError::NetworkFileSystem {
            path: folder.to_owned(),
            kind,
        });
    }
    match disk.lock_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Err(LakeError::Locked {
            path: folder.to_owned(),
        }),
        locked => locked.during("lock", folder),
    }
}
