//! `minicluster brokers`: who there is, who joins, who leaves.

mod add;
mod drain;
mod layout;
mod list;
mod moving;
mod rebalance;

use std::time::{Duration, Instant};

use config::Settings;
use run::{Request, RunFolder, Service, ServiceState, Supervised};
use rustix::process::Signal;

use super::signals::not_running;
use crate::failure::{Code, Failure, Outcome};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Options {
    /// All brokers: where, since when, what lies there
    List(list::Options),
    /// Brokers join the running cluster, and stay: each `up` starts them
    Add(add::Options),
    /// Move all partitions off a broker, then stop it for good
    Drain(drain::Options),
    /// Spread the partitions over all brokers
    Rebalance(rebalance::Options),
}

/// Shows or changes brokers.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    match options {
        Options::List(options) => list::run(settings, options).await,
        Options::Add(options) => add::run(settings, options).await,
        Options::Drain(options) => drain::run(settings, options).await,
        Options::Rebalance(options) => rebalance::run(settings, options).await,
    }
}

/// How long a change of the controller's may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A start may take 45 s, a stop 30 s.
const SUPERVISOR: Duration = Duration::from_secs(60);

/// How often the supervisor's record is read.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Asks the supervisor for something and waits until its record says that it is done.
async fn ask_supervisor(
    settings: &Settings,
    request: Request,
    service: Service,
    done: impl Fn(Option<&Supervised>) -> Option<Outcome>,
) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    let supervisor = run.running_supervisor()?.ok_or_else(|| not_running(settings))?;
    run.request(request)?;
    supervisor.process.signal(Signal::USR1);
    let deadline = Instant::now() + SUPERVISOR;
    loop {
        let record = run.running_supervisor()?.ok_or_else(|| not_running(settings))?;
        if let Some(outcome) = done(record.services.get(&service)) {
            return outcome;
        }
        if Instant::now() >= deadline {
            let message = format!(
                "the supervisor has not done it within {} s: see `minicluster logs {service}`",
                SUPERVISOR.as_secs()
            );
            return Err(Failure::new(Code::NotReady, message));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Starts a broker, and has each `up` start it.
async fn start(settings: &Settings, id: u32) -> Outcome {
    let service = Service::Broker(id);
    ask_supervisor(settings, Request::Add(service), service, |supervised| {
        let supervised = supervised?;
        match (supervised.state, &supervised.last_death) {
            (ServiceState::Running, _) => Some(Ok(())),
            (ServiceState::Down | ServiceState::GivenUp, Some(death)) => {
                let message = format!("{service} does not start: {}", death.reason);
                Some(Err(Failure::plain(message)))
            }
            _ => None,
        }
    })
    .await
}

/// Stops a broker for good.
async fn stop(settings: &Settings, id: u32) -> Outcome {
    let service = Service::Broker(id);
    let gone = |supervised: Option<&Supervised>| supervised.is_none().then_some(Ok(()));
    ask_supervisor(settings, Request::Remove(service), service, gone).await
}
