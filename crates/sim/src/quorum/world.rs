//! Nodes, the disks that they believe in, the network between them, and time.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{
    Action, Bug, ControllerReply, ControllerRequest, Entry, Event, HardState, Index, MetadataChange, Millis,
    Node, Options, PeerMessage, Restored, TICK, Token,
};
use record::BrokerId;
use uuid::Uuid;

use super::{Summary, words};
use crate::oracle::Oracle;
use crate::random::Random;
use crate::schedule::Schedule;
use crate::story::Story;
use crate::weather::Weather;

/// How long a healed cluster may take to come to rest.
pub(super) const REST: u64 = 12_000;

pub(super) struct World {
    pub(super) random: Random,
    pub(super) weather: Weather,
    pub(super) bug: Option<Bug>,
    pub(super) schedule: Schedule<Happening>,
    pub(super) story: Story,
    pub(super) oracle: Oracle,
    pub(super) brokers: BTreeMap<BrokerId, Broker>,
    /// Pairs that can't reach each other, the lower id first.
    pub(super) cut: BTreeSet<(BrokerId, BrokerId)>,
    /// Counts the connections of each pair: what travels on a broken one is lost.
    pub(super) connections: BTreeMap<(BrokerId, BrokerId), u64>,
    pub(super) starts: u64,
    pub(super) crashes: u64,
    pub(super) healed: bool,
    pub(super) requests: BTreeMap<Token, (BrokerId, u64, ControllerRequest)>,
    pub(super) next_token: u64,
    /// Tokens that peers' questions have at the controller: whose, on which connection, their token.
    pub(super) questions: BTreeMap<Token, (BrokerId, u64, Token)>,
}

pub(super) struct Broker {
    pub(super) node: Option<Node>,
    /// Which start of which process this is.
    pub(super) start: u64,
    pub(super) paused_until: Millis,
    pub(super) disk: Restored,
}

pub(super) enum Happening {
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
    Crash(BrokerId, u64),
    Mend(BrokerId, BrokerId),
    Client,
    Heal,
    End,
}

pub(super) fn pair(a: BrokerId, b: BrokerId) -> (BrokerId, BrokerId) {
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
            Happening::Crash(id, start) => {
                if self.is_start(id, start) && !self.healed {
                    self.crash(id);
                }
                Ok(())
            }
            Happening::Mend(a, b) => {
                self.mend(a, b);
                Ok(())
            }
            Happening::Client => self.client(),
            Happening::Heal => self.heal(),
            Happening::End => Ok(()),
        }
    }

    pub(super) fn ids(&self) -> Vec<BrokerId> {
        self.brokers.keys().copied().collect()
    }

    pub(super) fn running(&self) -> Vec<BrokerId> {
        self.brokers
            .iter()
            .filter(|(_, b)| b.node.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    pub(super) fn is_start(&self, id: BrokerId, start: u64) -> bool {
        let broker = &self.brokers[&id];
        broker.node.is_some() && broker.start == start
    }

    pub(super) fn is_controller(&self, id: BrokerId) -> bool {
        self.brokers[&id].node.as_ref().is_some_and(Node::is_controller)
    }

    pub(super) fn is_paused(&self, id: BrokerId) -> bool {
        self.brokers[&id].paused_until > self.schedule.now()
    }

    pub(super) fn broker(&mut self, id: BrokerId) -> &mut Broker {
        self.brokers.get_mut(&id).expect("a broker of this run")
    }

    pub(super) fn start(&mut self, id: BrokerId) -> Result<(), String> {
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

    /// Crashes after some time in which its messages and those to it arrive.
    fn crash_soon(&mut self, id: BrokerId) {
        let start = self.brokers[&id].start;
        let delay = self.random.between(0, 2 * self.weather.delay);
        self.schedule.after(delay, Happening::Crash(id, start));
    }

    pub(super) fn crash(&mut self, id: BrokerId) {
        let broker = self.broker(id);
        if broker.node.take().is_none() {
            return;
        }
        self.crashes += 1;
        self.tell(format!("{id} crashes"));
        self.forget_requests(id);
        for peer in self.ids() {
            if peer != id {
                self.disconnect(id, peer);
            }
        }
        let longest = if self.random.chance(500) {
            300
        } else {
            self.weather.longest
        };
        let back = self.random.between(1, longest);
        self.schedule.after(back, Happening::Start(id));
    }

    pub(super) fn event(&mut self, id: BrokerId, event: Event) -> Result<(), String> {
        let now = self.schedule.now();
        let crash_within = self.weather.crash_within;
        let broker = self.brokers.get_mut(&id).expect("a broker of this run");
        let Some(node) = &mut broker.node else {
            return Ok(());
        };
        let before = node.metadata().applied;
        let was_controller = node.is_controller();
        let actions = node.on(event, now);
        if node.is_controller() != was_controller {
            let line = format!("{id} is controller: {}, term {}", !was_controller, node.term());
            self.story.tell(now, line);
        }
        let dies_after = self.dies_after(crash_within, &actions);
        for (done, action) in actions.into_iter().enumerate() {
            if done >= dies_after {
                self.crash(id);
                // Troubles rarely come alone: what this one had promised, the controller may have
                // relied on, and nobody may be left who knows.
                let controller = self.running().into_iter().find(|id| self.is_controller(*id));
                if let Some(controller) = controller.filter(|_| self.random.chance(400)) {
                    self.crash_soon(controller);
                }
                return Ok(());
            }
            self.act(id, action)?;
        }
        self.observe(id, before)
    }

    /// Looks at a node after its actions: what it believed before they were done, nobody could see.
    fn observe(&mut self, id: BrokerId, before: Index) -> Result<(), String> {
        let Some(node) = &self.brokers[&id].node else {
            return Ok(());
        };
        let metadata = node.metadata();
        if let Some(controller) = metadata.controller.filter(|c| c.id == id) {
            self.oracle.leads(id, controller.epoch)?;
        }
        if metadata.applied != before {
            self.oracle.applied(id, before, metadata)?;
        }
        Ok(())
    }

    /// After how many actions the process dies. Only writing is worth dying for; half of the time it
    /// dies just before that.
    fn dies_after(&mut self, crash_within: u64, actions: &[Action]) -> usize {
        let writes = actions.iter().position(|a| matches!(a, Action::Persist { .. }));
        match writes {
            Some(write) if self.random.chance(crash_within) => match self.random.chance(500) {
                true => write,
                false => self.random.below(actions.len() as u64) as usize,
            },
            _ => usize::MAX,
        }
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
        self.tell(format!("{id} {}", words::change(&change)));
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
            self.oracle.deleted_once(node.metadata())?;
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

    pub(super) fn tell(&mut self, line: impl AsRef<str>) {
        self.story.tell(self.schedule.now(), line);
    }
}
