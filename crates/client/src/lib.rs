//! A client of any Kafka cluster, ours or Apache's: it can't tell one from the other.
//!
//! [`Client::connect`] finds a broker and learns the cluster's metadata; from then on every question goes
//! to the broker that can answer it. There is one TCP connection a broker and use, with the requests
//! pipelined; a broken one is opened again when it is needed, after a pause that grows. Which version of a
//! request is sent is settled with each broker. Brokers since Kafka 2.1 will do.
//!
//! * [`Client`] asks: metadata, offsets by place, time or leader epoch; and administers: topics, partitions,
//!   configs, the size of replicas, records deleted.
//! * [`Producer`] sends records: batched, compressed, idempotent. Records of a partition are written in
//!   order and once, over retries, leader changes and reconnects; where that can't be guaranteed it stops
//!   with an error instead of guessing. All its decisions are in one pure module, `producer/core.rs`.
//! * [`Fetcher`] hands out whole record batches, as the brokers store them, from all leaders in parallel.
//!   What can't be read on without a decision (an offset that is gone, a log that was truncated, a topic
//!   that was made anew) is an error that names the partition and the offsets.
//!
//! Memory is bounded everywhere: a producer's buffer makes `send` wait, a fetcher holds one answer a
//! leader, queues between tasks have a length. Errors say what the operator can do. Errors that pass
//! (a broker restarts, a leader moves) are waited out within the time that the options give.
//!
//! The codec is `kafka-protocol`'s, without its record batches: those are `record`'s. A malformed answer
//! is an error and closes the connection. Kafka's error codes keep their names, as [`ErrorCode`].
//!
//! Consumer groups, transactions, TLS and SASL are not there yet.

mod admin;
mod caught;
mod client;
mod connection;
mod error;
#[cfg(test)]
mod fake_broker;
mod fetcher;
mod frame;
mod identity;
mod known;
mod leaders;
mod line;
mod metadata;
mod offsets;
mod options;
mod producer;
mod throttle;
mod versions;

pub use admin::{
    ConfigChange, ConfigEntry, ConfigResource, ConfigSource, DescribedBroker, DescribedQuorum, LogDir,
    NewPartitions, NewReplicas, NewTopic, Reassignment, ReplicaSize, TopicResult,
};
pub use client::Client;
pub use error::{ClientError, ErrorCode, ServerError};
pub use fetcher::{FetchError, FetchedBatch, Fetcher, FetcherOptions, Position};
pub use metadata::{Broker, ClusterMetadata, PartitionMetadata, TopicMetadata};
pub use offsets::{EpochEnd, Isolation, ListedOffset, OffsetSpec};
pub use options::{Options, Security};
pub use producer::{
    Acks, Delivered, Delivery, OutRecord, ProduceError, Producer, ProducerOptions, ProducerStats,
};
