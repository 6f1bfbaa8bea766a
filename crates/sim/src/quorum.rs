//! Runs of `cluster`'s nodes alone.

mod clients;
#[cfg(test)]
mod directed;
mod network;
mod processes;
mod trouble;
mod words;
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
    /// Entries that were committed.
    pub entries: u64,
    /// Processes that died.
    pub crashes: u64,
    /// Topics that clients were told exist.
    pub topics: usize,
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
