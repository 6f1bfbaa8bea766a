//! `minicluster up`: everything, in the foreground or in the background.

mod addresses;
mod background;
mod ephemeral;
mod live_view;

use std::path::Path;
use std::time::{Duration, Instant};

use config::{Loaded, Settings};
use run::{Lock, Membership, MembershipFile, Process, ProcessHandle, RunError, RunFolder};

use crate::cli::Shared;
use crate::command::config as configuration;
use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Format};
use crate::ports;
use crate::supervisor::{Start, Supervisor, stop_stage};
use addresses::Addresses;
use live_view::LiveView;

/// What a service that an earlier supervisor left behind gets to end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a taken port may take to become free.
const PORT_PATIENCE: Duration = Duration::from_secs(2);

/// How long the lock of a supervisor that is gone may take to become free.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// How often other free ports are tried, where somebody took one in between.
const PORT_TRIES: u32 = 5;

/// How to start.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster up                                  in this terminal; Ctrl-C stops everything in order
  minicluster up --wait                           in the background, back when everything is ready
  minicluster up -d --name demo --port-offset 1000
                                                  a second platform; `minicluster --name demo status` finds it
  minicluster up --ephemeral --brokers 1 --ports auto --wait -o json
                                                  for tests: in a temporary folder, gone with the shell that started it

Where it runs already, `up -d` and `up --wait` say where and succeed; `up` fails with exit code 5.")]
pub(crate) struct Options {
    /// Run in the background: back when the services are being started
    #[arg(short, long)]
    detach: bool,
    /// Run in the background: back when everything is ready, exit code 6 if that takes too long
    #[arg(long)]
    wait: bool,
    /// How long `--wait` waits
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait_timeout: u64,
    /// How to print the addresses
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    /// A temporary folder that is removed at the end; ends with the process that started this
    #[arg(long)]
    ephemeral: bool,
    /// Brokers; the replication factor and the minimum of in-sync replicas follow
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=9))]
    brokers: Option<u32>,
    /// `auto`: free ports
    #[arg(long, value_enum, value_name = "auto", conflicts_with = "port_offset")]
    ports: Option<Ports>,
    /// Moves every port up by this number
    #[arg(long, value_name = "N")]
    port_offset: Option<u16>,
    /// This process is the one in the background; everything ends with that process, if one is named
    #[arg(
        long,
        hide = true,
        value_name = "PROCESS",
        num_args = 0..=1,
        default_missing_value = "",
        require_equals = true
    )]
    detached: Option<String>,
}

/// Where ports come from, if not from the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Ports {
    /// Free ones.
    Auto,
}

/// Starts everything.
pub(crate) async fn run(shared: &Shared, options: &Options) -> Outcome {
    let shared = of_options(shared, options)?;
    if options.detached.is_none() && (options.detach || options.wait) {
        return background::run(&shared, options).await;
    }
    let ephemeral = options
        .ephemeral
        .then(|| ephemeral::Folder::of(&shared, options))
        .transpose()?;
    let shared = match &ephemeral {
        Some(folder) => shared.with_data(folder.path().to_owned()),
        None => shared,
    };
    let ended = match parent(options) {
        Ok(parent) => supervise(&shared, options, parent.as_ref()).await,
        Err(failure) => Err(failure),
    };
    // Whatever the end was: nothing stays.
    let removed = ephemeral.map_or(Ok(()), ephemeral::Folder::remove);
    ended.and(removed)
}

/// The flags that the options of `up` stand for, but the ports: these can change from try to try.
fn of_options(shared: &Shared, options: &Options) -> Outcome<Shared> {
    if options.ephemeral && options.detached.is_none() && shared.names_data() {
        let message = "`--ephemeral` makes a temporary data folder: leave out `--data` and `--name`";
        return Err(Failure::new(Code::Usage, message));
    }
    let mut shared = shared.clone();
    shared.ephemeral = options.ephemeral;
    let Some(brokers) = options.brokers else {
        return Ok(shared);
    };
    let factor = brokers.min(3);
    let settings = [
        ("kafka.brokers", brokers),
        ("kafka.replication_factor", factor),
        ("kafka.min_insync_replicas", factor.min(2)),
    ];
    Ok(shared.with(settings.map(|(key, value)| (key.to_owned(), value.to_string()))))
}

