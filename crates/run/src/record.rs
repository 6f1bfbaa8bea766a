//! What the supervisor and the services write down about themselves.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::process::Process;
use crate::service::Service;

/// Events that a [`SupervisorRecord`] keeps.
const EVENTS_KEPT: usize = 200;

/// `<data>/run/<service>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecord {
    /// The process that runs the service.
    pub process: Process,
    /// When it began.
    pub since: Timestamp,
    /// Where it serves `/report`, `/metrics` and `/healthz` over HTTP; brokers have no such place.
    pub api: Option<SocketAddr>,
}

/// `<data>/run/supervisor.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorRecord {
    /// The supervisor.
    pub process: Process,
    /// When it began.
    pub since: Timestamp,
    /// Where clients reach its brokers, `host:port` each.
    pub bootstrap: Vec<String>,
    /// Whether everything was ready once.
    pub ready: bool,
    /// What it knows of every service that it keeps running.
    pub services: BTreeMap<Service, Supervised>,
    /// What happened lately, oldest first; at most 200.
    pub events: VecDeque<RunEvent>,
}

/// A service, as its supervisor sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervised {
    /// What it does. Whether it is paused its process tells ([`Process::is_paused`]).
    pub state: ServiceState,
    /// How often it was started again.
    pub restarts: u32,
    /// How it died last; stops that somebody asked for are none.
    pub last_death: Option<Death>,
}

/// What a service does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceState {
    /// Its turn to start has not come.
    #[default]
    Waiting,
    /// The process runs and is not ready.
    Starting,
    /// The process runs and is ready.
    Running,
    /// Dead; the supervisor starts it again in a moment.
    Down,
    /// Dead; it died so often that the supervisor does not start it again unless asked to.
    GivenUp,
    /// It was asked to stop.
    Stopping,
    /// It has stopped as asked.
    Stopped,
}

/// The end of a process that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// When.
    pub at: Timestamp,
    /// One line: `killed by SIGKILL`, `exit code 1`, or the error that it logged last.
    pub reason: String,
}

/// Something that happened to the platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// When.
    pub at: Timestamp,
    /// Whom it concerns; all where there is none.
    pub service: Option<Service>,
    /// What kind of thing.
    pub kind: EventKind,
    /// One line for the operator, with the service's name where there is one.
    pub line: String,
}

/// Kinds of [`RunEvent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A process was started.
    Started,
    /// A service, or everything, is ready.
    Ready,
    /// A process ended, and nobody had asked for it.
    Died,
    /// A service will not be started again.
    GivenUp,
    /// A service was paused (SIGSTOP).
    Paused,
    /// A paused service goes on.
    Resumed,
    /// A service, or everything, was asked to stop.
    Stopping,
    /// A service has stopped as asked.
    Stopped,
    /// Leaders moved, a broker is in sync again, another one is controller.
    Cluster,
    /// Anything else.
    Note,
}

impl SupervisorRecord {
    /// Adds an event; the oldest go.
    pub fn push(&mut self, event: RunEvent) {
        while self.events.len() >= EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}
