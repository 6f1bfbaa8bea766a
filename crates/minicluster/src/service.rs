//! What all service commands have in common: logging, their record, readiness, and when to stop.

mod report;

use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use config::Settings;
use run::{ProcessHandle, RunError, RunFolder, Service};
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

pub(crate) use report::{Report, Reporter};

use crate::cli::ServiceOptions;
use crate::failure::{Code, Failure, Outcome};
use crate::supervisor::ReadyLine;

/// How long another process of the same service may take to end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Begins a service: logs go to stderr, and the run folder says which process it is and where it tells
/// about itself.
///
/// # Errors
/// If the same service runs already, or the supervisor that started this one is gone: the next `up`
/// may have looked for services before this one recorded itself.
pub(crate) async fn begin(
    settings: &Settings,
    service: Service,
    options: ServiceOptions,
    api: Option<SocketAddr>,
) -> Outcome<RunFolder> {
    let filter = EnvFilter::try_new(&settings.log_level).map_err(|error| {
        let message = format!("`log.level` is `{}`: {error}", settings.log_level);
        Failure::new(Code::Configuration, message)
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(Failure::plain)?;
    let run = RunFolder::new(&settings.folders);
    run.create()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match run.record_service(service, options.supervisor, api) {
            Ok(()) => break,
            Err(RunError::ServiceRuns { .. }) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(Failure::of_run(error)),
        }
    }
    if let Some(supervisor) = options.supervisor.filter(|_| options.alone) {
        end_with(supervisor);
    }
    tracing::info!(
        pid = std::process::id(),
        version = env!("CARGO_PKG_VERSION"),
        "{service} begins"
    );
    Ok(run)
}

/// Stops this process when the supervisor has ended.
fn end_with(supervisor: u32) {
    // It was our parent a moment ago; if it is gone by now, so is everything.
    let handle = ProcessHandle::open(supervisor).ok();
    tokio::spawn(async move {
        if let Some(handle) = handle {
            handle.gone_within(None).await;
        }
        tracing::info!("the supervisor has ended, and nobody takes over");
        let _ = kill_process(getpid(), Signal::TERM);
    });
}

/// Tells the supervisor that the service is ready.
pub(crate) fn ready(place: impl ToString) {
    let ready = ReadyLine {
        ready: place.to_string(),
    };
    let mut stdout = std::io::stdout().lock();
    // A supervisor that is gone needs no telling.
    if let Ok(line) = serde_json::to_string(&ready) {
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
    tracing::info!("ready: {}", ready.ready);
}

/// Done when somebody wants the process to stop.
pub(crate) async fn stop_requested() -> Outcome {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!("stopping on {name}");
    Ok(())
}
