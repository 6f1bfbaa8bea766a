//! One client's connection: requests are read ahead, responses go out in the order of the requests.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use super::executor_thread::{Answer, Submission, Submissions};
use super::frame::{FrameError, FrameReader};
use super::memory::{Memory, Share};
use super::untaken::Part;
use crate::{Head, Input, Limits, RequestId, WireError, decode, encode, peek};

/// Responses are written together up to so many bytes.
const WRITE: usize = 256 * 1024;
/// What a request of few bytes may become when it is decoded. Records are not decoded.
const EXPANSION: usize = 32;
/// A buffer that grew beyond this is given back.
const KEEP: usize = 1024 * 1024;

/// One client's connection.
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) address: SocketAddr,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: Memory,
    pub(crate) submissions: Submissions,
}

/// A request whose response is due after those before it.
struct Due {
    head: Head,
    answer: oneshot::Receiver<Answer>,
    /// Held until the response is written: one Fetch at a time, so that a client which reads slowly
    /// can't have many large responses waiting.
    _fetch: Option<OwnedSemaphorePermit>,
    /// Of requests that are kept while they wait.
    _memory: Option<Share>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("it didn't take a response within {0} s")]
    SlowReader(u64),
    #[error("a produce request with acks=0 was refused")]
    Hangup,
    #[error("this broker stops")]
    Stopping,
}

impl Connection {
    /// Serves until the client leaves or has to be sent away.
    pub(crate) async fn serve(self, stream: TcpStream) {
        let result = self.run(stream).await;
        let client = self.address;
        match result {
            Ok(()) | Err(ConnectionError::Stopping) => {}
            Err(ConnectionError::Frame(e @ (FrameError::Io(_) | FrameError::Idle { .. }))) => {
                tracing::debug!(%client, "left: {e}");
            }
            Err(ConnectionError::Wire(e @ WireError::Unwritable { .. })) => tracing::error!(%client, "{e}"),
            Err(e) => tracing::warn!(%client, "closed the connection: {e}"),
        }
    }

    async fn run(&self, stream: TcpStream) -> Result<(), ConnectionError> {
        stream.set_nodelay(true).map_err(FrameError::Io)?;
        let (reader, writer) = stream.into_split();
        let reader = FrameReader::new(reader, self.limits.idle, self.limits.transfer);
        let (due, dues) = mpsc::channel(self.limits.in_flight);
        tokio::select! {
            read = self.read(reader, due) => read,
            written = self.write(writer, dues) => written,
        }
    }

    async fn read(&self, mut reader: FrameReader, due: mpsc::Sender<Due>) -> Result<(), ConnectionError> {
        let fetches = Arc::new(Semaphore::new(1));
        let limit = |first: [u8; 4]| match peek(&first) {
            Some((key, _)) if key == ApiKey::Produce as i16 => self.limits.produce_bytes,
            _ => self.limits.request_bytes,
        };
        let mut serial = 0;
        while let Some(len) = reader.head(limit).await? {
            let mut memory = self.memory.share();
            let (head, body) = decode(self.body(&mut reader, len, &mut memory).await?)?;
            let fetch = match head.api {
                ApiKey::Fetch => {
                    // It may wait for long, and must not keep others out meanwhile.
                    memory.shrink_to(len);
                    fetches.clone().acquire_owned().await.ok()
                }
                _ => None,
            };
            serial += 1;
            let request = RequestId {
                connection: self.id,
                serial,
            };
            let (sender, answer) = oneshot::channel();
            // The place in the order comes first: with too many responses due nothing more is read.
            let room = due.reserve().await.map_err(|_| ConnectionError::Stopping)?;
            let input = Input::Client {
                request,
                version: head.version,
                body,
            };
            // Records are in the log, or refused, once the executor has them: whoever waits for replicas keeps
            // nobody out.
            let (taken, kept) = match head.api {
                ApiKey::Produce => (Some(memory), None),
                _ => (None, Some(memory)),
            };
            let submission = Submission::Request(input, request, sender, taken);
            self.submissions
                .send(submission)
                .await
                .map_err(|_| ConnectionError::Stopping)?;
            room.send(Due {
                head,
                answer,
                _fetch: fetch,
                _memory: kept,
            });
        }
        Ok(())
    }

    /// Reads a frame. Memory is taken for what has come and as much again: neither a length alone nor
    /// half a frame can keep others out.
    async fn body(
        &self,
        reader: &mut FrameReader,
        len: usize,
        memory: &mut Share,
    ) -> Result<Bytes, ConnectionError> {
        let mut frame = reader.begin(len).await?;
        let weight = match peek(frame.first()) {
            Some((key, _)) if key == ApiKey::Produce as i16 => 1,
            _ => EXPANSION,
        };
        loop {
            let next = frame.next_len();
            memory.grow_to(next.saturating_mul(weight)).await;
            if next == len {
                return Ok(reader.finish(frame).await?);
            }
            reader.fill(&mut frame, next).await?;
        }
    }

    async fn write(
        &self,
        mut writer: OwnedWriteHalf,
        mut dues: mpsc::Receiver<Due>,
    ) -> Result<(), ConnectionError> {
        let mut out = BytesMut::new();
        let mut held = Vec::new();
        while let Some(due) = dues.recv().await {
            let mut next = Some(due);
            while let Some(mut due) = next.take() {
                // What is complete goes out before anything is waited for.
                let answer = match due.answer.try_recv() {
                    Ok(answer) => answer,
                    Err(oneshot::error::TryRecvError::Closed) => return Err(ConnectionError::Stopping),
                    Err(oneshot::error::TryRecvError::Empty) => {
                        self.flush(&mut writer, &mut out, &mut held).await?;
                        (&mut due.answer).await.map_err(|_| ConnectionError::Stopping)?
                    }
                };
                let part = match answer {
                    Answer::Respond(response, part) => {
                        encode(&due.head, &response, &mut out)?;
                        Some(part)
                    }
                    Answer::None => None,
                    Answer::Hangup => {
                        self.flush(&mut writer, &mut out, &mut held).await?;
                        return Err(ConnectionError::Hangup);
                    }
                };
                held.push((due, part));
                if out.len() < WRITE {
                    next = dues.try_recv().ok();
                }
            }
            self.flush(&mut writer, &mut out, &mut held).await?;
        }
        Ok(())
    }

    async fn flush(
        &self,
        writer: &mut OwnedWriteHalf,
        out: &mut BytesMut,
        held: &mut Vec<(Due, Option<Part>)>,
    ) -> Result<(), ConnectionError> {
        if !out.is_empty() {
            let written = timeout(self.limits.transfer, writer.write_all_buf(out)).await;
            let slow = |_| ConnectionError::SlowReader(self.limits.transfer.as_secs());
            written.map_err(slow)?.map_err(FrameError::Io)?;
            if out.capacity() > KEEP {
                *out = BytesMut::new();
            }
        }
        held.clear();
        Ok(())
    }
}
