//! The sparse indexes of a segment, in Kafka's formats.
//!
//! `.index` has entries of 8 bytes: last offset of a batch less the base offset, position of that
//! batch. `.timeindex` has entries of 12 bytes: highest timestamp so far, last offset of the batch
//! that holds it less the base offset. Both grow strictly. All numbers are big-endian.

use std::io;

use disk::File;
use record::{Offset, Timestamp};

const OFFSET_ENTRY: usize = 8;
const TIME_ENTRY: usize = 12;

/// Offset -> position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OffsetIndex {
    base: Offset,
    entries: Vec<(u32, u32)>,
}

impl OffsetIndex {
    pub(crate) fn new(base: Offset) -> Self {
        Self {
            base,
            entries: Vec::new(),
        }
    }

    /// Base offset of the segment.
    pub(crate) fn base(&self) -> Offset {
        self.base
    }

    /// Notes that the batch which ends with `last_offset` begins at `position`.
    pub(crate) fn push(&mut self, last_offset: Offset, position: u64) {
        if let (Some(offset), Ok(position)) = (relative(self.base, last_offset), u32::try_from(position)) {
            self.entries.push((offset, position));
        }
    }

    /// Offset and position of the last indexed batch that ends at or before `target`.
    pub(crate) fn lookup(&self, target: Offset) -> Option<(Offset, u64)> {
        let before = self
            .entries
            .partition_point(|(offset, _)| absolute(self.base, *offset) <= target);
        before.checked_sub(1).map(|i| self.entry(i))
    }

    /// The last entry.
    pub(crate) fn last(&self) -> Option<(Offset, u64)> {
        self.entries.len().checked_sub(1).map(|i| self.entry(i))
    }

    fn entry(&self, i: usize) -> (Offset, u64) {
        let (offset, position) = self.entries[i];
        (absolute(self.base, offset), u64::from(position))
    }

    /// Forgets batches from `position` on.
    pub(crate) fn truncate(&mut self, position: u64) {
        self.entries.retain(|(_, at)| u64::from(*at) < position);
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> usize {
        self.entries.len() * OFFSET_ENTRY
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        for (offset, position) in &self.entries {
            out.extend_from_slice(&offset.to_be_bytes());
            out.extend_from_slice(&position.to_be_bytes());
        }
        out
    }

    /// Reads a file; `None` where it cannot be the index of a segment of `size` bytes.
    pub(crate) fn decode(base: Offset, bytes: &[u8], size: u64) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<OFFSET_ENTRY>();
        let entries: Vec<(u32, u32)> = chunks.iter().map(offset_entry).collect();
        let grows = entries.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1);
        let inside = entries
            .last()
            .is_none_or(|(_, position)| u64::from(*position) < size);
        (rest.is_empty() && grows && inside).then_some(Self { base, entries })
    }
}

/// Timestamp -> offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeIndex {
    base: Offset,
    entries: Vec<(i64, u32)>,
}

impl TimeIndex {
    pub(crate) fn new(base: Offset) -> Self {
        Self {
            base,
            entries: Vec::new(),
        }
    }

    /// Notes the highest timestamp so far, if it has grown since the last entry.
    pub(crate) fn push(&mut self, max: MaxTimestamp) {
        let newest = self.entries.last().map_or(-1, |(timestamp, _)| *timestamp);
        if max.timestamp.0 > newest
            && let Some(offset) = relative(self.base, max.offset)
        {
            self.entries.push((max.timestamp.0, offset));
        }
    }

    /// The offset from which a record of `timestamp` or later is to be sought: all records before
    /// its batch are earlier.
    pub(crate) fn lookup(&self, timestamp: Timestamp) -> Offset {
        let before = self.entries.partition_point(|(entry, _)| *entry <= timestamp.0);
        before
            .checked_sub(1)
            .map_or(self.base, |i| absolute(self.base, self.entries[i].1))
    }

    /// The highest timestamp.
    pub(crate) fn max(&self) -> MaxTimestamp {
        self.entries
            .last()
            .map_or(MaxTimestamp::NONE, |(timestamp, offset)| MaxTimestamp {
                timestamp: Timestamp(*timestamp),
                offset: absolute(self.base, *offset),
            })
    }

    /// Forgets records from `end` on.
    pub(crate) fn truncate(&mut self, end: Offset) {
        let base = self.base;
        self.entries.retain(|(_, offset)| absolute(base, *offset) < end);
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> usize {
        self.entries.len() * TIME_ENTRY
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.size());
        for (timestamp, offset) in &self.entries {
            out.extend_from_slice(&timestamp.to_be_bytes());
            out.extend_from_slice(&offset.to_be_bytes());
        }
        out
    }

    /// Reads a file; `None` where it cannot be the time index of a segment that ends before `end`.
    pub(crate) fn decode(base: Offset, bytes: &[u8], end: Offset) -> Option<Self> {
        let (chunks, rest) = bytes.as_chunks::<TIME_ENTRY>();
        let entries: Vec<(i64, u32)> = chunks
            .iter()
            .map(|[a, b, c, d, e, f, g, h, offset @ ..]| {
                (
                    i64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
                    u32::from_be_bytes(*offset),
                )
            })
            .collect();
        let grows = entries.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1);
        let inside = entries
            .last()
            .is_none_or(|(_, offset)| absolute(base, *offset) < end);
        (rest.is_empty() && grows && inside).then_some(Self { base, entries })
    }
}

/// The highest timestamp of a segment, and the last offset of the first batch that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaxTimestamp {
    pub(crate) timestamp: Timestamp,
    pub(crate) offset: Offset,
}

impl MaxTimestamp {
    /// No record, or none with a timestamp.
    pub(crate) const NONE: Self = Self {
        timestamp: Timestamp(-1),
        offset: Offset(-1),
    };
}

/// [`OffsetIndex::lookup`] in a file, without reading all of it.
pub(crate) fn lookup_in_file<F: File>(
    file: &F,
    base: Offset,
    target: Offset,
) -> io::Result<Option<(Offset, u64)>> {
    let entry = |i: u64| {
        let mut bytes = [0; OFFSET_ENTRY];
        file.read_exact_at(&mut bytes, i * OFFSET_ENTRY as u64)?;
        let (offset, position) = offset_entry(&bytes);
        io::Result::Ok((absolute(base, offset), u64::from(position)))
    };
    let (mut low, mut high) = (0, file.len()? / OFFSET_ENTRY as u64);
    let mut found = None;
    while low < high {
        let middle = low.midpoint(high);
        let (offset, position) = entry(middle)?;
        if offset <= target {
            found = Some((offset, position));
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(found)
}

fn offset_entry([a, b, c, d, position @ ..]: &[u8; OFFSET_ENTRY]) -> (u32, u32) {
    (
        u32::from_be_bytes([*a, *b, *c, *d]),
        u32::from_be_bytes(*position),
    )
}

/// Less the base offset. `None` in a segment that spans more than an index can say; ours never do.
fn relative(base: Offset, offset: Offset) -> Option<u32> {
    u32::try_from(offset.0.checked_sub(base.0)?).ok()
}

fn absolute(base: Offset, relative: u32) -> Offset {
    base.plus(i64::from(relative))
}

#[cfg(test)]
mod tests;
