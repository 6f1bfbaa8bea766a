//! Recovery of what a stop has left, by indexes and checkpoints or by the records themselves.

use std::io;
use std::sync::Arc;

use disk::{Disk, File, OpenMode};
use record::{LeaderEpoch, Offset, Timestamp};

use super::open::Files;
use super::truncate::{newest_snapshot, remove_snapshots, replay};
use super::{Durable, Partition};
use crate::epochs::Epochs;
use crate::folder::{BEGINNING_ANEW, Folder, Part, RECOVERY_POINT, START};
use crate::producers::Producers;
use crate::scanner::{Broken, Scanner, Step};
use crate::segment::{Active, Sealed};
use crate::{Cut, LogError, Options, Recovery, Trust};

/// A partition on its way to be opened.
pub(super) struct Opening<D: Disk> {
    pub(super) folder: Folder<D>,
    pub(super) options: Options,
    pub(super) now: Timestamp,
    /// What was said of how the partition was left.
    pub(super) trust: Trust,
    /// `None` where nothing was ever removed from the beginning.
    pub(super) start: Option<Offset>,
    pub(super) point: Offset,
    pub(super) files: Files,
    /// `None` where the checkpoint is missing or damaged.
    pub(super) epochs: Option<Epochs>,
}

impl<D: Disk> Opening<D> {
    /// A partition that has no segment yet.
    pub(super) fn create(&self) -> Result<(Partition<D>, Recovery), LogError> {
        let start = self.start.unwrap_or(self.options.first_offset);
        remove_snapshots(&self.folder, |_| true)?;
        let active = Active::create(&self.folder, start)?;
        // The first segment must not be the one that a power loss takes: the next would then look
        // like the beginning.
        self.folder.write_offset(START, start, true)?;
        let recovery = Recovery {
            last_unfinished_only: true,
            ..Recovery::default()
        };
        let mut epochs = self.epochs.clone().unwrap_or_default();
        epochs.clear();
        let point = self.point.min(start);
        self.finish(Vec::new(), active, epochs, Producers::default(), point, recovery)
    }

    /// Opens by indexes, checkpoints and snapshot, as a clean stop has left them. `None` where
    /// they contradict the records.
    pub(super) fn trusted(&self) -> Result<Option<(Partition<D>, Recovery)>, LogError> {
        let Some(epochs) = &self.epochs else {
            return Ok(None);
        };
        let Some(sealed) = self.sealed(self.files.last())? else {
            return Ok(None);
        };
        let (base, size) = self.files.segments[self.files.last()];
        let Some(active) = Active::by_indexes(&self.folder, base, size, &self.options)? else {
            return Ok(None);
        };
        let end = active.end;
        let (at, producers) = newest_snapshot(&self.folder, end)?;
        let first = sealed.first().map_or(base, |segment| segment.base);
        if self.point != end || at != end || self.start.is_some_and(|start| start < first || start > end) {
            return Ok(None);
        }
        let recovery = Recovery {
            last_unfinished_only: true,
            ..Recovery::default()
        };
        let opened = self.finish(sealed, active, epochs.clone(), producers, end, recovery)?;
        Ok(Some(opened))
    }

    /// The first `count` segments as they are; `None` where an index is missing or damaged.
    fn sealed(&self, count: usize) -> Result<Option<Vec<Sealed>>, LogError> {
        let mut sealed = Vec::with_capacity(count);
        for index in 0..count {
            let (base, size) = self.files.segments[index];
            match Sealed::open(&self.folder, base, self.files.base(index + 1), size)? {
                Some(segment) => sealed.push(segment),
                None => return Ok(None),
            }
        }
        Ok(Some(sealed))
    }

    /// Opens by the records themselves.
    pub(super) fn recover(&self, trust: Trust) -> Result<(Partition<D>, Recovery), LogError> {
        let mut first = match trust {
            Trust::SameBoot => self.files.last(),
            Trust::CleanStop | Trust::Nothing => self.files.holding(self.point),
        };
        // Epochs of segments that are not scanned must be in the checkpoint.
        if !self
            .epochs
            .as_ref()
            .is_some_and(|epochs| epochs.reach_back_to(self.files.base(0)))
        {
            first = 0;
        }
        let mut sealed = match self.sealed(first)? {
            Some(sealed) => sealed,
            None => {
                first = 0;
                Vec::new()
            }
        };
        let mut epochs = self.epochs.clone().unwrap_or_default();
        epochs.truncate_to(self.files.base(first));
        let mut producers = self.producers_before(first)?;
        let mut recovery = Recovery {
            last_unfinished_only: true,
            ..Recovery::default()
        };

        let (base, size) = self.files.segments[first];
        let mut broken = None;
        let mut active = self.scan(base, size, &mut epochs, &mut producers, &mut broken)?;
        recovery.scanned_bytes += active.size;
        let mut scanned = first + 1;
        while broken.is_none() && scanned <= self.files.last() {
            let (base, size) = self.files.segments[scanned];
            if base != active.end {
                let reason = format!("a segment at offset {base} follows offset {}", active.end);
                broken = Some(Broken {
                    position: active.size,
                    unfinished: false,
                    reason,
                });
                break;
            }
            active.write_indexes(&self.folder)?;
            sealed.push(active.sealed());
            active = self.scan(base, size, &mut epochs, &mut producers, &mut broken)?;
            recovery.scanned_bytes += active.size;
            scanned += 1;
        }
        if let Some(broken) = broken {
            self.cut(&active, scanned, broken, &mut recovery)?;
        }
        let point = self.point.min(active.end);
        self.finish(sealed, active, epochs, producers, point, recovery)
    }

