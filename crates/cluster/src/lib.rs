//! The brokers' decisions.
//!
//! A [`Node`] is one broker's part in the cluster. It is told what happened ([`Event`]) and at what
//! time, and says what is to be done ([`Action`]); it never touches a socket, a file, a clock or a
//! source of randomness. (`raft` brings one; its election timeouts are drawn from ranges of one value.)
//!
//! Three roles live in a node:
//!
//! * a **voter** of the metadata quorum, or one who follows it: Raft over one log of entries, each a list of
//!   records that take effect together. What a message says is durable before it leaves ([`Action::Persist`]);
//! * the **controller**, while this voter leads and has applied everything of its predecessors. It
//!   registers brokers, fences those that are gone (connection lost for 500 ms, or no heartbeat for
//!   6 s), creates and deletes topics, hands out producer ids. It decides on committed metadata alone,
//!   one proposal at a time;
//! * a **member**: it registers itself, sends heartbeats, and carries requests of its broker to whoever
//!   is controller until they have an answer or their time is over.
//!
//! What holds:
//!
//! * Nothing takes effect before it is committed: no leader, no configuration, no topic. The committed
//!   index isn't stored; after a restart it is learnt again from the quorum.
//! * A broker epoch is the index of the entry that registered the process. Nothing is asked of a process
//!   before that entry ([`MetadataChange::Registered`]), and it leads only under leader epochs committed
//!   after it.
//! * A leader epoch of a partition has one leader, and a fenced broker leads nothing.
//! * Every request may be repeated. Topic ids are drawn by the requester, so that a repeated creation
//!   finds its own topic, and one that was deleted meanwhile stays deleted.
//!   A deletion looks up names first and deletes by id, so that it can't hit a topic that was created
//!   again under the name.
//! * No message of a peer ends in a panic: what no correct voter sends doesn't reach `raft`.
//!
//! Copies of partitions are decided by two values of their own, one for each replica, which the executor keeps
//! beside its log: a [`Leader`] knows who is in sync and what is committed, a [`Follower`] what to do with what it
//! fetched.
//!
//! * A record is committed when everybody in the ISR has it, and everybody who was proposed for it since (KIP-497),
//!   while enough are in sync (KIP-966). The ISR changes through committed metadata only.
//! * A proposal is withdrawn only by a newer partition epoch: a delayed copy of it may still be committed.
//! * Whoever leads was in sync. Who is in sync no longer is for a leader to say, never for the controller alone: the
//!   last ones in sync stay so, alive or not, and nobody else leads.
//! * Who may have lost records leads only where all in sync may: then the one that has most, once all have told how
//!   much they have ([`UncleanRecovery`]).
//! * A partition that moves changes hands in one entry, when all who shall hold it are in sync.
//!
//! Every 4 MiB of entries each node makes a snapshot of its metadata, the list of records that makes them anew, and
//! lets go of the entries before the snapshot that it made last ([`Action::Snapshot`]). Who lags behind what the
//! leader still has is sent its snapshot.
//!
//! `testdata/*.txt` tell stories of small clusters as text; the crate `sim` runs thousands of random
//! ones. The feature `deliberate-bugs` compiles mistakes in for the simulator to find; only
//! `Options::bug` makes them, which no setting reaches.

mod alter_configs;
mod alter_partition;
mod apply;
mod as_number;
mod deletion;
mod deregistration;
mod draft;
mod duties;
mod elections;
mod errands;
mod error;
mod error_code;
mod event;
mod follower;
mod leader;
mod leaders;
mod links;
mod membership;
mod metadata;
mod metadata_record;
mod node;
mod options;
mod partitions;
mod peer_message;
mod placement;
mod quorum;
mod quorum_guard;
mod quorum_log;
mod quorum_view;
#[cfg(test)]
mod random;
mod reassignment;
mod recovery;
mod reign;
mod request;
#[cfg(test)]
mod scenario;
mod snapshot;
mod time;
mod topic_config;
mod topics;

pub use alter_configs::{AlterConfigs, AlterTopicConfigs, AlteredTopic, ConfigChange, ConfigOp};
pub use alter_partition::AlterPartition;
pub use elections::{ElectLeaders, Election, PartitionResult, TopicPartition};
pub use error::ClusterError;
pub use error_code::ErrorCode;
pub use event::{Action, Event, MetadataChange, Replica, Token};
pub use follower::{FetchedPartition, Follower, LogEnds, Step, diverges};
pub use leader::{FollowerFetch, Leader, Leadership, Progress, ReplicationOptions};
pub use metadata::{Broker, Controller, Metadata, Partition, Topic};
pub use node::Node;
#[cfg(feature = "deliberate-bugs")]
pub use options::Bug;
pub use options::{Listener, Options};
pub use partitions::{CreatePartitions, CreatedPartitions, NewPartitions};
pub use peer_message::{PeerMessage, PeerMessageError, PeerMessageKind};
pub use quorum_log::{Entry, HardState, Index, Restored, Term};
pub use quorum_view::{QuorumMember, QuorumView};
pub use reassignment::{NewReplicas, ReassignPartitions, Reassignment};
pub use recovery::{Reach, ReplicaCondition, ReportReplicas, ReportedReplica, UncleanRecovery};
pub use request::{
    Assignment, ControllerReply, ControllerRequest, CreateTopics, CreatedTopic, CreatedTopicInfo,
    DeleteTopics, DeletedTopic, DeletedTopicInfo, Heartbeat, NewTopic, Refusal, RegisterBroker, TopicRef,
};
pub use time::{Millis, TICK};
pub use topic_config::{ConfigDefinition, ConfigType, topic_config, topic_configs};
pub use topics::check_topic_name;
