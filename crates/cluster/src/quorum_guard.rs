//! Which messages of a peer may reach Raft.
//!
//! `raft` trusts its peers: indexes beyond its log, entries with gaps or an impossible term end in a
//! panic. A voter must not die of another's bytes, so what no correct voter sends is dropped here.

use crate::{PeerMessage, PeerMessageKind};

#[cfg(test)]
mod tests;

/// Terms become leader epochs, which are Kafka's 32-bit numbers.
const LAST_TERM: u64 = i32::MAX as u64;

/// Indexes become offsets, which are Kafka's signed 64-bit numbers.
const LAST_INDEX: u64 = i64::MAX as u64;

/// Whether a correct voter could have sent this, to one whose log ends at `last_index`.
pub(crate) fn is_sound(message: &PeerMessage, last_index: u64) -> bool {
    let term = message.term.0;
    let in_range = (1..LAST_TERM).contains(&term)
        && message.log_term.0 <= LAST_TERM
        && message.commit_term.0 <= LAST_TERM
        && message.index.0 < LAST_INDEX
        && message.commit.0 < LAST_INDEX
        && message.reject_hint.0 < LAST_INDEX;
    in_range
        && match message.kind {
            PeerMessageKind::Append => is_sound_append(message),
            PeerMessageKind::Snapshot => is_sound_snapshot(message),
            _ if !message.entries.is_empty() => false,
            // Only a leader looks at it, and its own log can't be shorter than what it sent.
            PeerMessageKind::AppendReply => message.reject || message.index.0 <= last_index,
            _ => true,
        }
}

fn is_sound_append(message: &PeerMessage) -> bool {
    let mut index = message.index.0;
    let mut term = message.log_term.0;
    if (index == 0) != (term == 0) || term > message.term.0 {
        return false;
    }
    for entry in &message.entries {
        let follows = entry.index.0 == index + 1 && entry.term.0 >= term.max(1);
        if !follows || entry.term > message.term {
            return false;
        }
        index = entry.index.0;
        term = entry.term.0;
    }
    true
}

fn is_sound_snapshot(message: &PeerMessage) -> bool {
    let [snapshot] = message.entries.as_slice() else {
        return false;
    };
    (1..LAST_INDEX).contains(&snapshot.index.0)
        && snapshot.term.0 >= 1
        && snapshot.term <= message.term
        && !snapshot.data.is_empty()
}
