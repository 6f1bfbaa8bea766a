use serde::{Deserialize, Serialize};

use super::Overview;

/// What the whole platform does, summed up. A sum of which a part isn't known isn't known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Records a second that the generator sends.
    pub sent_per_second: Option<f64>,
    /// Records a second that come into the topics, from whomever.
    pub appended_per_second: Option<f64>,
    /// Records a second that the ETL reads.
    pub read_per_second: Option<f64>,
    /// Rows a second that come into the tables.
    pub written_per_second: Option<f64>,
    /// Records that the ETL has still to read.
    pub to_read: Option<u64>,
    /// How far the slowest watermark lies behind now.
    pub watermark_gap_ms: Option<u64>,
    /// Records in the topics.
    pub records: Option<u64>,
    /// Rows in the tables.
    pub rows: Option<u64>,
    /// Records that the ETL has read and accounted for.
    pub accounted: Option<u64>,
    /// Resident memory of all services.
    pub memory_bytes: Option<u64>,
    /// Processor time a second of all services, in cores.
    pub cpu_cores: Option<f64>,
}

impl Totals {
    /// Sums up everything else in the overview.
    #[must_use]
    pub fn of(overview: &Overview) -> Self {
        let generator = overview.generator.if_fresh();
        let cluster = overview.cluster.value();
        let etl = overview.etl.value();
        let lake = overview.lake.value();
        let topics = cluster.map(|cluster| &cluster.topics);
        let running = || overview.services.iter().filter(|service| service.pid.is_some());
        Self {
            sent_per_second: generator.and_then(|generator| generator.records_per_second),
            appended_per_second: topics
                .and_then(|topics| topics.iter().map(|topic| topic.records_per_second).sum()),
            read_per_second: etl.and_then(super::Etl::records_per_second),
            written_per_second: lake
                .and_then(|lake| lake.tables.iter().map(|table| table.rows_per_second).sum()),
            to_read: etl.and_then(super::Etl::to_read),
            watermark_gap_ms: etl.and_then(super::Etl::watermark_gap_ms),
            records: topics.map(|topics| topics.iter().map(|topic| topic.records).sum()),
            rows: lake.map(|lake| lake.tables.iter().map(|table| table.rows).sum()),
            accounted: overview
                .ledger
                .value()
                .map(|ledger| ledger.tables.iter().map(|table| table.read.read).sum()),
            memory_bytes: running().map(|service| service.memory_bytes).sum(),
            cpu_cores: running().map(|service| service.cpu_cores).sum(),
        }
    }
}
