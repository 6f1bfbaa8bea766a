//! Threads that make the records of a plan; what comes out is in order.

use std::{collections::VecDeque, sync::Arc, vec};

use tokio::task::{JoinHandle, spawn_blocking};

use crate::{GeneratorError, event::Made, plan::Plan};

/// Records that a thread makes at a time, at most; and seconds of the stream that they are for.
const CHUNK: u64 = 512;
const CHUNK_SECONDS: f64 = 0.25;

/// The records of a plan, made ahead by up to so many threads.
#[derive(Debug)]
pub(crate) struct Workers {
    plan: Arc<Plan>,
    threads: usize,
    chunk: u64,
    /// The first sequence that nobody makes yet.
    next: u64,
    chunks: VecDeque<JoinHandle<Vec<Made>>>,
    ready: vec::IntoIter<Made>,
}

impl Workers {
    pub(crate) fn new(plan: Arc<Plan>, first: u64, threads: usize) -> Self {
        let chunk = plan.clock.sequences_in(CHUNK_SECONDS).min(CHUNK);
        let (chunks, ready) = (VecDeque::new(), Vec::new().into_iter());
        Self {
            plan,
            threads: threads.max(1),
            chunk,
            next: first,
            chunks,
            ready,
        }
    }

    /// The next record.
    pub(crate) async fn next(&mut self) -> Result<Made, GeneratorError> {
        loop {
            if let Some(made) = self.ready.next() {
                return Ok(made);
            }
            while self.chunks.len() < self.threads {
                let (plan, from, to) = (Arc::clone(&self.plan), self.next, self.next + self.chunk);
                self.chunks
                    .push_back(spawn_blocking(move || (from..to).map(|n| plan.make(n)).collect()));
                self.next = to;
            }
            if let Some(chunk) = self.chunks.pop_front() {
                self.ready = chunk.await?.into_iter();
            }
        }
    }
}

#[cfg(test)]
mod tests;
