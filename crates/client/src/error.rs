//! What can go wrong between us and a cluster.

use std::{fmt, time::Duration};

use kafka_protocol::ResponseError;
use record::{BrokerId, PartitionIndex};

/// An error of a connection or of a request. The message says where, and what can be done.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No address was given.
    #[error("no bootstrap address: give at least one broker as host:port")]
    NoBootstrap,
    /// An address isn't `host:port`.
    #[error("`{address}` is not an address: expected host:port")]
    BadAddress {
        /// What was given.
        address: String,
    },
    /// TLS and SASL come later.
    #[error("security {asked} is not there yet: use plaintext, on loopback")]
    SecurityNotThere {
        /// What was asked for.
        asked: String,
    },
    /// None of the addresses answered.
    #[error("no broker can be reached: {}. Are they running, and are the bootstrap addresses right?", list(.attempts))]
    Unreachable {
        /// Each address with the reason.
        attempts: Vec<(String, String)>,
    },
    /// A broker gave out an address at which it can't be reached from here.
    #[error(
        "broker {broker} advertises {address}, which can't be reached from here: {reason}. \
         Is that broker running, and is its advertised address right for this client?"
    )]
    AdvertisedUnreachable {
        /// The broker.
        broker: BrokerId,
        /// Its `host:port` as the metadata has it.
        address: String,
        /// Why connecting failed.
        reason: String,
    },
    /// The connection ended while an answer was awaited, or before the request was sent.
    #[error("connection to {address} lost: {reason}")]
    Disconnected {
        /// `host:port`.
        address: String,
        /// What ended it.
        reason: String,
    },
    /// An answer didn't come in time; the connection was closed.
    #[error("{address} did not answer {api} within {} ms; the connection was closed", .after.as_millis())]
    TimedOut {
        /// `host:port`.
        address: String,
        /// Kafka's name of the request.
        api: String,
        /// How long was waited.
        after: Duration,
    },
    /// Bytes that aren't the Kafka protocol, or aren't the answer to the question.
    #[error(
        "{address} sent a malformed answer to {api}: {reason}. Does a Kafka broker listen there, without TLS?"
    )]
    Malformed {
        /// `host:port`.
        address: String,
        /// Kafka's name of the request.
        api: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A request of ours that can't be encoded.
    #[error("{api} can't be encoded: {reason}")]
    Encode {
        /// Kafka's name of the request.
        api: String,
        /// What the codec says.
        reason: String,
    },
    /// Broker and client have no version of a request in common.
    #[error(
        "{address} serves {api} in {theirs}, this client needs {ours}: use a broker of Kafka 2.1 or later"
    )]
    UnsupportedVersion {
        /// `host:port`.
        address: String,
        /// Kafka's name of the request.
        api: String,
        /// What this client speaks.
        ours: String,
        /// What the broker speaks.
        theirs: String,
    },
    /// The broker refused.
    #[error("{what}: {error}")]
    Refused {
        /// What was asked for.
        what: String,
        /// The broker's answer.
        error: ServerError,
    },
    /// The partition has no leader now.
    #[error("partition {partition} of topic `{topic}` has no leader: is its broker running?")]
    NoLeader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
    },
    /// The cluster doesn't know the topic.
    #[error("topic `{topic}` does not exist: create it first")]
    UnknownTopic {
        /// The topic.
        topic: String,
    },
    /// The topic doesn't have this partition.
    #[error("topic `{topic}` has no partition {partition}")]
    UnknownPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
    },
    /// The cluster's metadata doesn't know the broker.
    #[error("broker {broker} is not in the cluster's metadata: it is down or fenced")]
    UnknownBroker {
        /// The broker.
        broker: BrokerId,
    },
    /// The brokers belong to another cluster than before.
    #[error("the brokers belong to cluster {now}, this client is of cluster {before}: connect anew")]
    OtherCluster {
        /// The id at first.
        before: String,
        /// The id now.
        now: String,
    },
    /// A defect of this client.
    #[error("{what} failed by a defect of this client; please report it, with what stands in the log")]
    Defect {
        /// What was asked for.
        what: String,
    },
}

impl ClientError {
    /// Whether the same request may succeed a little later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Refused { error, .. } => error.code.is_retriable(),
            Self::Unreachable { .. }
            | Self::AdvertisedUnreachable { .. }
            | Self::Disconnected { .. }
            | Self::TimedOut { .. }
            | Self::NoLeader { .. }
            | Self::UnknownBroker { .. }
            | Self::Defect { .. } => true,
            _ => false,
        }
    }

    /// The broker's error code, where a broker refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { error, .. } => Some(error.code),
            _ => None,
        }
    }
}

/// Kafka's error codes.
pub type ErrorCode = ResponseError;

/// An error code of a broker, with the broker's own words where it gave some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The code.
    pub code: ErrorCode,
    /// The broker's message.
    pub message: Option<String>,
}

impl ServerError {
    /// `None` for code 0.
    pub(crate) fn from_code(code: i16, message: Option<&str>) -> Option<Self> {
        ResponseError::try_from_code(code).map(|code| Self {
            code,
            message: message.map(str::to_owned),
        })
    }

    /// `Ok` for code 0.
    pub(crate) fn check(code: i16, message: Option<&str>) -> Result<(), Self> {
        Self::from_code(code, message).map_or(Ok(()), Err)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.code, self.code.code())?;
        match &self.message {
            Some(message) if !message.is_empty() => write!(f, ": {message}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ServerError {}

fn list(attempts: &[(String, String)]) -> String {
    let each: Vec<String> = attempts
        .iter()
        .map(|(address, reason)| format!("{address}: {reason}"))
        .collect();
    each.join("; ")
}
