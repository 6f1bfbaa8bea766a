//! A source table while the ETL runs: positions, watermarks, seen keys, the ledger.

use std::collections::BTreeMap;

use client::FetchedBatch;
use record::{Offset, PartitionIndex, Timestamp};

use crate::declaration::{SourceDeclaration, micros};
use crate::dedup::{Dedup, DedupShard};
use crate::event_time::EventTime;
use crate::ledger::Counts;
use crate::part::{Part, PartInput};
use crate::payload::{PartitionPayload, Position, SourcePayload, StateFile};
use crate::pool::parallel;
use crate::shard::{KeyHash, SHARDS};
use crate::verdict::{Limits, Verdict};
use crate::watermark::{Activity, PartitionProgress, PartitionWatermark, TableWatermark};

/// A source table between two epochs, and while one is on.
pub(crate) struct SourceTable {
    pub declaration: SourceDeclaration,
    pub topic_id: String,
    pub watermark: TableWatermark,
    pub dedup: Dedup,
    pub partitions: BTreeMap<PartitionIndex, PartitionState>,
    /// The state files of the newest commit.
    pub state: Vec<StateFile>,
}

/// What a source table knows of one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartitionState {
    /// Where reading goes on.
    pub position: Position,
    /// Where it went on when the epoch began.
    pub began: Position,
    /// Since the first commit.
    pub counts: Counts,
    /// In this epoch.
    pub epoch: Counts,
}

impl SourceTable {
    /// The table as the newest commit has it, without its seen keys.
    pub(crate) fn new(
        declaration: SourceDeclaration,
        topic_id: String,
        committed: Option<&SourcePayload>,
        positions: impl Iterator<Item = (PartitionIndex, Position)>,
        now: Timestamp,
    ) -> Self {
        let mut watermark = TableWatermark {
            value: committed.and_then(|c| c.watermark_us).map(EventTime),
            partitions: BTreeMap::new(),
        };
        let mut partitions = BTreeMap::new();
        for (partition, position) in positions {
            let older = committed.and_then(|c| c.partitions.get(&partition.0));
            let progress = PartitionProgress {
                watermark: PartitionWatermark {
                    highest: older.and_then(|p| p.highest_us).map(EventTime),
                },
                quiet_since: now,
                idle: older.is_some_and(|p| p.idle),
            };
            watermark.partitions.insert(partition, progress);
            let counts = older.map(|p| p.ledger).unwrap_or_default();
            let state = PartitionState {
                position,
                began: position,
                counts,
                epoch: Counts::default(),
            };
            partitions.insert(partition, state);
        }
        let state = committed.map(|c| c.state.clone()).unwrap_or_default();
        Self {
            declaration,
            topic_id,
            watermark,
            dedup: Dedup::new(),
            partitions,
            state,
        }
    }

    pub(crate) fn delay(&self) -> i64 {
        micros(self.declaration.watermark_delay)
    }

    /// A partition that the topic got after the start.
    pub(crate) fn add_partition(&mut self, partition: PartitionIndex, position: Position, now: Timestamp) {
        self.watermark.add(partition, now);
        let counts = Counts::default();
        let state = PartitionState {
            position,
            began: position,
            counts,
            epoch: counts,
        };
        self.partitions.entry(partition).or_insert(state);
    }

