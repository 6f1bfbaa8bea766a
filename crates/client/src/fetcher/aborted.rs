//! Which batches a consumer gets to see.

use std::collections::HashSet;

use record::{Batch, Offset, ProducerId};

/// Follows the transactions of one answer, as Kafka's `CompletedFetch` does: a batch is hidden while an
/// aborted transaction of its producer is open, from its first offset to its abort marker.
#[derive(Debug, Default)]
pub(super) struct Aborted {
    /// Transactions to come, the first last.
    coming: Vec<(ProducerId, Offset)>,
    open: HashSet<ProducerId>,
}

impl Aborted {
    pub(super) fn new(transactions: &[(ProducerId, Offset)]) -> Self {
        let mut coming = transactions.to_vec();
        coming.sort_by_key(|(_, first)| std::cmp::Reverse(*first));
        Self {
            coming,
            open: HashSet::new(),
        }
    }

    /// Whether the next batch, in offset order, is for the consumer's eyes. Control batches never are.
    pub(super) fn shows(&mut self, batch: &Batch) -> bool {
        while let Some((producer, _)) = self.coming.pop_if(|(_, first)| *first <= batch.last_offset()) {
            self.open.insert(producer);
        }
        if batch.is_control() {
            // A commit marker can't meet an open aborted transaction of its producer; either one ends it.
            self.open.remove(&batch.producer_id());
            return false;
        }
        !(batch.is_transactional() && self.open.contains(&batch.producer_id()))
    }
}

#[cfg(test)]
mod tests;
