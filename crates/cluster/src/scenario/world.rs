//! A few nodes, their disks and the network between them, driven by commands.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use record::{BrokerId, TopicId};
use uuid::Uuid;

use super::requests;
use super::words::{describe_message, describe_reply, list};
use crate::{
    Action, ControllerReply, ControllerRequest, Entry, Event, HardState, Index, Listener, Millis, Node,
    Options, PeerMessage, Restored, TICK, Token,
};

#[derive(Default)]
pub(super) struct World {
    now: Millis,
    voters: Vec<BrokerId>,
    observers: Vec<BrokerId>,
    nodes: BTreeMap<BrokerId, Node>,
    disks: BTreeMap<BrokerId, Restored>,
    starts: u128,
    /// Brokers whose next process starts after a loss of power.
    unclean: BTreeSet<BrokerId>,
    replication: i16,
    /// Bytes of entries between two snapshots, where the story says it.
    between_snapshots: Option<u64>,
    cut: BTreeSet<(BrokerId, BrokerId)>,
    travelling: VecDeque<(BrokerId, BrokerId, Letter)>,
    requests: u64,
    topic_ids: u128,
    /// How many replies to a broker arrive before one is lost.
    loses_reply: Option<(BrokerId, u64)>,
    show_messages: bool,
    output: String,
}

enum Letter {
    Raft(PeerMessage),
    Ask(Token, ControllerRequest),
    Reply(Token, ControllerReply),
}

/// Tokens that a peer's question gets here: whose it is, and its token there.
fn peer_token(from: BrokerId, token: Token) -> Token {
    Token(((from.0 as u64) << 32) | token.0)
}

impl World {
    pub(super) fn take_output(&mut self) -> String {
        std::mem::take(&mut self.output)
    }

    pub(super) fn run(&mut self, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let broker = |n: usize| BrokerId(words[n].parse().expect("a broker"));
        match words[0] {
            "cluster" => {
                let count: i32 = words[1].parse().expect("a count");
                let number = |place: usize, default: i32| {
                    words.get(place).map_or(default, |n| n.parse().expect("a number"))
                };
                let (replication, voters) = (number(2, 1), number(3, count));
                self.replication = i16::try_from(replication).expect("a small number");
                self.voters = (1..=voters).map(BrokerId).collect();
                self.observers = (voters + 1..=count).map(BrokerId).collect();
                for id in (1..=count).map(BrokerId) {
                    self.start(id);
                }
                self.deliver();
            }
            "snapshots" => self.between_snapshots = Some(words[1].parse().expect("bytes")),
            "messages" => self.show_messages = words[1] == "on",
            "pass" => self.pass(words[1].parse().expect("milliseconds")),
            "crash" => self.crash(broker(1)),
            "power-loss" => {
                let lost = words[1..]
                    .iter()
                    .map(|id| BrokerId(id.parse().expect("a broker")));
                self.unclean.extend(lost.clone());
                for id in lost {
                    self.crash(id);
                }
            }
            "start" => {
                self.start(broker(1));
                self.deliver();
            }
            "cut" => self.cut_or_heal(broker(1), true),
            "heal" => self.cut_or_heal(broker(1), false),
            "create" => {
                self.topic_ids += 1;
                let id = TopicId(Uuid::from_u128(self.topic_ids));
                self.request(broker(1), requests::create(id, &words[2..]));
            }
            "isr" => {
                let alter =
                    requests::alter_partition(self.nodes[&broker(1)].metadata(), broker(1), &words[2..]);
                self.request(broker(1), alter);
            }
            "quorum" => self.request(broker(1), ControllerRequest::DescribeQuorum),
            "report" => {
                let metadata = self.nodes[&broker(1)].metadata();
                match requests::report(metadata, broker(1), &words[2..]) {
                    Some(report) => self.request(broker(1), report),
                    None => self.say(format!("{} has nothing to report", broker(1))),
                }
            }
            "elect" => self.request(broker(1), requests::elect_leaders(&words[2..])),
            "unregister" => {
                let which = broker(2);
                self.request(broker(1), ControllerRequest::UnregisterBroker { broker: which })
            }
            "reassign" => self.request(broker(1), requests::reassign(&words[2..])),
            "partitions" => self.request(broker(1), requests::create_partitions(&words[2..])),
            "configs" => self.request(broker(1), requests::alter_configs(&words[2..])),
            "lose-reply" => {
                let nth: u64 = words[2].parse().expect("a number");
                self.loses_reply = Some((broker(1), nth));
            }
            "delete" => self.request(broker(1), requests::delete(words[2])),
            "producer-ids" => {
                let broker_epoch = self.nodes[&broker(1)].broker_epoch();
                let broker_epoch = broker_epoch.expect("a registered broker");
                let broker = broker(1);
                let allocate = ControllerRequest::AllocateProducerIds { broker, broker_epoch };
                self.request(broker, allocate);
            }
            "stop" => {
                self.nodes
                    .get_mut(&broker(1))
                    .expect("a running broker")
                    .want_shut_down();
                self.deliver();
            }
            "metadata" => self.show_metadata(broker(1)),
            other => panic!("unknown command {other}"),
        }
    }

