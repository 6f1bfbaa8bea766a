//! Reading frames from a connection: a length of four bytes, then that many bytes.

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Instant, timeout};

/// What is asked of the socket at once; small frames that arrive together are cut from one block.
const BLOCK: usize = 16 * 1024;
/// So much of a frame is read before room is made for more of it.
const BEGUN: usize = 64 * 1024;

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
            Some(len) => {
                let mut frame = self.begin(len).await?;
                while frame.next_len() < len {
                    let next = frame.next_len();
                    self.fill(&mut frame, next).await?;
                }
                self.finish(frame).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// The length of the next frame, which must be taken by [`FrameReader::begin`] then; `None` where the
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

    /// Reads the first bytes of a frame, at most [`BEGUN`].
    pub(crate) async fn begin(&mut self, len: usize) -> Result<HalfFrame, FrameError> {
        let mut frame = HalfFrame {
            bytes: BytesMut::new(),
            len,
            time: self.complete,
        };
        let enough = len.min(BEGUN);
        let buffered = async {
            while self.buffer.len() < enough {
                self.buffer.reserve(BLOCK.min(enough - self.buffer.len()));
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(cut_short());
                }
            }
            Ok(())
        };
        frame.within(buffered).await?;
        // A large frame gets a block of its own, so that its records can be changed in place.
        frame.bytes = if len <= BLOCK {
            self.buffer.split_to(len)
        } else {
            let buffered = self.buffer.len().min(len);
            let bytes = BytesMut::from(&self.buffer[..buffered]);
            self.buffer.advance(buffered);
            bytes
        };
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        Ok(frame)
    }

    /// Reads on until so much of the frame is there.
    pub(crate) async fn fill(&mut self, frame: &mut HalfFrame, len: usize) -> Result<(), FrameError> {
        let mut bytes = std::mem::take(&mut frame.bytes);
        bytes.reserve(len - bytes.len());
        let filled = async {
            while bytes.len() < len {
                let mut rest = (&mut self.stream).take((len - bytes.len()) as u64);
                if rest.read_buf(&mut bytes).await? == 0 {
                    return Err(cut_short());
                }
            }
            Ok(())
        };
        frame.within(filled).await?;
        frame.bytes = bytes;
        Ok(())
    }

    /// The rest of the frame.
    pub(crate) async fn finish(&mut self, mut frame: HalfFrame) -> Result<Bytes, FrameError> {
        let len = frame.len;
        self.fill(&mut frame, len).await?;
        Ok(frame.bytes.freeze())
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
}

/// The beginning of a frame.
pub(crate) struct HalfFrame {
    bytes: BytesMut,
    len: usize,
    /// How much longer its bytes may take to come.
    time: Duration,
}

impl HalfFrame {
    /// What has come.
    pub(crate) fn first(&self) -> &[u8] {
        &self.bytes
    }

    /// How much of it is to be there next: twice of what is, until it is whole.
    pub(crate) fn next_len(&self) -> usize {
        self.len.min(self.bytes.len().saturating_mul(2))
    }

    async fn within(&mut self, read: impl Future<Output = Result<(), FrameError>>) -> Result<(), FrameError> {
        let began = Instant::now();
        let (len, seconds) = (self.len, self.time.as_secs());
        let read = timeout(self.time, read).await;
        self.time = self.time.saturating_sub(began.elapsed());
        read.map_err(|_| FrameError::Slow { len, seconds })?
    }
}

fn cut_short() -> FrameError {
    FrameError::Io(std::io::ErrorKind::UnexpectedEof.into())
}
