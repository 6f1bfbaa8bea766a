//! Faults: which there are, how often they come, and the margins that make their verdicts certain.

mod episodes;
mod injector;
mod malformed;

use std::time::Duration;

use crate::GeneratorError;

pub(crate) use self::{
    episodes::Episodes,
    injector::{Batch, Entry, FaultyLane, Injection},
};

/// How often faults come. None by default.
///
/// All but the last three are shares of the events, and an event has one at most. Duplicates, far
/// duplicates and late events come beside the events, the others in their place.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Sent again shortly after.
    pub duplicates: f64,
    /// Sent again when the watermark has passed; where the same user or device comes back then.
    pub far_duplicates: f64,
    /// Followed by one of the same user or device that the watermark has passed.
    pub late: f64,
    /// Sent after events that happened later.
    pub out_of_order: f64,
    /// Broken, in one of several ways.
    pub malformed: f64,
    /// With a `null`.
    pub nulls: f64,
    /// With a time far ahead.
    pub future: f64,
    /// Keyed by one hot key.
    pub hot_keys: f64,
    /// With a member that no reader knows.
    pub added_fields: f64,
    /// Without a member.
    pub missing_fields: f64,
    /// Share of users and devices whose clocks are wrong.
    pub clock_skew: f64,
    /// Share of time in which events come ten times as fast.
    pub bursts: f64,
    /// Share of time in which nothing is sent.
    pub stalls: f64,
}

impl Faults {
    /// More of the time can't be bursts: outside them nothing would be left.
    pub const MOST_BURSTS: f64 = 0.05;

    /// Whether there are any.
    #[must_use]
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The shares of which an event has one at most.
    pub(crate) fn exclusive(&self) -> [f64; 10] {
        [
            self.duplicates,
            self.far_duplicates,
            self.late,
            self.out_of_order,
            self.malformed,
            self.nulls,
            self.future,
            self.hot_keys,
            self.added_fields,
            self.missing_fields,
        ]
    }

    pub(crate) fn check(&self) -> Result<(), GeneratorError> {
        let wrong = |what: String| Err(GeneratorError::Settings { what });
        let shares = self.exclusive();
        let others = [self.clock_skew, self.bursts, self.stalls];
        if let Some(share) = shares
            .iter()
            .chain(&others)
            .find(|share| !(0.0..=1.0).contains(*share))
        {
            return wrong(format!("a share of faults is {share}: it must be from 0 to 1"));
        }
        let sum: f64 = shares.iter().sum();
        if sum > 1.0 + 1e-9 {
            return wrong(format!(
                "faults sum up to {sum}, but an event has one at most: 1 together"
            ));
        }
        if self.bursts > Self::MOST_BURSTS {
            let most = Self::MOST_BURSTS;
            return wrong(format!(
                "{} of the time shall be bursts: {most} at most",
                self.bursts
            ));
        }
        if self.stalls > 0.5 {
            return wrong(format!(
                "{} of the time shall be stalls: 0.5 at most",
                self.stalls
            ));
        }
        Ok(())
    }
}

/// How the reader judges times; faults keep away from both limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Margins {
    /// How far its watermark stays behind the highest event time of a partition.
    pub watermark_delay: Duration,
    /// How far an event may be ahead of the record's own timestamp.
    pub future_limit: Duration,
}

impl Default for Margins {
    fn default() -> Self {
        Self {
            watermark_delay: Duration::from_secs(120),
            future_limit: Duration::from_secs(300),
        }
    }
}

/// The same in microseconds, and what follows from them.
///
/// Why verdicts are certain. Let D be the delay and S <= D/8 how far clocks go ahead. A lane sends in the
/// order of `at`, lanes are merged in that order, a partition has one idempotent producer, and all records
/// of a key go to one partition. So in a partition, before a record that is sent at `at`, no event time that
/// moves the watermark is higher than `at + S`, and its watermark no higher than `at + S - D`.
///
/// * *Written*: an event's time is at least `at - D/4` (sent late by at most D/4, or by a clock that is
///   slow by at most D/4, never both). That is 5/8 D above the watermark.
/// * *Duplicate*: the original was written, the copy comes D/4 later at most: again 5/8 D above, and the key
///   is remembered as long as its time is above the watermark of the partition.
/// * *Late*, *far duplicate*: right before it, in its own lane and with its own key, so in its partition, an
///   event was sent whose time is at least D + D/10 higher.
/// * *Future*: its time is beyond the record's timestamp by more than the limit and a second. Clocks go
///   ahead by less than half of the limit.
/// * *Malformed* and future events move no watermark.
///
/// The watermark of the whole table is the lowest of its partitions, so it's lower still. It differs only
/// where a partition comes back from idleness while records are delivered to others much earlier: those
/// events the ledger of the reader counts apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) delay_us: i64,
    pub(crate) future_us: i64,
}

impl Limits {
    pub(crate) fn new(margins: Margins) -> Self {
        let us = |time: Duration| {
            i64::try_from(time.as_micros())
                .unwrap_or(i64::MAX / 16)
                .clamp(8_000, i64::MAX / 16)
        };
        Self {
            delay_us: us(margins.watermark_delay),
            future_us: us(margins.future_limit),
        }
    }

    /// A duplicate comes so much later at most.
    pub(crate) fn longest_repeat_us(&self) -> i64 {
        self.delay_us / 4
    }

    /// An event is held back so long at most.
    pub(crate) fn longest_hold_us(&self) -> i64 {
        self.delay_us / 4
    }

    /// A clock is slow by so much at most.
    pub(crate) fn slowest_clock_us(&self) -> i64 {
        self.delay_us / 4
    }

    /// A clock is fast by so much at most.
    pub(crate) fn fastest_clock_us(&self) -> i64 {
        (self.delay_us / 8).min(self.future_us / 2)
    }

    /// By so much an event must be behind another to be late for certain.
    pub(crate) fn certainly_late_us(&self) -> i64 {
        self.delay_us + (self.delay_us / 10).max(1_000)
    }
}

#[cfg(test)]
mod tests;
