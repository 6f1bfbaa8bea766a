//! A Kafka-compatible broker.

mod error;
mod executor;
mod fetch_waits;
mod folder;
mod handlers;
mod input;
mod options;
mod peer_wire;
mod peers;
mod quorum_store;
mod replicas;
#[cfg(test)]
mod samples;
mod shell;
mod topic_settings;
mod wire;

pub use error::BrokerError;
pub use executor::{Executor, Random};
pub use folder::Left;
pub use input::{Clock, Input, Output, RequestId};
pub use options::{
    BrokerOptions, CLIENT_LISTENER, ExecutorOptions, Limits, ListenOn, PEER_LISTENER, Peer, Ready, Serving,
};
pub use shell::{ClusterSecret, run};
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: reserve::Reserve = reserve::Reserve;

pub use wire::{ADVERTISED, Advertised, Head, Request, Response, WireError, decode, encode, peek};
