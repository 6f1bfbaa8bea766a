//! Keeps the overview fresh: looks at everything each second, and puts together what it saw.
//!
//! Every look is a task of its own with its own deadline, so that nobody who hangs (a broker that is
//! stopped, a disk that doesn't answer) holds up the others. A look only reports; one task owns what is
//! known ([`Known`], which decides) and makes a [`View`] of it each second.

mod brokers;
mod known;
mod look;
mod platform;
mod report;
mod stored;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use run::{RunFolder, Service};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::View;
use known::Known;

/// Between two views, and between two looks at the same thing.
const EVERY: Duration = Duration::from_secs(1);

/// Looks that wait to be taken in.
const QUEUE: usize = 64;

/// What to look at.
#[derive(Debug, Clone)]
pub struct Options {
    /// The version of minicluster that looks.
    pub version: String,
    /// The data folder, as it is shown.
    pub data: PathBuf,
    /// Where processes are found.
    pub run: RunFolder,
    /// The services that should be there, in the order of starting.
    pub services: Vec<Service>,
    /// Where the brokers are if no running supervisor says otherwise.
    pub bootstrap: Vec<String>,
    /// The lake's folder.
    pub lake: PathBuf,
    /// The generator's folder.
    pub generator: PathBuf,
    /// The source tables of the ETL, each with the topic that it reads.
    pub sources: Vec<(String, String)>,
}

/// The looks that go on; dropped, they end.
#[derive(Debug)]
pub struct Collector {
    views: watch::Receiver<Arc<View>>,
    _tasks: JoinSet<()>,
}

impl Collector {
    /// Begins to look. The first view knows nothing; each second there is another.
    #[must_use]
    pub fn start(options: Options) -> Self {
        let options = Arc::new(options);
        let mut known = Known::new(Arc::clone(&options));
        let (show, views) = watch::channel(Arc::new(known.view(Timestamp::now())));
        let (tell, mut told) = mpsc::channel(QUEUE);
        let mut tasks = JoinSet::new();
        look::spawn_all(&options, &tell, &mut tasks);
        tasks.spawn(async move {
            let mut tick = tokio::time::interval(EVERY);
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick comes at once, and there is a view already.
            tick.tick().await;
            loop {
                tokio::select! {
                    Some(look) = told.recv() => known.take(look, Timestamp::now()),
                    _ = tick.tick() => {
                        show.send_replace(Arc::new(known.view(Timestamp::now())));
                    }
                }
            }
        });
        Self { views, _tasks: tasks }
    }

    /// The newest view, and word of each that follows.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<Arc<View>> {
        self.views.clone()
    }
}

/// Looks once at everything, for whoever wants to know it now. Rates that take two looks are not known.
pub async fn look_once(options: Options) -> View {
    let options = Arc::new(options);
    let mut known = Known::new(Arc::clone(&options));
    for look in look::all_once(&options).await {
        known.take(look, Timestamp::now());
    }
    known.view(Timestamp::now())
}
