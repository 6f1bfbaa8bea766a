//! Whole clusters in one thread, with a seed instead of a clock and a network.
//!
//! A run is a seed. From it come the number of brokers, how bad the network is, who crashes when and
//! with what on disk, and what clients ask for; so a run that failed is run again by its seed, and
//! tells its story. After a time of trouble everything is healed, and the cluster must come to rest
//! with all its promises kept.
//!
//! A run drives the brokers' own executors, each on a simulated disk that can be torn, full, or lose what
//! was not synced. Frames between them arrive late, or not at all. Clients create topics, produce and consume,
//! and in the end every topic is read.
//!
//! After every step it is checked what must never happen: two leaders of one term, committed
//! metadata that differs or goes back, an answered topic that is gone, an epoch that two processes
//! lead, a producer id given twice, an acknowledged record that is missing, doubled or elsewhere.
//!
//! Of copies of partitions: what a leader calls committed is on everybody who is in sync; whoever is elected was in
//! sync; no high watermark goes back; a record that was acknowledged with acks=all is on as many replicas as must
//! be in sync; what a consumer has read stays. In the end all replicas are in sync and equal byte for byte.
//!
//! After a power loss the same holds for metadata, which is synced before anybody hears of it;
//! records are promised to survive a process only.
//!
//! A simulator that finds nothing may be blind, so mistakes can be made on purpose
//! ([`cluster::Bug`]), and a test shows in how many seeds each is found.

mod connections;
mod consumers;
mod copies;
#[cfg(test)]
mod directed;
mod oracle;
mod processes;
mod producers;
mod random;
mod reading;
mod run;
mod schedule;
mod settings;
mod story;
#[cfg(test)]
mod tests;
mod trouble;
mod weather;
mod world;

pub use run::{Failure, Runs, Summary, run, run_seeds, tell};
pub use settings::{Settings, USAGE};
