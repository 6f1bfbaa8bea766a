//! Whole brokers on the loopback.

mod clients;
mod cluster;
mod harness;
