//! Files written for a commit that isn't made yet.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use disk::{Disk, File, OpenMode};
use jiff::civil::Date;

use crate::digest::Hasher;
use crate::error::Context;
use crate::layout::{self, Layout, StateLayout};
use crate::names::check_plain;
use crate::{AttemptId, DataFile, FailPoint, LakeError, Options, StateFile, TableChange, TableName, folders};

/// The files of one attempt to make a commit. They lie where no reader looks. An attempt that
/// isn't committed leaves nothing behind: it is removed when the writer begins the next one or starts again.
pub struct Staging<D: Disk> {
    disk: D,
    options: Options,
    layout: Layout,
    state_layout: StateLayout,
    attempt: AttemptId,
    /// The state files of the commit before.
    previous_state: Vec<StateFile>,
    begun: usize,
    finished: Arc<Mutex<Finished>>,
}

#[derive(Debug, Default)]
struct Finished {
    data: Vec<(usize, TableName, DataFile)>,
    state: Vec<StateFile>,
    count: usize,
}

/// A staged file that is being written. It counts only when it was finished.
pub struct StagedFile<D: Disk> {
    file: D::File,
    path: PathBuf,
    options: Options,
    bytes: u64,
    hasher: Hasher,
    target: Target,
    finished: Arc<Mutex<Finished>>,
}

#[derive(Debug, Clone)]
enum Target {
    Data {
        n: usize,
        table: TableName,
        dt: Date,
        name: String,
    },
    State {
        name: String,
        file: String,
    },
}

impl<D: Disk> Staging<D> {
    pub(crate) fn begin(
        disk: D,
        options: Options,
        layout: Layout,
        state_layout: StateLayout,
        attempt: AttemptId,
        previous_state: Vec<StateFile>,
    ) -> Result<Staging<D>, LakeError> {
        let folder = layout.attempt(attempt);
        disk.create_dir(&folder).during("make the folder", &folder)?;
        folders::sync(&disk, &layout.staging)?;
        Ok(Staging {
            disk,
            options,
            layout,
            state_layout,
            attempt,
            previous_state,
            begun: 0,
            finished: Arc::default(),
        })
    }

    /// The attempt's id, which is part of its files' names.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Begins a file of a table's partition. Several files may be written at once, each by its
    /// own thread.
    ///
    /// # Errors
    /// If the date has no four-digit year, or the file can't be created.
    pub fn data_file(&mut self, table: &TableName, dt: Date) -> Result<StagedFile<D>, LakeError> {
        if !(0..=9999).contains(&dt.year()) {
            return Err(LakeError::Misuse(format!(
                "{dt} can't be the date of a partition"
            )));
        }
        let n = self.begun;
        let name = layout::data_file_name(self.attempt, n);
        let path = self.layout.staged_file(self.attempt, &name);
        self.create(
            path,
            Target::Data {
                n,
                table: table.clone(),
                dt,
                name,
            },
        )
    }

    /// Begins a state file, by the name that it has within this commit.
    ///
    /// # Errors
    /// If the name can't be used or is taken, or the file can't be created.
    pub fn state_file(&mut self, name: &str) -> Result<StagedFile<D>, LakeError> {
        check_plain("state file", name)?;
        let file = layout::state_file_name(self.attempt, name);
        let path = self.state_layout.file(&file);
        self.create(
            path,
            Target::State {
                name: name.to_owned(),
                file,
            },
        )
    }

    /// Keeps a state file of the commit before as it is. Those neither kept nor written anew
    /// don't belong to the new commit.
    ///
    /// # Errors
    /// If the commit before has no such state file.
    pub fn keep_state(&mut self, name: &str) -> Result<(), LakeError> {
        let kept = self.previous_state.iter().find(|file| file.name == name);
        let kept = kept.ok_or_else(|| {
            LakeError::Misuse(format!(
                "there is no state file {name:?} in the newest commit to keep"
            ))
        })?;
        self.finished().state.push(kept.clone());
        Ok(())
    }

