//! The processes of the services: this program again, one process a service.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use run::{ProcessHandle, RunFolder, Service};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{ChildStdout, Command};
use tokio::sync::mpsc;

use super::plan::Exit;
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
    program: PathBuf,
    /// The flags that all commands share, as the supervisor was given them.
    flags: Vec<OsString>,
    run: RunFolder,
    processes: HashMap<Service, ProcessHandle>,
    /// Services whose log files could not be rotated.
    unrotated: HashSet<Service>,
    told: mpsc::Sender<Told>,
}

impl Launcher {
    pub(crate) fn new(
        program: PathBuf,
        flags: Vec<OsString>,
        run: RunFolder,
        told: mpsc::Sender<Told>,
    ) -> Self {
        Self {
            program,
            flags,
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
        let mut child = Command::new(&self.program)
            .args(&self.flags)
            .args(arguments(service))
            .arg("--supervisor")
            .arg(std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            // Ctrl-C in a terminal reaches a whole process group; services end in their turn.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        // Nobody has waited for it yet, so the id is still its own.
        if let Some(handle) = child.id().and_then(|pid| ProcessHandle::open(pid).ok()) {
            self.processes.insert(service, handle);
        }
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
            process.signal(signal);
        }
    }

    /// To be called when a service's end was told.
    pub(crate) fn forget(&mut self, service: Service) {
        self.processes.remove(&service);
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
