//! Raft among the voters: one log of metadata entries.

mod members;
mod stored;
mod translation;

use std::collections::BTreeMap;
use std::fmt;

use raft::eraftpb::{self, ConfChangeV2, ConfState};
use raft::{Config, RawNode, SnapshotStatus, StateRole};
use record::BrokerId;

use members::Members;
use stored::Stored;
use translation::{
    broker_id, from_raft_entry, from_raft_hard_state, from_raft_message, from_raft_snapshot, raft_id,
    to_raft_message,
};

use crate::quorum_guard;
use crate::{
    Action, ClusterError, Controller, Entry, HardState, Index, Metadata, Millis, Options, PeerMessage,
    PeerMessageKind, QuorumMember, QuorumView, Restored, Term,
};

/// Ticks between two heartbeats of a leader: 100 ms.
const HEARTBEAT_TICKS: usize = 2;

/// Ticks without a leader until others may be voted for: 500 ms.
const LEASE_TICKS: usize = 10;

/// Ticks until the first voter calls an election (550 ms); each further voter waits 100 ms longer.
/// `raft` draws the timeout at random between a minimum and a maximum; a range of one value, another
/// for each voter, leaves nothing to chance.
const FIRST_ELECTION_TICKS: usize = 11;

/// Bytes of entries in one message, unless a single entry is larger.
const MESSAGE_BYTES: u64 = 1 << 20;

/// Who had everything so recently may vote.
const RECENT: Millis = Millis(1_000);

/// What an entry weighs besides its data: also those without any fill the log.
const ENTRY_BYTES: u64 = 64;

/// What is now committed.
#[derive(Debug)]
pub(crate) enum Committed {
    /// The next entry.
    Entry(Entry),
    /// All metadata up to an entry beyond those that were handed out.
    Snapshot(Entry),
}

/// The quorum as one voter sees it.
pub(crate) struct Quorum {
    raft: RawNode<Stored>,
    members: Members,
    /// When each member was heard of, and had everything, in the term that this voter leads.
    seen: BTreeMap<BrokerId, Seen>,
    seen_in: Term,
    /// Bytes of the entries that were committed since the last snapshot, and how many make the next one.
    since_snapshot: u64,
    between_snapshots: u64,
    #[cfg(feature = "deliberate-bugs")]
    bug: Option<crate::Bug>,
    /// How far entries were handed out before they were committed, under that deliberate mistake.
    #[cfg(feature = "deliberate-bugs")]
    applied_early: u64,
}

/// When a member was heard of.
#[derive(Debug, Clone, Copy)]
struct Seen {
    heard_at: Millis,
    caught_up_at: Option<Millis>,
}

impl Quorum {
    pub(crate) fn new(options: &Options, restored: Restored) -> Result<Self, ClusterError> {
        let members = Members::new(options, &restored)?;
        let stored = Stored::new(restored, members.conf_state())?;
        // Whoever doesn't vote yet may do so later.
        let election_ticks = FIRST_ELECTION_TICKS + 2 * members.place_of(options.id);
        let config = Config {
            id: raft_id(options.id),
            applied: stored.snapshot_index().0,
            election_tick: LEASE_TICKS,
            heartbeat_tick: HEARTBEAT_TICKS,
            min_election_tick: election_ticks,
            max_election_tick: election_ticks + 1,
            pre_vote: true,
            check_quorum: true,
            max_size_per_msg: MESSAGE_BYTES,
            max_inflight_msgs: 64,
            ..Config::default()
        };
        let silent = slog::Logger::root(slog::Discard, slog::o!());
        let mut raft =
            RawNode::new(&config, stored, &silent).map_err(|e| ClusterError::Quorum(e.to_string()))?;
        if members.voters() == [options.id] {
            raft.campaign().map_err(|e| ClusterError::Quorum(e.to_string()))?;
        }
        Ok(Self {
            raft,
            members,
            seen: BTreeMap::new(),
            seen_in: Term(0),
            since_snapshot: 0,
            between_snapshots: options.max_bytes_between_snapshots,
            #[cfg(feature = "deliberate-bugs")]
            bug: options.bug,
            #[cfg(feature = "deliberate-bugs")]
            applied_early: 0,
        })
    }

    pub(crate) fn tick(&mut self) {
        self.raft.tick();
    }

    /// Takes in a peer's message, unless it can't be genuine.
    pub(crate) fn step(&mut self, from: BrokerId, message: PeerMessage, now: Millis) {
        let log = &self.raft.raft.raft_log;
        let known = self.members.contains(from) && raft_id(from) != self.raft.raft.id;
        if !known || !quorum_guard::is_sound(&message, log.last_index()) {
            return;
        }
        let there = match message.entries.first() {
            Some(snapshot) if message.kind == PeerMessageKind::Snapshot => self.members.behind(snapshot),
            _ => ConfState::default(),
        };
        let mut message = to_raft_message(from, self.raft.raft.id, message, &there);
        if message.get_msg_type() == eraftpb::MessageType::MsgHeartbeat && message.commit > log.last_index() {
            // Only a voter that lost entries it had acknowledged is told of a commit beyond its log.
            message.commit = log.committed;
        }
        // Refusals concern the message, not this voter: a stale one, or one that names no peer.
        let _ = self.raft.step(message);
        self.see(from, now);
    }