    fn create(&mut self, path: PathBuf, target: Target) -> Result<StagedFile<D>, LakeError> {
        let file = self
            .disk
            .open(&path, OpenMode::CreateNew)
            .during("create", &path)?;
        self.begun += 1;
        self.options.reached(FailPoint::StagedFileCreated);
        Ok(StagedFile {
            file,
            path,
            options: self.options.clone(),
            bytes: 0,
            hasher: Hasher::default(),
            target,
            finished: Arc::clone(&self.finished),
        })
    }

    fn finished(&self) -> MutexGuard<'_, Finished> {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the commit will say, tables in the given order.
    pub(crate) fn contents(
        &self,
        order: &[TableName],
    ) -> Result<(Vec<TableChange>, Vec<StateFile>), LakeError> {
        let finished = self.finished();
        if finished.count != self.begun {
            let open = self.begun - finished.count;
            return Err(LakeError::Misuse(format!(
                "{open} staged files were not finished"
            )));
        }
        let mut data = finished.data.clone();
        data.sort_by_key(|(n, ..)| *n);
        let mut tables: Vec<TableChange> = Vec::new();
        for table in order {
            if tables.iter().any(|change| change.table == *table) {
                return Err(LakeError::Misuse(format!("table {table} is ordered twice")));
            }
            let (added, rest) = data.into_iter().partition(|(_, name, _)| name == table);
            data = rest;
            let added: Vec<_> = added;
            tables.push(TableChange {
                table: table.clone(),
                added: added.into_iter().map(|(_, _, file)| file).collect(),
                removed: Vec::new(),
            });
        }
        if let Some((_, table, _)) = data.first() {
            return Err(LakeError::Misuse(format!(
                "table {table} has files but no place in the order"
            )));
        }
        let mut state = finished.state.clone();
        state.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = state.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(LakeError::Misuse(format!(
                "state file {:?} is there twice",
                pair[0].name
            )));
        }
        Ok((tables, state))
    }

    /// Makes all staged names durable; the contents are since each file was finished.
    pub(crate) fn sync(&self) -> Result<(), LakeError> {
        folders::sync(&self.disk, &self.layout.attempt(self.attempt))?;
        folders::sync(&self.disk, &self.state_layout.dir)
    }
}

impl<D: Disk> StagedFile<D> {
    /// Finishes the file: its content is durable now, and the next commit will name it.
    ///
    /// # Errors
    /// If it can't be synced. The file is lost then, and its attempt with it, but not the writer.
    pub fn finish(self, rows: u64) -> Result<(), LakeError> {
        self.file
            .sync_data()
            .map_err(|source| folders::not_durable(&self.path, source))?;
        let sha256 = self.hasher.finish();
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.count += 1;
        match self.target {
            Target::Data { n, table, dt, name } => {
                let file = DataFile {
                    dt,
                    name,
                    rows,
                    bytes: self.bytes,
                    sha256,
                };
                finished.data.push((n, table, file));
            }
            Target::State { name, file } => {
                finished.state.push(StateFile {
                    name,
                    file,
                    bytes: self.bytes,
                    sha256,
                });
            }
        }
        drop(finished);
        self.options.reached(FailPoint::StagedFileSynced);
        Ok(())
    }
}

impl<D: Disk> io::Write for StagedFile<D> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.file.write_at(buf, self.bytes)?;
        self.hasher.update(&buf[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    /// Does nothing: nothing is held back, and only [`StagedFile::finish`] makes it durable.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Removes what an attempt has staged.
pub(crate) fn remove_attempt<D: Disk>(
    disk: &D,
    layout: &Layout,
    state: &StateLayout,
    attempt: AttemptId,
) -> Result<(), LakeError> {
    folders::remove_tree(disk, &layout.attempt(attempt), disk::Kind::Dir)?;
    for name in folders::names_if_there(disk, &state.dir)? {
        if layout::attempt_of_state_file(&name) == Some(attempt) {
            folders::remove_file_if_there(disk, &state.file(&name))?;
        }
    }
    Ok(())
}
