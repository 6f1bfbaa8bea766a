//! The platform as its users run it: real processes on free ports in a temporary folder.
//!
//! Nothing here uses our own code to check our own code where another way is there: the lake is read by
//! the `parquet` crate, what the topics hold decides what must be in it, and what the generator counted
//! must agree with both.

#![expect(clippy::print_stdout, reason = "the test runner shows it where a test fails")]

mod brokers;
mod configuration;
mod front_door;
mod lake_files;
mod platform;
mod records;
mod story;
mod topic_contents;
mod without_cluster;