    /// Who has how much, while this voter leads.
    pub(crate) fn view(&self, leader: BrokerId, now: Millis) -> QuorumView {
        let raft = &self.raft.raft;
        let last = raft.raft_log.last_index();
        let member = |id: BrokerId| {
            let seen = self.seen.get(&id).filter(|_| self.seen_in == self.term());
            let me = id == leader;
            QuorumMember {
                id,
                last: match me {
                    true => last,
                    false => raft.prs().get(raft_id(id)).map_or(0, |p| p.matched),
                },
                heard: if me {
                    Some(Millis(0))
                } else {
                    seen.map(|s| now.since(s.heard_at))
                },
                caught_up: match me {
                    true => Some(Millis(0)),
                    false => seen.and_then(|s| s.caught_up_at).map(|at| now.since(at)),
                },
            }
        };
        let heard_of = |id: &BrokerId| self.seen.contains_key(id);
        QuorumView {
            leader,
            term: raft.term,
            committed: raft.raft_log.committed,
            voters: self.members.voters().iter().copied().map(member).collect(),
            observers: self.members.observers().filter(heard_of).map(member).collect(),
        }
    }

    fn see(&mut self, from: BrokerId, now: Millis) {
        if !self.leads() {
            return;
        }
        if self.seen_in != self.term() {
            self.seen_in = self.term();
            self.seen.clear();
        }
        let matched = self.raft.raft.prs().get(raft_id(from)).map_or(0, |p| p.matched);
        let seen = self.seen.entry(from).or_insert(Seen {
            heard_at: now,
            caught_up_at: None,
        });
        seen.heard_at = now;
        if matched >= self.raft.raft.raft_log.last_index() {
            seen.caught_up_at = Some(now);
        }
    }

    /// Tells Raft that what was sent last to a peer didn't arrive.
    pub(crate) fn unreachable(&mut self, peer: BrokerId) {
        if self.members.contains(peer) {
            self.raft.report_unreachable(raft_id(peer));
        }
    }

    /// Appends an entry, if this voter leads. Gives where it stands.
    pub(crate) fn propose(&mut self, data: Vec<u8>) -> Option<(Index, Term)> {
        if !self.leads() || self.raft.propose(Vec::new(), data).is_err() {
            return None;
        }
        Some((Index(self.raft.raft.raft_log.last_index()), self.term()))
    }

    /// Who shall vote besides those who do, if that can be now; asked of a leader.
    pub(crate) fn next_voters(&self, metadata: &Metadata, now: Millis) -> Option<Vec<BrokerId>> {
        let has_all = |id: BrokerId| {
            let seen = self.seen.get(&id).filter(|_| self.seen_in == self.term());
            let caught_up = seen.and_then(|seen| seen.caught_up_at);
            raft_id(id) == self.raft.raft.id || caught_up.is_some_and(|at| now.since(at) <= RECENT)
        };
        let alive = |id: BrokerId| metadata.brokers.get(&id).is_some_and(|broker| !broker.fenced);
        let next = self.members.next()?;
        next.iter().all(|id| has_all(*id) && alive(*id)).then_some(next)
    }

    pub(crate) fn term(&self) -> Term {
        Term(self.raft.raft.term)
    }

    pub(crate) fn leads(&self) -> bool {
        self.raft.raft.state == StateRole::Leader
    }

    pub(crate) fn leader(&self) -> Option<Controller> {
        let id = broker_id(self.raft.raft.leader_id)?;
        Some(Controller {
            id,
            epoch: self.term(),
        })
    }

    /// Moves on what Raft has ready: things to persist and messages go to `actions`, entries that
    /// are now committed to `committed`.
    pub(crate) fn advance(&mut self, actions: &mut Vec<Action>, committed: &mut Vec<Committed>) {
        while self.raft.has_ready() {
            self.adopt_voters();
            let mut ready = self.raft.ready();
            let entries = ready.take_entries();
            let hard_state = ready.hs().map(from_raft_hard_state);
            let start = actions.len();
            if !ready.snapshot().is_empty() {
                self.replace(from_raft_snapshot(ready.snapshot()), actions, committed);
            }
            self.persist(&entries, hard_state, actions);
            let messages = ready
                .take_messages()
                .into_iter()
                .chain(ready.take_persisted_messages());
            let mut given = send(messages, actions);
            self.misbehave(start, &entries, actions, committed);
            self.commit(ready.take_committed_entries(), committed);
            let mut light = self.raft.advance_append(ready);
            given.extend(send(light.take_messages(), actions));
            self.commit(light.take_committed_entries(), committed);
            self.raft.advance_apply();
            for peer in given {
                // Whether it arrives is seen from what the peer says to the entries behind it: where it
                // was lost, it is sent again.
                self.raft.report_snapshot(peer, SnapshotStatus::Finish);
            }
        }
    }

