//! The settings of a broker.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use record::BrokerId;

use crate::ClusterSecret;

/// The settings of an [`Executor`](crate::Executor).
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// The broker's folder; created if it is absent.
    pub folder: PathBuf,
    /// The part of the cluster's decisions.
    pub node: cluster::Options,
    /// The kernel's boot id (`/proc/sys/kernel/random/boot_id`): unflushed writes survive the process
    /// as long as it stays the same.
    pub boot_id: String,
    /// What clients get and what limits them.
    pub serving: Serving,
}

/// What clients get and what limits them. Kafka's broker settings of the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The listener among [`cluster::Options::listeners`] whose addresses clients are told.
    pub listener: String,
    /// `auto.create.topics.enable`: asking for the metadata of a topic may create it.
    pub auto_create_topics: bool,
    /// `message.max.bytes`: largest record batch, where the topic doesn't set `max.message.bytes`.
    pub message_max_bytes: i32,
    /// `fetch.max.bytes`: most bytes of one Fetch response.
    pub fetch_max_bytes: i32,
    /// Longest wait of a Fetch, whatever the client asks for.
    pub fetch_max_wait: Duration,
    /// `log.retention.check.interval.ms`: how often old segments are looked for.
    pub retention_check: Duration,
    /// What records survive once they are acknowledged.
    pub durability: Durability,
    /// `replica.lag.time.max.ms`: a follower that hasn't had all records for so long is in sync no longer.
    pub replica_max_lag: Duration,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            listener: CLIENT_LISTENER.to_owned(),
            auto_create_topics: true,
            message_max_bytes: 1_048_588,
            fetch_max_bytes: 57_671_680,
            fetch_max_wait: Duration::from_secs(60),
            retention_check: Duration::from_secs(300),
            durability: Durability::ProcessCrash,
            replica_max_lag: Duration::from_secs(10),
        }
    }
}

/// What records survive once a broker counts them: as written for `acks=1`, as copied by a follower, as committed
/// for `acks=all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The end of any process: they are in the page cache. Of a machine that loses power they survive on others;
    /// where all lose it at once, the newest may be gone. Kafka's own promise.
    #[default]
    ProcessCrash,
    /// A loss of power, too, even of all machines at once: they are on disk (`fdatasync`).
    PowerLoss,
}

/// The listener for clients, as it is registered.
pub const CLIENT_LISTENER: &str = "PLAINTEXT";
/// The listener for other brokers, as it is registered.
pub const PEER_LISTENER: &str = "BROKER";

/// Where a listener listens.
#[derive(Debug)]
pub struct ListenOn {
    /// Address or host name.
    pub host: String,
    /// Port; 0 for any that is free.
    pub port: u16,
    /// The configuration key that sets the port, for error messages.
    pub key: String,
    /// A socket that listens already, instead of a new one.
    pub bound: Option<TcpListener>,
}

impl ListenOn {
    /// An address that is listened on when the broker starts.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, key: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            key: key.into(),
            bound: None,
        }
    }
}

/// Another broker, and where it is reached by brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: BrokerId,
    /// Its host.
    pub host: String,
    /// Its port between brokers.
    pub port: u16,
}

/// What bounds the connections of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; more are closed at once.
    pub connections: usize,
    /// Requests of one connection that wait for their response; then its socket is not read.
    pub in_flight: usize,
    /// Longest request other than Produce, in bytes.
    pub request_bytes: usize,
    /// Longest Produce request, in bytes.
    pub produce_bytes: usize,
    /// Bytes of all requests that are being received or run; then no further large one is read.
    pub buffered_bytes: usize,
    /// Bytes of records in responses that clients haven't taken yet; beyond it a Fetch gets its first
    /// batch only.
    pub response_bytes: usize,
    /// `connections.max.idle.ms`: a connection without a request for this long is closed.
    pub idle: Duration,
    /// A request must be complete, and a response taken, within this time.
    pub transfer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            in_flight: 64,
            request_bytes: 8 << 20,
            produce_bytes: 16 << 20,
            buffered_bytes: 256 << 20,
            response_bytes: 256 << 20,
            idle: Duration::from_secs(600),
            transfer: Duration::from_secs(30),
        }
    }
}

/// The settings of [`run`](crate::run).
#[derive(Debug)]
pub struct BrokerOptions {
    /// This broker.
    pub id: BrokerId,
    /// The cluster; the same for all its brokers.
    pub cluster_id: String,
    /// The broker's folder; created if it is absent.
    pub folder: PathBuf,
    /// All voters of the metadata quorum. This broker is among these or among the observers.
    pub voters: Vec<Peer>,
    /// All other brokers that there can be, whether they are there yet or not.
    pub observers: Vec<Peer>,
    /// What brokers prove to each other.
    pub secret: ClusterSecret,
    /// Where clients connect.
    pub clients: ListenOn,
    /// Where clients are told to connect (host, port); the client listener itself if `None`.
    pub advertised: Option<(String, u16)>,
    /// Where other brokers connect.
    pub peers: ListenOn,
    /// `num.partitions`: of a topic that is created without a number.
    pub default_partitions: i32,
    /// `default.replication.factor`: of a topic that is created without a number.
    pub default_replication: i16,
    /// What clients get and what limits them.
    pub serving: Serving,
    /// What bounds connections.
    pub limits: Limits,
    /// Told once, when the broker is registered and counts as alive.
    pub ready: Option<tokio::sync::oneshot::Sender<Ready>>,
}

impl BrokerOptions {
    /// Voters and observers.
    pub(crate) fn brokers(&self) -> impl Iterator<Item = &Peer> {
        self.voters.iter().chain(&self.observers)
    }

    /// The settings of a broker with the defaults for all that can have one.
    #[must_use]
    pub fn new(
        id: BrokerId,
        cluster_id: impl Into<String>,
        folder: impl Into<PathBuf>,
        voters: Vec<Peer>,
        secret: ClusterSecret,
        clients: ListenOn,
        peers: ListenOn,
    ) -> Self {
        Self {
            id,
            cluster_id: cluster_id.into(),
            folder: folder.into(),
            voters,
            observers: Vec::new(),
            secret,
            clients,
            advertised: None,
            peers,
            default_partitions: 1,
            default_replication: 1,
            serving: Serving::default(),
            limits: Limits::default(),
            ready: None,
        }
    }
}

/// What is known once a broker is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Where it listens for clients.
    pub clients: SocketAddr,
    /// Where it listens for other brokers.
    pub peers: SocketAddr,
}
