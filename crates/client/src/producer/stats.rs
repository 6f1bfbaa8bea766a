//! What a producer sent.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a producer sent so far; what was sent again counts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProducerStats {
    /// Batches.
    pub batches: u64,
    /// Their bytes before compression.
    pub bytes: u64,
    /// Their bytes on the wire.
    pub sent_bytes: u64,
}

impl ProducerStats {
    /// Bytes before compression over bytes on the wire; 1 before anything was sent.
    #[must_use]
    pub fn compression_ratio(&self) -> f64 {
        match self.sent_bytes {
            0 => 1.0,
            sent => self.bytes as f64 / sent as f64,
        }
    }
}

/// Counts it.
#[derive(Debug, Default)]
pub(super) struct Totals {
    batches: AtomicU64,
    bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

impl Totals {
    pub(super) fn add(&self, batches: usize, bytes: usize, sent_bytes: usize) {
        self.batches.fetch_add(batches as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.sent_bytes.fetch_add(sent_bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> ProducerStats {
        ProducerStats {
            batches: self.batches.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            sent_bytes: self.sent_bytes.load(Ordering::Relaxed),
        }
    }
}
