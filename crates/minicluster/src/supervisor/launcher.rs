//! The processes of the services: this program again, one process a service.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use run::{Process, ProcessHandle, RunFolder, Service};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc;

use super::exit::Exit;
use crate::log_file;

/// The one line that a service writes to its stdout, when it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReadyLine {
    /// Where it is reached, or what it serves.
    pub(crate) ready: String,
}

/// What the processes tell.
#[derive(Debug)]
pub(crate) enum Told {
    /// A process said that it is ready, and where.
    Ready(Service, String),
    /// A process ended.
    Exited(Service, Exit),
}

/// Starts processes and sends them signals.
pub(crate) struct Launcher {
    start: Start,
    run: RunFolder,
    processes: HashMap<Service, Running>,
    /// Services whose log files could not be rotated.
    unrotated: HashSet<Service>,
    told: mpsc::Sender<Told>,
}

/// How services are started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// This program.
    pub(crate) program: PathBuf,
    /// The flags that lead to the supervisor's settings.
    pub(crate) flags: Vec<OsString>,
    /// Whether services end when the supervisor is killed: nobody will come back for them.
    pub(crate) alone: bool,
}

/// The process of a service.
struct Running {
    process: Process,
    handle: ProcessHandle,
    paused: bool,
}

impl Running {
    /// One's own child that was not waited for yet: so the id is still its own.
    fn of(child: &Child) -> Result<Self, String> {
        let pid = child.id().ok_or("it has ended already")?;
        Ok(Self {
            process: Process::of(pid).map_err(|error| error.to_string())?,
            handle: ProcessHandle::open(pid).map_err(|error| error.to_string())?,
            paused: false,
        })
    }
}

impl Launcher {
    pub(crate) fn new(start: Start, run: RunFolder, told: mpsc::Sender<Told>) -> Self {
        Self {
            start,
            run,
            processes: HashMap::new(),
            unrotated: HashSet::new(),
            told,
        }
    }

    /// Starts a service. What becomes of it is told.
    pub(crate) fn start(&mut self, service: Service) -> Result<(), Exit> {
        let failed = |error: std::io::Error| Exit::without_process(format!("cannot start: {error}"));
        let log_path = self.run.log_file(service);
        let log = log_file::open(&log_path).map_err(failed)?;
        let log_start = log.metadata().map_or(0, |metadata| metadata.len());
        let alone: &[&str] = if self.start.alone { &["--alone"] } else { &[] };
        let mut child = Command::new(&self.start.program)
            .args(&self.start.flags)
            .args(arguments(service))
            .arg("--supervisor")
            .arg(std::process::id().to_string())
            .args(alone)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal reaches a whole process group; services end in their turn.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        match Running::of(&child) {
            Ok(running) => self.processes.insert(service, running),
            Err(reason) => {
                // Nobody could stop it later. Tokio waits for it.
                let _ = child.start_kill();
                return Err(Exit::without_process(format!("cannot watch it: {reason}")));
            }
        };
        let told = self.told.clone();
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(listen(stdout, service, told.clone()));
        }
        tokio::spawn(async move {
            let exit = match child.wait().await {
                Ok(status) => exit_of(status, log_file::last_error(&log_path, log_start)),
                Err(error) => Exit::without_process(format!("lost: {error}")),
            };
            // The supervisor listens until all processes have ended.
            let _ = told.send(Told::Exited(service, exit)).await;
        });
        Ok(())
    }

    pub(crate) fn signal(&self, service: Service, signal: Signal) {
        if let Some(process) = self.processes.get(&service) {
            process.handle.signal(signal);
        }
    }

    /// To be called when a service's end was told.
    pub(crate) fn forget(&mut self, service: Service) {
        self.processes.remove(&service);
    }

    /// The services that were paused (SIGSTOP) or go on since the last look, and which of the two.
    pub(crate) fn pauses(&mut self) -> Vec<(Service, bool)> {
        let mut changed = Vec::new();
        for (service, running) in &mut self.processes {
            let paused = running.process.is_paused();
            if std::mem::replace(&mut running.paused, paused) != paused {
                changed.push((*service, paused));
            }
        }
        changed
    }

    /// Keeps the log files short. Gives what the operator should know, once for each file in trouble.
    pub(crate) fn rotate_logs(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        for service in self.processes.keys() {
            let path = self.run.log_file(*service);
            match log_file::rotate(&path) {
                Ok(()) => {
                    self.unrotated.remove(service);
                }
                Err(error) if self.unrotated.insert(*service) => {
                    lines.push(format!(
                        "{} grows, for it cannot be rotated: {error}",
                        path.display()
                    ));
                }
                Err(_) => {}
            }
        }
        lines
    }
}

/// The command of a service.
fn arguments(service: Service) -> Vec<OsString> {
    match service {
        Service::Broker(id) => vec!["broker".into(), "--id".into(), id.to_string().into()],
        Service::Etl => vec!["etl".into()],
        Service::Generator => vec!["generate".into()],
        Service::Console => vec!["console".into()],
    }
}

async fn listen(stdout: ChildStdout, service: Service, told: mpsc::Sender<Told>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(ReadyLine { ready }) = serde_json::from_str(&line) {
            // As above.
            let _ = told.send(Told::Ready(service, ready)).await;
        }
    }
}

fn exit_of(status: ExitStatus, error: Option<String>) -> Exit {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let reason = match (code, status.signal(), error) {
        (Some(0), _, _) => "it ended by itself".to_owned(),
        (Some(_), _, Some(error)) => error,
        (Some(code), _, None) => format!("exit code {code}"),
        (None, Some(signal), _) => format!("killed by {}", signal_name(signal)),
        (None, None, _) => status.to_string(),
    };
    Exit {
        reason,
        code,
        signal: status.signal(),
    }
}

/// The names of the signals that end processes.
fn signal_name(signal: i32) -> String {
    let names = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::TERM, "SIGTERM"),
    ];
    let known = names.into_iter().find(|(known, _)| known.as_raw() == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| name.to_owned())
}

/// How often log files are looked at.
pub(crate) const ROTATE_EVERY: Duration = Duration::from_secs(10);
