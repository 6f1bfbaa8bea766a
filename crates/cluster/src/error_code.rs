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
    /// This broker doesn't lead the partition, or may not know that it does no longer. Retriable.
    NotLeaderOrFollower = 6,
    /// No answer in time. Retriable.
    RequestTimedOut = 7,
    /// The connection to the controller broke. Retriable.
    NetworkException = 13,
    /// A name that no topic can have.
    InvalidTopicException = 17,
    /// Fewer replicas are in sync than `min.insync.replicas` says. Retriable.
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
    /// A broker epoch that is no longer, or not yet, valid.
    StaleBrokerEpoch = 77,
    /// Too many requests wait already. Retriable.
    ThrottlingQuotaExceeded = 89,
    /// No topic of this id.
    UnknownTopicId = 100,
    /// Another process is registered under this id and alive.
    DuplicateBrokerRegistration = 101,
    /// The broker belongs to another cluster.
    InconsistentClusterId = 104,
    /// The broker isn't registered. Retriable.
    BrokerIdNotRegistered = 102,
}
