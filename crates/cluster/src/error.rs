//! Why a node can't be built or must stop.

use record::BrokerId;

/// Why a node can't be built, or must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// The list of voters can't be used.
    #[error("the metadata quorum can't be made of voters {voters:?}: {reason}")]
    Voters {
        /// The list.
        voters: Vec<BrokerId>,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The metadata log on disk has a gap or goes back.
    #[error(
        "the metadata log of this broker is damaged ({reason}); the other brokers hold copies: \
         stop this broker, move its folder away and start it again"
    )]
    DamagedLog {
        /// What is wrong.
        reason: String,
    },
    /// The metadata can't be read.
    #[error(
        "metadata entry {index} was written by another version of minicluster ({reason}): \
         start this broker with that one, or begin anew with `minicluster clean --all`"
    )]
    OtherVersion {
        /// Where.
        index: u64,
        /// What can't be read.
        reason: String,
    },
    /// The metadata is of another cluster.
    #[error(
        "this broker is set up for cluster {ours}, its metadata belongs to cluster {theirs}; \
         give it back its own data folder, or set kraft_cluster_id to {theirs}"
    )]
    OtherCluster {
        /// The id in our options.
        ours: String,
        /// The id in the metadata.
        theirs: String,
    },
    /// Raft refused its configuration.
    #[error("the metadata quorum can't start: {0}")]
    Quorum(String),
}
