//! `minicluster restart`: the supervisor stops a service as it should be and starts it again.

use std::time::{Duration, Instant};

use config::Settings;
use run::{Request, RunFolder, Service, ServiceState, Supervised};
use rustix::process::Signal;

use super::signals::not_running;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::service_name::{self, Which};

/// A stop may take 30 s, a start 45 s.
const PATIENCE: Duration = Duration::from_secs(80);

/// How often the supervisor's record is read.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What to restart.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster restart etl         also one that was given up: it gets another chance
  minicluster restart all         one after the other, brokers first")]
pub(crate) struct Options {
    /// broker-1, broker-2, ..., etl, generator, console or all
    #[arg(value_name = "SERVICE", value_parser = service_name::parse)]
    which: Which,
}

/// Asks the supervisor and waits until the services are ready again, one after the other.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    let supervisor = run.running_supervisor()?.ok_or_else(|| not_running(settings))?;
    let known = supervisor.services.keys().copied();
    let chosen: Vec<Service> = known.filter(|service| options.which.includes(*service)).collect();
    if let (Which::One(service), true) = (options.which, chosen.is_empty()) {
        let names: Vec<String> = supervisor.services.keys().map(Service::to_string).collect();
        let message = format!(
            "{service} is no part of this platform: it has {}",
            names.join(", ")
        );
        return Err(Failure::new(Code::Usage, message));
    }
    for service in chosen {
        restart(settings, &run, service).await?;
    }
    Ok(())
}

async fn restart(settings: &Settings, run: &RunFolder, service: Service) -> Outcome {
    let began = Instant::now();
    let mut before = None;
    loop {
        let supervisor = run.running_supervisor()?.ok_or_else(|| not_running(settings))?;
        let now = supervisor.services.get(&service).cloned().unwrap_or_default();
        let Some(before) = &before else {
            run.request(Request::Restart(service))?;
            supervisor.process.signal(Signal::USR1);
            before = Some(now);
            continue;
        };
        if let Some(done) = done(service, before, &now) {
            let line = done?;
            output::progress(&format!("{line} after {:.1} s", began.elapsed().as_secs_f64()));
            return Ok(());
        }
        if began.elapsed() >= PATIENCE {
            let message = format!(
                "{service} is not ready after {} s: see `minicluster logs {service}`",
                PATIENCE.as_secs()
            );
            return Err(Failure::new(Code::NotReady, message));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What became of the restart, once that is known.
fn done(service: Service, before: &Supervised, now: &Supervised) -> Option<Outcome<String>> {
    let started = now.restarts > before.restarts;
    match now.state {
        ServiceState::Running if started => Some(Ok(format!("{service} restarted: ready"))),
        ServiceState::Down | ServiceState::GivenUp if started && now.last_death != before.last_death => {
            let reason = now.last_death.as_ref().map(|death| death.reason.as_str());
            let message = format!("{service} does not start: {}", reason.unwrap_or("it died"));
            Some(Err(Failure::plain(message)))
        }
        ServiceState::Waiting => {
            let message = format!("{service} has not been started yet: wait until everything is ready");
            Some(Err(Failure::new(Code::NotReady, message)))
        }
        _ => None,
    }
}
