//! `minicluster kill | pause | resume`: signals to services, for drills.
//!
//! The supervisor notices by itself, so these work also on a service that runs without one.

use std::time::Duration;

use config::Settings;
use run::{RunFolder, Service, ServiceRecord};
use rustix::process::Signal;

use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::service_name::{self, Which};

/// How long a killed process may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster kill broker-2       nothing that was acknowledged is lost
  minicluster kill etl            the lake goes on where its last commit stands")]
pub(crate) struct KillOptions {
    /// broker-1, broker-2, ..., etl, generator, console or all
    #[arg(value_name = "SERVICE", value_parser = service_name::parse)]
    which: Which,
}

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster pause broker-1      its sessions time out, others take over
  minicluster resume broker-1     it finds out that it was away")]
pub(crate) struct PauseOptions {
    /// broker-1, broker-2, ..., etl, generator, console or all
    #[arg(value_name = "SERVICE", value_parser = service_name::parse)]
    which: Which,
}

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster resume broker-1
  minicluster resume all          whatever was paused")]
pub(crate) struct ResumeOptions {
    /// broker-1, broker-2, ..., etl, generator, console or all
    #[arg(value_name = "SERVICE", value_parser = service_name::parse)]
    which: Which,
}

/// Kills services and waits for their end.
pub(crate) async fn kill(settings: &Settings, options: &KillOptions) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    let chosen = chosen(settings, &run, options.which)?;
    for (service, record) in chosen {
        let process = record.process;
        process.signal(Signal::KILL);
        if !process.gone_within(PATIENCE).await {
            let message = format!(
                "{service}, pid {}, is still there: it hangs in the system",
                process.pid
            );
            return Err(Failure::plain(message));
        }
        let next = match run.running_supervisor()? {
            Some(_) => "the supervisor starts it again",
            None => "it runs without a supervisor, so nobody starts it again",
        };
        output::progress(&format!("{service} killed, pid {}; {next}", process.pid));
    }
    Ok(())
}

/// Pauses services.
pub(crate) async fn pause(settings: &Settings, options: &PauseOptions) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    for (service, record) in chosen(settings, &run, options.which)? {
        record.process.signal(Signal::STOP);
        let pid = record.process.pid;
        output::progress(&format!(
            "{service} paused, pid {pid}; `minicluster resume {service}` lets it go on"
        ));
    }
    Ok(())
}

/// Lets paused services go on.
pub(crate) async fn resume(settings: &Settings, options: &ResumeOptions) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    for (service, record) in chosen(settings, &run, options.which)? {
        let pid = record.process.pid;
        let line = match record.process.is_paused() {
            true => format!("{service} goes on, pid {pid}"),
            false => format!("{service} was not paused, pid {pid}"),
        };
        record.process.signal(Signal::CONT);
        output::progress(&line);
    }
    Ok(())
}

/// The running services that are meant.
fn chosen(settings: &Settings, run: &RunFolder, which: Which) -> Outcome<Vec<(Service, ServiceRecord)>> {
    let running = run.running_services()?;
    let is_empty = running.is_empty();
    let chosen: Vec<_> = running
        .into_iter()
        .filter(|(service, _)| which.includes(*service))
        .collect();
    match (chosen.is_empty(), which) {
        (true, Which::One(service)) if !is_empty => Err(Failure::new(
            Code::NotRunning,
            format!("{service} does not run now: `minicluster status` shows why"),
        )),
        (true, _) => Err(not_running(settings)),
        (false, _) => Ok(chosen),
    }
}

/// There is no platform to ask.
pub(crate) fn not_running(settings: &Settings) -> Failure {
    let data = settings.folders.data().display();
    let message = format!("nothing is running in {data}: `minicluster up` starts it");
    Failure::new(Code::NotRunning, message)
}