/// The process with which everything ends.
fn parent(options: &Options) -> Outcome<Option<Process>> {
    match options.detached.as_deref() {
        Some("") => Ok(None),
        Some(process) => Ok(Some(serde_json::from_str(process)?)),
        None if options.ephemeral => Ok(caller()),
        None => Ok(None),
    }
}

/// A handle on it, if it still runs.
fn handle_of(parent: Option<&Process>) -> Outcome<Option<ProcessHandle>> {
    let gone = || Failure::plain("the process that wanted this has ended already");
    parent
        .map(|process| process.handle().ok_or_else(gone))
        .transpose()
}

/// The process that started this one.
fn caller() -> Option<Process> {
    let parent = rustix::process::getppid()?.as_raw_nonzero().get();
    Process::of(u32::try_from(parent).ok()?).ok()
}

/// Becomes the supervisor. With free ports it tries again where somebody took one of them.
async fn supervise(shared: &Shared, options: &Options, parent: Option<&Process>) -> Outcome {
    if options.detached.is_some() {
        // In a session of its own, so that no terminal takes it along.
        let _ = rustix::process::setsid();
        output::progress_is_logged();
    }
    let loaded = load(shared, options)?;
    configuration::tell_notes(&loaded);
    loaded.create_folders().map_err(configuration::failure)?;
    let run = RunFolder::new(&loaded.settings.folders);
    run.create()?;
    let _lock = lock(&run).await.map_err(|error| already_running(&run, error))?;
    let mut loaded = Some(loaded);
    for attempt in 1.. {
        let loaded = loaded.take().map_or_else(|| load(shared, options), Ok)?;
        let (host, wanted) = (loaded.settings.kafka.host, ports::wanted(&loaded.settings));
        // One for each attempt: a supervisor keeps what it gets.
        let parent = handle_of(parent)?;
        let failure = match start(loaded, shared, options, &run, parent).await {
            Err(failure) if failure.is(Code::Conflict) && options.ports.is_some() => failure,
            ended => return ended,
        };
        // A conflict about something else is the same on all ports.
        if attempt == PORT_TRIES || ports::check(host, &wanted).is_ok() {
            return Err(failure);
        }
        output::progress(&format!("{failure}: trying other ports"));
    }
    Ok(())
}

/// The settings with the ports that the options ask for.
fn load(shared: &Shared, options: &Options) -> Outcome<Loaded> {
    let loaded = shared.loaded()?;
    let settings = &loaded.settings;
    let ports = match (options.ports, options.port_offset) {
        (Some(Ports::Auto), _) => ports::free(settings.kafka.host, &ports::possible(settings))?,
        (None, Some(offset)) => {
            let mut moved = ports::moved(&ports::wanted(settings), offset)?;
            // Where there is no room for a broker that isn't there, it can't join later on.
            let others = ports::possible(settings).into_iter().skip(moved.len());
            moved.extend(
                others
                    .filter_map(|port| ports::moved(&[port], offset).ok())
                    .flatten(),
            );
            moved
        }
        (None, None) => return Ok(loaded),
    };
    shared.with(ports).loaded()
}