    fn say(&mut self, line: impl AsRef<str>) {
        writeln!(self.output, "{:>6} {}", self.now.0, line.as_ref()).expect("text grows");
    }

    fn start(&mut self, id: BrokerId) {
        self.starts += 1;
        let incarnation = Uuid::from_u128(self.starts);
        let mut options = Options::new(id, "story", self.voters.clone(), incarnation);
        options.clean = !self.unclean.remove(&id);
        options.observers = self.observers.clone();
        options.max_replication = self.replication;
        if let Some(bytes) = self.between_snapshots {
            options.max_bytes_between_snapshots = bytes;
        }
        options.default_replication = self.replication;
        let port = 19092 + 10_000 * (id.0 as u16 - 1);
        options.listeners = vec![Listener {
            name: "PLAINTEXT".into(),
            host: "127.0.0.1".into(),
            port,
        }];
        let restored = self.disks.entry(id).or_default().clone();
        self.nodes
            .insert(id, Node::new(options, restored).expect("a node"));
        self.connect_all();
    }

    fn crash(&mut self, id: BrokerId) {
        self.nodes.remove(&id);
        self.travelling.retain(|(from, to, _)| *from != id && *to != id);
        for other in self.nodes.keys().copied().collect::<Vec<_>>() {
            self.event(other, Event::PeerLost(id));
        }
        self.deliver();
    }

    fn cut_or_heal(&mut self, id: BrokerId, cut: bool) {
        for other in [self.voters.clone(), self.observers.clone()].concat() {
            if other == id {
                continue;
            }
            if cut {
                self.cut.insert((id, other));
                self.cut.insert((other, id));
                for (a, b) in [(id, other), (other, id)] {
                    self.event(a, Event::PeerLost(b));
                }
            } else {
                self.cut.remove(&(id, other));
                self.cut.remove(&(other, id));
            }
        }
        self.connect_all();
        self.deliver();
    }

