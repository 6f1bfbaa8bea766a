//! What is known of the job.

use run::Service as Name;

use super::Known;
use crate::jobs::{Derived, Job, Jobs, Query, Told};
use crate::overview::{Overview, Part};

impl Known {
    pub(super) fn jobs(&self, overview: &Overview) -> Jobs {
        let report = &self.etl;
        let last = report.value().and_then(|report| report.progress.back());
        let state = |table: &str| {
            let mut states = last?
                .state_operators
                .iter()
                .filter(|state| state.table == table)
                .peekable();
            states.peek()?;
            Some(states.map(|state| state.num_rows_total).sum())
        };
        let ledger = overview.ledger.value();
        let read = |table: &str| {
            let tables = ledger?.tables.iter();
            tables
                .clone()
                .find(|other| other.table == table)
                .map(|table| table.read)
        };
        let sources = overview
            .etl
            .value()
            .map(|etl| etl.sources.as_slice())
            .unwrap_or_default();
        let queries = sources.iter().map(|source| Query {
            table: source.table.clone(),
            topic: source.topic.clone(),
            records_per_second: source.records_per_second,
            watermark: source.watermark,
            watermark_gap_ms: source.watermark_gap_ms,
            to_read: source.to_read,
            read: read(&source.table).unwrap_or_default(),
            state_rows: state(&source.table),
        });
        let derived = ledger
            .into_iter()
            .flat_map(|ledger| &ledger.windows)
            .map(|windows| Derived {
                table: windows.table.clone(),
                source: windows.source.clone(),
                closed: windows.closed,
                open: windows.open,
                state_rows: state(&windows.table),
            });
        let job = Job {
            name: Name::Etl.to_string(),
            service: overview.service("etl").cloned(),
            queries: queries.collect(),
            derived: derived.collect(),
            state_rows: overview.etl.value().and_then(|etl| etl.state_rows),
            state_bytes: overview.lake.value().map(|lake| lake.state_bytes),
            report: Part {
                value: report.value().map(|report| Told {
                    waiting: report.waiting.clone(),
                    batches: report.progress.iter().rev().cloned().collect(),
                }),
                at: report.at,
                problem: report.problem.clone(),
            },
        };
        Jobs {
            at: overview.at,
            jobs: vec![job],
        }
    }
}
