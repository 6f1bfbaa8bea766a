//! The connection's task: writes requests, reads answers.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    time::sleep_until,
};

use super::Shared;
use crate::frame;

/// Requests that wait for their answer; beyond it nothing more is written.
const UNANSWERED: usize = 128;
/// Memory for an answer grows as its bytes arrive, from this.
const FIRST_READ_BYTES: usize = 64 << 10;

pub(super) type Reply = oneshot::Sender<Bytes>;

pub(super) struct Outgoing {
    pub(super) correlation: i32,
    pub(super) frame: Bytes,
    pub(super) reply: Reply,
}

struct Expected {
    correlation: i32,
    reply: Reply,
}
/// The connection's task.
pub(super) async fn serve(
    stream: TcpStream,
    queue: mpsc::Receiver<Outgoing>,
    shared: Arc<Shared>,
    max_response_bytes: usize,
) {
    let (reading, writing) = stream.into_split();
    let (expect, expected) = mpsc::channel(UNANSWERED);
    let write = async {
        match write_requests(writing, queue, expect, &shared).await {
            Ok(never) => match never {},
            Err(Ended::Idle) => std::future::pending().await,
            Err(Ended::Failed(reason)) => reason,
        }
    };
    let mut reader = Reader {
        stream: reading,
        expected,
        max_response_bytes,
    };
    let asked = async {
        while !shared.closing.load(Ordering::Acquire) {
            shared.end.notified().await;
        }
        "it was closed".to_owned()
    };
    let reason = tokio::select! {
        reason = write => reason,
        reason = reader.run() => reason,
        reason = asked => reason,
    };
    // Before the waiting replies are dropped, so that they find the reason.
    shared.ended.get_or_init(|| reason);
}

enum Ended {
    /// Nobody holds the connection any more; open requests may still be answered.
    Idle,
    Failed(String),
}

async fn write_requests(
    mut stream: OwnedWriteHalf,
    mut queue: mpsc::Receiver<Outgoing>,
    expect: mpsc::Sender<Expected>,
    shared: &Shared,
) -> Result<std::convert::Infallible, Ended> {
    loop {
        let Outgoing {
            correlation,
            frame,
            reply,
        } = queue.recv().await.ok_or(Ended::Idle)?;
        let silent = *shared.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = silent {
            sleep_until(until).await;
        }
        // Announced before it is written: an answer never finds nothing expected.
        expect
            .send(Expected { correlation, reply })
            .await
            .map_err(|_| Ended::Idle)?;
        stream
            .write_all(&frame)
            .await
            .map_err(|error| Ended::Failed(error.to_string()))?;
    }
}

struct Reader {
    stream: OwnedReadHalf,
    expected: mpsc::Receiver<Expected>,
    max_response_bytes: usize,
}

impl Reader {
    /// Reads until the connection ends; says why it did.
    async fn run(&mut self) -> String {
        loop {
            let expected = match self.next_expected().await {
                Ok(expected) => expected,
                Err(reason) => return reason,
            };
            let frame = match self.read_frame().await {
                Ok(frame) => frame,
                Err(reason) => return reason,
            };
            match frame::correlation_of(&frame) {
                // Who asked may have gone; the answer is dropped then.
                Some(id) if id == expected.correlation => drop(expected.reply.send(frame)),
                Some(id) => {
                    return format!(
                        "it answered request {id} where {} was expected",
                        expected.correlation
                    );
                }
                None => return format!("it sent a frame of {} bytes", frame.len()),
            }
        }
    }

    /// Waits for a request to be written, and meanwhile notices when the broker closes.
    async fn next_expected(&mut self) -> Result<Expected, String> {
        loop {
            tokio::select! {
                biased;
                expected = self.expected.recv() => return expected.ok_or_else(|| "nobody uses it".to_owned()),
                ready = self.stream.readable() => ready.map_err(|error| error.to_string())?,
            }
            if let Ok(expected) = self.expected.try_recv() {
                return Ok(expected);
            }
            match self.stream.try_read(&mut [0]) {
                Ok(0) => return Err("the broker closed it".to_owned()),
                Ok(_) => return Err("it sent an answer that nobody asked for".to_owned()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    async fn read_frame(&mut self) -> Result<Bytes, String> {
        let length = self.stream.read_i32().await.map_err(|error| closed(&error))?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= self.max_response_bytes)
            .ok_or_else(|| format!("it announced an answer of {length} bytes: is this a Kafka broker?"))?;
        let mut frame = BytesMut::with_capacity(length.min(FIRST_READ_BYTES));
        while frame.len() < length {
            let rest = length - frame.len();
            frame.reserve(rest.min(frame.len().max(FIRST_READ_BYTES)));
            let read = (&mut self.stream).take(rest as u64).read_buf(&mut frame).await;
            if read.map_err(|error| closed(&error))? == 0 {
                return Err("the broker closed it in the middle of an answer".to_owned());
            }
        }
        Ok(frame.freeze())
    }
}

fn closed(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::UnexpectedEof {
        "the broker closed it".to_owned()
    } else {
        error.to_string()
    }
}
