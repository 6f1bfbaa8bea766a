//! Runs of the brokers' own executors, on simulated disks.

mod connections;
mod consumers;
mod processes;
mod producers;
mod reading;
mod replication;
mod trouble;
mod world;

#[cfg(test)]
mod tests;

use cluster::Bug;

use crate::Failure;
use crate::run::caught;

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
    pub records: usize,
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
    let mut world = world::World::new(seed, bug);
    let result = caught(|| world.run()).unwrap_or_else(Err);
    (result.map(|()| world.summary()), world.into_story())
}
