//! `up`: starts the services, keeps them running, stops them in order.
//!
//! [`plan`] decides; this file executes: it holds the processes, listens to them and to signals,
//! and tells the operator one line about everything that happens.

mod action;
mod exit;
mod launcher;
mod order;
mod patience;
mod plan;
mod watcher;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use config::Settings;
use console::ClusterWatch;
use jiff::Timestamp;
use run::{
    Death, EventKind, MembershipFile, Process, ProcessHandle, Request, RunError, RunEvent, RunFolder,
    Service, ServiceState, Supervised, SupervisorRecord,
};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use action::{Action, Outcome as Ending, Report};
use exit::Exit;
pub(crate) use launcher::ReadyLine;
pub(crate) use launcher::Start;
use launcher::{Launcher, ROTATE_EVERY, Told};
pub(crate) use order::stop_stage;
use patience::Patience;
use plan::{Event, Plan};
use watcher::Watcher;

use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::topics;

/// Everything that the platform consists of.
pub(crate) fn services(settings: &Settings) -> Vec<Service> {
    let brokers = settings
        .kafka
        .brokers
        .iter()
        .map(|broker| Service::Broker(broker.id));
    brokers
        .chain([Service::Etl, Service::Generator, Service::Console])
        .collect()
}

/// The running supervisor.
pub(crate) struct Supervisor {
    settings: Settings,
    run: RunFolder,
    plan: Plan,
    launcher: Launcher,
    told: mpsc::Receiver<Told>,
    topics: mpsc::Receiver<Result<(), String>>,
    topics_sender: mpsc::Sender<Result<(), String>>,
    started: Instant,
    record: SupervisorRecord,
    /// When each process was started, for the line that says how long it took.
    starts: BTreeMap<Service, Instant>,
    /// What becomes of leaders and replicas.
    watcher: Watcher,
    watch: ClusterWatch,
    /// Printed once everything is ready, if there is somebody to read it.
    summary: String,
    /// With this process everything ends.
    parent: Option<ProcessHandle>,
}

