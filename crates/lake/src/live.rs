//! Which files make up the tables at a commit.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Commit, DataFile, TableChange, TableName};

/// The files of each table at one commit, by partition and name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Lists", into = "Lists")]
pub(crate) struct LiveSet {
    tables: BTreeMap<TableName, BTreeMap<(Date, String), DataFile>>,
}

/// How a log snapshot writes it.
type Lists = BTreeMap<TableName, Vec<DataFile>>;

impl From<Lists> for LiveSet {
    fn from(lists: Lists) -> LiveSet {
        let by_name = |files: Vec<DataFile>| files.into_iter().map(|f| (key(&f), f)).collect();
        LiveSet {
            tables: lists
                .into_iter()
                .map(|(table, files)| (table, by_name(files)))
                .collect(),
        }
    }
}

impl From<LiveSet> for Lists {
    fn from(live: LiveSet) -> Lists {
        let list = |files: BTreeMap<_, DataFile>| files.into_values().collect();
        live.tables
            .into_iter()
            .map(|(table, files)| (table, list(files)))
            .collect()
    }
}

fn key(file: &DataFile) -> (Date, String) {
    (file.dt, file.name.clone())
}

impl LiveSet {
    /// Whether a commit fits.
    ///
    /// # Errors
    /// Says what doesn't: a file removed that isn't there, or added that is.
    pub(crate) fn check(&self, commit: &Commit) -> Result<(), String> {
        for change in &commit.tables {
            let has = |file: &DataFile| {
                self.tables
                    .get(&change.table)
                    .is_some_and(|files| files.contains_key(&key(file)))
            };
            if let Some(file) = change.removed.iter().find(|file| !has(file)) {
                return Err(format!(
                    "it removes {}, which isn't in {}",
                    file.name, change.table
                ));
            }
            if let Some(file) = change.added.iter().find(|file| has(file)) {
                return Err(format!("it adds {} to {} again", file.name, change.table));
            }
        }
        Ok(())
    }

    /// Becomes the live set after a commit that fits. A commit may also name tables in which it
    /// changes nothing.
    pub(crate) fn apply(&mut self, commit: &Commit) {
        let changes = |change: &&TableChange| !(change.added.is_empty() && change.removed.is_empty());
        for change in commit.tables.iter().filter(changes) {
            let files = self.tables.entry(change.table.clone()).or_default();
            for file in &change.removed {
                files.remove(&key(file));
            }
            files.extend(change.added.iter().map(|file| (key(file), file.clone())));
        }
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.tables.keys()
    }

    pub(crate) fn files(&self, table: &TableName) -> impl Iterator<Item = &DataFile> {
        self.tables.get(table).into_iter().flat_map(BTreeMap::values)
    }

    pub(crate) fn has_files(&self) -> bool {
        self.tables.values().any(|files| !files.is_empty())
    }
}
