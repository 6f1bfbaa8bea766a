//! One run.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cluster::Bug;

use crate::world::World;

/// A run that broke a promise.
#[derive(Debug)]
pub struct Failure {
    /// Runs it again.
    pub seed: u64,
    /// Which promise, and how.
    pub reason: String,
    /// What had happened.
    pub story: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.story)?;
        write!(f, "seed {}: {}", self.seed, self.reason)
    }
}

/// What a run that kept all promises came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Equal for equal runs.
    pub digest: u64,
    /// Elections that were won.
    pub terms: usize,
    /// Processes that died.
    pub crashes: u64,
    /// Processes that stopped cleanly.
    pub clean_stops: u64,
    /// Times that the power failed.
    pub power_losses: u64,
    /// Topics that clients were told exist.
    pub topics: usize,
    /// Leader epochs of partitions that somebody led.
    pub led: usize,
    /// Records that were acknowledged.
    pub records: u64,
}

/// Runs one seed, with a deliberate mistake if one is given.
///
/// # Errors
/// The first promise that was broken.
pub fn run(seed: u64, bug: Option<Bug>) -> Result<Summary, Failure> {
    let (result, story) = tell(seed, bug);
    result.map_err(|reason| Failure { seed, reason, story })
}

/// Runs one seed, and tells what happened in any case.
pub fn tell(seed: u64, bug: Option<Bug>) -> (Result<Summary, String>, String) {
    let mut world = World::new(seed, bug);
    let result = caught(|| world.run()).unwrap_or_else(Err);
    (result.map(|()| world.summary()), world.into_story())
}

/// Does something that may panic; a panic is a broken promise like any other.
fn caught<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(what)).map_err(|panic| format!("panicked: {}", message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}
