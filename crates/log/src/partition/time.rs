//! Finding records by time.

use std::ops::ControlFlow;

use bytes::Bytes;
use disk::{Disk, File};
use record::{Batch, BatchHeader, Offset, Timestamp};

use super::Partition;
use super::read::Source;
use crate::index::MaxTimestamp;
use crate::scanner::Scanner;
use crate::{LogError, ReadError, TimestampAndOffset};

impl<D: Disk> Partition<D> {
    /// The first record, in offset order, whose timestamp is `timestamp` or later.
    ///
    /// # Errors
    /// Where segments cannot be read.
    pub fn find_timestamp(&self, timestamp: Timestamp) -> Result<Option<TimestampAndOffset>, ReadError> {
        self.online()?;
        let start = self.start;
        for index in self.segment_of(start)..=self.sealed.len() {
            if self.max_of(index).timestamp < timestamp {
                continue;
            }
            let seek = self.seek_time(index, timestamp)?.max(start);
            let mut found = None;
            self.source(index)?.visit(
                self.position(index, seek)?,
                |header| header.max_timestamp >= timestamp && header.last_offset() >= start,
                |record| {
                    if record.timestamp < timestamp || record.offset < start {
                        return ControlFlow::Continue(());
                    }
                    found = Some(record);
                    ControlFlow::Break(())
                },
            )?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first record of the highest timestamp.
    ///
    /// # Errors
    /// Where segments cannot be read.
    pub fn max_timestamp(&self) -> Result<Option<TimestampAndOffset>, ReadError> {
        self.online()?;
        let start = self.start;
        let mut best: Option<TimestampAndOffset> = None;
        for index in self.segment_of(start)..=self.sealed.len() {
            let max = self.max_of(index);
            if max.offset.0 < 0 || best.is_some_and(|best| best.timestamp >= max.timestamp) {
                continue;
            }
            let source = self.source(index)?;
            // Where the start offset lies inside the segment, its maximum may be a record below.
            let seek = if source.base >= start { max.offset } else { start };
            let position = self.position(index, seek)?;
            let before = best;
            let beaten = |best: Option<TimestampAndOffset>, timestamp| {
                best.is_none_or(|best| best.timestamp < timestamp)
            };
            source.visit(
                position,
                |header| beaten(before, header.max_timestamp) && header.last_offset() >= start,
                |record| {
                    if record.offset >= start && beaten(best, record.timestamp) {
                        best = Some(record);
                    }
                    if record.offset >= start && record.timestamp >= max.timestamp {
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                },
            )?;
        }
        Ok(best)
    }

    fn max_of(&self, index: usize) -> MaxTimestamp {
        self.sealed
            .get(index)
            .map_or(self.active.max, |segment| segment.max)
    }

    fn seek_time(&self, index: usize, timestamp: Timestamp) -> Result<Offset, LogError> {
        match self.sealed.get(index) {
            Some(segment) => segment.seek_time(&self.folder, timestamp),
            None => Ok(self.active.seek_time(timestamp)),
        }
    }
}

impl<D: Disk> Source<D> {
    /// Hands out the records of all batches that `wanted` accepts, from `position` on, until
    /// `visit` breaks off.
    fn visit(
        &self,
        position: u64,
        wanted: impl Fn(&BatchHeader) -> bool,
        mut visit: impl FnMut(TimestampAndOffset) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let mut scanner = Scanner::new(self.file.as_ref(), position, self.size, None);
        while let Some((position, header)) = scanner.batch()? {
            if !wanted(&header) {
                continue;
            }
            let damaged = |source| ReadError::Corrupt {
                segment: self.base,
                position,
                source,
            };
            let mut bytes = vec![0; header.size];
            self.file.read_exact_at(&mut bytes, position)?;
            let batch = Batch::parse(Bytes::from(bytes)).map_err(damaged)?;
            for record in &batch.records().map_err(damaged)? {
                let record = record.map_err(damaged)?;
                let found = TimestampAndOffset {
                    timestamp: record.timestamp,
                    offset: record.offset,
                    leader_epoch: header.leader_epoch,
                };
                if visit(found).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
