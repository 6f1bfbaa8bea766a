//! What Raft reads of its own log.

use raft::eraftpb::{self, ConfState};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use super::raft_id;
use crate::HardState;

/// What the executor has been told to keep. Entry `n` stands at place `n - 1`.
pub(super) struct Stored {
    pub(super) hard_state: HardState,
    pub(super) voters: Vec<u64>,
    pub(super) learners: Vec<u64>,
    pub(super) entries: Vec<eraftpb::Entry>,
}

impl Stored {
    pub(super) fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn append(&mut self, entries: &[eraftpb::Entry]) {
        let Some(first) = entries.first() else { return };
        self.entries.truncate((first.index - 1) as usize);
        self.entries.extend_from_slice(entries);
    }
}

impl Storage for Stored {
    fn initial_state(&self) -> raft::Result<RaftState> {
        let hard_state = eraftpb::HardState {
            term: self.hard_state.term.0,
            vote: self.hard_state.vote.map_or(0, raft_id),
            ..Default::default()
        };
        let conf_state = ConfState {
            voters: self.voters.clone(),
            learners: self.learners.clone(),
            ..Default::default()
        };
        Ok(RaftState::new(hard_state, conf_state))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<eraftpb::Entry>> {
        if low < 1 || high > self.last() + 1 || low > high {
            return Err(StorageError::Unavailable.into());
        }
        let wanted = &self.entries[(low - 1) as usize..(high - 1) as usize];
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
        match index.checked_sub(1) {
            None => Ok(0),
            Some(place) => match self.entries.get(place as usize) {
                Some(entry) => Ok(entry.term),
                None => Err(StorageError::Unavailable.into()),
            },
        }
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    fn snapshot(&self, _: u64, _: u64) -> raft::Result<eraftpb::Snapshot> {
        // Every entry since the first is kept, so nobody ever needs one.
        Err(StorageError::SnapshotTemporarilyUnavailable.into())
    }
}
