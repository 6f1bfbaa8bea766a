//! The thread that owns the executor: inputs in by one bounded queue, outputs to whom they are for.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cluster::{Millis, TICK};
use disk::Disk;
use record::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use super::memory::Share;
use super::peer_link::PeerLinks;
use super::untaken::{Part, Untaken};
use crate::{BrokerError, Clock, Executor, Input, Output, RequestId, Response};

#[cfg(test)]
mod tests;

/// Inputs that wait for the executor; whoever brings one more waits, and reads no more from its socket.
const QUEUE: usize = 256;
/// Inputs that are taken from a queue at once. Few, so that neither ticks nor other brokers wait for long
/// behind clients.
const BATCH: usize = 16;
/// How long a stopping broker waits for its partitions to be given to others.
const HAND_OVER: Duration = Duration::from_secs(1);

/// What becomes of a client's request.
#[derive(Debug)]
pub(crate) enum Answer {
    Respond(Response, Part),
    /// Nothing is sent.
    None,
    /// The connection is closed.
    Hangup,
}

/// What goes to the executor.
pub(crate) enum Submission {
    Input(Input),
    /// A client's request, where its answer goes, and the memory that it takes until it was taken in.
    Request(Input, RequestId, oneshot::Sender<Answer>, Option<Share>),
    /// Close everything and end.
    Stop,
}

pub(crate) type Submissions = mpsc::Sender<Submission>;

/// The two queues to the executor, as the thread has them.
pub(crate) struct Queues {
    /// From other brokers, and the word to stop; goes first. A heartbeat that waits behind records would
    /// make a busy broker look like a dead one.
    urgent: mpsc::Receiver<Submission>,
    clients: mpsc::Receiver<Submission>,
}

impl Queues {
    /// The queues, and the ways in: for what is urgent, and for clients.
    pub(crate) fn new() -> (Self, Submissions, Submissions) {
        let (into_urgent, urgent) = mpsc::channel(QUEUE);
        let (into_clients, clients) = mpsc::channel(QUEUE);
        (Self { urgent, clients }, into_urgent, into_clients)
    }

    /// Waits for inputs of one of the queues; false once nobody can send any more.
    async fn receive(&mut self, batch: &mut Vec<Submission>) -> bool {
        let first = tokio::select! {
            biased;
            first = self.urgent.recv() => first,
            first = self.clients.recv() => first,
        };
        let more = first.is_some();
        batch.extend(first);
        while more && batch.len() < BATCH {
            let Ok(next) = self.urgent.try_recv().or_else(|_| self.clients.try_recv()) else {
                break;
            };
            batch.push(next);
        }
        more
    }
}

/// The clocks of this machine.
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock {
            monotonic: Millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)),
            wall: Timestamp(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    fn instant(&self, at: Millis) -> Instant {
        self.start + Duration::from_millis(at.0)
    }
}

/// When the executor is to be told that time has passed.
struct Rhythm {
    next_tick: Millis,
}

impl Rhythm {
    fn new(now: Millis) -> Self {
        Self {
            next_tick: now.plus(TICK),
        }
    }

    /// When to wake at the latest.
    fn wake(&self, deadline: Option<Millis>) -> Millis {
        deadline.map_or(self.next_tick, |deadline| deadline.min(self.next_tick))
    }

    /// What to tell at a wake-up, before any other input. Raft counts ticks: one for each deadline of a
    /// fetch would make its timeouts so much shorter.
    fn beat(&mut self, now: Millis) -> Input {
        if now < self.next_tick {
            return Input::Deadline;
        }
        // Ticks that were missed are not made up for.
        self.next_tick = now.plus(TICK);
        Input::Tick
    }
}

/// Everything of the thread.
pub(crate) struct ExecutorThread<D: Disk> {
    pub(crate) executor: Executor<D>,
    pub(crate) clock: SystemClock,
    pub(crate) queues: Queues,
    pub(crate) links: PeerLinks,
    pub(crate) untaken: Untaken,
    /// Told once, when the broker is registered and counts as alive.
    pub(crate) ready: Option<oneshot::Sender<()>>,
}

/// Why the loop ended.
enum End {
    Asked,
    Failed(BrokerError),
}