    /// What the part of one partition begins with.
    pub(crate) fn part_input(
        &self,
        table: usize,
        partition: PartitionIndex,
        batches: Vec<FetchedBatch>,
        now: Timestamp,
    ) -> Option<PartInput<'_>> {
        let state = self.partitions.get(&partition)?;
        let progress = self.watermark.partitions.get(&partition)?;
        Some(PartInput {
            table,
            declaration: &self.declaration,
            limits: Limits {
                watermark_delay: self.delay(),
                future_limit: micros(self.declaration.future_limit),
                table_watermark: self.watermark.value,
            },
            partition,
            position: state.position,
            watermark: progress.watermark,
            batches,
            now,
        })
    }

    /// Tells duplicates apart, in the order of partitions and offsets, and counts. Returns per part
    /// which candidates are written.
    pub(crate) fn settle(&mut self, parts: &[Part], threads: usize) -> Vec<Vec<bool>> {
        let mut written: Vec<Vec<bool>> = parts
            .iter()
            .map(|part| vec![true; part.event_times.len()])
            .collect();
        if !self.declaration.dedup_keys.is_empty() {
            for (part, row) in self.duplicates(parts, threads) {
                written[part][row] = false;
            }
        }
        for (part, written) in parts.iter().zip(&written) {
            let Some(state) = self.partitions.get_mut(&part.partition) else {
                continue;
            };
            let mut counts = part.counts;
            for &written in written {
                counts.count(if written {
                    Verdict::Written
                } else {
                    Verdict::Duplicate
                });
            }
            state.epoch.add(&counts);
            state.position = part.position;
            if let Some(progress) = self.watermark.partitions.get_mut(&part.partition) {
                progress.watermark = part.watermark;
            }
        }
        written
    }

    fn duplicates(&mut self, parts: &[Part], threads: usize) -> Vec<(usize, usize)> {
        let per_thread = SHARDS.div_ceil(threads.clamp(1, SHARDS));
        let tasks: Vec<(usize, &mut [DedupShard])> = self
            .dedup
            .shards_mut()
            .chunks_mut(per_thread)
            .enumerate()
            .map(|(i, s)| (i * per_thread, s))
            .collect();
        let found = parallel(threads, tasks, |(first, shards)| {
            let mut duplicates = Vec::new();
            for (index, part) in parts.iter().enumerate() {
                for (row, &key) in part.keys.iter().enumerate() {
                    if is_duplicate(shards, first, key, part, row) {
                        duplicates.push((index, row));
                    }
                }
            }
            duplicates
        });
        found.into_iter().flatten().collect()
    }

    /// Ends an epoch: partitions wake or fall idle, and the watermark moves. `ends` are as `planned`:
    /// what came to a partition since then is not known, so that its silence is measured to there.
    pub(crate) fn advance(
        &mut self,
        ends: &BTreeMap<PartitionIndex, Offset>,
        planned: Timestamp,
        now: Timestamp,
    ) -> Option<EventTime> {
        let idle_after_ms = micros(self.declaration.idle_after) / 1000;
        for (&partition, state) in &self.partitions {
            let activity = Activity::of(&state.epoch, state.position.offset, ends.get(&partition).copied());
            let at = if activity == Activity::AtEnd { planned } else { now };
            self.watermark.saw(partition, activity, idle_after_ms, at);
        }
        let delay = self.delay();
        self.watermark.advance(delay)
    }

    /// What of this epoch goes into the payload. Nothing is forgotten or counted twice before
    /// [`SourceTable::committed`].
    pub(crate) fn payload(&self, state: Vec<StateFile>) -> SourcePayload {
        let mut partitions = BTreeMap::new();
        for (&partition, of) in &self.partitions {
            let progress = self.watermark.partitions.get(&partition);
            let mut ledger = of.counts;
            ledger.add(&of.epoch);
            let payload = PartitionPayload {
                next_offset: of.position.offset.0,
                leader_epoch: of.position.leader_epoch.0,
                highest_us: progress.and_then(|p| p.watermark.highest).map(|t| t.0),
                idle: progress.is_some_and(|p| p.idle),
                ledger,
            };
            partitions.insert(partition.0, payload);
        }
        SourcePayload {
            declaration: self.declaration.clone(),
            topic_id: self.topic_id.clone(),
            watermark_us: self.watermark.value.map(|t| t.0),
            partitions,
            state,
        }
    }

    /// The epoch is durable.
    pub(crate) fn committed(&mut self, state: Vec<StateFile>) {
        self.state = state;
        for of in self.partitions.values_mut() {
            of.counts.add(&std::mem::take(&mut of.epoch));
            of.began = of.position;
        }
        if let Some(watermark) = self.watermark.value {
            self.dedup.expire(watermark);
        }
    }

    /// The sum over the partitions of what this epoch read.
    pub(crate) fn epoch_counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.partitions.values().for_each(|p| sum.add(&p.epoch));
        sum
    }
}

/// Whether the key is known; false for keys of other shards, which other threads look at.
fn is_duplicate(shards: &mut [DedupShard], first: usize, key: KeyHash, part: &Part, row: usize) -> bool {
    let Some(shard) = key
        .shard()
        .checked_sub(first)
        .and_then(|index| shards.get_mut(index))
    else {
        return false;
    };
    !shard.insert(key, EventTime(part.event_times[row]), part.watermarks[row])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declaration::{TableDeclaration, default_tables};
    use record::LeaderEpoch;

    /// A long epoch must not make a partition idle: what came meanwhile was not planned.
    #[test]
    fn silence_is_measured_to_the_plan() {
        let TableDeclaration::Source(declaration) = default_tables().remove(0) else {
            panic!("the first default table reads a topic");
        };
        let partition = PartitionIndex(0);
        let position = Position {
            offset: Offset(5),
            leader_epoch: LeaderEpoch(0),
        };
        let positions = [(partition, position)].into_iter();
        let mut table = SourceTable::new(declaration, String::new(), None, positions, Timestamp(0));
        let mut idle = |planned, now| {
            let ends = BTreeMap::from([(partition, Offset(5))]);
            table.advance(&ends, Timestamp(planned), Timestamp(now));
            table.watermark.partitions[&partition].idle
        };
        assert!(!idle(59_999, 90_000));
        assert!(idle(60_000, 91_000));
    }
}
