//! A platform in a temporary folder, driven through the command line.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Generous, for a machine that does other things too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `up` may have to end what an earlier one left (3 groups with 30 s each), and then waits 45 s for readiness.
const UP_PATIENCE: Duration = Duration::from_secs(140);

/// The platform, and everything that must be gone when the test ends.
pub(crate) struct Platform {
    folder: TempDir,
    ports: [u16; 3],
    _port_lock: TcpListener,
    /// Settings of this test.
    settings: Vec<String>,
    supervisor: Option<Child>,
    /// Services that the test runs itself.
    services: Vec<Child>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Platform {
    pub(crate) fn new(settings: &[&str]) -> Self {
        let (ports, port_lock) = free_ports();
        Self {
            folder: TempDir::new().expect("a temporary folder"),
            ports,
            _port_lock: port_lock,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            supervisor: None,
            services: Vec::new(),
        }
    }

    pub(crate) fn ports(&self) -> [u16; 3] {
        self.ports
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn bootstrap(&self) -> Vec<String> {
        self.ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect()
    }

    /// A command in the folder, with the settings of this platform.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_minicluster"));
        command
            .current_dir(self.folder.path())
            .arg("--data")
            .arg(self.data());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("MINICLUSTER_") {
                command.env_remove(name);
            }
        }
        for (id, port) in (1..).zip(self.ports) {
            command
                .arg("--set")
                .arg(format!("kafka.external_ports.broker_{id}={port}"));
        }
        let fourth = self.ports[0] + 8;
        command
            .arg("--set")
            .arg(format!("kafka.external_ports.broker_4={fourth}"));
        for (port, key) in (self.ports[0] + 6..).zip(["ui.kafka_ui_port", "ui.spark_master_ui_port"]) {
            command.arg("--set").arg(format!("{key}={port}"));
        }
        for setting in &self.settings {
            command.arg("--set").arg(setting);
        }
        command.args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        finish(self.command(arguments))
    }