impl<D: Disk> ExecutorThread<D> {
    /// Runs until it is asked to stop; then flushes and closes the logs.
    pub(crate) fn run(mut self, runtime: &Handle) -> Result<(), BrokerError> {
        let mut waiting = HashMap::new();
        match self.serve(runtime, &mut waiting) {
            End::Failed(e) => Err(e),
            End::Asked => {
                self.hand_over(runtime, &mut waiting)?;
                self.executor.close()
            }
        }
    }

    fn serve(&mut self, runtime: &Handle, waiting: &mut Waiting) -> End {
        let mut rhythm = Rhythm::new(self.clock.now().monotonic);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let wake = rhythm.wake(self.executor.next_deadline());
            let wake = self.clock.instant(wake).into();
            let received =
                runtime.block_on(async { timeout_at(wake, self.queues.receive(&mut batch)).await });
            if received == Ok(false) {
                return End::Asked;
            }
            let now = self.clock.now();
            let beat = rhythm.beat(now.monotonic);
            if let Err(e) = self.input(beat, now, waiting) {
                return End::Failed(e);
            }
            for submission in batch.drain(..) {
                let (input, _memory) = match submission {
                    Submission::Stop => return End::Asked,
                    Submission::Input(input) => (input, None),
                    Submission::Request(input, id, answer, memory) => {
                        waiting.insert(id, answer);
                        (input, memory)
                    }
                };
                if let Input::ClientGone { connection } = &input {
                    waiting.retain(|id, _| id.connection != *connection);
                }
                if let Err(e) = self.input(input, now, waiting) {
                    return End::Failed(e);
                }
            }
            if let Err(e) = self.sync(waiting) {
                return End::Failed(e);
            }
            if self.ready.is_some() && self.executor.is_ready() {
                // Nobody needs to listen for it.
                let _ = self.ready.take().map(|ready| ready.send(()));
            }
        }
    }

    /// Lets the controller give this broker's partitions to others, for a short while.
    fn hand_over(&mut self, runtime: &Handle, waiting: &mut Waiting) -> Result<(), BrokerError> {
        self.executor.want_shut_down();
        let until = Instant::now() + HAND_OVER;
        let mut rhythm = Rhythm::new(self.clock.now().monotonic);
        while !self.executor.may_shut_down() && Instant::now() < until {
            let wake = self.clock.instant(rhythm.wake(None)).into();
            // Clients are heard no more: they find another broker once this one is gone.
            let received = runtime.block_on(async { timeout_at(wake, self.queues.urgent.recv()).await });
            let now = self.clock.now();
            self.input(rhythm.beat(now.monotonic), now, waiting)?;
            match received {
                Ok(None) => return Ok(()),
                Ok(Some(Submission::Input(input))) => self.input(input, now, waiting)?,
                Ok(Some(Submission::Request(..) | Submission::Stop)) | Err(_) => {}
            }
            self.sync(waiting)?;
        }
        Ok(())
    }

    /// Makes durable what must be, for all inputs since the last time together.
    fn sync(&mut self, waiting: &mut Waiting) -> Result<(), BrokerError> {
        let outputs = self.executor.sync(self.clock.now());
        self.give(outputs, waiting)
    }

    fn input(&mut self, input: Input, now: Clock, waiting: &mut Waiting) -> Result<(), BrokerError> {
        self.executor.limit_fetches(self.untaken.room());
        let outputs = self.executor.on(input, now);
        self.give(outputs, waiting)
    }

    /// Brings outputs to whom they are for.
    fn give(&mut self, outputs: Vec<Output>, waiting: &mut Waiting) -> Result<(), BrokerError> {
        for output in outputs {
            let (request, answer) = match output {
                Output::Respond { request, body } => {
                    let part = self.untaken.add(&body);
                    (request, Answer::Respond(body, part))
                }
                Output::NoResponse { request } => (request, Answer::None),
                Output::Hangup { request } => (request, Answer::Hangup),
                Output::PeerFrame { to, frame } => {
                    self.links.send(to, frame);
                    continue;
                }
                Output::Stop(e) => return Err(e),
            };
            if let Some(waiting) = waiting.remove(&request) {
                // The connection may have gone since.
                let _ = waiting.send(answer);
            }
        }
        Ok(())
    }
}

type Waiting = HashMap<RequestId, oneshot::Sender<Answer>>;
