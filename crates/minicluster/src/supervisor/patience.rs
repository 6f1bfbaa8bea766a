//! How long the supervisor waits for what.

use std::time::Duration;

/// The deadlines and pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// From the start of a process to its readiness.
    pub(crate) ready: Duration,
    /// From SIGTERM to the end of a process; then it is killed.
    pub(crate) stop: Duration,
    /// Two requests to stop within this time are one: it may come to a process and to its group.
    pub(crate) repeated: Duration,
    /// The pause after the first death; it doubles with each further one.
    pub(crate) first_pause: Duration,
    /// The longest pause.
    pub(crate) longest_pause: Duration,
    /// Ready for this long, a service's deaths are forgotten.
    pub(crate) forget: Duration,
    /// Deaths of one service while everything starts, before the start is given up.
    pub(crate) deaths_at_start: u32,
    /// Deaths in a row of one service later on, before it is given up: none of its lives was as long as
    /// `forget`. With the pauses in between that is a minute at least.
    pub(crate) deaths: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            ready: Duration::from_secs(45),
            // Longer than the generator waits for acknowledgements (20 s).
            stop: Duration::from_secs(30),
            repeated: Duration::from_millis(500),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            forget: Duration::from_secs(60),
            deaths_at_start: 3,
            deaths: 8,
        }
    }
}

impl Patience {
    /// The pause before the next start after so many deaths: doubles with each, up to the longest.
    pub(super) fn pause(&self, deaths: u32) -> Duration {
        let factor = 2_u32.saturating_pow(deaths.saturating_sub(1));
        self.first_pause.saturating_mul(factor).min(self.longest_pause)
    }
}
