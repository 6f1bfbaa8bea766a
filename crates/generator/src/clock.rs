//! The virtual clock of a stream: which sequence happens when.

/// Sequence to time. Times ascend with the sequence, at a steady rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Clock {
    pub(crate) start_ms: i64,
    pub(crate) per_second: f64,
    /// Seconds of this clock in a real second.
    pub(crate) speed: f64,
}

impl Clock {
    /// Milliseconds since 1970 on the virtual clock.
    pub(crate) fn at_ms(&self, sequence: u64) -> i64 {
        self.start_ms + libm::floor(sequence as f64 * 1_000.0 / self.per_second) as i64
    }

    /// Real microseconds from the start of the run.
    pub(crate) fn due_us(&self, sequence: u64) -> u64 {
        libm::floor(sequence as f64 * 1_000_000.0 / (self.per_second * self.speed)) as u64
    }

    /// How many sequences happen in so many real seconds; at least one.
    pub(crate) fn sequences_in(&self, real_seconds: f64) -> u64 {
        (libm::ceil(self.per_second * self.speed * real_seconds) as u64).max(1)
    }

    /// How many sequences happen in so many seconds of the virtual clock.
    pub(crate) fn sequences_in_virtual(&self, seconds: f64) -> u64 {
        libm::floor(self.per_second * seconds) as u64
    }
}
