//! Kafka's error codes, as far as the controller gives them.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// Why the controller refused, by Kafka's code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Kafka's number.
            #[must_use]
            pub fn code(self) -> i16 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// The code of a number; `None` for 0 and for those that the controller doesn't give.
            #[must_use]
            pub fn from_code(code: i16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    /// Something that should not happen.
    UnknownServerError = -1,
    /// No topic of this name.
    UnknownTopicOrPartition = 3,
    /// The partition is led elsewhere. Retriable.
    NotLeaderOrFollower = 6,
    /// No answer in time. Retriable.
    RequestTimedOut = 7,
    /// The connection to the controller broke. Retriable.
    NetworkException = 13,
    /// A name that no topic can have.
    InvalidTopicException = 17,
    /// Too few replicas are in sync for acks=all. Retriable.
    NotEnoughReplicas = 19,
    /// The name is taken.
    TopicAlreadyExists = 36,
    /// A number of partitions that no topic can have.
    InvalidPartitions = 37,
    /// A replication factor that can't be had.
    InvalidReplicationFactor = 38,
    /// Replicas were assigned in a way that can't be.
    InvalidReplicaAssignment = 39,
    /// A key or value of the topic's configuration.
    InvalidConfig = 40,
    /// This broker is not the controller. Retriable.
    NotController = 41,
    /// A request that contradicts itself.
    InvalidRequest = 42,
    /// Refused by a limit of this cluster.
    PolicyViolation = 44,
    /// A leader epoch of the past. Retriable.
    FencedLeaderEpoch = 74,
    /// A leader epoch that this broker doesn't know yet. Retriable.
    UnknownLeaderEpoch = 75,
    /// A broker epoch that is no longer, or not yet, valid.
    StaleBrokerEpoch = 77,
    /// The preferred replica isn't alive and in sync.
    PreferredLeaderNotAvailable = 80,
    /// No replica is alive that could lead.
    EligibleLeadersNotAvailable = 83,
    /// The partition is led as it was asked for already.
    ElectionNotNeeded = 84,
    /// The partition isn't being moved.
    NoReassignmentInProgress = 85,
    /// Too many requests wait already. Retriable.
    ThrottlingQuotaExceeded = 89,
    /// The partition has changed since. Retriable.
    InvalidUpdateVersion = 95,
    /// No topic of this id.
    UnknownTopicId = 100,
    /// Another process is registered under this id and alive.
    DuplicateBrokerRegistration = 101,
    /// The broker belongs to another cluster.
    InconsistentClusterId = 104,
    /// A broker that can't be in sync: no replica, fenced, or registered anew.
    IneligibleReplica = 107,
    /// The broker isn't registered. Retriable.
    BrokerIdNotRegistered = 102,
}
