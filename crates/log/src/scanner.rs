//! Walks the batches of a segment file.

use std::io;

use disk::File;
use record::{BatchError, BatchHeader, CrcCheck, LENGTH_PREFIX, LeaderEpoch, Offset};

/// Bytes read at once.
const WINDOW: usize = 256 << 10;

/// Walks the batches of a segment file, checks that they continue each other and, where asked to,
/// their CRC. Needs one window of memory, however long a batch is.
pub(crate) struct Scanner<'a, F: File> {
    file: &'a F,
    end: u64,
    position: u64,
    expected: Option<Offset>,
    epoch: LeaderEpoch,
    check_crc: bool,
    window: Vec<u8>,
    window_at: u64,
}

/// What lies at the scanner's position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A batch, which continues what came before.
    Batch { position: u64, header: BatchHeader },
    /// The end of the file.
    End,
    /// Anything else.
    Broken(Broken),
}

/// Why the walk cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) position: u64,
    /// Whether this is the beginning of the batch that would come next, and nothing else: what a
    /// write leaves that was interrupted.
    pub(crate) unfinished: bool,
    pub(crate) reason: String,
}

impl<'a, F: File> Scanner<'a, F> {
    /// Walks `file` from `position`, where a batch begins, to `end`. Where `expected` is given, the
    /// first batch must begin with that offset.
    pub(crate) fn new(file: &'a F, position: u64, end: u64, expected: Option<Offset>) -> Self {
        Self {
            file,
            end,
            position,
            expected,
            epoch: LeaderEpoch(-1),
            check_crc: false,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// Also compares each CRC with the content, and refuses epochs below `epoch`.
    pub(crate) fn checked(mut self, epoch: LeaderEpoch) -> Self {
        self.check_crc = true;
        self.epoch = epoch;
        self
    }

    /// The next batch.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let left = self.end - self.position;
        if left == 0 {
            return Ok(Step::End);
        }
        let position = self.position;
        let expected = self.expected;
        let start = self.window(position, record::BATCH_OVERHEAD)?;
        let header = match BatchHeader::parse(start) {
            Ok(header) => header,
            Err(e) => {
                let begins = start
                    .first_chunk()
                    .zip(expected)
                    .is_none_or(|(bytes, expected)| i64::from_be_bytes(*bytes) == expected.0);
                let unfinished = begins && matches!(e, BatchError::Truncated { .. });
                return Ok(self.broken(unfinished, e.to_string()));
            }
        };
        if let Some(expected) = expected
            && header.base_offset != expected
        {
            let reason = format!(
                "a batch at offset {} follows offset {expected}",
                header.base_offset
            );
            return Ok(self.broken(false, reason));
        }
        if header.leader_epoch < self.epoch {
            let reason = format!(
                "leader epoch {} follows epoch {}",
                header.leader_epoch, self.epoch
            );
            return Ok(self.broken(false, reason));
        }
        if header.size as u64 > left {
            let reason = format!("a batch of {} bytes has only {left}", header.size);
            return Ok(self.broken(true, reason));
        }
        if self.check_crc {
            if let Err(e) = self.crc(&header)? {
                return Ok(self.broken(false, e.to_string()));
            }
            self.epoch = header.leader_epoch;
        }
        self.position += header.size as u64;
        self.expected = Some(header.next_offset());
        Ok(Step::Batch { position, header })
    }

    /// The next batch, or an error where the file is broken: for segments that were checked before.
    pub(crate) fn batch(&mut self) -> io::Result<Option<(u64, BatchHeader)>> {
        match self.step()? {
            Step::Batch { position, header } => Ok(Some((position, header))),
            Step::End => Ok(None),
            Step::Broken(broken) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("damaged at position {}: {}", broken.position, broken.reason),
            )),
        }
    }

    fn broken(&self, unfinished: bool, reason: String) -> Step {
        Step::Broken(Broken {
            position: self.position,
            unfinished,
            reason,
        })
    }

    fn crc(&mut self, header: &BatchHeader) -> io::Result<Result<(), BatchError>> {
        let mut check = CrcCheck::new(header);
        let end = self.position + header.size as u64;
        let mut at = self.position;
        while at < end {
            let wanted = usize::try_from(end - at).map_or(WINDOW, |left| left.min(WINDOW));
            let chunk = self.window(at, wanted)?;
            at += chunk.len() as u64;
            check.update(chunk);
        }
        Ok(check.finish())
    }

    /// `wanted` bytes at `at`, or what is left before the end.
    fn window(&mut self, at: u64, wanted: usize) -> io::Result<&[u8]> {
        debug_assert!(wanted <= WINDOW && wanted >= LENGTH_PREFIX.min(wanted));
        let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let window_end = self.window_at + self.window.len() as u64;
        if at < self.window_at || at + wanted as u64 > window_end {
            self.window.resize(WINDOW.min(left), 0);
            self.window_at = at;
            if let Err(e) = self.file.read_exact_at(&mut self.window, at) {
                self.window.clear();
                return Err(e);
            }
        }
        let from = (at - self.window_at) as usize;
        Ok(&self.window[from..from + wanted])
    }
}
