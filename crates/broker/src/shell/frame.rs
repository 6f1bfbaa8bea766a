//! Reading frames from a connection: a length of four bytes, then that many bytes.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::timeout;

/// What is asked of the socket at once; small frames that arrive together are cut from one block.
const BLOCK: usize = 16 * 1024;
/// A frame counts as begun once so much of it is there.
pub(crate) const BEGUN: usize = 64 * 1024;
/// Room that is made for a large frame before its bytes are there: a length alone costs nothing more.
const FIRST_ROOM: usize = 1024 * 1024;

/// Why no further frame comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// Lengths below four can't hold a request, and negative ones nothing at all.
    #[error("a frame of {len} bytes can't be; is this a Kafka client without TLS?")]
    Length { len: i32 },
    /// More than the limit for what the frame is.
    #[error("a frame of {len} bytes is over the limit of {limit} bytes for it")]
    TooLong { len: usize, limit: usize },
    /// A frame was begun and not finished in time.
    #[error("a frame of {len} bytes was not complete after {seconds} s")]
    Slow { len: usize, seconds: u64 },
    /// Nothing came for long.
    #[error("idle for {seconds} s")]
    Idle { seconds: u64 },
    /// The other side is gone.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Cuts the bytes of a connection into frames.
pub(crate) struct FrameReader {
    stream: OwnedReadHalf,
    buffer: BytesMut,
    idle: Duration,
    complete: Duration,
}

impl FrameReader {
    /// `idle` limits the wait for a frame to begin, `complete` the time from its first bytes to its last.
    pub(crate) fn new(stream: OwnedReadHalf, idle: Duration, complete: Duration) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            idle,
            complete,
        }
    }

    /// The next frame without its length; `None` where the other side closed between two frames.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Option<Bytes>, FrameError> {
        match self.head(|_| limit).await? {
            Some(len) => self.body(len).await.map(Some),
            None => Ok(None),
        }
    }

    /// The length of the next frame, whose [`FrameReader::body`] must be taken then; `None` where the
    /// other side closed between two frames.
    ///
    /// `limit` says, from the first four bytes of the frame, how long it may be.
    pub(crate) async fn head(
        &mut self,
        limit: impl Fn([u8; 4]) -> usize,
    ) -> Result<Option<usize>, FrameError> {
        if self.buffer.is_empty() {
            let seconds = self.idle.as_secs();
            let first = timeout(self.idle, self.first_bytes()).await;
            if first.map_err(|_| FrameError::Idle { seconds })?? == 0 {
                return Ok(None);
            }
        }
        let seconds = self.complete.as_secs();
        let head = timeout(self.complete, self.read_head(limit)).await;
        head.map_err(|_| FrameError::Slow {
            len: self.buffer.len(),
            seconds,
        })?
    }

    /// Waits until this much of the frame is there, at most [`BEGUN`] bytes: the sender means it.
    pub(crate) async fn begun(&mut self, len: usize) -> Result<(), FrameError> {
        let enough = len.min(BEGUN);
        let begin = async {
            while self.buffer.len() < enough {
                self.buffer.reserve(BLOCK);
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(cut_short());
                }
            }
            Ok(())
        };
        let seconds = self.complete.as_secs();
        let begun = timeout(self.complete, begin).await;
        begun.map_err(|_| FrameError::Slow { len, seconds })?
    }

    /// The frame after its head.
    pub(crate) async fn body(&mut self, len: usize) -> Result<Bytes, FrameError> {
        let seconds = self.complete.as_secs();
        let body = timeout(self.complete, self.read_body(len)).await;
        body.map_err(|_| FrameError::Slow { len, seconds })?
    }

    /// Waits until the other side closes, or writes where nothing is to be written.
    pub(crate) async fn closed(&mut self) -> FrameError {
        match self.stream.read(&mut [0]).await {
            Ok(_) => cut_short(),
            Err(e) => FrameError::Io(e),
        }
    }

    /// Waits for anything at all. No buffer is held for a connection that is silent.
    async fn first_bytes(&mut self) -> Result<usize, FrameError> {
        loop {
            self.stream.readable().await?;
            self.buffer.reserve(BLOCK);
            match self.stream.try_read_buf(&mut self.buffer) {
                // It looked readable because the last read didn't look for more.
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => self.buffer = BytesMut::new(),
                read => return Ok(read?),
            }
        }
    }

    async fn read_head(&mut self, limit: impl Fn([u8; 4]) -> usize) -> Result<Option<usize>, FrameError> {
        while self.buffer.len() < 8 {
            self.buffer.reserve(BLOCK);
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(cut_short());
            }
        }
        let declared = i32::from_be_bytes([self.buffer[0], self.buffer[1], self.buffer[2], self.buffer[3]]);
        let len = usize::try_from(declared).map_err(|_| FrameError::Length { len: declared })?;
        if len < 4 {
            return Err(FrameError::Length { len: declared });
        }
        let limit = limit([self.buffer[4], self.buffer[5], self.buffer[6], self.buffer[7]]);
        if len > limit {
            return Err(FrameError::TooLong { len, limit });
        }
        self.buffer.advance(4);
        Ok(Some(len))
    }

    async fn read_body(&mut self, len: usize) -> Result<Bytes, FrameError> {
        if len <= BLOCK {
            while self.buffer.len() < len {
                self.buffer.reserve(len - self.buffer.len());
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(cut_short());
                }
            }
            let frame = self.buffer.split_to(len).freeze();
            if self.buffer.is_empty() {
                self.buffer = BytesMut::new();
            }
            return Ok(frame);
        }
        // A large frame gets a block of its own, so that its records can be changed in place.
        let mut frame = BytesMut::with_capacity(len.min(FIRST_ROOM));
        let buffered = self.buffer.len().min(len);
        frame.extend_from_slice(&self.buffer[..buffered]);
        self.buffer.advance(buffered);
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        while frame.len() < len {
            let missing = len - frame.len();
            if frame.capacity() == frame.len() {
                frame.reserve(missing.min(frame.len()));
            }
            let mut rest = (&mut self.stream).take(missing as u64);
            if rest.read_buf(&mut frame).await? == 0 {
                return Err(cut_short());
            }
        }
        Ok(frame.freeze())
    }
}

fn cut_short() -> FrameError {
    FrameError::Io(std::io::ErrorKind::UnexpectedEof.into())
}