    /// Runs a command that must succeed, and gives its output.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {ended:?}");
        ended.stdout
    }

    /// The first number of a query's answer.
    pub(crate) fn number(&self, query: &str) -> u64 {
        let answer = self.ask(&["sql", "-o", "csv", query]);
        let number = answer.lines().nth(1).and_then(|line| line.parse().ok());
        number.unwrap_or_else(|| panic!("{query}: {answer}"))
    }

    /// `up`, until everything is ready.
    pub(crate) fn up(&mut self) {
        let errors = self.folder.path().join("up.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&errors)
            .expect("room");
        let before = log.metadata().expect("it is open").len();
        let mut command = self.command(&["up"]);
        command.stdout(log.try_clone().expect("a descriptor")).stderr(log);
        self.supervisor = Some(command.spawn().expect("the program is there"));
        within_time(UP_PATIENCE, "everything is ready", || {
            let told = std::fs::read_to_string(&errors).expect("it is there");
            let told = &told[usize::try_from(before).expect("it is short")..];
            let supervisor = self.supervisor.as_mut().expect("it was started");
            let ended = supervisor.try_wait().expect("it is our child");
            assert!(ended.is_none(), "up ended with {ended:?}:\n{told}");
            told.contains("Minicluster is running").then_some(())
        });
    }

    /// `up --wait`: the supervisor runs in the background, and is not our child.
    pub(crate) fn up_in_background(&mut self) -> Ended {
        let ended = self.run(&["up", "--wait"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
    }

    /// The state as `status` tells it.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.ask(&["status", "-o", "json"])).expect("JSON")
    }

    /// A service, as `status` tells it.
    pub(crate) fn service(&self, service: &str) -> Value {
        let status = self.status();
        let services = status["services"].as_array().expect("a list");
        services
            .iter()
            .find(|view| view["name"] == service)
            .expect(service)
            .clone()
    }

    /// The pid of a service, as `status` tells it.
    pub(crate) fn pid(&self, service: &str) -> Option<u32> {
        self.service(service)["pid"]
            .as_u64()
            .and_then(|pid| u32::try_from(pid).ok())
    }

    pub(crate) fn supervisor_pid(&self) -> u32 {
        match &self.supervisor {
            Some(supervisor) => supervisor.id(),
            None => {
                let record = std::fs::read(self.data().join("run/supervisor.json")).expect("it is there");
                let record: Value = serde_json::from_slice(&record).expect("JSON");
                let pid = record["process"]["pid"].as_u64().expect("a pid");
                u32::try_from(pid).expect("a pid")
            }
        }
    }

    /// `kill -9` of the supervisor alone.
    pub(crate) fn kill_supervisor(&mut self) {
        let mut supervisor = self.supervisor.take().expect("it was started");
        supervisor.kill().expect("it is our child");
        supervisor.wait().expect("it is our child");
    }

    /// `kill -9` of everything.
    pub(crate) fn kill_all(&mut self) {
        for child in self.supervisor.iter_mut().chain(&mut self.services) {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.supervisor = None;
        self.services.clear();
        self.kill_services();
    }

    /// `kill -9` of every process of this data folder, also of those that were started just now.
    fn kill_services(&self) {
        within("all are gone", || {
            let pids = ours(&self.data());
            for pid in &pids {
                signal(*pid, Signal::KILL);
            }
            pids.is_empty().then_some(())
        });
    }

    /// Waits for the supervisor's own end.
    pub(crate) fn wait_down(&mut self) -> i32 {
        let mut supervisor = self.supervisor.take().expect("it was started");
        let status = within("the supervisor ends", || {
            supervisor.try_wait().expect("it is our child")
        });
        status.code().unwrap_or(-1)
    }

    /// Starts one service by its own command, and waits for its readiness.
    pub(crate) fn start_service(&mut self, arguments: &[&str]) {
        let out = self.start_service_in_background(arguments);
        within("the service is ready", || {
            std::fs::read_to_string(&out)
                .expect("it is there")
                .contains("\"ready\"")
                .then_some(())
        });
    }

    /// Starts one service by its own command; gives the file that its stdout goes to.
    pub(crate) fn start_service_in_background(&mut self, arguments: &[&str]) -> PathBuf {
        let out = self.folder.path().join(format!("{}.out", arguments.join("")));
        let mut command = self.command(arguments);
        command.stdout(File::create(&out).expect("room"));
        command.stderr(File::create(out.with_extension("err")).expect("room"));
        self.services.push(command.spawn().expect("the program is there"));
        out
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        for child in self.supervisor.iter_mut().chain(&mut self.services) {
            let _ = child.kill();
            let _ = child.wait();
        }
        for _ in 0..50 {
            let pids = ours(&self.data());
            if pids.is_empty() {
                break;
            }
            for pid in pids {
                signal(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if std::thread::panicking() {
            let logs = self.data().join("run/logs");
            for entry in std::fs::read_dir(logs).into_iter().flatten().flatten() {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = &lines[lines.len().saturating_sub(15)..];
                println!("--- {}\n{}", entry.file_name().display(), tail.join("\n"));
            }
        }
    }
}

/// Runs a command to its end, which must come in time.
pub(crate) fn finish(mut command: Command) -> Ended {
    let shown = format!("{command:?}");
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is there");
    let pid = child.id();
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let output: Output = match ended.recv_timeout(PATIENCE) {
        Ok(output) => output.expect("it is our child"),
        Err(_) => {
            signal(pid, Signal::KILL);
            panic!("{shown} did not end in time");
        }
    };
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits until something is so.
pub(crate) fn within<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within_time(PATIENCE, what, look)
}

fn within_time<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a pid");
    // It may be gone.
    let _ = kill_process(pid, signal);
}

/// The processes that were started with this data folder, whether or not they have recorded themselves.
pub(crate) fn ours(data: &Path) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| is_ours(*pid, data))
        .collect()
}

/// Whether the process runs and was started with this data folder.
fn is_ours(pid: u32, data: &Path) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let data = data.as_os_str().as_encoded_bytes();
    command.windows(data.len()).any(|part| part == data)
}

/// Ten ports in a row that nobody else uses, below those that the system gives to outgoing connections.
/// The listener on the eleventh keeps other runs of these tests away from them, whoever runs them.
fn free_ports() -> ([u16; 3], TcpListener) {
    let listen = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    for base in (12_000..32_000).step_by(11) {
        let Ok(lock) = listen(base + 10) else { continue };
        if (base..base + 10).all(|port| listen(port).is_ok()) {
            return ([base, base + 2, base + 4], lock);
        }
    }
    panic!("there are no free ports");
}
