//! The way to one address: a connection that is opened when it is needed, and again after it broke.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until},
};

use crate::{connection::Connection, error::ClientError, options::Options};

const FIRST_BACKOFF: Duration = Duration::from_millis(50);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
/// Callers that wait for the connection; more wait for a place here.
const QUEUE: usize = 16;

type Ask = oneshot::Sender<Result<Arc<Connection>, ClientError>>;

/// One address. A task owns its connection and the pause between attempts.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    asks: mpsc::Sender<Ask>,
    failing: Arc<AtomicBool>,
    address: Arc<str>,
}

impl Line {
    fn new(address: &str, options: Arc<Options>) -> Self {
        let (asks, queue) = mpsc::channel(QUEUE);
        let failing = Arc::new(AtomicBool::new(false));
        let address: Arc<str> = Arc::from(address);
        tokio::spawn(keep(Arc::clone(&address), options, queue, Arc::clone(&failing)));
        Self {
            asks,
            failing,
            address,
        }
    }

    /// The open connection, or a new one. After a failure the next attempt waits a little.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, ClientError> {
        let (reply, answer) = oneshot::channel();
        let gone = || ClientError::Disconnected {
            address: self.address.to_string(),
            reason: "the client was shut down".to_owned(),
        };
        self.asks.send(reply).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Whether it failed lately: another address is the better choice where there is one.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// It didn't answer. Holds until a new connection succeeds.
    pub(crate) fn failed(&self) {
        self.failing.store(true, Ordering::Relaxed);
    }
}

async fn keep(
    address: Arc<str>,
    options: Arc<Options>,
    mut asks: mpsc::Receiver<Ask>,
    failing: Arc<AtomicBool>,
) {
    let mut current: Option<Arc<Connection>> = None;
    let mut backoff = Backoff::default();
    while let Some(ask) = asks.recv().await {
        if ask.is_closed() {
            continue;
        }
        let open = current.take().filter(|connection| connection.is_open());
        let answer = match open {
            Some(connection) => Ok(connection),
            None => {
                backoff.pause().await;
                let opened = Connection::open(&address, &options).await.map(Arc::new);
                backoff.opened(opened.is_ok());
                failing.store(opened.is_err(), Ordering::Relaxed);
                opened
            }
        };
        current = answer.as_ref().ok().cloned();
        // Who asked may have given up; the connection stays for the next.
        drop(ask.send(answer));
    }
}

/// A pause that doubles with each failure and starts anew after a success.
#[derive(Debug, Default)]
struct Backoff {
    next: Option<(Instant, Duration)>,
}

impl Backoff {
    async fn pause(&self) {
        if let Some((until, _)) = self.next {
            sleep_until(until).await;
        }
    }

    fn opened(&mut self, well: bool) {
        let pause = match self.next {
            _ if well => return self.next = None,
            None => FIRST_BACKOFF,
            Some((_, last)) => (last * 2).min(LONGEST_BACKOFF),
        };
        self.next = Some((Instant::now() + pause, pause));
    }
}

/// Lines by address. A producer and a fetcher have their own: a broker serves a connection's requests one
/// after the other, so a long poll would hold up what follows it.
#[derive(Debug)]
pub(crate) struct Lines {
    options: Arc<Options>,
    by_address: Mutex<HashMap<String, Line>>,
}

impl Lines {
    pub(crate) fn new(options: Arc<Options>) -> Self {
        Self {
            options,
            by_address: Mutex::default(),
        }
    }

    pub(crate) fn to(&self, address: &str) -> Line {
        let mut lines = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(address) {
            return line.clone();
        }
        let line = Line::new(address, Arc::clone(&self.options));
        lines.insert(address.to_owned(), line.clone());
        line
    }
}