/// How often it is looked whether somebody paused a service.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Supervisor {
    pub(crate) fn new(
        settings: Settings,
        run: RunFolder,
        start: Start,
        summary: String,
        parent: Option<ProcessHandle>,
    ) -> Outcome<Self> {
        let (tell, told) = mpsc::channel(64);
        let (topics_sender, topics) = mpsc::channel(1);
        let record = SupervisorRecord {
            process: Process::current()?,
            since: Timestamp::now(),
            bootstrap: settings.bootstrap(),
            ready: false,
            services: services(&settings)
                .into_iter()
                .map(|service| (service, Supervised::default()))
                .collect(),
            events: VecDeque::new(),
        };
        // Of an earlier one; nobody waits for them any more.
        run.take_requests()?;
        Ok(Self {
            plan: Plan::new(services(&settings), Patience::default()),
            launcher: Launcher::new(start, run.clone(), tell),
            settings,
            run,
            told,
            topics,
            topics_sender,
            started: Instant::now(),
            record,
            starts: BTreeMap::new(),
            watcher: Watcher::start(),
            watch: ClusterWatch::default(),
            summary,
            parent,
        })
    }

    /// Runs until everything has stopped. Once a service was started nothing else ends it.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut requests = signal(SignalKind::user_defined1())?;
        // Who reads the record may send signals.
        self.run.record_supervisor(&self.record)?;
        let mut orphaned = std::pin::pin!(gone(self.parent.take()));
        let mut has_parent = true;
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut rotate = tokio::time::interval(ROTATE_EVERY);
        let mut pending = VecDeque::new();
        let mut event = Event::Begin;
        loop {
            if let Some(ending) = self.take(event) {
                return finish(ending);
            }
            if let Some(next) = pending.pop_front() {
                event = next;
                continue;
            }
            let due = self.plan.deadline().map(|due| self.started + due);
            event = tokio::select! {
                Some(told) = self.told.recv() => self.hear(told),
                Some(result) = self.topics.recv() => match result {
                    Ok(()) => Event::TopicsCreated,
                    Err(message) => Event::TopicsFailed(message),
                },
                Some((sight, at)) = self.watcher.sights.recv() => {
                    let at = at.saturating_duration_since(self.started);
                    for line in self.watch.see(sight, at) {
                        self.tell(None, EventKind::Cluster, line);
                    }
                    Event::Tick
                }
                Some(()) = interrupt.recv() => Event::Interrupted,
                Some(()) = terminate.recv() => Event::StopRequested,
                Some(()) = hang_up.recv() => Event::StopRequested,
                Some(()) = requests.recv() => {
                    pending.extend(self.requests());
                    Event::Tick
                }
                () = &mut orphaned, if has_parent => {
                    has_parent = false;
                    let line = "the process that this was started for has ended".to_owned();
                    self.tell(None, EventKind::Note, line);
                    Event::StopRequested
                }
                _ = look.tick() => {
                    self.look_for_pauses();
                    Event::Tick
                }
                () = until(due) => Event::Tick,
                _ = rotate.tick() => {
                    for line in self.launcher.rotate_logs() {
                        output::progress(&line);
                    }
                    Event::Tick
                }
            };
        }
    }

    /// Lets the plan decide, does what it says, and tells other commands how it stands then.
    fn take(&mut self, event: Event) -> Option<Ending> {
        let before = self.record.clone();
        let mut events = vec![event];
        let mut ending = None;
        while let Some(event) = events.pop() {
            for action in self.plan.on(event, self.started.elapsed()) {
                match action {
                    Action::Start(service) => events.extend(self.start(service)),
                    Action::Terminate(service, patience) => {
                        let line = format!("stopping {service}; it has {} s", patience.as_secs());
                        self.tell(Some(service), EventKind::Stopping, line);
                        self.watch_gone(service, true);
                        self.launcher.signal(service, Signal::TERM);
                        // A paused process takes no other signal.
                        self.launcher.signal(service, Signal::CONT);
                    }
                    Action::Kill(service) => self.launcher.signal(service, Signal::KILL),
                    Action::CreateTopics => self.create_topics(),
                    Action::AnnounceReady => self.ready(),
                    Action::Report(Report { service, kind, line }) => self.tell(service, kind, line),
                    Action::Finish(how) => ending = Some(how),
                }
            }
        }
        let states: BTreeMap<Service, ServiceState> = self.plan.states().collect();
        self.record
            .services
            .retain(|service, _| states.contains_key(service));
        for (service, state) in states {
            self.record.services.entry(service).or_default().state = state;
        }
        if self.record != before {
            self.write_record();
        }
        self.look_at_the_cluster();
        ending
    }

    /// Often while something is under way; not before everything was ready, nor while everything stops.
    fn look_at_the_cluster(&self) {
        match self.record.ready && !self.plan.is_stopping() {
            true => self.watcher.want(&self.record.bootstrap, self.watch.is_waiting()),
            false => self.watcher.want(&[], false),
        }
    }

    /// The moment counts at which it went, not that of the next look.
    fn watch_gone(&mut self, service: Service, stopped: bool) {
        let Service::Broker(id) = service else { return };
        if let (Ok(id), true) = (i32::try_from(id), self.record.ready) {
            self.watch.gone(id, stopped, self.started.elapsed());
        }
    }

    fn start(&mut self, service: Service) -> Option<Event> {
        if self.starts.insert(service, Instant::now()).is_some() {
            self.record.services.entry(service).or_default().restarts += 1;
        }
        self.remember(Some(service), EventKind::Started, format!("{service} starts"));
        let exit = self.launcher.start(service).err()?;
        Some(self.exited(service, exit))
    }

    fn requests(&mut self) -> Vec<Event> {
        let requests = self.run.take_requests();
        let requests = requests.unwrap_or_else(|error| {
            self.tell(
                None,
                EventKind::Note,
                format!("something was asked for in vain: {error}"),
            );
            Vec::new()
        });
        requests
            .into_iter()
            .filter_map(|request| self.request(request))
            .collect()
    }

    fn request(&mut self, request: Request) -> Option<Event> {
        let changed = match request {
            Request::Restart(service) => return Some(Event::RestartRequested(service)),
            Request::Add(Service::Broker(id)) => self.change_brokers(|brokers| {
                brokers.insert(id);
            }),
            Request::Remove(Service::Broker(id)) => self.change_brokers(|brokers| {
                brokers.remove(&id);
            }),
            // Only brokers are more or less.
            Request::Add(_) | Request::Remove(_) => return None,
        };
        match (changed, request) {
            (Err(error), _) => {
                self.tell(
                    None,
                    EventKind::Note,
                    format!("the brokers stay as they are: {error}"),
                );
                None
            }
            (Ok(()), Request::Remove(service)) => {
                self.tell(
                    Some(service),
                    EventKind::Note,
                    format!("{service} leaves the cluster"),
                );
                Some(Event::Removed(service))
            }
            (Ok(()), Request::Add(service) | Request::Restart(service)) => {
                self.tell(
                    Some(service),
                    EventKind::Note,
                    format!("{service} joins the cluster"),
                );
                Some(Event::Added(service))
            }
        }
    }

    /// Durably, before anything is started or stopped.
    fn change_brokers(&mut self, change: impl FnOnce(&mut BTreeSet<u32>)) -> Result<(), RunError> {
        let file = MembershipFile::new(&self.settings.folders);
        let Some(mut membership) = file.read()? else {
            return Ok(());
        };
        change(&mut membership.brokers);
        file.write(&membership)?;
        self.settings.kafka.in_service(&membership.brokers);
        self.record.bootstrap = self.settings.bootstrap();
        Ok(())
    }

    fn look_for_pauses(&mut self) {
        for (service, paused) in self.launcher.pauses() {
            let (kind, line) = match paused {
                true => (
                    EventKind::Paused,
                    format!("{service} is paused: `minicluster resume {service}` lets it go on"),
                ),
                false => (EventKind::Resumed, format!("{service} goes on")),
            };
            match service {
                Service::Broker(_) if paused => self.watch_gone(service, false),
                Service::Broker(id) => {
                    if let Ok(id) = i32::try_from(id) {
                        self.watch.resumed(id);
                    }
                }
                _ => {}
            }
            self.tell(Some(service), kind, line);
            self.write_record();
        }
    }

    fn ready(&mut self) {
        self.record.ready = true;
        let line = "everything is ready".to_owned();
        if self.summary.is_empty() {
            return self.tell(None, EventKind::Ready, line);
        }
        output::announce(&self.summary);
        self.remember(None, EventKind::Ready, line);
    }

    /// Tells the operator, and remembers it.
    fn tell(&mut self, service: Option<Service>, kind: EventKind, line: String) {
        output::progress(&line);
        self.remember(service, kind, line);
    }

    fn remember(&mut self, service: Option<Service>, kind: EventKind, line: String) {
        let at = Timestamp::now();
        self.record.push(RunEvent {
            at,
            service,
            kind,
            line,
        });
    }

    /// Where that fails (a full disk) the services still need their supervisor.
    fn write_record(&self) {
        if let Err(error) = self.run.record_supervisor(&self.record) {
            output::progress(&format!("`minicluster status` may be out of date: {error}"));
        }
    }

    fn hear(&mut self, told: Told) -> Event {
        match told {
            Told::Ready(service, place) => {
                let took = self.starts.get(&service).map_or(Duration::ZERO, Instant::elapsed);
                let line = format!("{service:<10} ready  {place:<22} {:.1} s", took.as_secs_f64());
                output::progress(&line);
                let line = format!("{service} is ready: {place}");
                self.remember(Some(service), EventKind::Ready, line);
                Event::Ready(service)
            }
            Told::Exited(service, exit) => {
                self.launcher.forget(service);
                self.exited(service, exit)
            }
        }
    }

    fn exited(&mut self, service: Service, exit: Exit) -> Event {
        let supervised = self.record.services.entry(service).or_default();
        let stopped = supervised.state == ServiceState::Stopping;
        if !stopped {
            let (at, reason) = (Timestamp::now(), exit.reason.clone());
            supervised.last_death = Some(Death { at, reason });
            self.watch_gone(service, false);
        }
        Event::Exited(service, exit)
    }

    /// Creates the topics in the background; the result comes as an event.
    fn create_topics(&self) {
        let settings = self.settings.clone();
        let sender = self.topics_sender.clone();
        tokio::spawn(async move {
            let result = topics::create(&settings)
                .await
                .map_err(|failure| failure.to_string());
            // Nobody listens any more where everything is being stopped.
            let _ = sender.send(result).await;
        });
    }
}

/// Done when the process has ended; never where there is none.
async fn gone(process: Option<ProcessHandle>) {
    match process {
        Some(process) => {
            process.gone_within(None).await;
        }
        None => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

fn finish(ending: Ending) -> Outcome {
    match ending {
        Ending::Stopped => {
            output::progress("stopped");
            Ok(())
        }
        Ending::Failed { message, code } => Err(Failure::new(code.map_or(Code::Failure, Code::of), message)),
        Ending::NotReady { message } => Err(Failure::new(Code::NotReady, message)),
    }
}

#[cfg(test)]
mod tests;
