//! Takes connections of other brokers, and of nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use record::BrokerId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::executor_thread::{Submission, Submissions};
use super::frame::{FrameError, FrameReader};
use super::handshake::{self, Acceptor, ClusterSecret, Refused};
use super::peer_link::{LinkStates, write_frame};
use super::random_bytes;
use crate::Input;
use crate::peer_wire::MAX_FRAME;

/// Connections at once that haven't proved themselves. A proof takes a peer milliseconds: where there
/// are more, the oldest is closed.
const UNPROVEN: usize = 64;
const HANDSHAKE: Duration = Duration::from_secs(2);
/// Two brokers that both follow have nothing to say to each other, for as long as it pleases them.
const IDLE: Duration = Duration::from_secs(365 * 24 * 3600);
const TRANSFER: Duration = Duration::from_secs(30);

/// What every accepted connection needs.
pub(crate) struct PeerListener {
    pub(crate) me: BrokerId,
    pub(crate) cluster_id: String,
    pub(crate) secret: ClusterSecret,
    pub(crate) submissions: Submissions,
    pub(crate) links: LinkStates,
    /// The connection of each peer: its end is told by dropping this. A peer has one, the newest.
    pub(crate) proven: Mutex<BTreeMap<BrokerId, oneshot::Sender<()>>>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum PeerError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("broker {0} is not one of this cluster's; check kafka.brokers in the configuration")]
    Unknown(BrokerId),
    #[error("it didn't prove itself in time")]
    Silent,
    #[error("newer connections came before it had proved itself")]
    Crowded,
    #[error("broker {0} has a newer connection")]
    Replaced(BrokerId),
    #[error("this broker stops")]
    Stopping,
}

impl PeerListener {
    /// Accepts until the task is dropped.
    pub(crate) async fn run(self, listener: TcpListener) {
        let this = Arc::new(self);
        // They end with this task.
        let mut connections = JoinSet::new();
        let mut unproven = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(e) => {
                    tracing::warn!("a connection between brokers was not accepted: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (keep, crowded) = oneshot::channel();
            unproven.retain(|keep: &oneshot::Sender<()>| !keep.is_closed());
            unproven.push_back(keep);
            if unproven.len() > UNPROVEN {
                unproven.pop_front();
            }
            let this = this.clone();
            connections.spawn(async move {
                let address = stream.peer_addr().ok();
                match this.serve(stream, crowded).await {
                    Ok(()) | Err(PeerError::Stopping | PeerError::Replaced(_)) => {}
                    Err(PeerError::Frame(FrameError::Io(e))) => tracing::debug!(?address, "peer left: {e}"),
                    Err(e) => {
                        tracing::warn!(?address, "closed a connection on the port between brokers: {e}")
                    }
                }
            });
        }
    }

    async fn serve(&self, stream: TcpStream, crowded: oneshot::Receiver<()>) -> Result<(), PeerError> {
        stream.set_nodelay(true).map_err(FrameError::Io)?;
        let (reader, mut writer) = stream.into_split();
        let mut reader = FrameReader::new(reader, IDLE, TRANSFER);
        let shake = async {
            let hello = reader
                .next(handshake::MAX_FRAME)
                .await?
                .ok_or(PeerError::Silent)?;
            let random = random_bytes();
            let acceptor = Acceptor::on_hello(self.secret.clone(), self.me, &self.cluster_id, random, hello)?;
            write_frame(&mut writer, &acceptor.challenge()).await?;
            let proof = reader
                .next(handshake::MAX_FRAME)
                .await?
                .ok_or(PeerError::Silent)?;
            Ok::<_, PeerError>(acceptor.on_proof(&proof)?)
        };
        let from = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE, shake) => shaken.map_err(|_| PeerError::Silent)??,
            _ = crowded => return Err(PeerError::Crowded),
        };
        let link = self.links.get(&from).ok_or(PeerError::Unknown(from))?;
        let (keep, mut replaced) = oneshot::channel();
        self.proven
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(from, keep);
        link.connect_back().await;
        loop {
            let frame = tokio::select! {
                frame = reader.next(MAX_FRAME) => frame?,
                _ = &mut replaced => return Err(PeerError::Replaced(from)),
            };
            let Some(frame) = frame else {
                return Ok(());
            };
            let input = Submission::Input(Input::PeerFrame { from, frame });
            self.submissions
                .send(input)
                .await
                .map_err(|_| PeerError::Stopping)?;
        }
    }
}
