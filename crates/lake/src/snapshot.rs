//! One commit of all tables, for readers.

use std::io;
use std::path::{Path, PathBuf};

use disk::{Disk, OpenMode};

use crate::commit_log::{self, Head, Listing};
use crate::error::Context;
use crate::identity::{self, RootIdentity};
use crate::layout::Layout;
use crate::{Commit, DataFile, LakeError, Mismatch, Payload, TableName, folders};

/// How often a reader looks again where the writer moved something under its hands.
const ATTEMPTS: usize = 10;

/// Exactly one commit of all tables. It can be read while its commit is retained: open what you
/// need and keep it open.
///
/// Reading takes no lock and changes nothing, so it works beside a writer, and on a read-only
/// file system.
pub struct Snapshot<D: Disk> {
    disk: D,
    layout: Layout,
    head: Head,
}

impl<D: Disk> Snapshot<D> {
    /// Opens the newest commit of a lake.
    ///
    /// # Errors
    /// [`LakeError::NoLake`] where there is none; [`LakeError::Damaged`] and its like where the
    /// log isn't what it should be.
    pub fn open(disk: D, root: impl Into<PathBuf>) -> Result<Snapshot<D>, LakeError> {
        let layout = Layout::new(&root.into());
        let no_lake = || LakeError::NoLake {
            root: layout.root.clone(),
        };
        let identity: Option<RootIdentity> = identity::read(&disk, &layout.identity())?;
        let lake = identity.ok_or_else(no_lake)?.lake;
        if !disk.exists(&layout.log).during("look at", &layout.log)? {
            let (log, what) = (layout.log.clone(), layout.identity());
            return Err(Mismatch::LogLost { log, what }.into());
        }
        let mut attempts = 0;
        let head = loop {
            attempts += 1;
            let listing = Listing::read(&disk, &layout)?;
            // A commit that a power loss could still take back must not have been shown.
            folders::sync(&disk, &layout.log)?;
            match commit_log::read_head(&disk, &layout, lake, &listing) {
                // The writer deletes old commits: list again.
                Err(LakeError::MissingCommit { .. }) if attempts < ATTEMPTS => {}
                read => break read?.ok_or_else(no_lake)?,
            }
        };
        Ok(Snapshot { disk, layout, head })
    }

    /// The commit.
    pub fn commit(&self) -> &Commit {
        &self.head.commit
    }

    /// What the application stored with it.
    pub fn application(&self) -> &Payload {
        &self.head.commit.application
    }

    /// All tables that ever had files, by name.
    pub fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.head.live.tables()
    }

    /// The files of a table, by partition; none if there is no such table.
    pub fn files(&self, table: &TableName) -> impl Iterator<Item = &DataFile> {
        self.head.live.files(table)
    }

    /// Opens a file of a table, wherever it is just now.
    ///
    /// # Errors
    /// [`LakeError::Gone`] where the commit is no longer retained.
    pub fn open_file(&self, table: &TableName, file: &DataFile) -> Result<D::File, LakeError> {
        self.find(table, file, |path| self.disk.open(path, OpenMode::Read))
    }

    /// Hard-links all files into a folder that is new or empty, as `<table>/dt=.../<file>`: a copy
    /// that takes no space and that no later commit changes.
    ///
    /// # Errors
    /// If the folder isn't empty, or not on the lake's file system.
    pub fn hard_link_to(&self, target: &Path) -> Result<(), LakeError> {
        if !folders::names_if_there(&self.disk, target)?.is_empty() {
            let problem = format!("{} is not empty: give a new folder", target.display());
            return Err(LakeError::Misuse(problem));
        }
        folders::ensure_durable(&self.disk, target)?;
        let copy = Layout {
            tables: target.to_owned(),
            ..self.layout.clone()
        };
        for table in self.tables() {
            folders::ensure(&self.disk, &copy.table(table))?;
            for file in self.files(table) {
                folders::ensure(&self.disk, &copy.partition(table, file.dt))?;
                let new = copy.data_file(table, file);
                self.find(table, file, |path| self.disk.hard_link(path, &new))?;
            }
        }
        for folder in folders::all_below(&self.disk, target)? {
            folders::sync(&self.disk, &folder)?;
        }
        Ok(())
    }

    /// Looks for a file under its final name and where it was staged, and again, because it may be
    /// published in between.
    fn find<T>(
        &self,
        table: &TableName,
        file: &DataFile,
        take: impl Fn(&Path) -> io::Result<T>,
    ) -> Result<T, LakeError> {
        let path = self.layout.data_file(table, file);
        let staged = self.layout.staged_file(self.head.commit.attempt, &file.name);
        for place in [&path, &staged, &path] {
            match take(place) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                taken => return taken.during("open", place),
            }
        }
        Err(LakeError::Gone {
            path,
            number: self.head.commit.number,
        })
    }

    /// The lake's root folder.
    pub fn root(&self) -> &Path {
        &self.layout.root
    }
}
