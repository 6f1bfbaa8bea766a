//! `up`: starts the services, keeps them running, stops them in order.
//!
//! [`plan`] decides; this file executes: it holds the processes, listens to them and to signals,
//! and tells the operator one line about everything that happens.

mod launcher;
mod patience;
mod plan;
mod service;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use config::Settings;
use jiff::Timestamp;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

pub(crate) use launcher::ReadyLine;
use launcher::{Launcher, ROTATE_EVERY, Told};
use patience::Patience;
use plan::{Action, Event, Outcome as Ending, Plan};
pub(crate) use service::Service;

use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::process::Process;
use crate::run_folder::{RunFolder, SupervisorRecord};
use crate::topics;

/// Everything that the platform consists of.
pub(crate) fn services(settings: &Settings) -> Vec<Service> {
    let brokers = settings
        .kafka
        .brokers
        .iter()
        .map(|broker| Service::Broker(broker.id));
    brokers.chain([Service::Etl, Service::Generator]).collect()
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
    /// What is printed once everything is ready.
    summary: String,
}

impl Supervisor {
    pub(crate) fn new(
        settings: Settings,
        run: RunFolder,
        program: PathBuf,
        flags: Vec<OsString>,
        summary: String,
    ) -> Outcome<Self> {
        let (tell, told) = mpsc::channel(64);
        let (topics_sender, topics) = mpsc::channel(1);
        let record = SupervisorRecord {
            process: Process::current()?,
            since: Timestamp::now(),
            bootstrap: settings.bootstrap(),
            ready: false,
            restarts: BTreeMap::new(),
        };
        run.record_supervisor(&record)?;
        Ok(Self {
            plan: Plan::new(services(&settings), Patience::default()),
            launcher: Launcher::new(program, flags, run.clone(), tell),
            settings,
            run,
            told,
            topics,
            topics_sender,
            started: Instant::now(),
            record,
            starts: BTreeMap::new(),
            summary,
        })
    }

    /// Runs until everything has stopped. Once a service was started nothing else ends it.
    pub(crate) async fn run(mut self) -> Outcome {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let mut rotate = tokio::time::interval(ROTATE_EVERY);
        let mut event = Event::Begin;
        loop {
            if let Some(ending) = self.take(event) {
                return finish(ending);
            }
            let due = self.plan.deadline().map(|due| self.started + due);
            event = tokio::select! {
                Some(told) = self.told.recv() => self.hear(told),
                Some(result) = self.topics.recv() => match result {
                    Ok(()) => Event::TopicsCreated,
                    Err(message) => Event::TopicsFailed(message),
                },
                Some(()) = interrupt.recv() => Event::Interrupted,
                Some(()) = terminate.recv() => Event::StopRequested,
                Some(()) = hang_up.recv() => Event::StopRequested,
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

    /// Lets the plan decide and does what it says.
    fn take(&mut self, event: Event) -> Option<Ending> {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.plan.on(event, self.started.elapsed()) {
                match action {
                    Action::Start(service) => events.extend(self.start(service)),
                    Action::Terminate(service) => {
                        output::progress(&format!("stopping {service}"));
                        self.launcher.signal(service, Signal::TERM);
                        // A paused process takes no other signal.
                        self.launcher.signal(service, Signal::CONT);
                    }
                    Action::Kill(service) => self.launcher.signal(service, Signal::KILL),
                    Action::CreateTopics => self.create_topics(),
                    Action::AnnounceReady => {
                        self.record.ready = true;
                        self.write_record();
                        output::announce(&self.summary);
                    }
                    Action::Report(line) => output::progress(&line),
                    Action::Finish(ending) => return Some(ending),
                }
            }
        }
        None
    }

    fn start(&mut self, service: Service) -> Option<Event> {
        if self.starts.insert(service, Instant::now()).is_some() {
            *self.record.restarts.entry(service.to_string()).or_default() += 1;
            self.write_record();
        }
        let exit = self.launcher.start(service).err()?;
        Some(Event::Exited(service, exit))
    }

    /// Tells other commands how it stands. Where that fails (a full disk) the services still need
    /// their supervisor.
    fn write_record(&self) {
        if let Err(failure) = self.run.record_supervisor(&self.record) {
            output::progress(&format!("`minicluster status` may be out of date: {failure}"));
        }
    }

    fn hear(&mut self, told: Told) -> Event {
        match told {
            Told::Ready(service, place) => {
                let took = self.starts.get(&service).map_or(Duration::ZERO, Instant::elapsed);
                output::progress(&format!(
                    "{service:<10} ready  {place:<22} {:.1} s",
                    took.as_secs_f64()
                ));
                Event::Ready(service)
            }
            Told::Exited(service, exit) => {
                self.launcher.forget(service);
                Event::Exited(service, exit)
            }
        }
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
