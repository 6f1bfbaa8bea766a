//! Nodes, the disks that they believe in, the network between them, and time.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{
    Action, Bug, ControllerReply, ControllerRequest, CreateTopics, DeleteTopics, Entry, Event, HardState,
    Index, MetadataChange, Millis, NewTopic, Node, Options, PeerMessage, Restored, TICK, Token, TopicRef,
};
use record::{BrokerId, TopicId};
use uuid::Uuid;

use super::Summary;
use super::oracle::Oracle;
use crate::random::Random;
use crate::schedule::Schedule;
use crate::story::Story;
use crate::weather::Weather;

/// How long a healed cluster may take to come to rest.
const REST: u64 = 12_000;

/// Topics that clients only create: once answered, they must stay. Few, so that requests meet.
const KEPT: u64 = 16;

/// Topics that clients create and delete. A deletion may take effect after a later creation was
/// answered, if it was repeated for a requester that died, so nothing is promised of these.
const DELETED: u64 = 3;

pub(super) struct World {
    random: Random,
    weather: Weather,
    bug: Option<Bug>,
    schedule: Schedule<Happening>,
    story: Story,
    oracle: Oracle,
    brokers: BTreeMap<BrokerId, Broker>,
    /// Pairs that can't reach each other, the lower id first.
    cut: BTreeSet<(BrokerId, BrokerId)>,
    /// Counts the connections of each pair: what travels on a broken one is lost.
    connections: BTreeMap<(BrokerId, BrokerId), u64>,
    starts: u64,
    crashes: u64,
    healed: bool,
    requests: BTreeMap<Token, (BrokerId, u64, ControllerRequest)>,
    next_token: u64,
    /// Tokens that peers' questions have at the controller: whose, on which connection, their token.
    questions: BTreeMap<Token, (BrokerId, u64, Token)>,
}

struct Broker {
    node: Option<Node>,
    /// Which start of which process this is.
    start: u64,
    paused_until: Millis,
    disk: Restored,
}

enum Happening {
    Tick(BrokerId, u64),
    Raft {
        from: BrokerId,
        to: BrokerId,
        connection: Option<u64>,
        message: PeerMessage,
    },
    Ask {
        from: BrokerId,
        to: BrokerId,
        connection: u64,
        token: Token,
        request: ControllerRequest,
    },
    Reply {
        from: BrokerId,
        to: BrokerId,
        connection: u64,
        token: Token,
        reply: ControllerReply,
    },
    Lost {
        at: BrokerId,
        start: u64,
        peer: BrokerId,
    },
    NoReply {
        at: BrokerId,
        start: u64,
        token: Token,
    },
    Connected {
        at: BrokerId,
        start: u64,
        peer: BrokerId,
    },
    Fault,
    Start(BrokerId),
    Mend(BrokerId, BrokerId),
    Client,
    Heal,
    End,
}

fn pair(a: BrokerId, b: BrokerId) -> (BrokerId, BrokerId) {
    (a.min(b), a.max(b))
}

