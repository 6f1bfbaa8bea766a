//! Takes connections of other brokers, and of nobody else.

use std::sync::Arc;
use std::time::Duration;

use record::BrokerId;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::executor_thread::{Submission, Submissions};
use super::frame::{FrameError, FrameReader};
use super::handshake::{self, Acceptor, ClusterSecret, Refused};
use super::peer_link::{LinkStates, write_frame};
use super::random_bytes;
use crate::Input;
use crate::peer_wire::MAX_FRAME;

/// Connections at once; a broker needs one.
const CONNECTIONS: usize = 64;
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
    #[error("this broker stops")]
    Stopping,
}

impl PeerListener {
    /// Accepts until the task is dropped.
    pub(crate) async fn run(self, listener: TcpListener) {
        let this = Arc::new(self);
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(e) => {
                    tracing::warn!("a connection between brokers was not accepted: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(permit) = room.clone().try_acquire_owned() else {
                tracing::warn!("more than {CONNECTIONS} connections between brokers; one was closed");
                continue;
            };
            let this = this.clone();
            tokio::spawn(async move {
                let address = stream.peer_addr().ok();
                match this.serve(stream).await {
                    Ok(()) | Err(PeerError::Stopping) => {}
                    Err(PeerError::Frame(FrameError::Io(e))) => tracing::debug!(?address, "peer left: {e}"),
                    Err(e) => {
                        tracing::warn!(?address, "closed a connection on the port between brokers: {e}")
                    }
                }
                drop(permit);
            });
        }
    }

    async fn serve(&self, stream: TcpStream) -> Result<(), PeerError> {
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
        let from = tokio::time::timeout(HANDSHAKE, shake)
            .await
            .map_err(|_| PeerError::Silent)??;
        let link = self.links.get(&from).ok_or(PeerError::Unknown(from))?;
        link.connect_back().await;
        while let Some(frame) = reader.next(MAX_FRAME).await? {
            let input = Submission::Input(Input::PeerFrame { from, frame });
            self.submissions
                .send(input)
                .await
                .map_err(|_| PeerError::Stopping)?;
        }
        Ok(())
    }
}
