//! Looks at the cluster from time to time, and often while something is under way, so that the supervisor can tell how
//! long it took.

use std::time::{Duration, Instant};

use client::{Client, ClientError};
use console::ClusterSight;
use tokio::sync::{mpsc, watch};

/// Between two looks while nothing is under way.
const CALM: Duration = Duration::from_millis(500);

/// And while something is.
const BUSY: Duration = Duration::from_millis(25);

/// How long a broker may take to answer before another one is asked.
const PATIENCE: Duration = Duration::from_millis(500);

/// The supervisor's end.
pub(super) struct Watcher {
    /// What was seen, and when.
    pub(super) sights: mpsc::Receiver<(ClusterSight, Instant)>,
    /// Where brokers are, and whether to look often.
    wanted: watch::Sender<Wanted>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanted {
    bootstrap: Vec<String>,
    often: bool,
}

impl Watcher {
    /// Nothing is looked at before it is said where.
    pub(super) fn start() -> Self {
        let (tell, sights) = mpsc::channel(1);
        let (wanted, wants) = watch::channel(Wanted::default());
        tokio::spawn(look(wants, tell));
        Self { sights, wanted }
    }

    pub(super) fn want(&self, bootstrap: &[String], often: bool) {
        self.wanted.send_if_modified(|wanted| {
            let changed = wanted.often != often || wanted.bootstrap != bootstrap;
            wanted.often = often;
            wanted.bootstrap = bootstrap.to_vec();
            changed
        });
    }
}

/// Ends with the supervisor.
async fn look(mut wants: watch::Receiver<Wanted>, tell: mpsc::Sender<(ClusterSight, Instant)>) {
    let mut client = None;
    loop {
        let wanted = wants.borrow_and_update().clone();
        if !wanted.bootstrap.is_empty()
            && let Ok(sight) = sight(&mut client, &wanted.bootstrap).await
            && tell.send((sight, Instant::now())).await.is_err()
        {
            return;
        }
        let pause = if wanted.often { BUSY } else { CALM };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = wants.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

/// A client that has just failed isn't asked again: another broker may answer.
async fn sight(client: &mut Option<Client>, bootstrap: &[String]) -> Result<ClusterSight, ClientError> {
    let asked = match client.take() {
        Some(client) => client,
        None => {
            let options = client::Options {
                client_id: "minicluster-supervisor".to_owned(),
                connect_timeout: PATIENCE,
                request_timeout: PATIENCE,
                ..client::Options::new(bootstrap.to_vec())
            };
            Client::connect(options).await?
        }
    };
    let metadata = asked.metadata(None).await?;
    *client = Some(asked);
    Ok(ClusterSight::of(&metadata))
}
