//! What can be looked at, how often, and how long it may take.

use std::sync::Arc;
use std::time::Duration;

use run::Service;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::brokers::{Brokers, BrokersSeen};
use super::platform::{self, Platform};
use super::report;
use super::stored::{Stored, StoredSeen};
use super::{EVERY, Options};

/// How long a look may take. The brokers get longest, for one that hangs is found out first.
const PATIENCE: Duration = Duration::from_millis(2500);
/// How long a service may take to give its report.
const REPORT_PATIENCE: Duration = Duration::from_millis(900);

/// What a look brought; else why it brought nothing, in words for the operator.
#[derive(Debug)]
pub(super) enum Look {
    /// At the processes.
    Platform(Result<Platform, String>),
    /// At the brokers.
    Brokers(Result<BrokersSeen, String>),
    /// At the folders of lake and generator.
    Stored(Result<StoredSeen, String>),
    /// At what the ETL tells.
    Etl(Result<etl::Report, String>),
    /// At what the generator tells.
    Generator(Result<generator::Progress, String>),
}

/// Starts all looks, each in a task of its own.
pub(super) fn spawn_all(options: &Arc<Options>, tell: &mpsc::Sender<Look>, tasks: &mut JoinSet<()>) {
    let own = || (Arc::clone(options), tell.clone());
    let (options, tell) = own();
    tasks.spawn(repeat(tell, async move || {
        Look::Platform(within(PATIENCE, "the run folder", platform(&options)).await)
    }));
    let (options, tell) = own();
    let mut brokers = Brokers::default();
    tasks.spawn(repeat(tell, async move || {
        Look::Brokers(within(PATIENCE, "the brokers", brokers.look(&options)).await)
    }));
    let (options, tell) = own();
    let mut stored = Stored::new(&options);
    tasks.spawn(repeat(tell, async move || {
        Look::Stored(within(PATIENCE, "the disk of the lake", stored.look()).await)
    }));
    let (options, tell) = own();
    tasks.spawn(repeat(tell, async move || Look::Etl(etl_report(&options).await)));
    let (options, tell) = own();
    tasks.spawn(repeat(tell, async move || {
        Look::Generator(generator_report(&options).await)
    }));
}

/// Looks at everything once, at the same time.
pub(super) async fn all_once(options: &Arc<Options>) -> Vec<Look> {
    let (mut brokers, mut stored) = (Brokers::default(), Stored::new(options));
    let (platform, brokers, stored, etl, generator) = tokio::join!(
        within(PATIENCE, "the run folder", platform(options)),
        within(PATIENCE, "the brokers", brokers.look(options)),
        within(PATIENCE, "the disk of the lake", stored.look()),
        etl_report(options),
        generator_report(options),
    );
    vec![
        Look::Platform(platform),
        Look::Brokers(brokers),
        Look::Stored(stored),
        Look::Etl(etl),
        Look::Generator(generator),
    ]
}

/// Looks again and again, until nobody wants to know any more.
async fn repeat(tell: mpsc::Sender<Look>, mut look: impl AsyncFnMut() -> Look) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let seen = look().await;
        if tell.send(seen).await.is_err() {
            return;
        }
    }
}

async fn within<T>(
    patience: Duration,
    who: &str,
    look: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    match tokio::time::timeout(patience, look).await {
        Ok(seen) => seen,
        Err(_) => Err(format!("no answer within {} s: {who}", patience.as_secs_f64())),
    }
}

async fn platform(options: &Arc<Options>) -> Result<Platform, String> {
    let options = Arc::clone(options);
    match tokio::task::spawn_blocking(move || platform::look(&options.run)).await {
        Ok(seen) => seen,
        Err(error) => Err(error.to_string()),
    }
}

async fn etl_report(options: &Arc<Options>) -> Result<etl::Report, String> {
    let report = report::of(&options.run, Service::Etl);
    within(REPORT_PATIENCE, "the ETL's report", report).await
}

async fn generator_report(options: &Arc<Options>) -> Result<generator::Progress, String> {
    let report = report::of(&options.run, Service::Generator);
    within(REPORT_PATIENCE, "the generator's report", report).await
}
