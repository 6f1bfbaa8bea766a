use bytes::Bytes;
use record::BrokerId;
use uuid::Uuid;

use crate::random::Random;
use crate::{
    Action, Entry, Event, Index, Millis, Node, Options, PeerMessage, PeerMessageKind, Restored, Term,
};

const KINDS: [PeerMessageKind; 9] = [
    PeerMessageKind::PreVote,
    PeerMessageKind::PreVoteReply,
    PeerMessageKind::Vote,
    PeerMessageKind::VoteReply,
    PeerMessageKind::Append,
    PeerMessageKind::AppendReply,
    PeerMessageKind::Heartbeat,
    PeerMessageKind::HeartbeatReply,
    PeerMessageKind::Snapshot,
];

/// Of entries, and of snapshots: without any records the metadata are empty, too.
const DATA: [&[u8]; 2] = [b"", b"[]"];

impl Random {
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

    /// `term` is the receiver's, and often the message's.
    fn message(&mut self, term: Term) -> PeerMessage {
        let kind = KINDS[self.below(9) as usize];
        let index = self.number();
        let count = match kind {
            PeerMessageKind::Snapshot => 1 + self.below(8) / 7,
            _ if self.below(2) == 0 => self.below(4),
            _ => 0,
        };
        let consecutive = self.below(4) > 0;
        let entries = (1..=count).map(|n| Entry {
            index: Index(if consecutive {
                index.wrapping_add(n)
            } else {
                self.number()
            }),
            term: Term(self.number()),
            data: Bytes::from_static(DATA[self.below(2) as usize]),
        });
        PeerMessage {
            entries: entries.collect(),
            kind,
            term: match self.below(2) {
                0 => term,
                _ => Term(self.number()),
            },
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
    let mut options = Options::new(BrokerId(1), "guarded", voters, Uuid::from_u128(1));
    options.max_bytes_between_snapshots = 200;
    Node::new(options, Restored::default()).expect("a node")
}

/// Grants every vote and acknowledges every entry, so that the node becomes leader now and then. Gives how
/// many snapshots came of it.
fn agree(node: &mut Node, mut actions: Vec<Action>, now: Millis) -> usize {
    let mut snapshots = 0;
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
        let event = Event::Peer {
            from: to,
            message: reply,
        };
        let more = node.on(event, now);
        snapshots += snapshots_in(&more);
        actions.extend(more);
    }
    snapshots
}

fn snapshots_in(actions: &[Action]) -> usize {
    let all = actions.iter();
    all.filter(|action| matches!(action, Action::Snapshot { .. }))
        .count()
}

#[test]
fn no_message_kills_a_voter() {
    let (mut reigns, mut snapshots) = (0, 0);
    for seed in 0..300 {
        let mut random = Random(seed);
        let mut node = node();
        let mut led = false;
        for step in 0..300 {
            let now = Millis(step * 50);
            let event = match random.below(3) {
                0 => Event::Peer {
                    from: BrokerId(random.below(5) as i32),
                    message: random.message(node.term()),
                },
                _ => Event::Tick,
            };
            let actions = node.on(event, now);
            snapshots += snapshots_in(&actions);
            assert!(
                !actions.iter().any(|a| matches!(a, Action::Halt(_))),
                "seed {seed}"
            );
            if random.below(10) > 0 {
                snapshots += agree(&mut node, actions, now);
            }
            led |= node.metadata().controller.is_some_and(|c| c.id == BrokerId(1));
        }
        reigns += u32::from(led);
    }
    assert!(reigns > 100, "messages must meet leaders too, and met {reigns}");
    assert!(snapshots > 300, "and cut logs, and met {snapshots}");
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
    let snapshot = |entries| PeerMessage {
        kind: PeerMessageKind::Snapshot,
        entries,
        ..heartbeat.clone()
    };
    let at = |index, term| Entry {
        data: Bytes::from_static(b"[]"),
        ..entry(index, term)
    };
    assert!(super::is_sound(&snapshot(vec![at(9, 3)]), 0));
    let unsound = [
        vec![],
        vec![at(9, 3), at(10, 3)],
        vec![at(0, 3)],
        vec![at(9, 0)],
        vec![at(9, 4)],
        vec![entry(9, 3)],
    ];
    for entries in unsound {
        assert!(!super::is_sound(&snapshot(entries.clone()), 0), "{entries:?}");
    }
    let later_term = PeerMessage {
        entries: vec![entry(5, 4)],
        ..append
    };
    assert!(!super::is_sound(&later_term, 0));
}
