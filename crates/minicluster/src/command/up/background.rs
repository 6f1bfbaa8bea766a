//! `up -d` and `up --wait`: the supervisor runs in a process of its own, and this one tells how it starts.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use config::Settings;
use run::{RunFolder, ServiceState, SupervisorRecord};

use super::addresses::Addresses;
use super::{Options, Ports, caller, ephemeral};
use crate::cli::Shared;
use crate::command::config as configuration;
use crate::failure::{Code, Failure, Outcome};
use crate::log_file;
use crate::output::{self, Format};

/// How often it is looked how far the start is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Starts the supervisor in the background, or finds the one that runs.
pub(super) async fn run(shared: &Shared, options: &Options) -> Outcome {
    // A broken configuration leaves no folder behind.
    shared.loaded()?;
    let ephemeral = options.ephemeral.then(ephemeral::Folder::create).transpose()?;
    let shared = match &ephemeral {
        Some(folder) => shared.with_data(folder.path().to_owned()),
        None => shared.clone(),
    };
    let loaded = shared.loaded()?;
    loaded.create_folders().map_err(configuration::failure)?;
    let run = RunFolder::new(&loaded.settings.folders);
    run.create()?;
    let mut start = match run.running_supervisor()? {
        Some(record) => {
            let pid = record.process.pid;
            let data = loaded.settings.folders.data().display();
            output::progress(&format!("already running in {data}, pid {pid}"));
            Starting::of_running(run, &record)
        }
        None => Starting::begin(&shared, options, run)?,
    };
    if let Some(folder) = ephemeral {
        folder.leave();
    }
    let deadline = Instant::now() + Duration::from_secs(options.wait_timeout);
    let record = loop {
        let far_enough = |record: &SupervisorRecord| record.ready || !options.wait;
        match start.look()? {
            Some(record) if far_enough(&record) => break record,
            record if Instant::now() >= deadline => return Err(not_ready(options, record.as_ref())),
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    };
    let settings = shared.settings()?;
    tell(&shared, options, &settings, &record);
    Ok(())
}

/// Prints where everything is.
fn tell(shared: &Shared, options: &Options, settings: &Settings, record: &SupervisorRecord) {
    let addresses = Addresses::of(settings, record.process.pid);
    match options.output {
        Format::Table => output::data(&addresses.summary(settings, shared, false)),
        Format::Json => output::json(&addresses.to_json()),
    }
}

fn not_ready(options: &Options, record: Option<&SupervisorRecord>) -> Failure {
    let seconds = options.wait_timeout;
    let Some(record) = record else {
        let message = format!("the supervisor did not begin within {seconds} s");
        return Failure::new(Code::NotReady, message);
    };
    let missing = record
        .services
        .iter()
        .filter(|(_, supervised)| !matches!(supervised.state, ServiceState::Running | ServiceState::GivenUp));
    let missing: Vec<String> = missing
        .map(|(service, supervised)| {
            let state = match supervised.state {
                ServiceState::Waiting => "waits for its turn",
                ServiceState::Starting => "is starting",
                _ => "is down",
            };
            let death = supervised.last_death.as_ref();
            let why = death.map(|death| format!(" (died: {})", death.reason));
            format!("{service} {state}{}", why.unwrap_or_default())
        })
        .collect();
    let what = match missing.is_empty() {
        true => "the topics are not there yet".to_owned(),
        false => missing.join(", "),
    };
    let message = format!(
        "not ready within {seconds} s: {what}; it goes on starting in the background: `minicluster status`, \
         `minicluster logs`, and a larger `--wait-timeout` where the machine is slow"
    );
    Failure::new(Code::NotReady, message)
}

/// A supervisor on its way.
struct Starting {
    run: RunFolder,
    pid: u32,
    /// Our own child and its log; none where the platform ran already.
    child: Option<(Child, Told)>,
}

impl Starting {
    fn of_running(run: RunFolder, record: &SupervisorRecord) -> Self {
        Self {
            run,
            pid: record.process.pid,
            child: None,
        }
    }

    fn begin(shared: &Shared, options: &Options, run: RunFolder) -> Outcome<Self> {
        let path = run.supervisor_log();
        let at = |error| Failure::plain(format!("{}: {error}", path.display()));
        // The supervisor before it may have run for long.
        log_file::rotate(&path).map_err(at)?;
        let log = log_file::open(&path).map_err(at)?;
        // Held open: a folder that is temporary is gone when its supervisor is.
        let mut told = File::open(&path).map_err(at)?;
        told.seek(SeekFrom::End(0)).map_err(at)?;
        let program = std::env::current_exe()
            .map_err(|error| Failure::plain(format!("cannot find this program again: {error}")))?;
        let child = Command::new(program)
            .args(arguments(shared, options)?)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| Failure::plain(format!("cannot start the supervisor: {error}")))?;
        Ok(Self {
            run,
            pid: child.id(),
            child: Some((child, Told::new(told))),
        })
    }

    /// How far it is, telling what it logged since the last look.
    ///
    /// # Errors
    /// It has ended.
    fn look(&mut self) -> Outcome<Option<SupervisorRecord>> {
        if let Some((child, told)) = &mut self.child {
            let ended = child.try_wait()?;
            told.tell()?;
            if let Some(status) = ended {
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                let reason = told.error.take();
                let message = reason.unwrap_or_else(|| format!("the supervisor ended: {status}"));
                return Err(Failure::new(code.map_or(Code::Failure, Code::of), message));
            }
        }
        let record = self.run.running_supervisor()?;
        if self.child.is_none() && record.is_none() {
            return Err(Failure::plain("it was stopped meanwhile: try again"));
        }
        Ok(record.filter(|record| record.process.pid == self.pid))
    }
}

/// The supervisor's log, as far as it was told here.
struct Told {
    log: File,
    rest: Vec<u8>,
    /// The last error in it, which becomes ours if the supervisor ends.
    error: Option<String>,
}

impl Told {
    fn new(log: File) -> Self {
        Self {
            log,
            rest: Vec::new(),
            error: None,
        }
    }

    /// Tells the new lines, without their times.
    fn tell(&mut self) -> std::io::Result<()> {
        self.log.read_to_end(&mut self.rest)?;
        for line in log_file::take_lines(&mut self.rest) {
            let line = log_file::without_time(&line);
            match line.strip_prefix("error: ") {
                Some(error) => self.error = Some(error.to_owned()),
                None => output::progress(line),
            }
        }
        Ok(())
    }
}

/// The flags of the process in the background.
fn arguments(shared: &Shared, options: &Options) -> Outcome<Vec<OsString>> {
    let mut arguments = shared.arguments();
    arguments.push("up".into());
    let mut flag = |flag: &str| arguments.push(flag.into());
    match caller().filter(|_| options.ephemeral) {
        Some(parent) => flag(&format!("--detached={}", serde_json::to_string(&parent)?)),
        None => flag("--detached"),
    }
    if options.ephemeral {
        flag("--ephemeral");
    }
    if options.ports == Some(Ports::Auto) {
        flag("--ports=auto");
    }
    if let Some(offset) = options.port_offset {
        flag(&format!("--port-offset={offset}"));
    }
    Ok(arguments)
}
