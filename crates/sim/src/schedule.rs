//! What happens when.

use std::collections::BTreeMap;

use cluster::Millis;

/// Future events in the order of their time, then of their being planned.
#[derive(Debug)]
pub(crate) struct Schedule<T> {
    now: Millis,
    planned: u64,
    queue: BTreeMap<(Millis, u64), T>,
}

impl<T> Schedule<T> {
    pub(crate) fn new() -> Self {
        Self {
            now: Millis(0),
            planned: 0,
            queue: BTreeMap::new(),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    /// Plans something `delay` ms from now.
    pub(crate) fn after(&mut self, delay: u64, what: T) {
        self.planned += 1;
        self.queue
            .insert((self.now.plus(Millis(delay)), self.planned), what);
    }

    /// The next event; it is its time now.
    pub(crate) fn next(&mut self) -> Option<T> {
        let ((at, _), what) = self.queue.pop_first()?;
        self.now = at;
        Some(what)
    }
}
