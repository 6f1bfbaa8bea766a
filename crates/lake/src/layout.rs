//! Where everything lies.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use crate::{AttemptId, CommitNumber, DataFile, TableName};

/// The paths of a lake.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) root: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) tables: PathBuf,
    pub(crate) staging: PathBuf,
}

/// The paths of a job's state.
#[derive(Debug, Clone)]
pub(crate) struct StateLayout {
    pub(crate) dir: PathBuf,
}

/// What a name in the log folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogEntry {
    Commit(CommitNumber),
    /// Says that a commit is published.
    Marker(CommitNumber),
    Snapshot(CommitNumber),
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Layout {
        Layout {
            root: root.to_owned(),
            log: root.join("log"),
            tables: root.join("tables"),
            staging: root.join("staging"),
        }
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.root.join("format.json")
    }

    pub(crate) fn log_entry(&self, entry: LogEntry) -> PathBuf {
        self.log.join(entry.name())
    }

    pub(crate) fn commit(&self, number: CommitNumber) -> PathBuf {
        self.log_entry(LogEntry::Commit(number))
    }

    pub(crate) fn table(&self, table: &TableName) -> PathBuf {
        self.tables.join(table.as_str())
    }

    pub(crate) fn partition(&self, table: &TableName, dt: Date) -> PathBuf {
        self.table(table).join(partition_name(dt))
    }

    pub(crate) fn data_file(&self, table: &TableName, file: &DataFile) -> PathBuf {
        self.partition(table, file.dt).join(&file.name)
    }

    pub(crate) fn attempt(&self, attempt: AttemptId) -> PathBuf {
        self.staging.join(attempt.to_string())
    }

    /// A commit before it has its number.
    pub(crate) fn staged_commit(&self, attempt: AttemptId) -> PathBuf {
        self.attempt(attempt).join("commit.json")
    }

    /// A data file before it is published.
    pub(crate) fn staged_file(&self, attempt: AttemptId, name: &str) -> PathBuf {
        self.attempt(attempt).join(name)
    }

    /// A log snapshot before it has its name.
    pub(crate) fn staged_snapshot(&self, number: CommitNumber) -> PathBuf {
        self.staging.join(LogEntry::Snapshot(number).name())
    }
}

/// The folder of a partition, by Hive's convention.
pub(crate) fn partition_name(dt: Date) -> String {
    format!("dt={dt}")
}

/// The file name of the `n`th file that an attempt stages.
pub(crate) fn data_file_name(attempt: AttemptId, n: usize) -> String {
    format!("part-{attempt}-{n}.parquet")
}

impl StateLayout {
    pub(crate) fn new(checkpoint_root: &Path, job: &str) -> StateLayout {
        StateLayout {
            dir: checkpoint_root.join(job),
        }
    }

    pub(crate) fn identity(&self) -> PathBuf {
        self.dir.join("format.json")
    }

    /// Names the newest commit that the state folder has seen.
    pub(crate) fn seen(&self) -> PathBuf {
        self.dir.join("newest.json")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The name of a state file in its folder.
pub(crate) fn state_file_name(attempt: AttemptId, name: &str) -> String {
    format!("{attempt}-{name}")
}

/// The attempt that made a state file, if the name is one of a state file.
pub(crate) fn attempt_of_state_file(file: &str) -> Option<AttemptId> {
    file.split_once('-')?.0.parse().ok()
}

const MARKER: &str = ".published";
const SNAPSHOT: &str = ".snapshot.json";
const COMMIT: &str = ".json";

impl LogEntry {
    pub(crate) fn name(self) -> String {
        match self {
            LogEntry::Commit(number) => format!("{:020}{COMMIT}", number.0),
            LogEntry::Marker(number) => format!("{:020}{MARKER}", number.0),
            LogEntry::Snapshot(number) => format!("{:020}{SNAPSHOT}", number.0),
        }
    }

    pub(crate) fn parse(name: &str) -> Option<LogEntry> {
        let (digits, kind) = name.split_at_checked(20)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number = CommitNumber(digits.parse().ok()?);
        match kind {
            COMMIT => Some(LogEntry::Commit(number)),
            MARKER => Some(LogEntry::Marker(number)),
            SNAPSHOT => Some(LogEntry::Snapshot(number)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_entries_are_read_as_they_are_written() {
        let number = CommitNumber(1234);
        for entry in [
            LogEntry::Commit(number),
            LogEntry::Marker(number),
            LogEntry::Snapshot(number),
        ] {
            assert_eq!(LogEntry::parse(&entry.name()), Some(entry));
        }
        assert_eq!(LogEntry::Commit(number).name(), "00000000000000001234.json");
        for stranger in [
            "1.json",
            "x",
            "00000000000000001234.json.tmp",
            "99999999999999999999.json",
        ] {
            assert_eq!(LogEntry::parse(stranger), None, "{stranger}");
        }
    }
}
