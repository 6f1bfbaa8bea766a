//! Making records durable, and closing.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use disk::{Disk, File, OpenMode};
use record::Offset;

use super::Partition;
use crate::LogError;
use crate::folder::{EPOCHS, Folder, Part, RECOVERY_POINT};

/// Files to be made durable, on any thread. See [`Partition::begin_flush`].
pub struct Flush<D: Disk> {
    folder: Folder<D>,
    /// Sealed segments and what belongs to them; those that were removed meanwhile do not matter.
    files: Vec<PathBuf>,
    active_base: Offset,
    active: Arc<D::File>,
    up_to: Offset,
    truncations: u64,
    names_changed: u64,
    sync_names: bool,
}

impl<D: Disk> Flush<D> {
    /// Everything below this offset will be durable.
    #[must_use]
    pub fn up_to(&self) -> Offset {
        self.up_to
    }

    /// Makes the files durable. To be handed to [`Partition::finish_flush`].
    ///
    /// # Errors
    /// Where the file system fails; the partition must hear of it.
    pub fn run(&mut self) -> Result<(), LogError> {
        for path in &self.files {
            let path = || path.clone();
            match self.folder.disk.open(&path(), OpenMode::Write) {
                Ok(file) => file
                    .sync_data()
                    .map_err(|source| LogError::Io { path: path(), source })?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(LogError::Unopened { path: path(), source }),
            }
        }
        let path = || self.folder.part(Part::Log, self.active_base);
        self.active
            .sync_data()
            .map_err(|source| LogError::Io { path: path(), source })?;
        if self.sync_names {
            self.folder.sync()
        } else {
            Ok(())
        }
    }
}

impl<D: Disk> std::fmt::Debug for Flush<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flush")
            .field("up_to", &self.up_to)
            .finish_non_exhaustive()
    }
}

impl<D: Disk> Partition<D> {
    /// Makes everything that was appended durable.
    ///
    /// # Errors
    /// Where the file system fails; what was written is then unknown and the partition offline.
    pub fn flush(&mut self) -> Result<(), LogError> {
        let mut flush = self.begin_flush()?;
        let done = flush.run();
        self.finish_flush(flush, done)
    }

    /// What must be synced to make everything appended so far durable. It may run on another
    /// thread while this one appends on; give it back to [`Partition::finish_flush`].
    ///
    /// # Errors
    /// Where the partition is offline.
    pub fn begin_flush(&mut self) -> Result<Flush<D>, LogError> {
        self.online()?;
        let mut files = Vec::new();
        for segment in self
            .sealed
            .iter()
            .filter(|segment| segment.end > self.durable.recovery_point)
        {
            files.extend(
                [Part::Log, Part::Index, Part::TimeIndex].map(|part| self.folder.part(part, segment.base)),
            );
            files.push(self.folder.part(Part::Snapshot, segment.end));
        }
        if self.durable.epochs_unsynced {
            files.push(self.folder.path.join(EPOCHS));
        }
        Ok(Flush {
            folder: self.folder.clone(),
            files,
            active_base: self.active.base,
            active: Arc::clone(&self.active.file),
            up_to: self.active.end,
            truncations: self.durable.truncations,
            names_changed: self.durable.names_changed,
            sync_names: self.durable.names_changed > self.durable.names_synced,
        })
    }

    /// Takes note of what a flush has done.
    ///
    /// # Errors
    /// Where the flush failed: the partition is offline, because what a failed sync has left on
    /// disk is unknown, and a second one may succeed without having written it. Where it failed to
    /// open a file ([`LogError::Unopened`]: too many are open, say), it stays online.
    pub fn finish_flush(&mut self, flush: Flush<D>, done: Result<(), LogError>) -> Result<(), LogError> {
        if let Err(LogError::Unopened { .. }) = &done {
            return done;
        }
        self.or_offline(done)?;
        self.online()?;
        if flush.truncations != self.durable.truncations {
            return Ok(());
        }
        let durable = &mut self.durable;
        durable.flushed = durable.flushed.max(flush.up_to);
        if flush.names_changed == durable.names_changed {
            durable.epochs_unsynced = false;
        }
        durable.names_synced = durable.names_synced.max(flush.names_changed);
        // The checkpoint only spares work at the next start, and claims nothing that is not true
        // already. Where the disk is full for it, the next flush tries again.
        if flush.active_base > durable.recovery_point
            && self
                .folder
                .write_offset(RECOVERY_POINT, flush.active_base, false)
                .is_ok()
        {
            durable.recovery_point = flush.active_base;
        }
        Ok(())
    }

    /// Makes everything durable and writes indexes and producer state, so that the next opening
    /// can be a [`Trust::CleanStop`](crate::Trust::CleanStop). The caller writes the marker.
    ///
    /// # Errors
    /// Where the file system fails; the partition must not be called clean then.
    pub fn close(mut self) -> Result<(), LogError> {
        self.online()?;
        let (base, end) = (self.active.base, self.active.end);
        self.active.write_indexes(&self.folder)?;
        self.folder
            .write(&self.folder.part(Part::Snapshot, end), &self.producers.encode())?;
        self.durable.names_changed += 1;
        self.durable.epochs_unsynced = true;
        let mut flush = self.begin_flush()?;
        flush
            .files
            .extend([Part::Index, Part::TimeIndex].map(|part| self.folder.part(part, base)));
        flush.files.push(self.folder.part(Part::Snapshot, end));
        flush.run()?;
        self.folder.write_offset(RECOVERY_POINT, end, true)
    }
}
