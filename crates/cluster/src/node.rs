//! One broker's part in the cluster.

use crate::{Action, ClusterError, Event, Metadata, Millis, Options, Restored};

/// One broker's part in the cluster: voter of the metadata quorum, controller while it leads it,
/// and a broker that registers and shows signs of life.
#[derive(Debug)]
pub struct Node {
    metadata: Metadata,
}

impl Node {
    /// A node that starts with what was read back from disk.
    ///
    /// # Errors
    /// Options that can't be, or a damaged log.
    pub fn new(options: Options, restored: Restored) -> Result<Self, ClusterError> {
        let _ = (options, restored);
        Ok(Self {
            metadata: Metadata::default(),
        })
    }

    /// Takes note of an event and says what is to be done. `now` never goes back.
    pub fn on(&mut self, event: Event, now: Millis) -> Vec<Action> {
        let _ = (event, now);
        Vec::new()
    }

    /// The committed metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether this broker is the controller, and has applied everything of its predecessors.
    #[must_use]
    pub fn is_controller(&self) -> bool {
        false
    }

    /// Whether this process is registered and not fenced: clients may be told it is ready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        false
    }

    /// Whether the controller has confirmed a sign of life within the session timeout. Without it
    /// a leader must refuse writes: the controller may have given its partitions away.
    #[must_use]
    pub fn has_session(&self, now: Millis) -> bool {
        let _ = now;
        false
    }

    /// Tells the controller with the next heartbeats that this broker wants to stop; once it may,
    /// [`Node::may_shut_down`] says so.
    pub fn want_shut_down(&mut self) {}

    /// Whether the controller has taken away all leaderships of this broker, as it wanted.
    #[must_use]
    pub fn may_shut_down(&self) -> bool {
        false
    }
}
