//! Whole clusters in one thread, with a seed instead of a clock and a network.
//!
//! A run is a seed. From it come the number of brokers, how bad the network is, who crashes when and
//! with what on disk, and what clients ask for; so a run that failed is run again by its seed, and
//! tells its story. After a time of trouble everything is healed, and the cluster must come to rest
//! with all its promises kept.
//!
//! A run drives the brokers' own executors, each on a simulated disk that can be torn, full, or lose what
//! was not synced. Frames between them arrive late, or not at all; processes are paused, stopped and killed, also
//! while they start. Clients create topics and administer them, produce in every way that Kafka knows, and read
//! from leaders and followers.
//!
//! After every step it is checked what must never happen (`oracle`, `copies`):
//!
//! * of metadata: two leaders of one term; committed metadata that differs or goes back; an epoch that two processes
//!   lead; a leader that wasn't in sync; a producer id given twice;
//! * of partitions: what any broker calls committed isn't what others have called so, or isn't on everybody who is in
//!   sync; a high watermark or a first offset that goes back; a leader that has what was deleted; an unclean recovery
//!   where somebody in sync had lost nothing; less than `min.insync.replicas` copies of what was acknowledged with
//!   acks=all;
//! * of consumers: a batch that isn't committed as it is, from leader or follower; a latest offset that goes back;
//! * of idempotent producers: a batch that was sent again, however late, and is said to be elsewhere.
//!
//! In the end (`reading`) everything that went wrong is over, and within 12 s the cluster must come to rest: all
//! brokers in service, every partition led, all replicas in sync and equal, nothing under way. Then of each
//! partition:
//!
//! * acks=all: every acknowledged batch is where it was said to be; of idempotent producers nothing else, and
//!   nothing twice;
//! * acks=0 and 1: what a leader took is there, unless another leader followed; then what is gone is the end of what
//!   was taken under one leader epoch;
//! * all: batches are whole and in the order in which they were sent, and none is there more often than it was sent.
//!
//! What a disk loses is no broken promise by itself (`promises`): a copy is *damaged* then. Only where an ISR
//! consists of damaged copies everything promised of the partition is void, until all replicas are in sync again.
//! In some runs brokers sync what counts (`kafka.durability: power-loss`): a loss of power damages nothing then.
//!
//! A simulator that finds nothing may be blind, so mistakes can be made on purpose ([`cluster::Bug`]), and a test
//! shows in how many seeds each is found (`bugs`).

mod bugs;
mod clients;
mod connections;
mod consumers;
mod copies;
#[cfg(test)]
mod directed;
mod oracle;
mod processes;
mod producers;
mod promises;
mod random;
mod reading;
mod run;
mod schedule;
mod settings;
mod story;
mod survival;
#[cfg(test)]
mod tests;
mod topics;
mod trouble;
mod weather;
mod world;

pub use run::{Failure, Summary, run, tell};
pub use settings::{Settings, USAGE};