    fn connect_all(&mut self) {
        let running: Vec<BrokerId> = self.nodes.keys().copied().collect();
        for a in &running {
            for b in &running {
                if a != b && !self.cut.contains(&(*a, *b)) {
                    self.event(*a, Event::PeerConnected(*b));
                }
            }
        }
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / TICK.0 {
            self.now = self.now.plus(TICK);
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.event(id, Event::Tick);
            }
            self.deliver();
        }
    }

    fn request(&mut self, at: BrokerId, request: ControllerRequest) {
        self.requests += 1;
        let token = Token(self.requests);
        self.event(at, Event::Request { token, request });
        self.deliver();
    }

    fn event(&mut self, id: BrokerId, event: Event) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let before = node.is_controller();
        let actions = node.on(event, now);
        let after = node.is_controller();
        if before != after {
            let term = node.term();
            let what = if after {
                "is controller"
            } else {
                "is not controller any more"
            };
            self.say(format!("{id} {what}, term {term}"));
        }
        for action in actions {
            self.act(id, action);
        }
    }

    fn act(&mut self, id: BrokerId, action: Action) {
        match action {
            Action::Persist {
                truncate_from,
                entries,
                hard_state,
            } => {
                self.persist(id, truncate_from, entries, hard_state);
            }
            Action::Snapshot { snapshot, log_start } => {
                self.say(format!(
                    "{id} keeps a snapshot of entry {}, and the log from {log_start}",
                    snapshot.index
                ));
                self.disks.entry(id).or_default().keep(snapshot, log_start);
            }
            Action::Send { to, message } => self.travelling.push_back((id, to, Letter::Raft(message))),
            Action::Ask { to, token, request } => {
                self.travelling.push_back((id, to, Letter::Ask(token, request)));
            }
            Action::Answer { token, reply } if token.0 >> 32 != 0 => {
                let asker = BrokerId((token.0 >> 32) as i32);
                let token = Token(token.0 & 0xffff_ffff);
                self.travelling
                    .push_back((id, asker, Letter::Reply(token, reply)));
            }
            Action::Answer { token, reply } => {
                self.say(format!(
                    "{id} answers request {}: {}",
                    token.0,
                    describe_reply(&reply)
                ));
            }
            Action::Changed(change) => self.say(format!("{id} {change}")),
            Action::Halt(error) => self.say(format!("{id} halts: {error}")),
        }
    }

    fn persist(
        &mut self,
        id: BrokerId,
        truncate_from: Option<Index>,
        entries: Vec<Entry>,
        hard_state: Option<HardState>,
    ) {
        if self.show_messages {
            let hard = hard_state.map_or(String::new(), |h| {
                format!(
                    " term {}, vote {}",
                    h.term,
                    h.vote.map_or("-".into(), |v| v.to_string())
                )
            });
            let range = match (entries.first(), entries.last()) {
                (Some(a), Some(b)) => format!(" entries {}-{}", a.index, b.index),
                _ => String::new(),
            };
            self.say(format!("{id} persists{hard}{range}"));
        }
        let disk = self.disks.entry(id).or_default();
        disk.persist(truncate_from, entries, hard_state);
    }

    fn deliver(&mut self) {
        // Whatever a command has set off that needs no time.
        while let Some((from, to, letter)) = self.travelling.pop_front() {
            if self.cut.contains(&(from, to)) || !self.nodes.contains_key(&to) {
                if let Letter::Ask(token, _) = letter {
                    self.event(
                        from,
                        Event::PeerReply {
                            token,
                            reply: ControllerReply::lost(),
                        },
                    );
                }
                continue;
            }
            if self.show_messages
                && let Letter::Raft(message) = &letter
            {
                self.say(format!("{from}->{to} {}", describe_message(message)));
            }
            let event = match letter {
                Letter::Raft(message) => {
                    let message = PeerMessage::decode(message.encode()).expect("a round trip");
                    Event::Peer { from, message }
                }
                Letter::Ask(token, request) => Event::PeerRequest {
                    from,
                    token: peer_token(from, token),
                    request: through_json(&request),
                },
                Letter::Reply(token, _) if self.is_lost(to) => Event::PeerReply {
                    token,
                    reply: ControllerReply::lost(),
                },
                Letter::Reply(token, reply) => Event::PeerReply {
                    token,
                    reply: through_json(&reply),
                },
            };
            self.event(to, event);
        }
    }

    fn is_lost(&mut self, to: BrokerId) -> bool {
        let Some((_, nth)) = self.loses_reply.as_mut().filter(|(of, _)| *of == to) else {
            return false;
        };
        *nth -= 1;
        let lost = *nth == 0;
        if lost {
            self.loses_reply = None;
            self.say(format!("a reply to {to} is lost"));
        }
        lost
    }

    fn show_metadata(&mut self, id: BrokerId) {
        let metadata = self.nodes[&id].metadata().clone();
        let controller = metadata.controller.map_or("none".into(), |c| c.id.to_string());
        self.say(format!(
            "{id} has applied {} entries, controller {controller}",
            metadata.applied
        ));
        for (broker, b) in &metadata.brokers {
            let mut state = if b.fenced { "fenced" } else { "alive" }.to_owned();
            if !b.clean {
                state.push_str(", unclean");
            }
            self.say(format!("  broker {broker} epoch {} {state}", b.epoch));
        }
        for name in metadata.topic_ids.keys() {
            let topic = metadata.topic(name).expect("a named topic");
            self.say(format!("  topic {name} {:?}", topic.configs));
            for (place, p) in topic.partitions.iter().enumerate() {
                let leader = p.leader.map_or("none".into(), |l| l.to_string());
                let mut line = format!("    {place}: leader {leader}, leader epoch {}", p.leader_epoch);
                if p.replicas.len() > 1 {
                    let (replicas, isr) = (list(&p.replicas), list(&p.isr));
                    write!(line, ", replicas {replicas}, in sync {isr}").expect("text grows");
                }
                for (what, who) in [("unclean", &p.unclean), ("offline", &p.offline)] {
                    if !who.is_empty() {
                        write!(line, ", {what} {}", list(who)).expect("text grows");
                    }
                }
                if let Some(recovery) = &p.unclean_recovery {
                    let (leader, epoch, end) = (recovery.leader, recovery.leader_epoch, recovery.end);
                    let forced = if recovery.forced { ", as was wanted" } else { "" };
                    write!(
                        line,
                        ", unclean recovery: {leader} in epoch {epoch} at {end}{forced}"
                    )
                    .expect("text grows");
                }
                if let Some(moves) = &p.reassignment {
                    write!(line, ", moves to {}", list(&moves.to)).expect("text grows");
                }
                self.say(line);
            }
        }
    }
}

/// As it comes out of the bytes that brokers send each other.
fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let bytes = serde_json::to_vec(value).expect("plain data becomes JSON");
    serde_json::from_slice(&bytes).expect("a round trip")
}
