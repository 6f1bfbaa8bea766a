//! Checked configuration: every value parsed, bounded, and consistent with the others.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::ConfigError;
use crate::folders::Folders;
use crate::layers::Sources;
use crate::machine::Machine;
use crate::streams::Stream;

/// Everything that can be set, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where everything is stored.
    pub folders: Folders,
    /// What the services log, in the syntax of `RUST_LOG`.
    pub log_level: String,
    /// The brokers.
    pub kafka: Kafka,
    /// The two topics.
    pub topics: Topics,
    /// The generator.
    pub generator: Generator,
    /// The ETL.
    pub etl: Etl,
    /// Limits of SQL.
    pub sql: Sql,
    /// The console.
    pub ui: Ui,
}

/// The brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// The address that all brokers listen on.
    pub host: IpAddr,
    /// As many brokers as are asked for.
    pub least: usize,
    /// The brokers, by id: as many as are asked for, until [`in_service`](Self::in_service) says which
    /// there are.
    pub brokers: Vec<Broker>,
    /// Every broker that there can be, by id from 1 to 9.
    pub possible: Vec<Broker>,
    /// Partitions of a new topic.
    pub partitions: u32,
    /// Copies of a partition, as wanted.
    pub replication_factor: u32,
    /// Copies that must be there before a write counts, as wanted.
    pub min_insync_replicas: u32,
    /// What acknowledged records survive.
    pub durability: Durability,
    /// The id of a new cluster; `None`: a random one.
    pub cluster_id: Option<String>,
}

/// What acknowledged records survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of any process.
    ProcessCrash,
    /// A loss of power, too.
    PowerLoss,
}

/// One broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broker {
    /// `node.id`, from 1.
    pub id: u32,
    /// Where clients reach it.
    pub client_port: u16,
    /// Where the other brokers reach it.
    pub peer_port: u16,
}

/// The topics, by what flows through them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// The topic of page views.
    pub clickstream: String,
    /// The topic of device readings.
    pub iot: String,
}

/// The generator.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// Page views a second of its clock.
    pub clickstream_per_second: f64,
    /// Device readings a second of its clock.
    pub iot_per_second: f64,
    /// Equal seeds generate equal events.
    pub seed: u64,
    /// Where its clock starts; `None` for now.
    pub start: Option<Timestamp>,
    /// Its clock starts by so much earlier.
    pub backfill: Duration,
    /// Whether the rate changes with the hour of the week.
    pub curve: Curve,
    /// Seconds of its clock in a real second.
    pub speed: f64,
    /// Threads that make events.
    pub threads: usize,
    /// Faults to inject.
    pub faults: Faults,
    /// Streams that the operator declares.
    pub streams: Vec<Stream>,
}

/// How the rate of what people do changes with the hour of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// As people are busy.
    Weekly,
    /// Not at all.
    Flat,
}

/// Shares of faults.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Faults {
    /// Share of events that are sent again shortly after.
    pub duplicates: f64,
    /// Share of events that are sent again when the watermark has passed, as their user or device comes back.
    pub far_duplicates: f64,
    /// Share of events that one follows whose time the watermark has passed.
    pub late: f64,
    /// Share of events that are sent after later ones, within the watermark.
    pub out_of_order: f64,
    /// Share of events that are broken on purpose.
    pub malformed: f64,
    /// Share of events with a null.
    pub nulls: f64,
    /// Share of events whose time is far ahead.
    pub future: f64,
    /// Share of events that are keyed by one hot key.
    pub hot_keys: f64,
    /// Share of events with a field that no table has.
    pub added_fields: f64,
    /// Share of events without one of their fields.
    pub missing_fields: f64,
    /// Share of users and devices whose clocks are wrong, within the watermark.
    pub clock_skew: f64,
    /// Share of time in which events come ten times as fast.
    pub bursts: f64,
    /// Share of time in which nothing is sent.
    pub stalls: f64,
}

/// The ETL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Etl {
    /// Time between two micro-batches.
    pub trigger: Duration,
    /// How late an event may come.
    pub watermark: Duration,
    /// Threads that decode, judge and encode: two workers' cores, as far as the machine has them.
    pub threads: usize,
    /// Memory by which micro-batches are sized: two workers' memory, as far as the machine has it. State
    /// comes on top, for it grows with the keys.
    pub memory_bytes: u64,
}

/// Limits of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    /// Memory in bytes.
    pub memory_bytes: usize,
    /// Time until it is given up.
    pub timeout: Duration,
}

/// The console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ui {
    /// The port of everything.
    pub console_port: u16,
    /// The port of the pages of the job.
    pub jobs_port: u16,
}

impl Settings {
    /// Reads and checks all layers, for a process that needs nothing but the values; [`crate::load`] also
    /// tells where they come from and what is worth a note.
    ///
    /// # Errors
    /// All that is wrong, with the places to mend it.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        crate::load(&sources, Machine::here()).map(|loaded| loaded.settings)
    }

    /// The address list of all brokers for their clients, `host:port,host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> Vec<String> {
        let broker = |broker: &Broker| self.kafka.address(broker.client_port);
        self.kafka.brokers.iter().map(broker).collect()
    }
}

impl Kafka {
    /// Makes the brokers those with these ids: those that the cluster has.
    pub fn in_service(&mut self, ids: &BTreeSet<u32>) {
        let of_them = self.possible.iter().filter(|broker| ids.contains(&broker.id));
        self.brokers = of_them.copied().collect();
    }

    /// `host:port`, with brackets around an IPv6 host.
    #[must_use]
    pub fn address(&self, port: u16) -> String {
        std::net::SocketAddr::new(self.host, port).to_string()
    }
}

#[cfg(test)]
mod tests;
