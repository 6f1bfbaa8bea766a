//! One voter becomes three, whatever crashes meanwhile.

use std::collections::BTreeMap;

use record::BrokerId;
use uuid::Uuid;

use crate::random::Random;
use crate::{
    Action, ControllerReply, ControllerRequest, CreateTopics, Event, Index, Metadata, Millis, NewTopic, Node,
    Options, PeerMessage, Restored, TICK, Term, Token,
};

/// Voter 1, and three that follow: the last will never vote.
const IDS: [BrokerId; 4] = [BrokerId(1), BrokerId(2), BrokerId(3), BrokerId(4)];

enum Letter {
    Raft(PeerMessage),
    Ask(Token, ControllerRequest),
    Reply(Token, ControllerReply),
}

struct World {
    random: Random,
    now: Millis,
    starts: u128,
    nodes: BTreeMap<BrokerId, Node>,
    disks: BTreeMap<BrokerId, Restored>,
    travelling: Vec<(BrokerId, BrokerId, Letter)>,
    /// Whose question a token is at the controller, and their own.
    questions: BTreeMap<Token, (BrokerId, Token)>,
    next_token: u64,
    /// What the metadata are behind each entry, and who led each term.
    known: BTreeMap<Index, Metadata>,
    leaders: BTreeMap<Term, BrokerId>,
    calm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed),
            now: Millis(0),
            starts: 0,
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            travelling: Vec::new(),
            questions: BTreeMap::new(),
            next_token: 0,
            known: BTreeMap::new(),
            leaders: BTreeMap::new(),
            calm: false,
        }
    }

    fn start(&mut self, id: BrokerId) {
        self.starts += 1;
        let mut options = Options::new(id, "c", vec![BrokerId(1)], Uuid::from_u128(self.starts));
        options.observers = IDS[1..].to_vec();
        options.max_bytes_between_snapshots = 700;
        let restored = self.disks.entry(id).or_default().clone();
        self.nodes
            .insert(id, Node::new(options, restored).expect("a node"));
        for other in IDS.into_iter().filter(|other| *other != id) {
            if self.nodes.contains_key(&other) {
                self.event(id, Event::PeerConnected(other));
                self.event(other, Event::PeerConnected(id));
            }
        }
    }

    fn crash(&mut self, id: BrokerId) {
        if self.nodes.remove(&id).is_none() {
            return;
        }
        self.travelling.retain(|(from, to, _)| *from != id && *to != id);
        for other in IDS {
            self.event(other, Event::PeerLost(id));
        }
    }

    /// What is done before a crash in the middle of it was done; nothing else was.
    fn event(&mut self, id: BrokerId, event: Event) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let actions = node.on(event, self.now);
        let dies = !self.calm && self.random.below(60) == 0;
        let done = match dies {
            true => self.random.below(actions.len() as u64 + 1) as usize,
            false => actions.len(),
        };
        for action in actions.into_iter().take(done) {
            self.act(id, action);
        }
        if dies {
            self.crash(id);
        } else {
            self.observe(id);
        }
    }

    fn act(&mut self, id: BrokerId, action: Action) {
        let disk = self.disks.entry(id).or_default();
        match action {
            Action::Persist {
                truncate_from,
                entries,
                hard_state,
            } => disk.persist(truncate_from, entries, hard_state),
            Action::Snapshot { snapshot, log_start } => disk.keep(snapshot, log_start),
            Action::Send { to, message } => self.travelling.push((id, to, Letter::Raft(message))),
            Action::Ask { to, token, request } => {
                self.travelling.push((id, to, Letter::Ask(token, request)));
            }
            Action::Answer { token, reply } => {
                if let Some((to, token)) = self.questions.remove(&token) {
                    self.travelling.push((id, to, Letter::Reply(token, reply)));
                }
            }
            Action::Changed(_) => {}
            Action::Halt(error) => panic!("broker {id} halts: {error}"),
        }
    }

    fn observe(&mut self, id: BrokerId) {
        let Some(node) = self.nodes.get(&id) else { return };
        let mut metadata = node.metadata().clone();
        if let Some(controller) = metadata.controller.take().filter(|c| c.id == id) {
            let known = *self.leaders.entry(controller.epoch).or_insert(id);
            assert_eq!(known, id, "term {} has two leaders", controller.epoch);
        }
        let known = self
            .known
            .entry(metadata.applied)
            .or_insert_with(|| metadata.clone());
        assert!(*known == metadata, "broker {id} knows something else");
    }

    /// Something that travels arrives, maybe not in order, maybe twice, maybe not at all.
    fn deliver(&mut self) {
        let mut rounds = self.travelling.len();
        while !self.travelling.is_empty() && rounds > 0 {
            rounds -= 1;
            let place = match self.calm {
                true => 0,
                false => self.random.below(self.travelling.len() as u64) as usize,
            };
            let (from, to, letter) = self.travelling.remove(place);
            if !self.calm && self.random.below(20) == 0 {
                continue;
            }
            match letter {
                Letter::Raft(message) => {
                    if !self.calm && self.random.below(20) == 0 {
                        self.travelling.push((from, to, Letter::Raft(message.clone())));
                    }
                    self.event(to, Event::Peer { from, message });
                }
                Letter::Ask(theirs, request) => {
                    self.next_token += 1;
                    let token = Token(self.next_token);
                    self.questions.insert(token, (from, theirs));
                    self.event(to, Event::PeerRequest { from, token, request });
                }
                Letter::Reply(token, reply) => self.event(to, Event::PeerReply { token, reply }),
            }
        }
    }

    fn request(&mut self) {
        self.next_token += 1;
        let (token, name) = (Token(self.next_token), format!("t-{}", self.next_token));
        let topic = NewTopic {
            name,
            id: record::TopicId(Uuid::from_u128(u128::from(self.next_token))),
            partitions: 1,
            replication_factor: 1,
            assignments: Vec::new(),
            configs: Vec::new(),
        };
        let request = ControllerRequest::CreateTopics(CreateTopics {
            topics: vec![topic],
            validate_only: false,
            timeout: Millis(1_000),
        });
        let at = IDS[self.random.below(4) as usize];
        self.event(at, Event::Request { token, request });
    }

    fn pass(&mut self, ticks: u64) {
        for _ in 0..ticks {
            self.now = self.now.plus(TICK);
            for id in IDS {
                if self.calm || self.random.below(10) > 0 {
                    self.event(id, Event::Tick);
                }
                if !self.nodes.contains_key(&id) && (self.calm || self.random.below(20) == 0) {
                    self.start(id);
                }
            }
            if !self.calm && self.random.below(10) == 0 {
                self.request();
            }
            for _ in 0..3 {
                self.deliver();
            }
        }
    }
}

