use std::time::Instant;

/// Measures phases that follow each other. Only for progress: nothing is decided by it.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since the start or the last call.
    pub(crate) fn lap(&mut self) -> u64 {
        let now = Instant::now();
        let passed = now.duration_since(self.0);
        self.0 = now;
        u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
    }
}
