//! Nodes, the disks that they believe in, the network between them, and time.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{
    Bug, ControllerReply, ControllerRequest, Event, Millis, Node, PeerMessage, Restored, TICK, Token,
};
use record::BrokerId;

use super::Summary;
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
