//! The follower of one partition: what it does with what it fetched.

use record::{BrokerId, LeaderEpoch, Offset};

use crate::Millis;

#[cfg(test)]
mod tests;

/// How long a partition isn't fetched after an error.
const PAUSE: Millis = Millis(100);

/// Kafka's OFFSET_OUT_OF_RANGE.
const OFFSET_OUT_OF_RANGE: i16 = 1;

/// The ends of this replica's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnds {
    /// Its first offset.
    pub start: Offset,
    /// The offset after its last.
    pub end: Offset,
}

/// The part of a Fetch response that is for one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchedPartition {
    /// The leader epoch that the request was made under.
    pub asked_epoch: LeaderEpoch,
    /// Kafka's error code; 0 for none.
    pub error: i16,
    /// Where the leader's log differs from the one that was asked for: the largest epoch that it knows, not
    /// above the last one here, and where that ends; both -1 where it knows none.
    pub diverging: Option<(LeaderEpoch, Offset)>,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The leader's first offset; also with an error.
    pub log_start: Offset,
    /// Whether there are batches to append.
    pub has_records: bool,
}

/// What a follower does with a Fetch response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Append the batches, if there are any; then [`Follower::on_log_end`]. Where the leader's log starts
    /// later, records before it may go.
    Append {
        /// The leader's first offset, if it is later than the one here.
        start: Option<Offset>,
    },
    /// Remove everything from here on; then [`Follower::on_truncated`].
    Truncate(Offset),
    /// Remove everything, and begin anew here; then [`Follower::on_truncated`].
    Reset(Offset),
    /// Nothing: an error, or an answer that came too late.
    Nothing,
}

/// The follower of one partition, under one leader epoch.
///
/// It learns from the Fetch response where its log differs from the leader's and cuts it there (KIP-595's way,
/// KAFKA-10140), so that what it has never contradicts the leader below its log end.
#[derive(Debug)]
pub struct Follower {
    leader: Option<BrokerId>,
    leader_epoch: LeaderEpoch,
    high_watermark: Offset,
    /// The leader's, as it said last.
    committed: Offset,
    not_before: Millis,
    #[cfg(feature = "deliberate-bugs")]
    bug: Option<crate::Bug>,
}

impl Follower {
    /// A follower whose leader's epoch begins.
    #[must_use]
    pub fn new(leader: Option<BrokerId>, leader_epoch: LeaderEpoch, high_watermark: Offset) -> Self {
        Self {
            leader,
            leader_epoch,
            high_watermark,
            committed: high_watermark,
            not_before: Millis(0),
            #[cfg(feature = "deliberate-bugs")]
            bug: None,
        }
    }

    /// The same follower, with a mistake.
    #[cfg(feature = "deliberate-bugs")]
    #[must_use]
    pub fn with_bug(mut self, bug: Option<crate::Bug>) -> Self {
        self.bug = bug;
        self
    }

    /// Whom it follows; `None` while there is no leader.
    #[must_use]
    pub fn leader(&self) -> Option<BrokerId> {
        self.leader
    }

    /// The epoch to fetch under.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Records below it are committed, and here.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Whether the partition is to be in the next Fetch to its leader.
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        self.leader.is_some() && now >= self.not_before
    }

    /// The Fetch failed as a whole: the leader is asked again a little later.
    pub fn on_failure(&mut self, now: Millis) {
        self.not_before = now.plus(PAUSE);
    }

    /// What to do with what was fetched. `own_end_of` is [`LogEnds`]'s log's end of an epoch: the largest not
    /// above it that the log knows, and where that ends.
    pub fn on_response(
        &mut self,
        fetched: FetchedPartition,
        log: LogEnds,
        own_end_of: impl Fn(LeaderEpoch) -> Option<(LeaderEpoch, Offset)>,
        now: Millis,
    ) -> Step {
        if fetched.asked_epoch != self.leader_epoch {
            return Step::Nothing;
        }
        // The leader's log begins behind this one's end; or it ends before this one's beginning, because acknowledged
        // records were lost.
        let is_apart = fetched.log_start > log.end || log.start == log.end;
        if fetched.error == OFFSET_OUT_OF_RANGE && fetched.log_start >= Offset(0) && is_apart {
            return Step::Reset(fetched.log_start);
        }
        if fetched.error != 0 {
            self.on_failure(now);
            return Step::Nothing;
        }
        if let Some((epoch, end)) = fetched.diverging {
            #[cfg(feature = "deliberate-bugs")]
            if self.bug == Some(crate::Bug::SkipTruncation) {
                return Step::Nothing;
            }
            let agreed = self.agreed(epoch, end, own_end_of);
            // Nothing agrees: cut at its beginning this log would lack what the leader has before it. Only where
            // acknowledged records were lost.
            return match agreed < log.start && fetched.log_start >= Offset(0) {
                true => Step::Reset(fetched.log_start),
                false => Step::Truncate(agreed.min(log.end).max(log.start)),
            };
        }
        self.committed = self.committed.max(fetched.high_watermark);
        let start = (fetched.log_start > log.start).then_some(fetched.log_start);
        Step::Append { start }
    }

    /// The log ends here now. Gives the high watermark.
    pub fn on_log_end(&mut self, end: Offset) -> Offset {
        self.high_watermark = self.high_watermark.max(self.committed.min(end));
        self.high_watermark
    }

    /// The log was cut, and ends here now.
    pub fn on_truncated(&mut self, end: Offset) {
        self.high_watermark = self.high_watermark.min(end);
        // What the leader called committed was of the log that this one has left.
        self.committed = self.committed.min(end);
    }

    /// Up to where the log agrees with the leader's, as far as this answer tells; the next Fetch asks again.
    fn agreed(
        &self,
        epoch: LeaderEpoch,
        end: Offset,
        own_end_of: impl Fn(LeaderEpoch) -> Option<(LeaderEpoch, Offset)>,
    ) -> Offset {
        if end.0 < 0 {
            self.high_watermark
        } else if epoch.0 < 0 {
            end
        } else {
            match own_end_of(epoch) {
                // Of this epoch both have a part: what both have stays.
                Some((own, own_end)) if own == epoch => own_end.min(end),
                // It isn't known here: nothing behind the epoch before it can agree.
                Some((_, own_end)) => own_end,
                None => end,
            }
        }
    }
}

/// Where a leader's log differs from that of a follower whose last record has this epoch and stands before this
/// offset; `None` if it doesn't. `end_of` is the leader's log's end of an epoch.
pub fn diverges(
    last_epoch: Option<LeaderEpoch>,
    offset: Offset,
    end_of: impl Fn(LeaderEpoch) -> Option<(LeaderEpoch, Offset)>,
) -> Option<(LeaderEpoch, Offset)> {
    let last_epoch = last_epoch.filter(|epoch| epoch.0 >= 0)?;
    match end_of(last_epoch) {
        Some((epoch, end)) if epoch == last_epoch && end >= offset => None,
        Some(end) => Some(end),
        None => Some((LeaderEpoch(-1), Offset(-1))),
    }
}
