//! The commits that readers may still use.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use disk::Disk;
use jiff::Timestamp;

use crate::commit_log::{self, Head};
use crate::layout::Layout;
use crate::{AttemptId, Commit, CommitNumber, LakeError};

/// The commits that are retained: the newest, and each other one until some time after its
/// successor was made.
///
/// Clocks are set back, too. No commit counts as made later than its successor, nor in the future,
/// so a clock that was far ahead for a while keeps nothing longer than from when it was put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retained {
    /// Oldest first; never empty.
    commits: VecDeque<Kept>,
    /// For each state file that they name, the last one that does.
    state: BTreeMap<String, CommitNumber>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    number: CommitNumber,
    at: Timestamp,
    attempt: AttemptId,
    removes_files: bool,
}

impl Kept {
    fn new(commit: &Commit) -> Kept {
        Kept {
            number: commit.number,
            at: commit.at,
            attempt: commit.attempt,
            removes_files: commit.tables.iter().any(|change| !change.removed.is_empty()),
        }
    }
}

impl Retained {
    fn only(newest: &Commit) -> Retained {
        let mut retained = Retained {
            commits: VecDeque::new(),
            state: BTreeMap::new(),
        };
        retained.add(newest);
        retained
    }

    /// Reads the log backwards from its newest commit.
    pub(crate) fn read<D: Disk>(
        disk: &D,
        layout: &Layout,
        head: &Head,
        now: Timestamp,
        retain: Duration,
    ) -> Result<Retained, LakeError> {
        let mut retained = Retained::only(&head.commit);
        let mut successor = head.commit.at.min(now);
        let mut number = head.commit.number;
        while is_retained(successor, now, retain) && number > CommitNumber::FIRST {
            number = CommitNumber(number.0 - 1);
            let commit = match commit_log::read_commit(disk, layout, head.commit.lake, number) {
                // Deleted while the clock, or the setting, said that it may go.
                Err(LakeError::MissingCommit { .. }) => break,
                read => read?.0,
            };
            successor = successor.min(commit.at);
            retained.add_older(&commit);
        }
        retained.put_clock_right(now);
        Ok(retained)
    }

    pub(crate) fn add(&mut self, commit: &Commit) {
        self.commits.push_back(Kept::new(commit));
        for file in &commit.state {
            self.state.insert(file.file.clone(), commit.number);
        }
    }

    fn add_older(&mut self, commit: &Commit) {
        self.commits.push_front(Kept::new(commit));
        for file in &commit.state {
            self.state.entry(file.file.clone()).or_insert(commit.number);
        }
    }

    /// Lets go of the commits whose time is over.
    pub(crate) fn expire(&mut self, now: Timestamp, retain: Duration) {
        self.put_clock_right(now);
        while let Some(successor) = self.commits.get(1)
            && !is_retained(successor.at, now, retain)
        {
            self.commits.pop_front();
        }
        let oldest = self.oldest();
        self.state.retain(|_, last| *last >= oldest);
    }

    fn put_clock_right(&mut self, now: Timestamp) {
        let mut latest = now;
        for commit in self.commits.iter_mut().rev() {
            latest = latest.min(commit.at);
            commit.at = latest;
        }
    }

    pub(crate) fn oldest(&self) -> CommitNumber {
        self.commits
            .front()
            .expect("the newest commit is always retained")
            .number
    }

    pub(crate) fn names_state_file(&self, file: &str) -> bool {
        self.state.contains_key(file)
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
        let mut retained = Retained::only(&commit(1, 0));
        retained.add(&commit(2, 100));
        let oldest_at = |retained: &mut Retained, now_ms| {
            let now = Timestamp::from_millisecond(now_ms).unwrap();
            retained.expire(now, Duration::from_millis(50));
            retained.oldest().0
        };
        assert_eq!(oldest_at(&mut retained, 149), 1);
        assert_eq!(oldest_at(&mut retained, 150), 2);
        retained.add(&commit(3, 200));
        assert_eq!(oldest_at(&mut retained, 249), 2);
        assert_eq!(oldest_at(&mut retained, 250), 3);
        assert_eq!(oldest_at(&mut retained, 1_000_000), 3);
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nothing_longer_than_from_when_it_was_put_right() {
        let mut retained = Retained::only(&commit(1, 0));
        retained.add(&commit(2, 1_000_000));
        let mut oldest_at = |now_ms, made| {
            let now = Timestamp::from_millisecond(now_ms).unwrap();
            retained.expire(now, Duration::from_millis(50));
            if let Some(number) = made {
                retained.add(&commit(number, now_ms));
            }
            retained.oldest().0
        };
        assert_eq!(oldest_at(100, Some(3)), 1);
        assert_eq!(oldest_at(149, None), 1);
        assert_eq!(oldest_at(150, None), 3);
    }
}
