//! The assigned partitions: where each is, and whether it can be read.

use std::{collections::HashSet, sync::Arc};

use record::{BrokerId, Offset, PartitionIndex, TopicId};

use super::{FetchError, FetchedBatch, Position, request::PartitionFetch};
use crate::ClientError;

/// One assigned partition.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) topic: Arc<str>,
    pub(super) partition: PartitionIndex,
    pub(super) position: Position,
    pub(super) high_watermark: Option<Offset>,
    /// Tells answers to this assignment from answers to one before.
    pub(super) generation: u64,
    /// Its leader must be looked up again.
    pub(super) stale: bool,
    /// An error was handed out; it waits for the caller.
    pub(super) stopped: bool,
    /// Of the topic that reading began with.
    pub(super) topic_id: Option<TopicId>,
    /// Looks at the metadata that didn't find the topic.
    missing: u32,
    /// The last look at the metadata found no leader, or came to nothing.
    leaderless: bool,
}

/// All assigned partitions, those that had their turn last.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    tracks: Vec<Track>,
    /// Leaders with an open fetch.
    busy: HashSet<BrokerId>,
    /// Whether metadata is being asked for.
    looking: bool,
    generations: u64,
}

impl Tracks {
    pub(super) fn assign(&mut self, topic: &str, partition: PartitionIndex, position: Position) {
        self.unassign(topic, partition);
        self.generations += 1;
        self.tracks.push(Track {
            topic: Arc::from(topic),
            partition,
            position,
            high_watermark: None,
            generation: self.generations,
            stale: false,
            stopped: false,
            topic_id: None,
            missing: 0,
            leaderless: false,
        });
    }

    pub(super) fn unassign(&mut self, topic: &str, partition: PartitionIndex) {
        self.tracks
            .retain(|track| !(track.partition == partition && &*track.topic == topic));
    }

    pub(super) fn get(&self, topic: &str, partition: PartitionIndex) -> Option<&Track> {
        self.tracks
            .iter()
            .find(|track| track.partition == partition && &*track.topic == topic)
    }

    /// The partition that a fetch was for, unless it was moved or unassigned since.
    pub(super) fn current(&mut self, asked: &PartitionFetch) -> Option<&mut Track> {
        self.tracks
            .iter_mut()
            .find(|track| track.generation == asked.generation)
    }

    pub(super) fn readable(&self) -> impl Iterator<Item = &Track> {
        self.tracks.iter().filter(|track| !track.stopped)
    }

    pub(super) fn positions(&self) -> Vec<(u64, Position)> {
        let mut positions: Vec<_> = self
            .tracks
            .iter()
            .map(|track| (track.generation, track.position))
            .collect();
        positions.sort_by_key(|(generation, _)| *generation);
        positions
    }

    /// Partitions whose topic has another id now can't be read on.
    pub(super) fn stop_recreated(&mut self, id_of: impl Fn(&str) -> Option<TopicId>) -> Vec<FetchError> {
        let mut errors = Vec::new();
        for track in self.tracks.iter_mut().filter(|track| !track.stopped) {
            if let (Some(before), Some(now)) = (track.topic_id, id_of(&track.topic))
                && before != now
            {
                track.stopped = true;
                errors.push(FetchError::TopicRecreated {
                    topic: track.topic.to_string(),
                    before,
                    now,
                });
            }
        }
        errors
    }

    /// Partitions that gave something are last in the next fetch.
    pub(super) fn end_turn(&mut self, batches: &[FetchedBatch]) {
        let had_turn = |track: &Track| {
            batches
                .iter()
                .any(|batch| batch.partition == track.partition && batch.topic == track.topic)
        };
        // A stable sort: the order among the others stays.
        self.tracks.sort_by_cached_key(had_turn);
    }

    pub(super) fn set_busy(&mut self, broker: BrokerId, busy: bool) {
        if busy {
            self.busy.insert(broker);
        } else {
            self.busy.remove(&broker);
        }
    }

    pub(super) fn is_busy(&self, broker: BrokerId) -> bool {
        self.busy.contains(&broker)
    }

    /// Whether to pause before looking: the first look comes at once.
    pub(super) fn start_looking(&mut self) -> bool {
        self.looking = true;
        self.readable()
            .any(|track| track.stale || track.leaderless || track.missing > 0)
    }

    /// Takes in a look at the metadata: which topics are known now, and which partitions have a leader.
    /// Topics that it didn't find `limit` times are errors.
    pub(super) fn end_looking(
        &mut self,
        answered: bool,
        known: impl Fn(&str) -> bool,
        led: impl Fn(&str, PartitionIndex) -> bool,
        limit: u32,
    ) -> Vec<ClientError> {
        self.looking = false;
        for track in &mut self.tracks {
            track.leaderless = !led(&track.topic, track.partition);
        }
        let mut errors = Vec::new();
        if !answered {
            return errors;
        }
        for track in self.tracks.iter_mut().filter(|track| !track.stopped) {
            track.stale = false;
            track.missing = if known(&track.topic) { 0 } else { track.missing + 1 };
            if track.missing >= limit {
                track.stopped = true;
                errors.push(ClientError::UnknownTopic {
                    topic: track.topic.to_string(),
                });
            }
        }
        errors
    }

    pub(super) fn is_looking(&self) -> bool {
        self.looking
    }
}

#[cfg(test)]
mod tests;
