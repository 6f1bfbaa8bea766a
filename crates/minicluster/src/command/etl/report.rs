//! What the ETL tells over HTTP.

use std::collections::BTreeMap;

use console::{MetricKind, Metrics};
use etl::{Event, Progress, Report as EtlReport, SourceProgress};

use crate::service::Report;

/// The last micro-batches, and sums over all since the process began.
#[derive(Debug, Default)]
pub(super) struct Told {
    report: EtlReport,
    batches: u64,
    output_rows: u64,
    output_bytes: u64,
    /// Records by table and verdict.
    records: BTreeMap<(String, &'static str), u64>,
}

impl Told {
    pub(super) fn take(&mut self, event: &Event) {
        self.report.take(event);
        let Event::Progress(progress) = event else { return };
        self.batches += 1;
        self.output_rows += progress.sink.num_output_rows;
        self.output_bytes += progress.sink.bytes;
        for source in &progress.sources {
            for (verdict, count) in verdicts(source) {
                *self.records.entry((source.table.clone(), verdict)).or_default() += count;
            }
        }
    }

    fn sums(&self, metrics: &mut Metrics) {
        let counts = [
            ("batches_total", "Micro-batches committed.", self.batches),
            ("output_rows_total", "Rows added to the lake.", self.output_rows),
            (
                "output_bytes_total",
                "Bytes of Parquet added to the lake.",
                self.output_bytes,
            ),
        ];
        for (name, help, value) in counts {
            metrics.number(
                &format!("minicluster_etl_{name}"),
                MetricKind::Counter,
                help,
                value as f64,
            );
        }
        let labels: Vec<_> = self
            .records
            .iter()
            .map(|((table, verdict), count)| ([("table", table.as_str()), ("verdict", verdict)], *count))
            .collect();
        metrics.family(
            "minicluster_etl_input_records_total",
            MetricKind::Counter,
            "Records read, by what became of them.",
            labels.iter().map(|(labels, count)| (&labels[..], *count as f64)),
        );
    }
}

impl Report for Told {
    fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(&self.report)
    }

    fn metrics(&self, metrics: &mut Metrics) {
        let waits = if self.report.waiting.is_some() { 1.0 } else { 0.0 };
        let help = "1 while the ETL waits for something it can't go on without.";
        metrics.number("minicluster_etl_waiting", MetricKind::Gauge, help, waits);
        self.sums(metrics);
        if let Some(last) = self.report.progress.back() {
            last_batch(last, metrics);
        }
    }

    fn problem(&self) -> Option<String> {
        self.report.waiting.clone()
    }
}

fn verdicts(source: &SourceProgress) -> [(&'static str, u64); 6] {
    [
        ("written", source.written),
        ("filtered", source.filtered),
        ("duplicate", source.duplicates),
        ("late", source.late),
        ("future", source.future),
        ("malformed", source.malformed),
    ]
}

fn last_batch(last: &Progress, metrics: &mut Metrics) {
    let seconds = last.batch_duration as f64 / 1000.0;
    let gauges = [
        (
            "batch_duration_seconds",
            "Length of the last micro-batch.",
            seconds,
        ),
        (
            "input_records_per_second",
            "Records read a second since the micro-batch before it began.",
            last.input_rows_per_second,
        ),
        (
            "processed_records_per_second",
            "Records read a second of the last micro-batch's length.",
            last.processed_rows_per_second,
        ),
        ("commit_number", "The newest commit.", last.commit as f64),
    ];
    for (name, help, value) in gauges {
        metrics.number(&format!("minicluster_etl_{name}"), MetricKind::Gauge, help, value);
    }
    let labels: Vec<_> = last
        .sources
        .iter()
        .map(|source| ([("table", source.table.as_str())], source.backlog as f64))
        .collect();
    metrics.family(
        "minicluster_etl_backlog_records",
        MetricKind::Gauge,
        "Records that lie in the topic and were not read.",
        labels.iter().map(|(labels, value)| (&labels[..], *value)),
    );
    let labels: Vec<_> = last
        .event_time
        .iter()
        .filter_map(|(table, time)| {
            Some((
                [("table", table.as_str())],
                unix_seconds(time.watermark.as_deref()?)?,
            ))
        })
        .collect();
    metrics.family(
        "minicluster_etl_watermark_timestamp_seconds",
        MetricKind::Gauge,
        "The table's watermark, in seconds since 1970.",
        labels.iter().map(|(labels, value)| (&labels[..], *value)),
    );
    let labels: Vec<_> = last
        .state_operators
        .iter()
        .map(|state| {
            let labels = [
                ("table", state.table.as_str()),
                ("operator", state.operator_name.as_str()),
            ];
            (labels, state.num_rows_total as f64)
        })
        .collect();
    metrics.family(
        "minicluster_etl_state_rows",
        MetricKind::Gauge,
        "Keys and groups held.",
        labels.iter().map(|(labels, value)| (&labels[..], *value)),
    );
}

fn unix_seconds(time: &str) -> Option<f64> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(time.as_millisecond() as f64 / 1000.0)
}
