//! What Raft reads of its own log.

use raft::eraftpb::{self, ConfState};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use super::translation::{raft_id, to_raft_entry, to_raft_snapshot};
use crate::{ClusterError, Entry, HardState, Index, Restored, Term};

/// What the executor has been told to keep.
pub(super) struct Stored {
    pub(super) hard_state: HardState,
    /// Who votes as the log says, and who follows.
    pub(super) members: ConfState,
    /// The newest snapshot.
    snapshot: Option<Entry>,
    /// What stands right before the first of `entries`: nothing at index 0, or an entry that was dropped.
    before: (Index, Term),
    entries: Vec<eraftpb::Entry>,
}

impl Stored {
    /// # Errors
    /// If the log has gaps, goes back, or doesn't go on where the snapshot ends.
    pub(super) fn new(restored: Restored, members: ConfState) -> Result<Self, ClusterError> {
        check(&restored)?;
        let Restored {
            hard_state,
            snapshot,
            entries,
        } = restored;
        let before = snapshot
            .as_ref()
            .map_or((Index(0), Term(0)), |snapshot| (snapshot.index, snapshot.term));
        let entries = entries.into_iter().filter(|entry| entry.index > before.0);
        let mut stored = Self {
            hard_state: hard_state.unwrap_or_default(),
            members,
            snapshot,
            before,
            entries: entries.map(to_raft_entry).collect(),
        };
        // The log is ahead of the remembered term where a crash came between the two; nothing was
        // promised in that term, because no message left.
        let newest = stored.entries.last().map_or(before.1, |e| Term(e.term));
        if newest > stored.hard_state.term {
            stored.hard_state = HardState {
                term: newest,
                vote: None,
            };
        }
        Ok(stored)
    }

    pub(super) fn last(&self) -> u64 {
        self.before.0.0 + self.entries.len() as u64
    }

    /// The last entry of the newest snapshot; 0 where there is none.
    pub(super) fn snapshot_index(&self) -> Index {
        self.snapshot.as_ref().map_or(Index(0), |snapshot| snapshot.index)
    }

    pub(super) fn append(&mut self, entries: &[eraftpb::Entry]) {
        let Some(first) = entries.first() else { return };
        self.entries.truncate(self.place(first.index));
        self.entries.extend_from_slice(entries);
    }

    /// Keeps a snapshot of its own making, and drops what the one before it stands for: who lags behind by
    /// less than the time between two snapshots still gets entries. Gives where the log begins then.
    pub(super) fn compact(&mut self, snapshot: Entry) -> Index {
        if let Some(older) = self.snapshot.replace(snapshot) {
            let dropped = self.place(older.index.0 + 1).min(self.entries.len());
            self.entries.drain(..dropped);
            self.before = (older.index, older.term);
        }
        Index(self.before.0.0 + 1)
    }

    /// Puts a leader's snapshot in place of everything.
    pub(super) fn replace(&mut self, snapshot: Entry) -> Index {
        self.before = (snapshot.index, snapshot.term);
        self.entries.clear();
        self.snapshot = Some(snapshot);
        Index(self.before.0.0 + 1)
    }

    /// Where the entry of this index stands, which is behind `before`.
    fn place(&self, index: u64) -> usize {
        usize::try_from(index.saturating_sub(self.before.0.0 + 1)).unwrap_or(usize::MAX)
    }
}

impl Storage for Stored {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let hard_state = eraftpb::HardState {
            term: self.hard_state.term.0,
            vote: self.hard_state.vote.map_or(0, raft_id),
            // What a snapshot holds is committed; the rest is learnt again.
            commit: self.snapshot_index().0,
            ..Default::default()
        };
        Ok(RaftState::new(hard_state, self.members.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<eraftpb::Entry>> {
        if low <= self.before.0.0 {
            return Err(StorageError::Compacted.into());
        }
        if high > self.last() + 1 || low > high {
            return Err(StorageError::Unavailable.into());
        }
        let wanted = &self.entries[self.place(low)..self.place(high)];
        let mut budget = max_size.into().unwrap_or(u64::MAX);
        let mut count = 0;
        for entry in wanted {
            let size = entry.data.len() as u64 + 32;
            if count > 0 && size > budget {
                break;
            }
            budget = budget.saturating_sub(size);
            count += 1;
        }
        Ok(wanted[..count].to_vec())
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index == self.before.0.0 {
            return Ok(self.before.1.0);
        }
        if index < self.before.0.0 {
            return Err(StorageError::Compacted.into());
        }
        match self.entries.get(self.place(index)) {
            Some(entry) => Ok(entry.term),
            None => Err(StorageError::Unavailable.into()),
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.before.0.0 + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, _: u64, _: u64) -> raft::Result<eraftpb::Snapshot> {
        // Only asked for entries that were dropped, so there is one.
        match &self.snapshot {
            Some(snapshot) => Ok(to_raft_snapshot(snapshot.clone(), self.members.clone())),
            None => Err(StorageError::SnapshotTemporarilyUnavailable.into()),
        }
    }
}

fn check(restored: &Restored) -> Result<(), ClusterError> {
    let damaged = |reason| Err(ClusterError::DamagedLog { reason });
    let Some(first) = restored.entries.first() else {
        return Ok(());
    };
    let mut term = Term(1);
    for (expected, entry) in (first.index.0..).zip(&restored.entries) {
        if entry.index.0 != expected || entry.term < term {
            return damaged(format!(
                "entry {} of term {} at place {expected}",
                entry.index, entry.term
            ));
        }
        term = entry.term;
    }
    match &restored.snapshot {
        None if first.index.0 != 1 => {
            damaged(format!("it begins at entry {}, without a snapshot", first.index))
        }
        Some(snapshot) if !restored.continues(snapshot) => damaged(format!(
            "it begins at entry {}, and doesn't go on where the snapshot of entry {} ends",
            first.index, snapshot.index
        )),
        Some(snapshot) if first.index > snapshot.index && first.term < snapshot.term => damaged(format!(
            "entry {} is of term {}, the snapshot before it of term {}",
            first.index, first.term, snapshot.term
        )),
        _ => Ok(()),
    }
}
