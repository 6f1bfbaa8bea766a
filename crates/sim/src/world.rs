//! Executors, their disks, the connections between them, and time.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use broker::{Clock, Executor, Input, Output, RequestId};
use cluster::{Bug, Index, Millis, TICK};
use disk::SimDisk;
use record::{BrokerId, Timestamp};

use crate::clients::{Clients, Travelling};
use crate::connections::Network;
use crate::copies::Watched;
use crate::oracle::Oracle;
use crate::producers::{Attempt, Producer};
use crate::promises::Promises;
use crate::random::Random;
use crate::run::Summary;
use crate::schedule::Schedule;
use crate::story::Story;
use crate::survival::Lack;
use crate::weather::Weather;

/// How long healed brokers may take to come to rest.
pub(crate) const REST: u64 = 12_000;

/// How long before the end producers stop.
pub(crate) const LAST_PRODUCE: u64 = 4_000;

/// The calendar at the start of a run.
pub(crate) const EPOCH: i64 = 1_700_000_000_000;

pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) weather: Weather,
    pub(crate) bug: Option<Bug>,
    pub(crate) schedule: Schedule<Happening>,
    pub(crate) story: Story,
    pub(crate) oracle: Oracle,
    pub(crate) brokers: BTreeMap<BrokerId, Broker>,
    pub(crate) network: Network,
    pub(crate) promises: Promises,
    pub(crate) clients: Clients,
    pub(crate) starts: u64,
    pub(crate) crashes: u64,
    pub(crate) clean_stops: u64,
    pub(crate) power_losses: u64,
    pub(crate) healed: bool,
    /// What the others must do without.
    pub(crate) lack: Option<Lack>,
}

pub(crate) struct Broker {
    pub(crate) executor: Option<Executor<SimDisk>>,
    /// Which start of which process this is.
    pub(crate) start: u64,
    /// Up to where it had applied metadata before what it does now.
    pub(crate) before: Index,
    pub(crate) paused_until: Millis,
    pub(crate) disk: SimDisk,
    /// Its disk has no room, whichever process uses it.
    pub(crate) full: bool,
    /// Nothing below can be written.
    pub(crate) broken: Option<PathBuf>,
    /// The last process has closed its folder.
    pub(crate) closed: bool,
    /// Counts the times that its machine was switched on.
    pub(crate) boot: u64,
    /// Clients' requests on their way.
    pub(crate) inbox: VecDeque<Travelling>,
    pub(crate) watched: Watched,
}

