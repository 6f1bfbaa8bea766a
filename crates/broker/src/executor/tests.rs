//! A broker that is its whole cluster, on a simulated disk, under a clock that the test turns.

mod admin;
mod durability;
mod failing;
mod harness;
mod hostile;
mod power;
mod reading;
mod replicating;
mod restart;
mod snapshots;
mod three;
mod writing;
