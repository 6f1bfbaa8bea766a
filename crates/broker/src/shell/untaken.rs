//! How many bytes of records wait in responses for clients to take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Response;

#[cfg(test)]
mod tests;

/// Counts for all connections.
#[derive(Debug)]
pub(crate) struct Untaken {
    limit: usize,
    bytes: Arc<AtomicUsize>,
}

/// One response's part; it is taken when this is dropped.
#[derive(Debug)]
pub(crate) struct Part {
    bytes: usize,
    all: Arc<AtomicUsize>,
}

impl Untaken {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: Arc::default(),
        }
    }

    /// How much more there may be.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.load(Ordering::Relaxed))
    }

    pub(crate) fn add(&self, response: &Response) -> Part {
        let bytes = match response {
            Response::Fetch(fetch) => fetch
                .responses
                .iter()
                .flat_map(|topic| &topic.partitions)
                .filter_map(|partition| partition.records.as_ref())
                .map(bytes::Bytes::len)
                .sum(),
            _ => 0,
        };
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Part {
            bytes,
            all: self.bytes.clone(),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
