//! A Kafka-compatible broker.

mod error;
mod executor;
mod folder;
mod input;
mod options;
mod shell;
mod wire;

pub use error::BrokerError;
pub use executor::{Executor, Random};
pub use folder::Left;
pub use input::{Clock, Input, Output, RequestId};
pub use options::{
    BrokerOptions, CLIENT_LISTENER, ExecutorOptions, Limits, ListenOn, PEER_LISTENER, Peer, Ready, Serving,
};
pub use shell::{ClusterSecret, run};
pub use wire::{ADVERTISED, Advertised, Head, Request, Response, WireError, decode, encode, peek};