#[test]
fn one_voter_becomes_three_and_no_two_decide() {
    let (mut grown_in_trouble, mut topics) = (0, 0);
    for seed in 0..40 {
        let mut world = World::new(seed);
        world.pass(300);
        let grown = world.known.values().any(|metadata| metadata.voters.len() == 3);
        grown_in_trouble += u32::from(grown);
        world.calm = true;
        world.pass(100);
        let first = world.nodes[&BrokerId(1)].metadata().clone();
        assert_eq!(first.voters, IDS[..3], "seed {seed}");
        for id in IDS {
            let node = &world.nodes[&id];
            assert!(node.is_ready(), "seed {seed}: broker {id}");
            assert!(*node.metadata() == first, "seed {seed}: broker {id}");
        }
        topics += first.topics.len();
        // Without the founder the others go on.
        world.crash(BrokerId(1));
        world.travelling.clear();
        for _ in 0..60 {
            world.now = world.now.plus(TICK);
            for id in IDS {
                world.event(id, Event::Tick);
            }
            for _ in 0..3 {
                world.deliver();
            }
        }
        let controller = world.nodes[&BrokerId(2)].metadata().controller;
        assert!(controller.is_some_and(|c| c.id != BrokerId(1)), "seed {seed}");
    }
    assert!(
        grown_in_trouble > 20,
        "grown while things went wrong: {grown_in_trouble}"
    );
    assert!(topics > 200, "topics: {topics}");
}