/// What happens at some time.
pub(crate) enum Happening {
    Tick(BrokerId, u64),
    Arrive {
        from: BrokerId,
        to: BrokerId,
        connection: u64,
    },
    Connected {
        at: BrokerId,
        start: u64,
        peer: BrokerId,
    },
    Lost {
        at: BrokerId,
        start: u64,
        peer: BrokerId,
    },
    /// A client's request comes to a process.
    Request(BrokerId, u64),
    /// A client waits no longer.
    Impatient(RequestId),
    Fault,
    Start(BrokerId),
    Close(BrokerId, u64),
    Mend(BrokerId, BrokerId),
    MendFiles(BrokerId),
    Room(BrokerId),
    Client,
    Produce(usize),
    Late(Attempt),
    Consume(usize),
    Heal,
    Complete,
    WindUp,
    End,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut random = Random::new(seed);
        let weather = Weather::draw(&mut random);
        let broker = || Broker {
            executor: None,
            start: 0,
            before: Index(0),
            paused_until: Millis(0),
            disk: SimDisk::new(),
            full: false,
            broken: None,
            closed: false,
            boot: 1,
            inbox: VecDeque::new(),
            watched: Watched::default(),
        };
        Self {
            random,
            bug,
            schedule: Schedule::new(),
            story: Story::default(),
            oracle: Oracle::default(),
            brokers: (1..=weather.brokers).map(|id| (BrokerId(id), broker())).collect(),
            weather,
            network: Network::default(),
            promises: Promises::default(),
            clients: Clients::default(),
            starts: 0,
            crashes: 0,
            clean_stops: 0,
            power_losses: 0,
            healed: false,
            lack: None,
        }
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            digest: self.story.digest(),
            terms: self.oracle.terms(),
            crashes: self.crashes,
            clean_stops: self.clean_stops,
            power_losses: self.power_losses,
            topics: self.oracle.topics(),
            led: self.oracle.led(),
            records: self.clients.producers.iter().map(Producer::told).sum(),
        }
    }

    pub(crate) fn into_story(self) -> String {
        self.story.into_text()
    }

    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.tell(format!("{:?}", self.weather));
        for id in self.ids() {
            let delay = self.random.below(300);
            self.schedule.after(delay, Happening::Start(id));
        }
        self.schedule.after(1_500, Happening::Fault);
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
            Happening::Tick(id, start) => self.tick(id, start),
            Happening::Arrive { from, to, connection } => self.arrive(from, to, connection),
            Happening::Connected { at, start, peer } => {
                if self.is_start(at, start) && !self.network.is_cut(at, peer) {
                    self.input(at, Input::PeerConnected(peer))?;
                }
                Ok(())
            }
            Happening::Lost { at, start, peer } => match self.is_start(at, start) {
                true => self.input(at, Input::PeerLost(peer)),
                false => Ok(()),
            },
            Happening::Request(id, start) => self.deliver(id, start),
            Happening::Fault => self.fault(),
            Happening::Start(id) => self.start(id),
            Happening::Close(id, start) => self.close(id, start),
            Happening::Heal => self.heal(),
            Happening::Complete => self.complete(),
            simple => {
                self.simply(simple);
                Ok(())
            }
        }
    }

    /// What can't break a promise.
    fn simply(&mut self, happening: Happening) {
        match happening {
            Happening::Impatient(request) => self.unanswered(request),
            Happening::Mend(a, b) => self.mend(a, b),
            Happening::Room(id) => self.make_room(id),
            Happening::MendFiles(id) => self.mend_files(id),
            Happening::Client => self.client(),
            Happening::Produce(producer) => self.produce(producer),
            Happening::Late(attempt) => self.late(attempt),
            Happening::Consume(consumer) => self.consume(consumer),
            Happening::WindUp => self.clients.winding_up = true,
            _ => {}
        }
    }

    fn tick(&mut self, id: BrokerId, start: u64) -> Result<(), String> {
        if !self.is_start(id, start) {
            return Ok(());
        }
        let jitter = if self.healed { 0 } else { self.random.below(20) };
        self.schedule.after(TICK.0 + jitter, Happening::Tick(id, start));
        match self.is_paused(id) {
            true => Ok(()),
            false => self.input(id, Input::Tick),
        }
    }

    pub(crate) fn ids(&self) -> Vec<BrokerId> {
        self.brokers.keys().copied().collect()
    }

    pub(crate) fn running(&self) -> Vec<BrokerId> {
        self.brokers
            .iter()
            .filter(|(_, b)| b.executor.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn is_start(&self, id: BrokerId, start: u64) -> bool {
        let broker = &self.brokers[&id];
        broker.executor.is_some() && broker.start == start
    }

    pub(crate) fn is_paused(&self, id: BrokerId) -> bool {
        self.brokers[&id].paused_until > self.schedule.now()
    }

    pub(crate) fn broker(&mut self, id: BrokerId) -> &mut Broker {
        self.brokers.get_mut(&id).expect("a broker of this run")
    }

    pub(crate) fn clock(&self) -> Clock {
        let now = self.schedule.now();
        Clock {
            monotonic: now,
            wall: Timestamp(EPOCH + now.0 as i64),
        }
    }

    pub(crate) fn input(&mut self, id: BrokerId, input: Input) -> Result<(), String> {
        let clock = self.clock();
        let dies = self
            .random
            .chance(self.weather.crash_within)
            .then(|| self.random.between(0, 12));
        let Some(broker) = self.brokers.get_mut(&id) else {
            return Ok(());
        };
        let Some(executor) = &mut broker.executor else {
            return Ok(());
        };
        if let Some(steps) = dies {
            broker.disk.stop_within(broker.disk.steps() + steps);
        }
        // What waited for space was looked at by nobody.
        let before = match executor.is_held_up() {
            true => Index(0),
            false => executor.metadata().applied,
        };
        broker.before = before;
        let outputs = executor.on(input, clock);
        if dies.is_some() && !broker.disk.is_stopped() {
            broker.disk.stop_before(u64::MAX);
        }
        if broker.disk.is_stopped() {
            self.crash(id);
            return Ok(());
        }
        self.look(id, before)?;
        for output in outputs {
            match output {
                Output::PeerFrame { to, frame } => self.send(id, to, frame),
                Output::Respond { request, body } => self.responded(id, request, body)?,
                Output::NoResponse { request } => self.done_in_silence(id, request, true)?,
                Output::Hangup { request } => self.done_in_silence(id, request, false)?,
                Output::Stop(error) => {
                    self.tell(format!("{id} stops: {error}"));
                    self.crash(id);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The oracle looks at a broker that has just done something.
    fn look(&mut self, id: BrokerId, before: Index) -> Result<(), String> {
        let broker = &self.brokers[&id];
        let Some(executor) = &broker.executor else {
            return Ok(());
        };
        // What it has decided and could not write doesn't take effect.
        if executor.is_held_up() {
            return self.watch(id, false);
        }
        let metadata = executor.metadata();
        let is_calm = metadata.applied.0 <= before.0 + 1;
        if let Some(controller) = metadata.controller.filter(|c| c.id == id) {
            self.oracle.leads(id, controller.epoch)?;
        }
        if metadata.applied != before {
            self.oracle.applied(id, before, metadata)?;
        }
        let news = self.promises.follow(metadata);
        for key in news.changed {
            self.tell_of(key);
        }
        if let Some(key) = news.unfounded {
            let name = self.name_of(key);
            return Err(format!(
                "{name} had an unclean recovery, and somebody in sync had lost nothing"
            ));
        }
        self.look_again(&news.recovered);
        self.forget(&news.lost);
        self.watch(id, is_calm)
    }

    pub(crate) fn tell(&mut self, line: impl AsRef<str>) {
        self.story.tell(self.schedule.now(), line);
    }
}
