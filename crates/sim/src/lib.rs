//! Whole clusters in one thread, with a seed instead of a clock and a network.
//!
//! A run is a seed. From it come the number of brokers, how bad the network is, who crashes when and
//! with what on disk, and what clients ask for; so a run that failed is run again by its seed, and
//! tells its story. After a time of trouble everything is healed, and the cluster must come to rest
//! with all its promises kept.
//!
//! * [`quorum::run`] drives `cluster`'s nodes alone, with a disk that is a list: thousands of runs a
//!   minute.
//! * [`Oracle`](quorum) checks after every step what must never happen: two leaders of one term,
//!   committed metadata that differs or goes back, an answered topic that is gone, an epoch that two
//!   processes lead, a producer id given twice.
//!
//! A simulator that finds nothing may be blind, so mistakes can be made on purpose
//! ([`cluster::Bug`]), and a test shows in how many seeds each is found.

pub mod quorum;
mod random;
mod run;
mod schedule;
mod settings;
mod story;
mod weather;

pub use run::{Failure, Runs, run_seeds};
pub use settings::{Settings, USAGE};
