//! How far event time has come, in a partition and in a source table.

use std::collections::BTreeMap;

use record::{Offset, PartitionIndex, Timestamp};

use crate::event_time::EventTime;
use crate::ledger::Counts;

/// How far event time has come in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PartitionWatermark {
    /// The highest event time so far, in offset order; none before the first event.
    pub highest: Option<EventTime>,
}

impl PartitionWatermark {
    /// Takes the event time of the next event. Malformed and future events are not shown to it.
    pub(crate) fn observe(&mut self, event_time: EventTime) {
        self.highest = self.highest.max(Some(event_time));
    }

    /// The highest event time minus the delay in microseconds: an event at or below it is late.
    #[must_use]
    pub(crate) fn watermark(&self, delay: i64) -> Option<EventTime> {
        Some(self.highest?.minus(delay))
    }
}

/// One partition as the table's watermark sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionProgress {
    /// How far its event time has come.
    pub watermark: PartitionWatermark,
    /// Since when nothing was read from it, while there was nothing to read.
    pub quiet_since: Timestamp,
    /// It was quiet for so long that the table no longer waits for it.
    pub idle: bool,
}

/// What one epoch saw of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// It gave events that move its watermark.
    Read,
    /// It gave no such event and is known to hold none beyond the position.
    AtEnd,
    /// It gave none, but may hold some: behind, or its leader is away.
    Unknown,
}

impl Activity {
    /// What the epoch's counts say, the position after it and the planned end, where it is known.
    ///
    /// Malformed and future events move no watermark, so a partition that gives nothing else is as
    /// good as silent: else a single broken producer would hold the table's watermark for ever.
    pub(crate) fn of(epoch: &Counts, position: Offset, end: Option<Offset>) -> Self {
        match end {
            _ if epoch.read > epoch.malformed + epoch.future => Self::Read,
            Some(end) if end <= position => Self::AtEnd,
            _ => Self::Unknown,
        }
    }
}

/// The watermark of a source table: the minimum over its partitions that are not idle. It never goes back.
///
/// Windows close and deduplication buckets drop at it. A partition that never had an event holds it
/// back until it is idle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TableWatermark {
    /// The watermark; none until each partition had an event or is idle.
    pub value: Option<EventTime>,
    /// The partitions.
    pub partitions: BTreeMap<PartitionIndex, PartitionProgress>,
}

impl TableWatermark {
    /// Makes a partition known; does nothing if it is.
    pub(crate) fn add(&mut self, partition: PartitionIndex, now: Timestamp) -> &mut PartitionProgress {
        self.partitions.entry(partition).or_insert(PartitionProgress {
            watermark: PartitionWatermark::default(),
            quiet_since: now,
            idle: false,
        })
    }

    /// Ends an epoch for one partition: it wakes, stays quiet, or falls idle.
    pub(crate) fn saw(
        &mut self,
        partition: PartitionIndex,
        activity: Activity,
        idle_after_ms: i64,
        now: Timestamp,
    ) {
        let progress = self.add(partition, now);
        match activity {
            Activity::Read => {
                progress.idle = false;
                progress.quiet_since = now;
            }
            Activity::Unknown => progress.quiet_since = now,
            Activity::AtEnd if now.0 - progress.quiet_since.0 >= idle_after_ms => progress.idle = true,
            // The wall clock went back: the silence is measured again.
            Activity::AtEnd if now < progress.quiet_since => progress.quiet_since = now,
            Activity::AtEnd => {}
        }
    }

    /// Moves the watermark at the end of an epoch and returns it.
    pub(crate) fn advance(&mut self, delay: i64) -> Option<EventTime> {
        let waited_for = self.partitions.values().filter(|p| !p.idle);
        // `None` is the smallest: one partition without events holds the table back.
        let lowest = waited_for.map(|p| p.watermark.watermark(delay)).min().flatten();
        self.value = self.value.max(lowest);
        self.value
    }
}