    /// Reads a segment from its beginning until something is wrong.
    fn scan(
        &self,
        base: Offset,
        size: u64,
        epochs: &mut Epochs,
        producers: &mut Producers,
        broken: &mut Option<Broken>,
    ) -> Result<Active<D>, LogError> {
        let file = Arc::new(self.folder.open(Part::Log, base, OpenMode::Write)?);
        let mut active = Active::empty(Arc::clone(&file), base);
        let epoch = epochs.last().unwrap_or(LeaderEpoch(-1));
        let mut scanner = Scanner::new(file.as_ref(), 0, size, Some(base)).checked(epoch);
        loop {
            let io = |source| LogError::Io {
                path: self.folder.part(Part::Log, base),
                source,
            };
            match scanner.step().map_err(io)? {
                Step::Batch { header, .. } => {
                    epochs.assign(header.leader_epoch, header.base_offset);
                    producers.replay(&header, self.now);
                    active.note(&header, &self.options);
                }
                Step::End => return Ok(active),
                Step::Broken(found) => {
                    *broken = Some(found);
                    return Ok(active);
                }
            }
        }
    }

    /// Cuts the last segment that was scanned where it is broken, and removes those behind it,
    /// which begin with index `behind`.
    fn cut(
        &self,
        active: &Active<D>,
        behind: usize,
        broken: Broken,
        recovery: &mut Recovery,
    ) -> Result<(), LogError> {
        let removed = &self.files.segments[behind..];
        let last_unfinished_only = broken.unfinished && removed.is_empty();
        if !last_unfinished_only {
            self.note_damage()?;
        }
        let size = self.files.segments[behind - 1].1;
        for (base, _) in removed.iter().rev() {
            self.folder.remove_segment(*base)?;
        }
        let io = |source| LogError::Io {
            path: self.folder.part(Part::Log, active.base),
            source,
        };
        active.cut().and_then(|()| active.file.sync_data()).map_err(io)?;
        self.folder.sync()?;
        if self.point > active.end {
            self.folder.write_offset(RECOVERY_POINT, active.end, true)?;
        }
        recovery.truncated_bytes = size - active.size + removed.iter().map(|(_, size)| size).sum::<u64>();
        recovery.last_unfinished_only = last_unfinished_only;
        recovery.cut = Some(Cut {
            segment: active.base,
            position: broken.position,
            reason: broken.reason,
        });
        Ok(())
    }

    /// Says that records are gone, before they are: a stop in between must not hide it. What a loss of power may take
    /// is none of it.
    fn note_damage(&self) -> Result<(), LogError> {
        match self.trust {
            Trust::CleanStop | Trust::SameBoot => self.folder.note_damage(),
            Trust::Nothing => Ok(()),
        }
    }

    /// The producers as they were before the segment of this index.
    fn producers_before(&self, index: usize) -> Result<Producers, LogError> {
        let end = self.files.base(index);
        let (at, mut producers) = newest_snapshot(&self.folder, end)?;
        for index in self.files.holding(at)..index {
            let (base, size) = self.files.segments[index];
            let io = |source: io::Error| LogError::Io {
                path: self.folder.part(Part::Log, base),
                source,
            };
            let file = self.folder.open(Part::Log, base, OpenMode::Read)?;
            replay(&file, size, &mut producers, at, self.now).map_err(io)?;
        }
        Ok(producers)
    }

    /// Puts everything together, and removes files that mean nothing any more.
    fn finish(
        &self,
        sealed: Vec<Sealed>,
        active: Active<D>,
        mut epochs: Epochs,
        producers: Producers,
        flushed: Offset,
        mut recovery: Recovery,
    ) -> Result<(Partition<D>, Recovery), LogError> {
        let end = active.end;
        let flushed = flushed.max(Offset(0));
        let first = sealed.first().map_or(active.base, |segment| segment.base);
        let start = self.start.unwrap_or(first);
        epochs.truncate_to(end);
        let changed = self.epochs.as_ref().is_some_and(|read| *read != epochs)
            || self.epochs.is_none() && epochs.last().is_some();
        if changed {
            epochs.write(&self.folder, false)?;
        }
        epochs.begin_at(first);
        let bases: Vec<Offset> = sealed
            .iter()
            .map(|segment| segment.base)
            .chain([active.base])
            .collect();
        remove_snapshots(&self.folder, |at| at > end || (at != end && !bases.contains(&at)))?;
        let is_short = start < first || start > end;
        let is_lost = is_short && self.point != BEGINNING_ANEW;
        if is_lost {
            self.note_damage()?;
        }
        let mut partition = Partition {
            damaged: self.folder.is_damaged()?,
            folder: self.folder.clone(),
            options: self.options.clone(),
            sealed,
            active,
            epochs,
            producers,
            start,
            durable: Durable {
                flushed,
                recovery_point: self.point.min(flushed),
                truncations: 0,
                names_changed: 1,
                names_synced: 0,
                epochs_unsynced: true,
                epochs_stale: false,
            },
            offline: None,
            scratch: Vec::new(),
        };
        if is_short {
            recovery.truncated_bytes += partition.size_bytes();
            recovery.last_unfinished_only &= !is_lost;
            let reason = format!("the log reaches from {first} to {end}, its start offset is {start}");
            recovery.cut.get_or_insert(Cut {
                segment: first,
                position: 0,
                reason,
            });
            partition.begin_at(start, start)?;
        }
        recovery.end_offset = partition.active.end;
        Ok((partition, recovery))
    }
}
