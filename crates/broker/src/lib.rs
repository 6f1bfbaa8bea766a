//! A Kafka-compatible broker.
//!
//! Two halves, one inside the other:
//!
//! * The [`Executor`] is the broker without sockets, threads, clock or randomness. It is told what happened
//!   ([`Input`]) and at what time ([`Clock`]), and gives back what is to be sent ([`Output`]). Inside it
//!   `cluster::Node` decides; the executor does what the node wants on `log::Partition`s, and answers clients
//!   from both. It is generic over the disk: the simulator drives exactly this type.
//! * The shell ([`run`]) is tokio around one executor on a thread of its own: the listener for clients, the
//!   listener for other brokers, the connections that this broker dials, and queues with a bound between
//!   them all.
//!
//! What holds:
//!
//! * Metadata takes effect when it is committed and not before: partitions are opened, led, left and deleted
//!   only by the `MetadataChange`s of the node. A broker that was restarted leads only under a leader epoch
//!   that was committed after it.
//! * The executor runs the node's actions in their order; what must be durable is durable (fdatasync) before
//!   any message that follows it leaves. If there is no space for it the node stands still until there is.
//! * An append has returned from `write(2)` before its answer. Without space records are refused, reading
//!   goes on, and writing works again by itself once there is space.
//! * There is no copy of a record on its way in where a request writes to one partition: offsets and leader
//!   epoch are written into the frame that came from the socket.
//! * Requests of one connection are run and answered in their order. A Fetch that finds too little waits in
//!   the executor and is woken by the append, by a change of leader, or by its deadline.
//! * Clients read up to the high watermark, and `acks=all` is answered when it has passed their records: every
//!   replica in sync has them then. Followers copy bytes; where their log parts from the leader's it is cut.
//! * What isn't there (groups, transactions) is refused with Kafka's error for it, never with
//!   silence. [`ADVERTISED`] lists all that a client may ask; a request for anything else closes the
//!   connection, as Kafka does.
//! * No frame ends a broker: lengths are bounded before memory is given, requests are decoded by
//!   `kafka-protocol` but never its record batches, and the binary installs the allocator of `reserve`.
//! * No request keeps all others waiting: it names at most 10,000 things, each is served once, partitions
//!   are opened a few for each input, and memory is counted for what has come, not for what is announced.
//! * Brokers prove to each other that they know the cluster's secret before any other frame is read; requests
//!   between brokers are served on that port only.
//!
//! | module | what it is |
//! |---|---|
//! | `executor` | the [`Executor`]: actions of the node, requests of clients |
//! | `handlers` | one file for each Kafka API |
//! | `replicas`, `replica`, `topic_settings` | the partitions that this broker holds |
//! | `broker_settings` | its settings under Kafka's names |
//! | `purgatory`, `flusher` | what takes longer than one input |
//! | `folder`, `quorum_store`, `high_watermarks` | the broker's folder, what stands in it besides records |
//! | `wire`, `peer_wire`, `peers` | frames of clients, frames of brokers |
//! | `shell` | sockets, threads, clocks |

mod broker_settings;
mod error;
mod executor;
mod fetchers;
mod flusher;
mod folder;
mod handlers;
mod high_watermarks;
mod input;
mod options;
mod peer_wire;
mod peers;
mod purgatory;
mod quorum_store;
mod refusal;
mod replica;
mod replicas;
#[cfg(test)]
mod samples;
mod shell;
mod topic_settings;
mod wire;

pub use error::BrokerError;
pub use executor::{Executor, Random, ReplicaView};
pub use folder::Left;
pub use input::{Clock, Input, Output, RequestId};
pub use options::{
    BrokerOptions, CLIENT_LISTENER, Durability, ExecutorOptions, Limits, ListenOn, PEER_LISTENER, Peer,
    Ready, Serving,
};
pub use shell::{ClusterSecret, run};
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: reserve::Reserve = reserve::Reserve;

pub use wire::{ADVERTISED, Advertised, Head, Request, Response, WireError, decode, encode, peek};
