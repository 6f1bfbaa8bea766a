//! The brokers' decisions.
//!
//! A [`Node`] is one broker's part in the cluster. It is told what happened ([`Event`]) and at what
//! time, and says what is to be done ([`Action`]); it never touches a socket, a file, a clock or a
//! source of randomness.

mod apply;
mod as_number;
mod duties;
mod errands;
mod error;
mod error_code;
mod event;
mod leaders;
mod links;
mod membership;
mod metadata;
mod metadata_record;
mod node;
mod options;
mod peer_message;
mod quorum;
mod quorum_guard;
mod quorum_log;
mod reign;
mod request;
#[cfg(test)]
mod scenario;
mod time;
mod topic_config;
mod topics;

pub use error::ClusterError;
pub use error_code::ErrorCode;
pub use event::{Action, Event, MetadataChange, Replica, Token};
pub use metadata::{Broker, Controller, Metadata, Partition, Topic};
pub use node::Node;
#[cfg(feature = "deliberate-bugs")]
pub use options::Bug;
pub use options::{Listener, Options};
pub use peer_message::{PeerMessage, PeerMessageError, PeerMessageKind};
pub use quorum_log::{Entry, HardState, Index, Restored, Term};
pub use request::{
    Assignment, ControllerReply, ControllerRequest, CreateTopics, CreatedTopic, CreatedTopicInfo,
    DeleteTopics, DeletedTopic, DeletedTopicInfo, Heartbeat, NewTopic, Refusal, RegisterBroker, TopicRef,
};
pub use time::{Millis, TICK};
pub use topic_config::{ConfigDefinition, ConfigType, topic_config, topic_configs};
