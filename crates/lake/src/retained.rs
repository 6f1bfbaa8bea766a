//! The commits that readers may still use.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use disk::Disk;
use jiff::Timestamp;

use crate::commit_log::{self, Head};
use crate::layout::Layout;
use crate::{AttemptId, Commit, CommitNumber, LakeError, folders};

/// The commits that are retained: the newest, and each other one until some time after its
/// successor was made. Since no commit is older than the one before it, they follow one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retained {
    /// Oldest first; never empty.
    commits: VecDeque<Kept>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    number: CommitNumber,
    at: Timestamp,
    attempt: AttemptId,
    state: BTreeSet<String>,
    removes_files: bool,
}

impl Kept {
    fn new(commit: &Commit) -> Kept {
        Kept {
            number: commit.number,
            at: commit.at,
            attempt: commit.attempt,
            state: commit.state.iter().map(|file| file.file.clone()).collect(),
            removes_files: commit.tables.iter().any(|change| !change.removed.is_empty()),
        }
    }
}

impl Retained {
    /// Reads the log backwards from its newest commit.
    pub(crate) fn read<D: Disk>(
        disk: &D,
        layout: &Layout,
        head: &Head,
        now: Timestamp,
        retain: Duration,
    ) -> Result<Retained, LakeError> {
        let mut retained = Retained {
            commits: VecDeque::from([Kept::new(&head.commit)]),
        };
        let mut successor = head.commit.at;
        let mut number = head.commit.number;
        while is_retained(successor, now, retain) && number > CommitNumber::FIRST {
            number = CommitNumber(number.0 - 1);
            let path = layout.commit(number);
            if folders::read_if_there(disk, &path)?.is_none() {
                // Deleted while the clock, or the setting, said that it may go.
                break;
            }
            let (commit, _) = commit_log::read_commit(disk, layout, head.commit.lake, number)?;
            successor = commit.at;
            retained.commits.push_front(Kept::new(&commit));
        }
        Ok(retained)
    }

    pub(crate) fn add(&mut self, commit: &Commit) {
        self.commits.push_back(Kept::new(commit));
    }

    /// Lets go of the commits whose time is over.
    pub(crate) fn expire(&mut self, now: Timestamp, retain: Duration) {
        while let Some(successor) = self.commits.get(1)
            && !is_retained(successor.at, now, retain)
        {
            self.commits.pop_front();
        }
    }

    pub(crate) fn oldest(&self) -> CommitNumber {
        self.commits
            .front()
            .expect("the newest commit is always retained")
            .number
    }

    pub(crate) fn names_state_file(&self, file: &str) -> bool {
        self.commits.iter().any(|commit| commit.state.contains(file))
    }

    /// Whether a staging folder may hold what readers of a retained commit need: the folders that
    /// a commit replaced.
    pub(crate) fn needs_staging_of(&self, attempt: AttemptId) -> bool {
        self.commits
            .iter()
            .any(|commit| commit.removes_files && commit.attempt == attempt)
    }
}

/// Whether a commit is retained, by the time at which its successor was made.
fn is_retained(successor: Timestamp, now: Timestamp, retain: Duration) -> bool {
    let retain_ms = i64::try_from(retain.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond() < successor.as_millisecond().saturating_add(retain_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LakeId, Payload};

    fn commit(number: u64, at_ms: i64) -> Commit {
        Commit {
            lake: LakeId::from_random(1),
            number: CommitNumber(number),
            previous: None,
            at: Timestamp::from_millisecond(at_ms).unwrap(),
            attempt: AttemptId(number.into()),
            tables: Vec::new(),
            state: Vec::new(),
            application: Payload::null(),
        }
    }

    #[test]
    fn a_commit_is_retained_for_some_time_after_its_successor() {
        let mut retained = Retained {
            commits: VecDeque::from([Kept::new(&commit(1, 0))]),
        };
        retained.add(&commit(2, 100));
        retained.add(&commit(3, 200));
        let mut oldest_at = |now_ms| {
            let now = Timestamp::from_millisecond(now_ms).unwrap();
            retained.expire(now, Duration::from_millis(50));
            retained.oldest().0
        };
        assert_eq!(oldest_at(149), 1);
        assert_eq!(oldest_at(150), 2);
        assert_eq!(oldest_at(249), 2);
        assert_eq!(oldest_at(250), 3);
        assert_eq!(oldest_at(1_000_000), 3);
    }
}
