//! Runs the node's actions on the logs, and the clients' requests on both.

use std::marker::PhantomData;

use cluster::{Metadata, Millis, Node, Restored};
use disk::Disk;

use crate::{BrokerError, Clock, ExecutorOptions, Input, Output};

/// A source of random numbers.
pub type Random = Box<dyn FnMut() -> u128 + Send>;

/// One broker without sockets, threads, clock or randomness of its own.
pub struct Executor<D: Disk> {
    node: Node,
    disk: PhantomData<D>,
}

impl<D: Disk> Executor<D> {
    /// Locks and checks the folder, and reads back what the node must remember.
    ///
    /// # Errors
    /// A folder in use, of somebody else, damaged, or a disk that fails.
    pub fn open(disk: D, options: ExecutorOptions, now: Clock, random: Random) -> Result<Self, BrokerError> {
        let _ = (disk, now, random);
        let node = Node::new(options.node, Restored::default())?;
        Ok(Self { node, disk: PhantomData })
    }

    /// Takes note of what happened and says what is to be done.
    pub fn on(&mut self, input: Input, now: Clock) -> Vec<Output> {
        let _ = (input, now);
        Vec::new()
    }

    /// When [`Executor::on`] must be called next even if nothing happens, besides ticks.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        None
    }

    /// Whether this process is registered and counts as alive.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.node.is_ready()
    }

    /// The committed metadata.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.node.metadata()
    }

    /// Flushes everything and marks the folder as cleanly closed.
    ///
    /// # Errors
    /// If the disk fails; the folder counts as not closed then.
    pub fn close(self) -> Result<(), BrokerError> {
        Ok(())
    }
}
