use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The process that keeps the services running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervisor {
    /// Its process id.
    pub pid: u32,
    /// When it began.
    pub since: Timestamp,
    /// Whether everything was ready once.
    pub ready: bool,
    /// Where clients reach its brokers.
    pub bootstrap: Vec<String>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, as in `broker-1.log`.
    pub name: String,
    /// What its process does.
    pub state: State,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// When that process began.
    pub since: Option<Timestamp>,
    /// How often it was started again.
    pub restarts: u32,
    /// Why it died the last time.
    pub last_death: Option<String>,
    /// Resident memory; pages of the shared binary count in each process.
    pub memory_bytes: Option<u64>,
    /// Processor time a second, in cores.
    pub cpu_cores: Option<f64>,
    /// Where it is reached.
    pub address: Option<String>,
    /// What is wrong though its process runs: it does not answer.
    pub problem: Option<String>,
}

/// What the process of a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It runs, and isn't ready yet.
    Starting,
    /// It runs.
    Running,
    /// It is stopped by a signal and does nothing until it is continued.
    Paused,
    /// There is no process.
    Down,
}

impl State {
    /// As it stands in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Down => "down",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When.
    pub at: Timestamp,
    /// To which service; none: to the platform.
    pub service: Option<String>,
    /// What, in one line.
    pub line: String,
}
