//! Reading records.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use disk::{Disk, File};
use record::{BATCH_OVERHEAD, BatchError, BatchHeader, Offset};

use super::Partition;
use crate::{LogError, ReadError};

/// Batches before the wanted one that are read along with it, at most: an index interval and some.
const SKIPPED: usize = 8 << 10;

/// A segment to read from.
pub(super) struct Source<D: Disk> {
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) size: u64,
    pub(super) file: Arc<D::File>,
}

impl<D: Disk> Partition<D> {
    /// Whole batches from the one that holds `from`, at most `max_bytes` of them but at least one,
    /// none that reaches beyond `up_to`. Empty where there is nothing yet. Batches of one segment
    /// only: there may be more behind them.
    ///
    /// # Errors
    /// [`ReadError::OutOfRange`] where `from` is below the start or beyond the end.
    pub fn read(&self, from: Offset, max_bytes: usize, up_to: Offset) -> Result<Bytes, ReadError> {
        self.online()?;
        let (start, end) = (self.start, self.active.end);
        if from < start || from > end {
            return Err(ReadError::OutOfRange {
                offset: from,
                start,
                end,
            });
        }
        if from >= end.min(up_to) {
            return Ok(Bytes::new());
        }
        let index = self.segment_of(from);
        let source = self.source(index)?;
        let position = self.position(index, from)?;
        match source.read(position, from, max_bytes, up_to) {
            // Where an index has led astray, the segment itself knows the way.
            Err(ReadError::Corrupt { .. }) if position > 0 => source.read(0, from, max_bytes, up_to),
            result => result,
        }
    }

    /// Index of the segment that holds `offset`: into `sealed`, or behind it for the active one.
    pub(super) fn segment_of(&self, offset: Offset) -> usize {
        if offset >= self.active.base {
            return self.sealed.len();
        }
        self.sealed.partition_point(|segment| segment.end <= offset)
    }

    /// The segment of this index.
    pub(super) fn source(&self, index: usize) -> Result<Source<D>, LogError> {
        match self.sealed.get(index) {
            Some(segment) => Ok(Source {
                base: segment.base,
                end: segment.end,
                size: segment.size,
                file: Arc::new(segment.file(&self.folder)?),
            }),
            None => Ok(Source {
                base: self.active.base,
                end: self.active.end,
                size: self.active.size,
                file: Arc::clone(&self.active.file),
            }),
        }
    }

    /// A position in the segment of this index at or before the batch that holds `offset`.
    pub(super) fn position(&self, index: usize, offset: Offset) -> Result<u64, LogError> {
        match self.sealed.get(index) {
            Some(segment) => segment.position(&self.folder, offset),
            None => Ok(self.active.position(offset)),
        }
    }
}

impl<D: Disk> Source<D> {
    /// See [`Partition::read`]; a batch begins at `position`, at or before the wanted one.
    fn read(
        &self,
        mut position: u64,
        from: Offset,
        max_bytes: usize,
        up_to: Offset,
    ) -> Result<Bytes, ReadError> {
        let wanted = max_bytes.saturating_add(SKIPPED);
        loop {
            let chunk = self.chunk(position, wanted)?;
            let mut at = 0;
            // Skip what lies before the wanted offset.
            let first = loop {
                match self.header(&chunk, position, at)? {
                    Some(header) if header.last_offset() < from => at += header.size,
                    header => break header,
                }
            };
            let Some(first) = first else {
                let next = position + at as u64;
                if next == self.size {
                    return Ok(Bytes::new());
                }
                if at == 0 || next > self.size {
                    let available = (self.size - position) as usize;
                    let source = BatchError::Truncated {
                        needed: at.max(BATCH_OVERHEAD),
                        available,
                    };
                    return Err(ReadError::Corrupt {
                        segment: self.base,
                        position,
                        source,
                    });
                }
                // The chunk ended before the wanted batch's header did.
                position = next;
                continue;
            };
            if first.next_offset() > up_to {
                return Ok(Bytes::new());
            }
            if at + first.size > chunk.len() {
                // One batch larger than asked for.
                position += at as u64;
                if first.size as u64 > self.size - position {
                    let source = BatchError::Truncated {
                        needed: first.size,
                        available: (self.size - position) as usize,
                    };
                    return Err(ReadError::Corrupt {
                        segment: self.base,
                        position,
                        source,
                    });
                }
                let batch = self.chunk(position, first.size)?;
                return Ok(Bytes::from(batch));
            }
            let start = at;
            let mut end = at + first.size;
            while let Some(next) = self.header(&chunk, position, end)? {
                let fits = end + next.size <= chunk.len() && end + next.size - start <= max_bytes;
                if !fits || next.next_offset() > up_to {
                    break;
                }
                end += next.size;
            }
            return Ok(Bytes::from(chunk).slice(start..end));
        }
    }

    /// Up to `wanted` bytes at `position`, fewer at the end; a header at least.
    fn chunk(&self, position: u64, wanted: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.size - position).unwrap_or(usize::MAX);
        let mut chunk = vec![0; wanted.max(BATCH_OVERHEAD).min(left)];
        self.file.read_exact_at(&mut chunk, position)?;
        Ok(chunk)
    }

    /// The header at `at` in a chunk that was read at `position`; `None` where the chunk ends.
    fn header(&self, chunk: &[u8], position: u64, at: usize) -> Result<Option<BatchHeader>, ReadError> {
        let Some(bytes) = chunk.get(at..).filter(|bytes| bytes.len() >= BATCH_OVERHEAD) else {
            return Ok(None);
        };
        let header = BatchHeader::parse(bytes).and_then(|header| {
            if header.base_offset >= self.base && header.last_offset() < self.end {
                Ok(header)
            } else {
                Err(BatchError::InvalidHeader("its offsets are another segment's"))
            }
        });
        header.map(Some).map_err(|source| ReadError::Corrupt {
            segment: self.base,
            position: position + at as u64,
            source,
        })
    }
}

impl From<LogError> for ReadError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Offline(reason) => Self::Offline(reason),
            LogError::Io { path, source } => Self::Io(io::Error::new(
                source.kind(),
                format!("{}: {source}", path.display()),
            )),
            LogError::OutOfRange { offset, start, end } => Self::OutOfRange { offset, start, end },
            other => Self::Io(io::Error::other(other.to_string())),
        }
    }
}
