//! What a node is told when it is built.

use record::BrokerId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Millis;

/// An address under which clients or peers reach a broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The listener's name, such as `PLAINTEXT`.
    pub name: String,
    /// Host name or address, as clients shall dial it.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The settings of one node. Start from [`Options::new`] and change what differs.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// This broker.
    pub id: BrokerId,
    /// The cluster's id; the first controller writes it into the metadata, every other must match.
    pub cluster_id: String,
    /// The voters of the metadata quorum that a new cluster is founded with: broker 1 alone, or brokers 1, 2 and
    /// 3. The same on every broker, for as long as the cluster lives: two brokers with other ideas of it could
    /// each find a majority. Who votes later stands in the log: where broker 1 has founded the cluster, all three
    /// do once the others are registered, alive and have the log.
    pub voters: Vec<BrokerId>,
    /// The other brokers, whether they are there yet or not: they follow the metadata log. This broker is among
    /// these or among the voters.
    pub observers: Vec<BrokerId>,
    /// A random number of this process, so that a restart is told from a repeated request.
    pub incarnation: Uuid,
    /// Whether this process has found everything that the one before it had acknowledged: the machine hasn't lost
    /// power since, all was flushed at its end, or nothing is acknowledged before it is flushed. An empty folder
    /// is not clean: a new broker is in sync nowhere, and another one has lost all.
    pub clean: bool,
    /// Under which addresses this broker is reached; registered with the controller.
    pub listeners: Vec<Listener>,
    /// Partitions of a topic that is created with -1 partitions (`num.partitions`).
    pub default_partitions: i32,
    /// Without a heartbeat for this long a broker is fenced (`broker.session.timeout.ms`).
    pub session_timeout: Millis,
    /// A broker whose connection is gone for this long is fenced.
    pub lost_connection: Millis,
    /// How often a broker sends a heartbeat (`broker.heartbeat.interval.ms`).
    pub heartbeat_interval: Millis,
    /// How long a request waits for the controller's reply before it is asked again.
    pub ask_timeout: Millis,
    /// Replicas of a topic that is created with a replication factor of -1 (`default.replication.factor`).
    pub default_replication: i16,
    /// The highest replication factor that is taken.
    pub max_replication: i16,
    /// How often leaders go back to the replicas that are preferred
    /// (`leader.imbalance.check.interval.seconds`).
    pub preferred_leaders: Millis,
    /// Bytes of committed entries that make a snapshot of the metadata
    /// (`metadata.log.max.record.bytes.between.snapshots`). The log is some three times as long at most.
    pub max_bytes_between_snapshots: u64,
    /// Most partitions of one cluster; topics beyond it are refused.
    pub max_partitions: usize,
    /// Requests that wait for the controller at once; more are refused with a retriable error.
    pub max_waiting: usize,
    /// A mistake to make, for the simulator.
    #[cfg(feature = "deliberate-bugs")]
    pub bug: Option<Bug>,
}

impl Options {
    /// The settings of `id` among `voters`, with the design's defaults.
    #[must_use]
    pub fn new(
        id: BrokerId,
        cluster_id: impl Into<String>,
        voters: Vec<BrokerId>,
        incarnation: Uuid,
    ) -> Self {
        Self {
            id,
            cluster_id: cluster_id.into(),
            voters,
            observers: Vec::new(),
            incarnation,
            clean: true,
            listeners: Vec::new(),
            default_partitions: 1,
            session_timeout: Millis(6_000),
            lost_connection: Millis(500),
            heartbeat_interval: Millis(500),
            ask_timeout: Millis(2_000),
            default_replication: 1,
            max_replication: 1,
            preferred_leaders: Millis(5_000),
            max_bytes_between_snapshots: 4 << 20,
            max_partitions: 10_000,
            max_waiting: 1_000,
            #[cfg(feature = "deliberate-bugs")]
            bug: None,
        }
    }
}

/// Mistakes that the simulator must find.
#[cfg(feature = "deliberate-bugs")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Messages leave before the entries and the vote that they speak of are durable.
    SendBeforePersist,
    /// Entries take effect when they are written, not when a majority has them.
    ApplyUncommitted,
    /// A new controller hands out producer ids from the start again.
    ReuseProducerIds,
    /// A topic's creation is answered when it is proposed.
    AnswerBeforeCommit,
    /// Leaders are put back without a new leader epoch.
    KeepLeaderEpoch,
    /// What a deletion names is deleted each time that it is asked for.
    DeleteByName,
    /// The controller takes an ISR that was made up for an earlier state of the partition or of a broker.
    StaleIsr,
    /// Records count before they are synced, though they must survive a loss of power.
    AnswerBeforeSync,
    /// A replica whose broker lost power leads as if it had lost nothing.
    TrustUnclean,
    /// A broker that is alive leads, whether it was in sync or not.
    ElectAnyone,
    /// A leader commits what it alone has.
    CommitAlone,
    /// A leader commits while too few replicas are in sync.
    CommitBelowMinimum,
    /// A leader doesn't wait for those that it has proposed for the ISR.
    IgnoreProposed,
    /// A new leader takes everything that it has for committed.
    TrustOwnLog,
    /// A follower is in sync before it has what is committed.
    JoinEarly,
    /// A follower keeps what its leader doesn't have.
    SkipTruncation,
    /// A write with acks=all is acknowledged when the leader has it.
    AcknowledgeEarly,
    /// What waits for replicas when its leader is deposed is acknowledged.
    AnswerWhenDeposed,
    /// A new leader doesn't know which batches it has.
    ForgetProducers,
    /// Consumers are given what isn't committed.
    ReadUncommitted,
    /// Snapshots don't tell which producer ids were handed out.
    ForgetInSnapshot,
    /// A broker that starts goes by the voters who have founded the cluster.
    ForgetVoters,
}