async fn start(
    loaded: Loaded,
    shared: &Shared,
    options: &Options,
    run: &RunFolder,
    parent: Option<ProcessHandle>,
) -> Outcome {
    let snapshot = loaded.snapshot();
    let mut settings = loaded.settings;
    let wanted = settings.kafka.cluster_id.as_deref();
    let identity = run.create_identity(wanted)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != identity.cluster_id) {
        output::progress(&format!(
            "note: `kafka.kraft_cluster_id` is {wanted}, but {} was made as {} and stays that cluster",
            settings.folders.data().display(),
            identity.cluster_id
        ));
    }
    run.create_secret()?;
    let membership = of_cluster(&settings, &identity.cluster_id)?;
    settings.kafka.in_service(&membership.brokers);
    take_over(&settings, run).await?;
    run.record_settings(&snapshot)?;
    let program = std::env::current_exe()
        .map_err(|error| Failure::plain(format!("cannot find this program again: {error}")))?;
    let start = Start {
        program,
        flags: Shared::of_snapshot(run.settings_file()).arguments(),
        alone: options.ephemeral,
    };
    output::progress(&format!("starting in {}", settings.folders.data().display()));
    let addresses = Addresses::of(&settings, std::process::id());
    let summary = match (&options.detached, options.output) {
        // Whoever started this one prints them.
        (Some(_), _) => String::new(),
        (None, Format::Table) => addresses.summary(&settings, shared, true),
        (None, Format::Json) => addresses.to_json().to_string(),
    };
    let _view = match options.detached {
        Some(_) => None,
        None => LiveView::start(&settings),
    };
    Supervisor::new(settings, run.clone(), start, summary, parent)?
        .run()
        .await
}

/// The brokers to start: those that the cluster has, and as many as `kafka.brokers` asks for at least.
fn of_cluster(settings: &Settings, cluster_id: &str) -> Outcome<Membership> {
    let least = settings.kafka.least;
    let file = MembershipFile::new(&settings.folders);
    let mut membership = file.found(cluster_id, least)?;
    let missing = membership.missing(least);
    if !missing.is_empty() {
        membership.brokers.extend(missing);
        file.write(&membership)?;
    }
    let there = membership.brokers.len();
    if let Some(last) = membership.brokers.last().filter(|_| there > least) {
        output::progress(&format!(
            "note: `kafka.brokers` is {least}, and the cluster has {there} brokers: all of them start; \
             `minicluster brokers drain {last}` takes one out"
        ));
    }
    Ok(membership)
}

/// Takes the lock of the data folder. One that was killed a moment ago may still hold it while the system clears it away.
async fn lock(run: &RunFolder) -> Result<Lock, RunError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        match run.lock() {
            Err(error) if error.is_conflict() && Instant::now() < deadline => {
                if run.running_supervisor()?.is_some() {
                    return Err(error);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            locked => return locked,
        }
    }
}

/// Names the addresses of the platform that runs already.
fn already_running(run: &RunFolder, error: run::RunError) -> Failure {
    let failure = Failure::of_run(error);
    match run.running_supervisor() {
        Ok(Some(record)) => Failure::new(
            Code::Conflict,
            format!("{failure}; its brokers are at {}", record.bootstrap.join(",")),
        ),
        _ => failure,
    }
}

/// Ends what an earlier `up` left, and checks that the ports are free then.
///
/// A process that was killed a moment ago may still hold its port.
async fn take_over(settings: &Settings, run: &RunFolder) -> Outcome {
    end_orphans(run).await?;
    let wanted = ports::wanted(settings);
    let deadline = Instant::now() + PORT_PATIENCE;
    loop {
        match ports::check(settings.kafka.host, &wanted) {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(100)).await,
            checked => return checked,
        }
    }
}

/// Ends services whose supervisor is gone, in the order in which they have to stop.
pub(crate) async fn end_orphans(run: &RunFolder) -> Outcome<usize> {
    let orphans = run.all_services()?;
    for stage in 0..=2 {
        let of_stage = orphans
            .iter()
            .filter(|(service, _)| stop_stage(*service) == stage);
        let ends = of_stage.map(|(service, record)| async move {
            output::progress(&format!(
                "stopping {service}, pid {}, left by an earlier `up`; it has {} s",
                record.process.pid,
                PATIENCE.as_secs()
            ));
            if !record.process.stop(PATIENCE).await {
                output::progress(&format!("{service} had to be killed"));
            }
        });
        futures::future::join_all(ends).await;
    }
    Ok(orphans.len())
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}
