//! Time as the caller tells it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds of a clock that never goes back, counted from any start that the caller chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Millis(pub u64);

/// How often the caller sends [`Event::Tick`](crate::Event::Tick). Ticks that were missed are
/// dropped, not made up for: a stalled process that ticks in a burst would call for elections.
pub const TICK: Millis = Millis(50);

impl Millis {
    /// This moment, `other` later.
    #[must_use]
    pub fn plus(self, other: Millis) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The time since `earlier`; 0 if that is not earlier.
    #[must_use]
    pub fn since(self, earlier: Millis) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}
