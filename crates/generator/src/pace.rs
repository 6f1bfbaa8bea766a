//! When records are due in real time.

use std::time::{Duration, Instant};

use crate::faults::Episodes;

/// From the virtual clock to the real one. When a record is due doesn't depend on those before it: what is
/// slow shows as lateness, and is caught up with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    began: Instant,
    /// What the virtual clock showed then.
    zero_us: i64,
    /// Seconds of the virtual clock in a real one; `None`: as fast as it goes.
    speed: Option<f64>,
    /// While it is stalled nothing is due.
    stalls: Option<Episodes>,
}

impl Pace {
    pub(crate) fn new(began: Instant, zero_us: i64, speed: Option<f64>, stalls: Option<Episodes>) -> Self {
        Self {
            began,
            zero_us,
            speed,
            stalls,
        }
    }

    /// The same from now on: what it took to get ready is nobody's lateness.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.began = now;
    }

    /// When something that happens at this time is due; `None` for at once.
    pub(crate) fn due(&self, at_us: i64) -> Option<Instant> {
        let speed = self.speed?;
        let stalled = self.stalls.and_then(|stalls| stalls.end_of(at_us));
        let at_us = stalled.unwrap_or(at_us);
        let since = at_us.saturating_sub(self.zero_us);
        if since <= 0 {
            return None;
        }
        let real_us = libm::floor(since as f64 / speed) as u64;
        self.began.checked_add(Duration::from_micros(real_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_is_due_at_once_and_the_rest_by_its_time() {
        let began = Instant::now();
        let pace = Pace::new(began, 1_000_000, Some(60.0), None);
        assert_eq!(pace.due(999_999), None);
        assert_eq!(pace.due(61_000_000), Some(began + Duration::from_secs(1)));
        assert_eq!(Pace::new(began, 0, None, None).due(61_000_000), None);
    }
}