impl World {
    pub(super) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut random = Random::new(seed);
        let weather = Weather::draw(&mut random);
        let ids = (1..=weather.brokers).map(BrokerId);
        let broker = || Broker {
            node: None,
            start: 0,
            paused_until: Millis(0),
            disk: Restored::default(),
        };
        Self {
            random,
            weather,
            bug,
            schedule: Schedule::new(),
            story: Story::default(),
            oracle: Oracle::default(),
            brokers: ids.map(|id| (id, broker())).collect(),
            cut: BTreeSet::new(),
            connections: BTreeMap::new(),
            starts: 0,
            crashes: 0,
            healed: false,
            requests: BTreeMap::new(),
            next_token: 0,
            questions: BTreeMap::new(),
        }
    }

    pub(super) fn summary(&self) -> Summary {
        Summary {
            digest: self.story.digest(),
            terms: self.oracle.terms(),
            entries: self.oracle.newest().0,
            crashes: self.crashes,
            topics: self.oracle.topics(),
        }
    }

    pub(super) fn into_story(self) -> String {
        self.story.into_text()
    }

    pub(super) fn run(&mut self) -> Result<(), String> {
        self.tell(format!("{:?}", self.weather));
        for id in self.ids() {
            let delay = self.random.below(300);
            self.schedule.after(delay, Happening::Start(id));
        }
        self.schedule.after(500, Happening::Fault);
        self.schedule.after(600, Happening::Client);
        self.schedule.after(self.weather.trouble, Happening::Heal);
        while let Some(happening) = self.schedule.next() {
            if matches!(happening, Happening::End) {
                return self.judge();
            }
            self.happen(happening)?;
        }
        Err("the run has no end".to_owned())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Tick(id, start) => {
                if self.is_start(id, start) {
                    let jitter = if self.healed { 0 } else { self.random.below(20) };
                    self.schedule.after(TICK.0 + jitter, Happening::Tick(id, start));
                    if !self.is_paused(id) {
                        self.event(id, Event::Tick)?;
                    }
                }
                Ok(())
            }
            Happening::Raft {
                from,
                to,
                connection,
                message,
            } => {
                let gone = connection.is_some_and(|c| c != self.connection(from, to));
                if gone || self.cut.contains(&pair(from, to)) {
                    return Ok(());
                }
                let later = Happening::Raft {
                    from,
                    to,
                    connection,
                    message: message.clone(),
                };
                self.deliver(to, Event::Peer { from, message }, later)
            }
            Happening::Ask {
                from,
                to,
                connection,
                token,
                request,
            } => {
                if connection != self.connection(from, to) || self.cut.contains(&pair(from, to)) {
                    return Ok(());
                }
                self.next_token += 1;
                let ours = Token(self.next_token);
                self.questions.insert(ours, (from, connection, token));
                let event = Event::PeerRequest {
                    from,
                    token: ours,
                    request: request.clone(),
                };
                self.deliver(
                    to,
                    event,
                    Happening::Ask {
                        from,
                        to,
                        connection,
                        token,
                        request,
                    },
                )
            }
            Happening::Reply {
                from,
                to,
                connection,
                token,
                reply,
            } => {
                if connection != self.connection(from, to) || self.cut.contains(&pair(from, to)) {
                    return Ok(());
                }
                let event = Event::PeerReply {
                    token,
                    reply: reply.clone(),
                };
                self.deliver(
                    to,
                    event,
                    Happening::Reply {
                        from,
                        to,
                        connection,
                        token,
                        reply,
                    },
                )
            }
            Happening::Lost { at, start, peer } if self.is_start(at, start) => {
                self.event(at, Event::PeerLost(peer))
            }
            Happening::Connected { at, start, peer } if self.is_start(at, start) => {
                self.event(at, Event::PeerConnected(peer))
            }
            Happening::NoReply { at, start, token } if self.is_start(at, start) => self.event(
                at,
                Event::PeerReply {
                    token,
                    reply: ControllerReply::lost(),
                },
            ),
            Happening::Lost { .. } | Happening::Connected { .. } | Happening::NoReply { .. } => Ok(()),
            Happening::Fault => self.fault(),
            Happening::Start(id) => self.start(id),
            Happening::Mend(a, b) => {
                self.mend(a, b);
                Ok(())
            }
            Happening::Client => self.client(),
            Happening::Heal => self.heal(),
            Happening::End => Ok(()),
        }
    }

    // Brokers.

    fn ids(&self) -> Vec<BrokerId> {
        self.brokers.keys().copied().collect()
    }

    fn running(&self) -> Vec<BrokerId> {
        self.brokers
            .iter()
            .filter(|(_, b)| b.node.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    fn is_start(&self, id: BrokerId, start: u64) -> bool {
        let broker = &self.brokers[&id];
        broker.node.is_some() && broker.start == start
    }

    fn is_paused(&self, id: BrokerId) -> bool {
        self.brokers[&id].paused_until > self.schedule.now()
    }

    fn broker(&mut self, id: BrokerId) -> &mut Broker {
        self.brokers.get_mut(&id).expect("a broker of this run")
    }

    fn start(&mut self, id: BrokerId) -> Result<(), String> {
        if self.brokers[&id].node.is_some() {
            return Ok(());
        }
        self.starts += 1;
        let start = self.starts;
        let mut options = Options::new(id, "sim", self.ids(), Uuid::from_u128(self.random.number()));
        options.bug = self.bug;
        let restored = self.brokers[&id].disk.clone();
        self.tell(format!(
            "{id} starts ({start}) with {} entries",
            restored.entries.len()
        ));
        let node = Node::new(options, restored).map_err(|e| format!("broker {id} can't start: {e}"))?;
        let broker = self.broker(id);
        broker.node = Some(node);
        broker.start = start;
        broker.paused_until = Millis(0);
        self.schedule.after(0, Happening::Tick(id, start));
        for peer in self.running() {
            self.connect(id, peer);
        }
        Ok(())
    }

    fn crash(&mut self, id: BrokerId) {
        let broker = self.broker(id);
        if broker.node.take().is_none() {
            return;
        }
        self.crashes += 1;
        self.tell(format!("{id} crashes"));
        self.requests.retain(|_, (at, _, _)| *at != id);
        for peer in self.ids() {
            if peer != id {
                self.disconnect(id, peer);
            }
        }
        let back = self.random.between(1, self.weather.longest);
        self.schedule.after(back, Happening::Start(id));
    }

    // The network.

    fn connection(&self, a: BrokerId, b: BrokerId) -> u64 {
        self.connections.get(&pair(a, b)).copied().unwrap_or(0)
    }

    fn connect(&mut self, a: BrokerId, b: BrokerId) {
        if a == b || self.cut.contains(&pair(a, b)) {
            return;
        }
        for (at, peer) in [(a, b), (b, a)] {
            let start = self.brokers[&at].start;
            let delay = self.random.between(1, 100);
            self.schedule
                .after(delay, Happening::Connected { at, start, peer });
        }
    }

    /// The connection breaks. Both ends notice, unless they are cut off: then only time tells.
    fn disconnect(&mut self, a: BrokerId, b: BrokerId) {
        *self.connections.entry(pair(a, b)).or_default() += 1;
        if self.cut.contains(&pair(a, b)) {
            return;
        }
        for (at, peer) in [(a, b), (b, a)] {
            let start = self.brokers[&at].start;
            self.schedule.after(0, Happening::Lost { at, start, peer });
        }
    }

    fn cut(&mut self, a: BrokerId, b: BrokerId, noticed: bool) {
        if !self.cut.insert(pair(a, b)) {
            return;
        }
        self.tell(format!(
            "{a} and {b} are cut off from each other, noticed: {noticed}"
        ));
        if noticed {
            self.disconnect(a, b);
        }
        let delay = self.random.between(100, self.weather.longest);
        self.schedule.after(delay, Happening::Mend(a, b));
    }

    fn mend(&mut self, a: BrokerId, b: BrokerId) {
        if self.cut.remove(&pair(a, b)) {
            self.tell(format!("{a} and {b} reach each other"));
            self.connect(a, b);
        }
    }

    /// Raft's messages are lost, doubled and late, more than a connection would allow.
    fn send(&mut self, from: BrokerId, to: BrokerId, message: PeerMessage) {
        if self.random.chance(self.weather.loss) {
            return;
        }
        let copies = if self.random.chance(self.weather.doubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let outlives = self.weather.doubled > 0 && self.random.chance(100);
            let connection = if outlives {
                None
            } else {
                Some(self.connection(from, to))
            };
            let delay = self.random.between(0, self.weather.delay);
            let delay = if outlives { delay * 10 } else { delay };
            let message = PeerMessage::decode(message.encode()).expect("a message survives its bytes");
            self.schedule.after(
                delay,
                Happening::Raft {
                    from,
                    to,
                    connection,
                    message,
                },
            );
        }
    }

    fn ask(&mut self, from: BrokerId, to: BrokerId, token: Token, request: ControllerRequest) {
        let connection = self.connection(from, to);
        let delay = self.random.between(0, self.weather.delay);
        if self.brokers[&to].node.is_none() {
            let start = self.brokers[&from].start;
            self.schedule.after(
                delay,
                Happening::NoReply {
                    at: from,
                    start,
                    token,
                },
            );
            return;
        }
        self.schedule.after(
            delay,
            Happening::Ask {
                from,
                to,
                connection,
                token,
                request,
            },
        );
    }

    fn deliver(&mut self, to: BrokerId, event: Event, later: Happening) -> Result<(), String> {
        if self.is_paused(to) {
            let wait = self.brokers[&to].paused_until.since(self.schedule.now()).0;
            self.schedule.after(wait, later);
            return Ok(());
        }
        self.event(to, event)
    }

    // What nodes do.

    fn event(&mut self, id: BrokerId, event: Event) -> Result<(), String> {
        let now = self.schedule.now();
        let crash_within = self.weather.crash_within;
        let broker = self.brokers.get_mut(&id).expect("a broker of this run");
        let Some(node) = &mut broker.node else {
            return Ok(());
        };
        let before = node.metadata().applied;
        let was_controller = node.is_controller();
        let actions = node.on(event, now);
        if let Some(controller) = node.metadata().controller.filter(|c| c.id == id) {
            self.oracle.leads(id, controller.epoch)?;
        }
        if node.metadata().applied != before {
            self.oracle.applied(id, before, node.metadata())?;
        }
        if node.is_controller() != was_controller {
            let line = format!("{id} is controller: {}, term {}", !was_controller, node.term());
            self.story.tell(now, line);
        }
        let dies =
            self.random.chance(crash_within) && actions.iter().any(|a| matches!(a, Action::Persist { .. }));
        let dies_after = if dies {
            self.random.below(actions.len() as u64) as usize
        } else {
            usize::MAX
        };
        for (done, action) in actions.into_iter().enumerate() {
            if done >= dies_after {
                self.crash(id);
                return Ok(());
            }
            self.act(id, action)?;
        }
        Ok(())
    }

    fn act(&mut self, id: BrokerId, action: Action) -> Result<(), String> {
        match action {
            Action::Persist {
                truncate_from,
                entries,
                hard_state,
            } => {
                self.persist(id, truncate_from, entries, hard_state);
                Ok(())
            }
            Action::Send { to, message } => {
                self.send(id, to, message);
                Ok(())
            }
            Action::Ask { to, token, request } => {
                self.ask(id, to, token, request);
                Ok(())
            }
            Action::Answer { token, reply } => match self.questions.remove(&token) {
                Some((asker, connection, theirs)) => {
                    let delay = self.random.between(0, self.weather.delay);
                    let reply = Happening::Reply {
                        from: id,
                        to: asker,
                        connection,
                        token: theirs,
                        reply,
                    };
                    self.schedule.after(delay, reply);
                    Ok(())
                }
                None => self.answered(id, token, reply),
            },
            Action::Changed(change) => self.changed(id, change),
            Action::Halt(error) => Err(format!("broker {id} halts: {error}")),
        }
    }

    fn persist(
        &mut self,
        id: BrokerId,
        truncate_from: Option<Index>,
        entries: Vec<Entry>,
        hard_state: Option<HardState>,
    ) {
        let disk = &mut self.broker(id).disk;
        disk.hard_state = hard_state.or(disk.hard_state);
        if let Some(index) = truncate_from {
            disk.entries.retain(|entry| entry.index < index);
        }
        disk.entries.extend(entries);
    }

    fn changed(&mut self, id: BrokerId, change: MetadataChange) -> Result<(), String> {
        self.tell(format!("{id} {}", describe_change(&change)));
        let MetadataChange::BecomeLeader {
            replica,
            leader_epoch,
        } = change
        else {
            return Ok(());
        };
        let start = self.brokers[&id].start;
        self.oracle
            .leads_partition(id, start, replica.topic_id, replica.partition, leader_epoch)
    }

    // Clients.

    fn client(&mut self) -> Result<(), String> {
        if !self.healed {
            let delay = self.random.between(1, 2 * self.weather.request_every);
            self.schedule.after(delay, Happening::Client);
        }
        let running: Vec<BrokerId> = self
            .running()
            .into_iter()
            .filter(|id| !self.is_paused(*id))
            .collect();
        let Some(at) = self.random.pick(&running) else {
            return Ok(());
        };
        let Some(request) = self.draw_request(at) else {
            return Ok(());
        };
        self.request(at, request)
    }

    fn draw_request(&mut self, at: BrokerId) -> Option<ControllerRequest> {
        let kept = format!("kept-{}", self.random.below(KEPT));
        let deleted = format!("deleted-{}", self.random.below(DELETED));
        let timeout = Millis(self.random.between(100, 8_000));
        Some(match self.random.below(10) {
            0..=3 => self.create_topic(kept, timeout),
            4 => self.create_topic(deleted, timeout),
            5 => {
                let topics = vec![TopicRef::Name(deleted)];
                ControllerRequest::DeleteTopics(DeleteTopics { topics, timeout })
            }
            _ => {
                let broker_epoch = self.brokers[&at].node.as_ref()?.broker_epoch()?;
                ControllerRequest::AllocateProducerIds {
                    broker: at,
                    broker_epoch,
                }
            }
        })
    }

    fn create_topic(&mut self, name: String, timeout: Millis) -> ControllerRequest {
        let partitions = self.random.between(1, 4) as i32;
        let id = TopicId(Uuid::from_u128(self.random.number() | 1));
        let replication_factor = -1;
        let (assignments, configs) = (Vec::new(), Vec::new());
        let topic = NewTopic {
            name,
            id,
            partitions,
            replication_factor,
            assignments,
            configs,
        };
        ControllerRequest::CreateTopics(CreateTopics {
            topics: vec![topic],
            validate_only: false,
            timeout,
        })
    }

    fn request(&mut self, at: BrokerId, request: ControllerRequest) -> Result<(), String> {
        self.next_token += 1;
        let token = Token(self.next_token);
        self.tell(format!("client asks {at} ({}): {}", token.0, describe(&request)));
        let start = self.brokers[&at].start;
        self.requests.insert(token, (at, start, request.clone()));
        self.event(at, Event::Request { token, request })
    }

    fn answered(&mut self, id: BrokerId, token: Token, reply: ControllerReply) -> Result<(), String> {
        let Some((at, _, request)) = self.requests.remove(&token) else {
            return Err(format!(
                "broker {id} answers request {} that nobody waits for",
                token.0
            ));
        };
        self.tell(format!("{at} answers ({}): {}", token.0, describe_reply(&reply)));
        match (request, reply) {
            (ControllerRequest::CreateTopics(create), ControllerReply::CreateTopics(created)) => {
                for (asked, created) in create.topics.into_iter().zip(created) {
                    if created.result.is_ok() && asked.name.starts_with("kept") {
                        self.oracle.created(asked.id, asked.name);
                    }
                }
                Ok(())
            }
            (
                ControllerRequest::AllocateProducerIds { .. },
                ControllerReply::ProducerIds { first, count },
            ) => self.oracle.got_producer_ids(first, count),
            (ControllerRequest::DeleteTopics(_), ControllerReply::DeleteTopics(_))
            | (_, ControllerReply::Refused(_)) => Ok(()),
            (request, reply) => Err(format!("{request:?} was answered by {reply:?}")),
        }
    }

    // Trouble.

    fn fault(&mut self) -> Result<(), String> {
        if self.healed {
            return Ok(());
        }
        let delay = self.random.between(1, 2 * self.weather.fault_every);
        self.schedule.after(delay, Happening::Fault);
        let Some(id) = self.random.pick(&self.running()) else {
            return Ok(());
        };
        match self.random.below(10) {
            0..=3 => self.crash(id),
            4 => self.running().into_iter().for_each(|id| self.crash(id)),
            5 => self.pause(id),
            6 | 7 => {
                let noticed = self.random.chance(500);
                for peer in self.ids() {
                    if peer != id {
                        self.cut(id, peer, noticed);
                    }
                }
            }
            _ => {
                let peer = self.random.pick(&self.ids()).filter(|peer| *peer != id);
                let noticed = self.random.chance(500);
                if let Some(peer) = peer {
                    self.cut(id, peer, noticed);
                }
            }
        }
        Ok(())
    }

    fn pause(&mut self, id: BrokerId) {
        let time = self.random.between(50, self.weather.longest);
        self.tell(format!("{id} is paused for {time} ms"));
        self.broker(id).paused_until = self.schedule.now().plus(Millis(time));
    }

    fn heal(&mut self) -> Result<(), String> {
        self.tell("everything is healed");
        self.healed = true;
        self.weather.clear_up();
        for (a, b) in self.cut.clone() {
            self.mend(a, b);
        }
        for id in self.ids() {
            self.broker(id).paused_until = Millis(0);
            self.start(id)?;
        }
        self.schedule.after(REST / 2, Happening::Client);
        self.schedule.after(REST, Happening::End);
        Ok(())
    }

    fn judge(&mut self) -> Result<(), String> {
        for (id, broker) in &self.brokers {
            let Some(node) = &broker.node else {
                return Err(format!("broker {id} doesn't run"));
            };
            if !node.is_ready() || !node.has_session(self.schedule.now()) {
                return Err(format!(
                    "broker {id} is not in service {REST} ms after everything was healed"
                ));
            }
            self.oracle.holds_promises(*id, node.metadata())?;
            for topic in node.metadata().topics.values() {
                if topic.partitions.iter().any(|p| p.leader.is_none()) {
                    return Err(format!(
                        "topic {} has a partition without leader in the end",
                        topic.name
                    ));
                }
            }
        }
        match self.requests.values().next() {
            Some((at, _, request)) => Err(format!("broker {at} never answered {request:?}")),
            None => Ok(()),
        }
    }

    fn tell(&mut self, line: impl AsRef<str>) {
        self.story.tell(self.schedule.now(), line);
    }
}

fn describe(request: &ControllerRequest) -> String {
    match request {
        ControllerRequest::CreateTopics(create) => {
            let topic = &create.topics[0];
            format!(
                "create {} with {} partitions, within {}",
                topic.name, topic.partitions, create.timeout
            )
        }
        ControllerRequest::DeleteTopics(delete) => format!("delete {:?}", delete.topics[0]),
        ControllerRequest::AllocateProducerIds { .. } => "producer ids".to_owned(),
        other => format!("{other:?}"),
    }
}

fn describe_change(change: &MetadataChange) -> String {
    match change {
        MetadataChange::Registered { broker_epoch } => format!("is registered, broker epoch {broker_epoch}"),
        MetadataChange::Fenced(fenced) => format!("is fenced: {fenced}"),
        MetadataChange::CreateReplica(r) => format!("holds {}-{}", r.topic, r.partition),
        MetadataChange::DeleteReplica(r) => format!("deletes {}-{}", r.topic, r.partition),
        MetadataChange::BecomeLeader {
            replica: r,
            leader_epoch,
        } => {
            format!("leads {}-{} in epoch {leader_epoch}", r.topic, r.partition)
        }
        MetadataChange::Resign {
            replica: r,
            leader_epoch,
        } => {
            format!("leads {}-{} no more, epoch {leader_epoch}", r.topic, r.partition)
        }
        other => format!("{other:?}"),
    }
}

fn describe_reply(reply: &ControllerReply) -> String {
    match reply {
        ControllerReply::CreateTopics(topics) => match &topics[0].result {
            Ok(info) => format!("{} exists as {}", topics[0].name, info.id.0),
            Err(refusal) => format!("{:?}", refusal.code),
        },
        ControllerReply::DeleteTopics(topics) => match &topics[0].result {
            Ok(info) => format!("{} is deleted", info.name),
            Err(refusal) => format!("{:?}", refusal.code),
        },
        ControllerReply::Refused(refusal) => format!("{:?}: {refusal}", refusal.code),
        other => format!("{other:?}"),
    }
}
