//! The memory that requests of clients may take, shared by all connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[cfg(test)]
mod tests;

/// How much there is. One request more may go beyond it: without that, requests that each wait for the
/// rest of their own room would wait for each other.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    bytes: usize,
    room: Arc<Semaphore>,
    beyond: Arc<Semaphore>,
}

/// What one request takes; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    memory: Memory,
    room: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Memory {
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Self {
            bytes,
            room: Arc::new(Semaphore::new(bytes)),
            beyond: Arc::new(Semaphore::new(1)),
        }
    }

    /// A share of nothing.
    pub(crate) fn share(&self) -> Share {
        Share {
            memory: self.clone(),
            room: None,
            beyond: None,
        }
    }
}

impl Share {
    /// Waits until it may hold so many bytes.
    pub(crate) async fn grow_to(&mut self, bytes: usize) {
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = bytes.saturating_sub(held);
        if missing == 0 || self.beyond.is_some() {
            return;
        }
        let permits = u32::try_from(missing).unwrap_or(u32::MAX);
        let (room, beyond) = (self.memory.room.clone(), self.memory.beyond.clone());
        let fits = bytes <= self.memory.bytes;
        tokio::select! {
            biased;
            Ok(more) = room.acquire_many_owned(permits), if fits => match &mut self.room {
                Some(held) => held.merge(more),
                None => self.room = Some(more),
            },
            Ok(alone) = beyond.acquire_owned() => self.beyond = Some(alone),
            // Neither is ever closed.
            else => {}
        }
    }

    /// Gives back what is more than so many bytes.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if let Some(held) = &mut self.room {
            let over = held.num_permits().saturating_sub(bytes);
            drop(held.split(over));
        }
    }
}
