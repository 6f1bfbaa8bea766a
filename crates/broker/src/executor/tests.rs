//! A broker that is its whole cluster, on a simulated disk, under a clock that the test turns.

mod admin;
mod harness;
mod hostile;
mod reading;
mod replicating;
mod restart;
mod snapshots;
mod three;
mod writing;
