//! The ledger: what became of every event that was read.

use std::collections::BTreeMap;

use record::PartitionIndex;
use serde::{Deserialize, Serialize};

use crate::EtlError;
use crate::payload::Payload;
use crate::verdict::Verdict;

/// What became of the events of one partition, since the lake's first commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Records handed out by the brokers; control records and aborted ones are not among them. What
    /// of a batch cannot be taken apart counts as one, whatever number its header claims.
    pub read: u64,
    /// Rows of the table.
    pub written: u64,
    /// Not kept by the declared filter.
    pub filtered: u64,
    /// Their key was seen before.
    pub duplicates: u64,
    /// At or below the watermark; in quarantine.
    pub late: u64,
    /// Of `late`: those that were late only because their partition had been idle.
    pub late_after_idle: u64,
    /// Too far ahead of the record's own timestamp; in quarantine.
    pub future: u64,
    /// Not fitting the declaration; in quarantine.
    pub malformed: u64,
}

impl Counts {
    /// Counts one event that was read.
    pub(crate) fn count(&mut self, verdict: Verdict) {
        self.read += 1;
        match verdict {
            Verdict::Malformed => self.malformed += 1,
            Verdict::Future => self.future += 1,
            Verdict::Filtered => self.filtered += 1,
            Verdict::Late => self.late += 1,
            Verdict::LateAfterIdle => {
                self.late += 1;
                self.late_after_idle += 1;
            }
            Verdict::Duplicate => self.duplicates += 1,
            Verdict::Written => self.written += 1,
        }
    }

    /// Adds what another part of the epoch counted.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.written += other.written;
        self.filtered += other.filtered;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.late_after_idle += other.late_after_idle;
        self.future += other.future;
        self.malformed += other.malformed;
    }

    /// Events that lie in quarantine.
    #[must_use]
    pub fn quarantined(&self) -> u64 {
        self.late + self.future + self.malformed
    }

    /// `read = written + filtered + duplicates + late + future + malformed`.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.read == self.written + self.filtered + self.duplicates + self.quarantined()
            && self.late_after_idle <= self.late
    }
}

/// What the windows of a derived table hold of their source's written rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowCounts {
    /// The source table.
    pub source: String,
    /// Source rows counted in windows that are closed and written.
    pub closed: u64,
    /// Source rows counted in windows that are still open.
    pub open: u64,
}

/// One partition of one source table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerKey {
    /// The source table.
    pub table: String,
    /// The topic that it reads.
    pub topic: String,
    /// The partition of the topic.
    pub partition: PartitionIndex,
}

/// What became of every event up to one commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Per source table, topic and partition.
    pub partitions: BTreeMap<LedgerKey, Counts>,
    /// Per derived table.
    pub windows: BTreeMap<String, WindowCounts>,
}

impl Ledger {
    /// Reads the ledger from the application payload of a lake commit.
    ///
    /// # Errors
    /// [`EtlError::Payload`] if it isn't the payload of an ETL that this binary understands.
    pub fn from_payload(payload: &str) -> Result<Self, EtlError> {
        Ok(Payload::parse(payload)?.ledger())
    }

    /// The sum over all partitions of one source table.
    #[must_use]
    pub fn table(&self, table: &str) -> Counts {
        let mut sum = Counts::default();
        for (_, counts) in self.partitions.iter().filter(|(key, _)| key.table == table) {
            sum.add(counts);
        }
        sum
    }

    /// Names every equation that does not hold; empty when the ledger balances.
    #[must_use]
    pub fn imbalances(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, counts) in &self.partitions {
            if !counts.balances() {
                wrong.push(format!(
                    "{} ({}-{}): read {} is not written {} + filtered {} + duplicates {} + late {} + future {} + malformed {}",
                    key.table, key.topic, key.partition, counts.read, counts.written, counts.filtered,
                    counts.duplicates, counts.late, counts.future, counts.malformed,
                ));
            }
        }
        for (table, windows) in &self.windows {
            let written = self.table(&windows.source).written;
            if windows.closed + windows.open != written {
                wrong.push(format!(
                    "{table}: closed {} + open {} is not the {written} written rows of {}",
                    windows.closed, windows.open, windows.source,
                ));
            }
        }
        wrong
    }

    /// Whether every event is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.imbalances().is_empty()
    }
}
