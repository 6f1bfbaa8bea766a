use bytes::Bytes;
use record::BrokerId;
use uuid::Uuid;

use crate::{
    Action, Entry, Event, Index, Millis, Node, Options, PeerMessage, PeerMessageKind, Restored, Term,
};

const KINDS: [PeerMessageKind; 8] = [
    PeerMessageKind::PreVote,
    PeerMessageKind::PreVoteReply,
    PeerMessageKind::Vote,
    PeerMessageKind::VoteReply,
    PeerMessageKind::Append,
    PeerMessageKind::AppendReply,
    PeerMessageKind::Heartbeat,
    PeerMessageKind::HeartbeatReply,
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Mostly small numbers, sometimes enormous ones.
    fn number(&mut self) -> u64 {
        match self.below(20) {
            0 => self.next(),
            1 => u64::MAX - self.below(3),
            2 => i64::MAX as u64 - self.below(3),
            3 => i32::MAX as u64 - self.below(3),
            _ => self.below(8),
        }
    }

    fn message(&mut self) -> PeerMessage {
        let index = self.number();
        let count = if self.below(2) == 0 { self.below(4) } else { 0 };
        let consecutive = self.below(4) > 0;
        let entries = (1..=count).map(|n| Entry {
            index: Index(if consecutive {
                index.wrapping_add(n)
            } else {
                self.number()
            }),
            term: Term(self.number()),
            data: Bytes::new(),
        });
        PeerMessage {
            entries: entries.collect(),
            kind: KINDS[self.below(8) as usize],
            term: Term(self.number()),
            log_term: Term(self.number()),
            index: Index(index),
            commit: Index(self.number()),
            commit_term: Term(self.number()),
            reject: self.below(2) == 0,
            reject_hint: Index(self.number()),
        }
    }
}

fn node() -> Node {
    let voters = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
    let options = Options::new(BrokerId(1), "guarded", voters, Uuid::from_u128(1));
    Node::new(options, Restored::default()).expect("a node")
}

/// Grants every vote and acknowledges every entry, so that the node becomes leader now and then.
fn agree(node: &mut Node, mut actions: Vec<Action>, now: Millis) {
    while let Some(action) = actions.pop() {
        let Action::Send { to, message } = action else {
            continue;
        };
        let kind = match message.kind {
            PeerMessageKind::PreVote => PeerMessageKind::PreVoteReply,
            PeerMessageKind::Vote => PeerMessageKind::VoteReply,
            PeerMessageKind::Append => PeerMessageKind::AppendReply,
            _ => continue,
        };
        let index = message.entries.last().map_or(message.index, |e| e.index);
        let reply = PeerMessage {
            kind,
            index,
            entries: Vec::new(),
            log_term: Term(0),
            ..message
        };
        actions.extend(node.on(
            Event::Peer {
                from: to,
                message: reply,
            },
            now,
        ));
    }
}

#[test]
fn no_message_kills_a_voter() {
    let mut reigns = 0;
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut node = node();
        let mut led = false;
        for step in 0..300 {
            let now = Millis(step * 50);
            let event = match random.below(3) {
                0 => Event::Peer {
                    from: BrokerId(random.below(5) as i32),
                    message: random.message(),
                },
                _ => Event::Tick,
            };
            let actions = node.on(event, now);
            assert!(
                !actions.iter().any(|a| matches!(a, Action::Halt(_))),
                "seed {seed}"
            );
            if random.below(10) > 0 {
                agree(&mut node, actions, now);
            }
            led |= node.metadata().controller.is_some_and(|c| c.id == BrokerId(1));
        }
        reigns += u32::from(led);
    }
    assert!(reigns > 100, "messages must meet leaders too, and met {reigns}");
}

#[test]
fn genuine_messages_pass() {
    let heartbeat = PeerMessage {
        kind: PeerMessageKind::Heartbeat,
        term: Term(3),
        log_term: Term(0),
        index: Index(0),
        commit: Index(7),
        commit_term: Term(0),
        reject: false,
        reject_hint: Index(0),
        entries: Vec::new(),
    };
    assert!(super::is_sound(&heartbeat, 7));
    let entry = |index, term| Entry {
        index: Index(index),
        term: Term(term),
        data: Bytes::new(),
    };
    let append = PeerMessage {
        kind: PeerMessageKind::Append,
        index: Index(4),
        log_term: Term(1),
        entries: vec![entry(5, 1), entry(6, 3)],
        ..heartbeat.clone()
    };
    assert!(super::is_sound(&append, 0));
    let gap = PeerMessage {
        entries: vec![entry(5, 1), entry(7, 3)],
        ..append.clone()
    };
    assert!(!super::is_sound(&gap, 0));
    let later_term = PeerMessage {
        entries: vec![entry(5, 4)],
        ..append
    };
    assert!(!super::is_sound(&later_term, 0));
}
