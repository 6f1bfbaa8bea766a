//! Connections to other brokers: each broker dials every other, and sends over the connection that it
//! dialed; what others send comes in over theirs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use record::BrokerId;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, timeout};

use super::executor_thread::{Submission, Submissions};
use super::frame::{FrameError, FrameReader};
use super::handshake::{self, ClusterSecret, Dialer, Refused};
use super::random_bytes;
use crate::peer_wire::MAX_FRAME;
use crate::{Input, Peer};

#[cfg(test)]
mod tests;

/// Frames that wait for a peer. One more is dropped, as a peer that takes nothing must not hold up the
/// executor: Raft repeats itself, and a question is asked again after its timeout.
const QUEUE: usize = 4_096;
/// The same for the bytes of frames that wait; two of the longest have room.
const QUEUED_BYTES: usize = 2 * MAX_FRAME;
/// Pauses between two attempts grow from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// To the second of these where nobody was there yet: whoever comes dials, and is dialed back at once.
const UNMET: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(1);
const HANDSHAKE: Duration = Duration::from_secs(2);
/// Frames are written together up to so many bytes.
const WRITE: usize = 256 * 1024;

/// The executor's side: a queue for each peer.
pub(crate) struct PeerLinks {
    queues: BTreeMap<BrokerId, Queue>,
}

struct Queue {
    frames: mpsc::Sender<Bytes>,
    /// Bytes that wait in it.
    bytes: Arc<AtomicUsize>,
}

/// What the accepting side knows of the connections that this broker dials.
#[derive(Debug, Default)]
pub(crate) struct LinkState {
    connected: watch::Sender<bool>,
    dial: Notify,
}

pub(crate) type LinkStates = BTreeMap<BrokerId, Arc<LinkState>>;

impl LinkState {
    /// The peer has dialed, so that it can be dialed; waits a while until it is connected.
    pub(crate) async fn connect_back(&self) {
        self.dial.notify_one();
        // Without a connection answers would be lost, and only asked for again after a timeout.
        let mut connected = self.connected.subscribe();
        let _ = timeout(CONNECT, connected.wait_for(|connected| *connected)).await;
    }
}

/// The task's side of one queue.
pub(crate) struct PeerLink {
    pub(crate) peer: Peer,
    pub(crate) me: BrokerId,
    pub(crate) cluster_id: String,
    pub(crate) secret: ClusterSecret,
    pub(crate) submissions: Submissions,
    pub(crate) state: Arc<LinkState>,
    frames: mpsc::Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// Why a connection ended or never came to be.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("it can't be reached: {0}")]
    Unreachable(std::io::Error),
    #[error("{0}")]
    Refused(Refused),
    #[error(
        "it closed the connection instead of proving itself; do both belong to the same cluster, with the same secret?"
    )]
    TurnedAway,
    #[error("{0}")]
    Frame(#[from] FrameError),
    #[error("it didn't answer in time")]
    Silent,
    #[error("it takes no frames")]
    Stuck,
    #[error("this broker stops")]
    Stopping,
}

impl PeerLinks {
    /// Queues for all peers; each link is to be run as a task.
    pub(crate) fn new(
        peers: impl Iterator<Item = Peer>,
        me: BrokerId,
        cluster_id: &str,
        secret: &ClusterSecret,
        submissions: &Submissions,
    ) -> (Self, Vec<PeerLink>) {
        let mut queues = BTreeMap::new();
        let mut links = Vec::new();
        for peer in peers {
            let (sender, frames) = mpsc::channel(QUEUE);
            let bytes = Arc::new(AtomicUsize::new(0));
            let queue = Queue {
                frames: sender,
                bytes: bytes.clone(),
            };
            queues.insert(peer.id, queue);
            links.push(PeerLink {
                peer,
                me,
                cluster_id: cluster_id.to_owned(),
                secret: secret.clone(),
                submissions: submissions.clone(),
                state: Arc::default(),
                frames,
                bytes,
            });
        }
        (Self { queues }, links)
    }

    /// Sends a frame, or loses it.
    pub(crate) fn send(&self, to: BrokerId, frame: Bytes) {
        let Some(queue) = self.queues.get(&to) else {
            return;
        };
        let len = frame.len();
        // Nobody else adds, so there is at least as much room as is seen here.
        let fits = queue.bytes.load(Ordering::Relaxed) + len <= QUEUED_BYTES;
        queue.bytes.fetch_add(len, Ordering::Relaxed);
        if !fits || queue.frames.try_send(frame).is_err() {
            queue.bytes.fetch_sub(len, Ordering::Relaxed);
            tracing::debug!(broker = to.0, "a frame was dropped");
        }
    }
}

