use serde::{Deserialize, Serialize};

/// What was sent, and what became of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ledger {
    /// Both sides, by source table.
    pub tables: Vec<LedgerTable>,
    /// The tables that are made of others.
    pub windows: Vec<Windows>,
    /// Equations that don't hold; empty while the ledger balances.
    pub wrong: Vec<String>,
    /// Whether everything that was sent was read and nothing is on its way.
    pub settled: bool,
}

/// Both sides of one source table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LedgerTable {
    /// The table.
    pub table: String,
    /// The topic that it reads.
    pub topic: String,
    /// What the generator sent.
    pub sent: Sent,
    /// What the ETL made of what it read.
    pub read: etl::Counts,
    /// Records of the topic that are not this generator's.
    pub from_others: u64,
}

/// What the generator sent to one topic, over all its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sent {
    /// All records.
    pub records: u64,
    /// Of these: events that belong into the table.
    pub written: u64,
    /// Of these: events sent again.
    pub duplicates: u64,
    /// Of these: malformed on purpose.
    pub malformed: u64,
    /// Of these: late on purpose.
    pub late: u64,
    /// Of these: ahead of their time on purpose.
    pub future: u64,
    /// Records beyond these that may be in the topic, at most.
    pub on_the_way: u64,
}

/// What the windows of a derived table hold of their source's rows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Windows {
    /// The derived table.
    pub table: String,
    /// Its source.
    pub source: String,
    /// Source rows in windows that are closed and written.
    pub closed: u64,
    /// Source rows in windows that are still open.
    pub open: u64,
}

impl Ledger {
    /// Whether every event that was read is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.wrong.is_empty()
    }
}
