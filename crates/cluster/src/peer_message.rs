//! Raft's messages between brokers, and their bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{Entry, Index, Term};

#[cfg(test)]
mod tests;

/// What a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PeerMessageKind {
    /// Would you vote for me?
    PreVote = 1,
    /// The answer to [`PeerMessageKind::PreVote`].
    PreVoteReply = 2,
    /// Vote for me.
    Vote = 3,
    /// The answer to [`PeerMessageKind::Vote`].
    VoteReply = 4,
    /// Entries to append.
    Append = 5,
    /// The answer to [`PeerMessageKind::Append`].
    AppendReply = 6,
    /// The leader lives.
    Heartbeat = 7,
    /// The answer to [`PeerMessageKind::Heartbeat`].
    HeartbeatReply = 8,
    /// All metadata up to an entry, for one that lags behind the log; answered like an append.
    Snapshot = 9,
}

/// A Raft message. What a kind doesn't need is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerMessage {
    /// What it is for.
    pub kind: PeerMessageKind,
    /// The sender's term, or the one that a pre-vote asks for.
    pub term: Term,
    /// Append: of the entry before the first; votes: of the candidate's last entry; a rejection:
    /// of the entry at `reject_hint`.
    pub log_term: Term,
    /// Append: of the entry before the first; votes: of the candidate's last entry; replies: of
    /// the last entry that agrees.
    pub index: Index,
    /// The highest committed index that the receiver may rely on.
    pub commit: Index,
    /// Votes: the term of the entry at `commit`.
    pub commit_term: Term,
    /// Replies: no.
    pub reject: bool,
    /// A rejected append: where the leader may try next.
    pub reject_hint: Index,
    /// What to append; of a snapshot exactly one, which holds everything up to its index.
    pub entries: Vec<Entry>,
}

/// A peer's bytes that are no Raft message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a broker sent a quorum message that can't be read ({reason}); \
     all brokers of a cluster must run the same minicluster version"
)]
pub struct PeerMessageError {
    /// What is wrong with it.
    pub reason: &'static str,
}

/// First byte of every message; another layout gets another number.
const LAYOUT: u8 = 1;

/// Bytes before the entries: layout, kind, reject, six numbers, count of entries.
const FIXED: usize = 3 + 6 * 8 + 4;

impl PeerMessage {
    /// The message's bytes: integers big-endian, entries as index, term, length, data.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let entries: usize = self.entries.iter().map(|e| 20 + e.data.len()).sum();
        let mut out = BytesMut::with_capacity(FIXED + entries);
        out.put_u8(LAYOUT);
        out.put_u8(self.kind as u8);
        out.put_u8(u8::from(self.reject));
        out.put_u64(self.term.0);
        out.put_u64(self.log_term.0);
        out.put_u64(self.index.0);
        out.put_u64(self.commit.0);
        out.put_u64(self.commit_term.0);
        out.put_u64(self.reject_hint.0);
        out.put_u32(u32::try_from(self.entries.len()).expect("fewer than 2^32 entries"));
        for entry in &self.entries {
            out.put_u64(entry.index.0);
            out.put_u64(entry.term.0);
            out.put_u32(u32::try_from(entry.data.len()).expect("an entry below 4 GiB"));
            out.put_slice(&entry.data);
        }
        out.freeze()
    }

    /// Reads what [`PeerMessage::encode`] wrote; the entries' data are slices of `bytes`.
    ///
    /// # Errors
    /// Anything else than exactly one message.
    pub fn decode(mut bytes: Bytes) -> Result<Self, PeerMessageError> {
        let fail = |reason| Err(PeerMessageError { reason });
        if bytes.len() < FIXED {
            return fail("too short");
        }
        if bytes.get_u8() != LAYOUT {
            return fail("unknown layout");
        }
        let Some(kind) = kind_of(bytes.get_u8()) else {
            return fail("unknown kind");
        };
        let reject = bytes.get_u8() != 0;
        let term = Term(bytes.get_u64());
        let log_term = Term(bytes.get_u64());
        let index = Index(bytes.get_u64());
        let commit = Index(bytes.get_u64());
        let commit_term = Term(bytes.get_u64());
        let reject_hint = Index(bytes.get_u64());
        let count = bytes.get_u32() as usize;
        if count > bytes.len() / 20 {
            return fail("more entries than bytes");
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            if bytes.len() < 20 {
                return fail("an entry is cut");
            }
            let (index, term) = (Index(bytes.get_u64()), Term(bytes.get_u64()));
            let len = bytes.get_u32() as usize;
            if len > bytes.len() {
                return fail("an entry is cut");
            }
            let data = bytes.split_to(len);
            entries.push(Entry { index, term, data });
        }
        if !bytes.is_empty() {
            return fail("bytes after its end");
        }
        Ok(Self {
            kind,
            term,
            log_term,
            index,
            commit,
            commit_term,
            reject,
            reject_hint,
            entries,
        })
    }
}

fn kind_of(byte: u8) -> Option<PeerMessageKind> {
    use PeerMessageKind::*;
    [
        PreVote,
        PreVoteReply,
        Vote,
        VoteReply,
        Append,
        AppendReply,
        Heartbeat,
        HeartbeatReply,
        Snapshot,
    ]
    .into_iter()
    .find(|kind| *kind as u8 == byte)
}
