//! What a node is told, and what it wants done.

use std::fmt;

use record::{BrokerEpoch, BrokerId, LeaderEpoch, PartitionIndex, TopicId};

use crate::{ClusterError, ControllerReply, ControllerRequest, Entry, HardState, Index, PeerMessage};

/// Names a request until its answer. Tokens of [`Event::Request`] and [`Event::PeerRequest`] are
/// the caller's, unique among both; tokens of [`Action::Ask`] are the node's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// [`TICK`](crate::TICK) has passed.
    Tick,
    /// A Raft message arrived. `from` is the peer that proved itself on the connection.
    Peer {
        /// Who sent it.
        from: BrokerId,
        /// What it says.
        message: PeerMessage,
    },
    /// There is a connection with this broker again.
    PeerConnected(BrokerId),
    /// The last connection with this broker is gone: closed, reset or refused.
    PeerLost(BrokerId),
    /// A handler of this broker needs the controller.
    Request {
        /// Comes back in [`Action::Answer`].
        token: Token,
        /// What it needs.
        request: ControllerRequest,
    },
    /// Another broker asks this one as the controller.
    PeerRequest {
        /// Who asks.
        from: BrokerId,
        /// Comes back in [`Action::Answer`].
        token: Token,
        /// What it needs.
        request: ControllerRequest,
    },
    /// The reply to an [`Action::Ask`]; [`ControllerReply::lost`] when the connection broke.
    PeerReply {
        /// The token of the `Ask`.
        token: Token,
        /// What the other broker said.
        reply: ControllerReply,
    },
}

/// What shall be done, in the order given. After an action that failed none of the following may
/// be executed.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make durable (fdatasync) before anything after it is executed. If that fails the node must
    /// be dropped and built again from what is on disk.
    Persist {
        /// Drop what stands at this index and after it, first.
        truncate_from: Option<Index>,
        /// Entries to append.
        entries: Vec<Entry>,
        /// Replaces the stored one.
        hard_state: Option<HardState>,
    },
    /// Make the snapshot durable, then drop the entries before `log_start`; all of them where the log doesn't
    /// go on where the snapshot ends ([`Entry::is_continued`]). If it fails for want of space and `log_start`
    /// isn't behind the snapshot, all of this may be left out: the log still has everything, and another
    /// snapshot will follow.
    Snapshot {
        /// An entry that holds all metadata up to its index.
        snapshot: Entry,
        /// Where the log may begin then: at most one behind the snapshot.
        log_start: Index,
    },
    /// Send a Raft message. It may be lost, doubled or late, and must not be waited for.
    Send {
        /// To whom.
        to: BrokerId,
        /// What.
        message: PeerMessage,
    },
    /// Ask the controller; its reply comes back as [`Event::PeerReply`]. Where there is no
    /// connection, reply [`ControllerReply::lost`].
    Ask {
        /// To whom.
        to: BrokerId,
        /// Comes back with the reply.
        token: Token,
        /// What.
        request: ControllerRequest,
    },
    /// The answer to a [`Event::Request`] or [`Event::PeerRequest`]. Each gets exactly one, unless
    /// the node goes down before.
    Answer {
        /// The request's token.
        token: Token,
        /// The answer.
        reply: ControllerReply,
    },
    /// Committed metadata has changed something that this broker does.
    Changed(MetadataChange),
    /// This broker must stop: going on would harm the cluster. The error says what to do.
    Halt(ClusterError),
}

/// One replica of a partition, named for the executor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica {
    /// The topic's id.
    pub topic_id: TopicId,
    /// The topic's name.
    pub topic: String,
    /// The partition.
    pub partition: PartitionIndex,
}

/// What committed metadata now asks of this broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataChange {
    /// This process is registered. Until now nothing was asked of it since it started; a
    /// [`MetadataChange::CreateReplica`] for every replica it shall have follows, so a partition
    /// folder that is not among them (compare topic ids) is left over and may go.
    Registered {
        /// Its broker epoch.
        broker_epoch: BrokerEpoch,
    },
    /// The controller counts this broker as alive (`true`) or not.
    Fenced(bool),
    /// Open the partition, or create it where there is none.
    CreateReplica(Replica),
    /// The topic is gone, or the partition has moved to other brokers: delete its files.
    DeleteReplica(Replica),
    /// Accept writes from now on, under this epoch: see [`crate::Leader`].
    BecomeLeader {
        /// Of what.
        replica: Replica,
        /// Was committed after this process had registered.
        leader_epoch: LeaderEpoch,
    },
    /// Refuse writes; fetch from the leader, if there is one: see [`crate::Follower`].
    BecomeFollower {
        /// Of what.
        replica: Replica,
        /// Whom to follow.
        leader: Option<BrokerId>,
        /// Its epoch, or the one that has no leader.
        leader_epoch: LeaderEpoch,
    },
    /// The ISR or the replicas of a partition that this broker leads changed, under the same leader epoch;
    /// read them from the metadata.
    IsrChanged(Replica),
    /// The topic's configuration changed; read it from the metadata.
    ConfigChanged {
        /// The topic.
        topic_id: TopicId,
    },
}

/// As the stories of clusters tell it, behind the broker's name: `leads clicks-0 in epoch 3`.
impl fmt::Display for MetadataChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered { broker_epoch } => write!(f, "is registered, broker epoch {broker_epoch}"),
            Self::Fenced(true) => f.write_str("is fenced"),
            Self::Fenced(false) => f.write_str("is alive"),
            Self::CreateReplica(r) => write!(f, "holds {}-{}", r.topic, r.partition),
            Self::DeleteReplica(r) => write!(f, "deletes {}-{}", r.topic, r.partition),
            Self::BecomeLeader {
                replica: r,
                leader_epoch,
            } => {
                write!(f, "leads {}-{} in epoch {leader_epoch}", r.topic, r.partition)
            }
            Self::BecomeFollower {
                replica: r,
                leader,
                leader_epoch,
            } => {
                let leader = leader.map_or("nobody".to_owned(), |id| id.to_string());
                write!(
                    f,
                    "follows {leader} in {}-{}, epoch {leader_epoch}",
                    r.topic, r.partition
                )
            }
            Self::IsrChanged(r) => write!(f, "has another ISR for {}-{}", r.topic, r.partition),
            Self::ConfigChanged { .. } => f.write_str("sees another topic configuration"),
        }
    }
}