impl PeerLink {
    /// Dials again and again. Ends when the executor is gone.
    pub(crate) async fn run(mut self) {
        let mut pause = BACKOFF.0;
        let mut longest = UNMET;
        let mut told = None;
        loop {
            let (failure, was_connected) = match self.connect().await {
                Ok((reader, writer)) => {
                    tracing::debug!(broker = self.peer.id.0, "connected");
                    // What was meant for an earlier connection is void.
                    while self.try_next().is_some() {}
                    if !self.tell(Input::PeerConnected(self.peer.id)).await {
                        return;
                    }
                    self.state.connected.send_replace(true);
                    told = None;
                    longest = BACKOFF.1;
                    (self.forward(reader, writer).await, true)
                }
                Err(failure) => {
                    while self.try_next().is_some() {}
                    (failure, false)
                }
            };
            self.state.connected.send_replace(false);
            let text = failure.to_string();
            if told.as_ref() != Some(&text) && !self.submissions.is_closed() {
                let broker = self.peer.id.0;
                match failure {
                    // Most brokers that there can be never come.
                    LinkError::Unreachable(_) if longest == UNMET => {
                        tracing::debug!(broker, "no connection: {text}");
                    }
                    _ => tracing::info!(broker, "no connection: {text}"),
                }
                told = Some(text);
            }
            if !self.tell(Input::PeerLost(self.peer.id)).await {
                return;
            }
            pause = if was_connected {
                BACKOFF.0
            } else {
                (pause * 2).min(longest)
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.state.dial.notified() => {}
                () = self.submissions.closed() => return,
            }
        }
    }

    async fn tell(&self, input: Input) -> bool {
        self.submissions.send(Submission::Input(input)).await.is_ok()
    }

    async fn connect(&self) -> Result<(FrameReader, OwnedWriteHalf), LinkError> {
        let address = (self.peer.host.as_str(), self.peer.port);
        let stream = timeout(CONNECT, TcpStream::connect(address))
            .await
            .map_err(|_| LinkError::Silent)?;
        let stream = stream.map_err(LinkError::Unreachable)?;
        stream.set_nodelay(true).map_err(LinkError::Unreachable)?;
        let (reader, mut writer) = stream.into_split();
        let mut reader = FrameReader::new(reader, HANDSHAKE, HANDSHAKE);
        let random = random_bytes();
        let dialer = Dialer::new(
            self.secret.clone(),
            self.me,
            self.peer.id,
            &self.cluster_id,
            random,
        );
        write_frame(&mut writer, &dialer.hello()).await?;
        let challenge = reader
            .next(handshake::MAX_FRAME)
            .await?
            .ok_or(LinkError::TurnedAway)?;
        let proof = dialer.on_challenge(&challenge).map_err(LinkError::Refused)?;
        write_frame(&mut writer, &proof).await?;
        Ok((reader, writer))
    }

    async fn next(&mut self) -> Option<Bytes> {
        let frame = self.frames.recv().await?;
        self.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
        Some(frame)
    }

    fn try_next(&mut self) -> Option<Bytes> {
        let frame = self.frames.try_recv().ok()?;
        self.bytes.fetch_sub(frame.len(), Ordering::Relaxed);
        Some(frame)
    }

    async fn forward(&mut self, mut reader: FrameReader, mut writer: OwnedWriteHalf) -> LinkError {
        let mut out = BytesMut::new();
        loop {
            let first = tokio::select! {
                frame = self.next() => frame,
                // The other side never writes here: anything that comes is the end.
                end = reader.closed() => return end.into(),
            };
            let Some(first) = first else {
                return LinkError::Stopping;
            };
            put_frame(&mut out, &first);
            while out.len() < WRITE {
                let Some(frame) = self.try_next() else { break };
                put_frame(&mut out, &frame);
            }
            match timeout(HANDSHAKE, writer.write_all_buf(&mut out)).await {
                Err(_) => return LinkError::Stuck,
                Ok(Err(e)) => return FrameError::Io(e).into(),
                Ok(Ok(())) => {}
            }
        }
    }
}

pub(crate) fn put_frame(out: &mut BytesMut, frame: &[u8]) {
    out.put_u32(u32::try_from(frame.len()).unwrap_or(u32::MAX));
    out.put_slice(frame);
}

pub(crate) async fn write_frame(writer: &mut OwnedWriteHalf, frame: &[u8]) -> Result<(), FrameError> {
    let mut out = BytesMut::with_capacity(4 + frame.len());
    put_frame(&mut out, frame);
    writer.write_all_buf(&mut out).await.map_err(FrameError::Io)
}
