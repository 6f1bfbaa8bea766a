//! Raft's own types and ours.

use raft::eraftpb;
use record::BrokerId;

use crate::peer_message::PeerMessageKind;
use crate::{Entry, HardState, Index, PeerMessage, Term};

/// Raft keeps 0 for nobody, so brokers count from 1 there.
pub(super) fn raft_id(broker: BrokerId) -> u64 {
    u64::from(broker.0.unsigned_abs()) + 1
}

pub(super) fn broker_id(raft_id: u64) -> Option<BrokerId> {
    i32::try_from(raft_id.checked_sub(1)?).ok().map(BrokerId)
}

pub(super) fn to_raft_entry(entry: Entry) -> eraftpb::Entry {
    eraftpb::Entry {
        index: entry.index.0,
        term: entry.term.0,
        data: entry.data,
        ..Default::default()
    }
}

pub(super) fn from_raft_entry(entry: &eraftpb::Entry) -> Entry {
    Entry {
        index: Index(entry.index),
        term: Term(entry.term),
        data: entry.data.clone(),
    }
}

/// The bytes of records are shared, not copied.
pub(super) fn to_raft_snapshot(snapshot: Entry, members: eraftpb::ConfState) -> eraftpb::Snapshot {
    let mut out = eraftpb::Snapshot {
        data: snapshot.data,
        ..Default::default()
    };
    let metadata = out.mut_metadata();
    metadata.index = snapshot.index.0;
    metadata.term = snapshot.term.0;
    metadata.set_conf_state(members);
    out
}

pub(super) fn from_raft_snapshot(snapshot: &eraftpb::Snapshot) -> Entry {
    let metadata = snapshot.get_metadata();
    Entry {
        index: Index(metadata.index),
        term: Term(metadata.term),
        data: snapshot.data.clone(),
    }
}

pub(super) fn from_raft_hard_state(state: &eraftpb::HardState) -> HardState {
    HardState {
        term: Term(state.term),
        vote: broker_id(state.vote),
    }
}

/// Whom a message of Raft's is for and what it says, unless it is of a kind that isn't sent.
pub(super) fn from_raft_message(message: &eraftpb::Message) -> Option<(BrokerId, PeerMessage)> {
    let to = broker_id(message.to)?;
    let kind = from_raft_kind(message.get_msg_type())?;
    let entries = match kind {
        PeerMessageKind::Snapshot => vec![from_raft_snapshot(message.get_snapshot())],
        _ => message.entries.iter().map(from_raft_entry).collect(),
    };
    let message = PeerMessage {
        kind,
        term: Term(message.term),
        log_term: Term(message.log_term),
        index: Index(message.index),
        commit: Index(message.commit),
        commit_term: Term(message.commit_term),
        reject: message.reject,
        reject_hint: Index(message.reject_hint),
        entries,
    };
    Some((to, message))
}

/// `members`: of a snapshot. They don't travel, because its records say who votes.
pub(super) fn to_raft_message(
    from: BrokerId,
    to: u64,
    message: PeerMessage,
    members: &eraftpb::ConfState,
) -> eraftpb::Message {
    let mut out = eraftpb::Message {
        to,
        from: raft_id(from),
        term: message.term.0,
        log_term: message.log_term.0,
        index: message.index.0,
        commit: message.commit.0,
        commit_term: message.commit_term.0,
        reject: message.reject,
        reject_hint: message.reject_hint.0,
        ..Default::default()
    };
    out.set_msg_type(to_raft_kind(message.kind));
    let mut entries = message.entries.into_iter();
    if message.kind == PeerMessageKind::Snapshot {
        if let Some(snapshot) = entries.next() {
            out.set_snapshot(to_raft_snapshot(snapshot, members.clone()));
        }
    } else {
        out.set_entries(entries.map(to_raft_entry).collect());
    }
    out
}

/// Every kind in Raft's words; leadership is never handed over.
const KINDS: [(PeerMessageKind, eraftpb::MessageType); 9] = [
    (PeerMessageKind::PreVote, eraftpb::MessageType::MsgRequestPreVote),
    (
        PeerMessageKind::PreVoteReply,
        eraftpb::MessageType::MsgRequestPreVoteResponse,
    ),
    (PeerMessageKind::Vote, eraftpb::MessageType::MsgRequestVote),
    (
        PeerMessageKind::VoteReply,
        eraftpb::MessageType::MsgRequestVoteResponse,
    ),
    (PeerMessageKind::Append, eraftpb::MessageType::MsgAppend),
    (
        PeerMessageKind::AppendReply,
        eraftpb::MessageType::MsgAppendResponse,
    ),
    (PeerMessageKind::Heartbeat, eraftpb::MessageType::MsgHeartbeat),
    (
        PeerMessageKind::HeartbeatReply,
        eraftpb::MessageType::MsgHeartbeatResponse,
    ),
    (PeerMessageKind::Snapshot, eraftpb::MessageType::MsgSnapshot),
];

fn from_raft_kind(kind: eraftpb::MessageType) -> Option<PeerMessageKind> {
    KINDS
        .iter()
        .find(|(_, theirs)| *theirs == kind)
        .map(|(ours, _)| *ours)
}

fn to_raft_kind(kind: PeerMessageKind) -> eraftpb::MessageType {
    KINDS
        .iter()
        .find(|(ours, _)| *ours == kind)
        .map_or(eraftpb::MessageType::MsgHeartbeat, |(_, k)| *k)
}