    /// Whether enough was committed since the last snapshot.
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.since_snapshot >= self.between_snapshots
    }

    /// Keeps a snapshot of what was applied, and lets go of entries.
    pub(crate) fn snapshot(&mut self, snapshot: Entry, actions: &mut Vec<Action>) {
        self.since_snapshot = 0;
        if snapshot.index <= self.raft.store().snapshot_index() {
            return;
        }
        let log_start = self.raft.mut_store().compact(snapshot.clone());
        actions.push(Action::Snapshot { snapshot, log_start });
    }

    /// Goes by the voters of an entry as soon as the log has it: Raft proper, where `raft` would wait until it
    /// is committed. See [`Members`] for why that is safe.
    fn adopt_voters(&mut self) {
        let new = self.raft.raft.raft_log.unstable_entries();
        let Some(change) = new.iter().find_map(|entry| self.members.adopt(&entry.data)) else {
            return;
        };
        // Into the joint configuration, and out of it at once.
        for change in [change, ConfChangeV2::default()] {
            if let Ok(members) = self.raft.apply_conf_change(&change) {
                self.raft.mut_store().members = members;
            }
        }
    }

    /// Takes in the leader's snapshot, for the log here isn't its beginning.
    fn replace(&mut self, snapshot: Entry, actions: &mut Vec<Action>, committed: &mut Vec<Committed>) {
        self.since_snapshot = 0;
        self.members.take_over(&snapshot);
        let log_start = self.raft.mut_store().replace(snapshot.clone());
        committed.push(Committed::Snapshot(snapshot.clone()));
        actions.push(Action::Snapshot { snapshot, log_start });
    }

    fn persist(
        &mut self,
        entries: &[eraftpb::Entry],
        hard_state: Option<HardState>,
        actions: &mut Vec<Action>,
    ) {
        let store = self.raft.mut_store();
        let hard_state = hard_state.filter(|new| *new != store.hard_state);
        if entries.is_empty() && hard_state.is_none() {
            return;
        }
        if let Some(new) = hard_state {
            store.hard_state = new;
        }
        let first = entries.first().map_or(u64::MAX, |e| e.index);
        let truncate_from = (first <= store.last()).then_some(Index(first));
        store.append(entries);
        let entries = entries.iter().map(from_raft_entry).collect();
        actions.push(Action::Persist {
            truncate_from,
            entries,
            hard_state,
        });
    }

    #[cfg(not(feature = "deliberate-bugs"))]
    fn misbehave(&mut self, _: usize, _: &[eraftpb::Entry], _: &mut Vec<Action>, _: &mut Vec<Committed>) {}

    #[cfg(feature = "deliberate-bugs")]
    fn misbehave(
        &mut self,
        start: usize,
        entries: &[eraftpb::Entry],
        actions: &mut [Action],
        committed: &mut Vec<Committed>,
    ) {
        match self.bug {
            Some(crate::Bug::SendBeforePersist) => {
                let is_durable = |a: &Action| matches!(a, Action::Persist { .. } | Action::Snapshot { .. });
                actions[start..].sort_by_key(is_durable);
            }
            Some(crate::Bug::ApplyUncommitted) => {
                let new = entries.iter().filter(|e| e.index > self.applied_early);
                committed.extend(new.map(from_raft_entry).map(Committed::Entry));
                self.applied_early = entries.last().map_or(0, |e| e.index).max(self.applied_early);
            }
            _ => {}
        }
    }

    fn commit(&mut self, entries: Vec<eraftpb::Entry>, committed: &mut Vec<Committed>) {
        #[cfg(feature = "deliberate-bugs")]
        let entries = entries.into_iter().filter(|e| e.index > self.applied_early);
        for entry in entries {
            self.since_snapshot += ENTRY_BYTES + entry.data.len() as u64;
            committed.push(Committed::Entry(from_raft_entry(&entry)));
        }
    }
}

/// Gives those to whom a snapshot goes.
fn send(messages: impl IntoIterator<Item = eraftpb::Message>, actions: &mut Vec<Action>) -> Vec<u64> {
    let mut given = Vec::new();
    for message in messages {
        let Some((to, sent)) = from_raft_message(&message) else {
            continue;
        };
        if sent.kind == PeerMessageKind::Snapshot {
            given.push(message.to);
        }
        actions.push(Action::Send { to, message: sent });
    }
    given
}

impl fmt::Debug for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raft = &self.raft.raft;
        f.debug_struct("Quorum")
            .field("term", &raft.term)
            .field("role", &raft.state)
            .field("leader", &raft.leader_id)
            .field("last", &raft.raft_log.last_index())
            .field("committed", &raft.raft_log.committed)
            .finish()
    }
}
