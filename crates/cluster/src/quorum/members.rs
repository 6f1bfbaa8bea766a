//! Who votes, and who only follows the log.
//!
//! A cluster is founded by broker 1 alone, or by brokers 1, 2 and 3 (`Options::voters`, the same on all brokers
//! for ever). One that was founded by broker 1 gets all three as voters by one entry of its log, once the others
//! are there. From then on whoever has that entry in the log goes by it, committed or not, and after a restart
//! again, from the log or the snapshot.
//!
//! Why two brokers with other ideas of the voters never each find a majority:
//!
//! * Without the entry broker 1 alone is a majority, and only for itself: others don't stand for election. Broker
//!   1 goes by the entry before anybody else hears of it, for it is durable first. So it never decides alone again
//!   after anybody else could.
//! * Whoever decides with the entry has two of the three, and the entry in its log. What broker 1 decided alone
//!   stands before the entry in that log.
//! * So no leader comes that lacks the entry, and it is never replaced: there is no way back to think of.

use raft::eraftpb::{ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState};
use record::BrokerId;

use super::translation::raft_id;
use crate::metadata_record::{voters_of_entry, voters_of_snapshot};
use crate::{ClusterError, Entry, Options, Restored};

#[cfg(test)]
mod tests;

/// Who votes in a cluster of three brokers or more.
const VOTERS: [BrokerId; 3] = [BrokerId(1), BrokerId(2), BrokerId(3)];

/// Who votes, and who only follows the log.
#[derive(Debug)]
pub(super) struct Members {
    /// All of them, by id.
    all: Vec<BrokerId>,
    founders: Vec<BrokerId>,
    /// By id.
    voters: Vec<BrokerId>,
}

impl Members {
    /// As the log and the snapshot say.
    ///
    /// # Errors
    /// Options that can't be.
    pub(super) fn new(options: &Options, restored: &Restored) -> Result<Self, ClusterError> {
        let founders = check_voters(options)?;
        let mut all = [founders.clone(), options.observers.clone()].concat();
        all.sort_unstable();
        let mut members = Self {
            all,
            voters: founders.clone(),
            founders,
        };
        #[cfg(feature = "deliberate-bugs")]
        if options.bug == Some(crate::Bug::ForgetVoters) {
            return Ok(members);
        }
        if let Some(snapshot) = &restored.snapshot {
            members.take_over(snapshot);
        }
        for entry in &restored.entries {
            let _ = members.adopt(&entry.data);
        }
        Ok(members)
    }

    pub(super) fn voters(&self) -> &[BrokerId] {
        &self.voters
    }

    pub(super) fn observers(&self) -> impl Iterator<Item = BrokerId> {
        let all = self.all.iter().copied();
        all.filter(|id| !self.voters.contains(id))
    }

    pub(super) fn contains(&self, id: BrokerId) -> bool {
        self.all.contains(&id)
    }

    /// The place of a broker among all, by id.
    pub(super) fn place_of(&self, id: BrokerId) -> usize {
        self.all.iter().position(|known| *known == id).unwrap_or(0)
    }

    pub(super) fn conf_state(&self) -> ConfState {
        ConfState {
            voters: self.voters.iter().map(|id| raft_id(*id)).collect(),
            learners: self.observers().map(raft_id).collect(),
            ..Default::default()
        }
    }

    /// Who shall vote in place of one founder, if all three are members.
    pub(super) fn next(&self) -> Option<Vec<BrokerId>> {
        self.change_to(&VOTERS).map(|_| VOTERS.to_vec())
    }

    /// Goes by an entry, and gives what it changes, if anything.
    pub(super) fn adopt(&mut self, data: &[u8]) -> Option<ConfChangeV2> {
        let voters = voters_of_entry(data)?;
        let change = self.change_to(&voters)?;
        self.voters = voters;
        Some(change)
    }

    /// Goes by a snapshot.
    pub(super) fn take_over(&mut self, snapshot: &Entry) {
        self.voters = self.voters_behind(snapshot);
    }

    /// Who votes behind a snapshot.
    pub(super) fn behind(&self, snapshot: &Entry) -> ConfState {
        let there = Self {
            all: self.all.clone(),
            founders: Vec::new(),
            voters: self.voters_behind(snapshot),
        };
        there.conf_state()
    }

    fn voters_behind(&self, snapshot: &Entry) -> Vec<BrokerId> {
        let voters = voters_of_snapshot(&snapshot.data);
        let voters = voters.filter(|voters| voters.iter().all(|id| self.contains(*id)));
        voters.unwrap_or_else(|| self.founders.clone())
    }

    /// The change from one voter to several; there is no other.
    fn change_to(&self, voters: &[BrokerId]) -> Option<ConfChangeV2> {
        let [alone] = self.voters.as_slice() else {
            return None;
        };
        if voters.len() < 2 || !voters.contains(alone) || !voters.iter().all(|id| self.contains(*id)) {
            return None;
        }
        let mut change = ConfChangeV2::default();
        change.set_transition(ConfChangeTransition::Explicit);
        let new = voters.iter().filter(|id| *id != alone);
        let changes = new.map(|id| {
            let mut one = ConfChangeSingle::default();
            one.set_change_type(ConfChangeType::AddNode);
            one.node_id = raft_id(*id);
            one
        });
        change.set_changes(changes.collect());
        Some(change)
    }
}

fn check_voters(options: &Options) -> Result<Vec<BrokerId>, ClusterError> {
    let mut voters = options.voters.clone();
    voters.sort_unstable();
    let fail = |reason| {
        Err(ClusterError::Voters {
            voters: options.voters.clone(),
            reason,
        })
    };
    if voters.windows(2).any(|pair| pair[0] == pair[1]) {
        return fail("a broker is named twice");
    }
    if voters.first().is_some_and(|v| v.0 < 0) {
        return fail("broker ids must not be negative");
    }
    if !voters.contains(&options.id) && !options.observers.contains(&options.id) {
        return fail("this broker is neither among them nor among the observers");
    }
    if voters.is_empty() {
        return fail("nobody votes");
    }
    if options
        .observers
        .iter()
        .any(|observer| voters.contains(observer) || observer.0 < 0)
    {
        return fail("an observer votes, or has a negative id");
    }
    Ok(voters)
}
