//! From counts to rates.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

/// Looks that are kept at most.
const KEPT: usize = 64;

/// A count that only grows, looked at from time to time, and how fast it grew lately.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    window: Duration,
    looks: VecDeque<(Timestamp, u64)>,
}

impl Meter {
    /// A meter of the last so many seconds, or of two looks where they lie further apart.
    pub(crate) fn over(window: Duration) -> Self {
        Self {
            window,
            looks: VecDeque::new(),
        }
    }

    /// Takes a look. A count that is smaller than before is of something else with the same name.
    pub(crate) fn look(&mut self, at: Timestamp, count: u64) {
        if let Some(&(last_at, last)) = self.looks.back() {
            if count < last || at < last_at {
                self.looks.clear();
            } else if at == last_at {
                return;
            }
        }
        self.looks.push_back((at, count));
        // The oldest look that is kept lies at or before the start of the window.
        while self.looks.len() > KEPT
            || self
                .looks
                .get(1)
                .is_some_and(|(second, _)| lies_before(*second, at, self.window))
        {
            self.looks.pop_front();
        }
    }

    /// How fast it grew, a second. Where no look came for longer than it should have, by the distance
    /// of the looks before, the time since then counts as time without growth.
    pub(crate) fn per_second(&self, now: Timestamp) -> Option<f64> {
        let (first_at, first) = *self.looks.front()?;
        let (last_at, last) = *self.looks.back()?;
        let looks = u32::try_from(self.looks.len()).ok()?;
        let between = seconds(first_at, last_at) / f64::from(looks.checked_sub(1).filter(|n| *n > 0)?);
        let silence = seconds(last_at, now);
        let end = if silence > 2.0 * between + 2.0 {
            now
        } else {
            last_at
        };
        let span = seconds(first_at, end);
        (span > 0.0).then(|| (last - first) as f64 / span)
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

fn lies_before(look: Timestamp, now: Timestamp, window: Duration) -> bool {
    seconds(look, now) >= window.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::Meter;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_rate_is_of_the_last_seconds() {
        let mut meter = Meter::over(Duration::from_secs(5));
        assert_eq!(meter.per_second(at(0)), None);
        for second in 0..20 {
            let count = if second < 10 {
                second * 100
            } else {
                900 + (second - 9) * 10
            };
            meter.look(at(second), count.unsigned_abs());
        }
        assert_eq!(meter.per_second(at(19)), Some(10.0));
        assert_eq!(meter.looks.len(), 6);
    }

    #[test]
    fn looks_that_are_far_apart_still_give_a_rate() {
        let mut meter = Meter::over(Duration::from_secs(5));
        for (second, count) in [(0, 0), (10, 1000), (20, 2000)] {
            meter.look(at(second), count);
        }
        assert_eq!(meter.per_second(at(21)), Some(100.0));
        // The next look is overdue.
        assert_eq!(meter.per_second(at(60)), Some(20.0));
    }

    #[test]
    fn a_count_that_shrinks_begins_anew() {
        let mut meter = Meter::over(Duration::from_secs(5));
        meter.look(at(0), 500);
        meter.look(at(1), 3);
        assert_eq!(meter.per_second(at(1)), None);
        meter.look(at(2), 13);
        assert_eq!(meter.per_second(at(2)), Some(10.0));
    }
}
