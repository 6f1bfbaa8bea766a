//! The overview in Prometheus's text format 0.0.4.
//!
//! Only what is fresh is given out: a series that stops tells more than a value that stands still.

use crate::overview::{Cluster, Overview, State};
use crate::prometheus::{MetricKind, Metrics};

/// A metric's samples: labels and value.
type Samples<'a> = Vec<(Vec<(&'a str, &'a str)>, f64)>;

struct Text {
    metrics: Metrics,
}

impl Text {
    /// One metric; nothing where it has no sample.
    fn metric(&mut self, kind: MetricKind, name: &str, help: &str, samples: &Samples<'_>) {
        if !samples.is_empty() {
            let samples = samples.iter().map(|(labels, value)| (labels.as_slice(), *value));
            self.metrics
                .family(&format!("minicluster_{name}"), kind, help, samples);
        }
    }

    fn gauge(&mut self, name: &str, help: &str, samples: Samples<'_>) {
        self.metric(MetricKind::Gauge, name, help, &samples);
    }

    fn counter(&mut self, name: &str, help: &str, samples: Samples<'_>) {
        self.metric(MetricKind::Counter, name, help, &samples);
    }
}

fn one<'a>(value: Option<f64>) -> Samples<'a> {
    value.map(|value| (Vec::new(), value)).into_iter().collect()
}

/// All metrics.
pub(super) fn metrics(overview: &Overview) -> String {
    let mut text = Text {
        metrics: Metrics::default(),
    };
    let build = vec![(vec![("version", overview.version.as_str())], 1.0)];
    text.gauge("build_info", "The version that runs.", build);
    let healthy = f64::from(u8::from(overview.health.is_ok()));
    text.gauge(
        "healthy",
        "1 while /healthz says that all is well.",
        one(Some(healthy)),
    );
    parts(&mut text, overview);
    services(&mut text, overview);
    cluster(&mut text, overview);
    etl(&mut text, overview);
    lake(&mut text, overview);
    ledger(&mut text, overview);
    text.metrics.into_text()
}

fn parts(text: &mut Text, overview: &Overview) {
    let fresh = [
        ("supervisor", overview.supervisor.if_fresh().is_some()),
        ("cluster", overview.cluster.if_fresh().is_some()),
        ("generator", overview.generator.if_fresh().is_some()),
        ("etl", overview.etl.if_fresh().is_some()),
        ("lake", overview.lake.if_fresh().is_some()),
        ("ledger", overview.ledger.if_fresh().is_some()),
    ];
    let samples = fresh.map(|(part, fresh)| (vec![("part", part)], f64::from(u8::from(fresh))));
    text.gauge(
        "part_fresh",
        "1 where the console can get this part of the overview now.",
        samples.into(),
    );
}

fn services(text: &mut Text, overview: &Overview) {
    let all = |value: &dyn Fn(&crate::Service) -> Option<f64>| {
        let samples = overview
            .services
            .iter()
            .filter_map(|service| Some((vec![("service", service.name.as_str())], value(service)?)));
        samples.collect::<Samples<'_>>()
    };
    let up = all(&|service| {
        let up = service.state == State::Running && service.problem.is_none();
        Some(f64::from(u8::from(up)))
    });
    text.gauge("service_up", "1 while the service runs and answers.", up);
    let restarts = all(&|service| Some(f64::from(service.restarts)));
    text.counter(
        "service_restarts_total",
        "How often the service was started again.",
        restarts,
    );
    let memory = all(&|service| service.memory_bytes.map(|bytes| bytes as f64));
    text.gauge("service_memory_bytes", "Resident memory.", memory);
    let cores = all(&|service| service.cpu_cores);
    text.gauge("service_cpu_cores", "Processor time a second, in cores.", cores);
}

/// The sums that dashboards alert on, named after Kafka's `UnderReplicatedPartitions`,
/// `UnderMinIsrPartitionCount`, `OfflinePartitionsCount` and `OfflineReplicaCount`.
fn replication(text: &mut Text, cluster: &Cluster) {
    let sum = |of: fn(&crate::Topic) -> usize| one(Some(cluster.topics.iter().map(of).sum::<usize>() as f64));
    text.gauge(
        "under_replicated_partitions",
        "Partitions with fewer replicas in sync than they should have.",
        sum(|topic| topic.under_replicated),
    );
    text.gauge(
        "under_min_isr_partition_count",
        "Partitions with fewer replicas in sync than min.insync.replicas.",
        sum(|topic| topic.under_min_isr),
    );
    text.gauge(
        "offline_partitions_count",
        "Partitions without a leader.",
        sum(|topic| topic.leaderless),
    );
    text.gauge(
        "offline_replica_count",
        "Replicas whose broker, or whose disk there, is down.",
        sum(|topic| topic.offline_replicas),
    );
}

fn cluster(text: &mut Text, overview: &Overview) {
    let Some(cluster) = overview.cluster.if_fresh() else {
        return;
    };
    let registered = cluster.brokers.iter().filter(|broker| broker.registered).count();
    text.gauge(
        "brokers_registered",
        "Brokers that the cluster counts among the living.",
        one(Some(registered as f64)),
    );
    replication(text, cluster);
    let all = |value: &dyn Fn(&crate::Topic) -> Option<f64>| {
        let sample = |topic: &'_ crate::Topic| Some((topic.name.clone(), value(topic)?));
        cluster.topics.iter().filter_map(sample).collect::<Vec<_>>()
    };
    let mut gauge = |name: &str, help: &str, found: Vec<(String, f64)>| {
        let samples = found
            .iter()
            .map(|(topic, value)| (vec![("topic", topic.as_str())], *value));
        text.gauge(name, help, samples.collect());
    };
    gauge(
        "topic_partitions",
        "Partitions of the topic.",
        all(&|topic| Some(topic.partitions as f64)),
    );
    gauge(
        "topic_partitions_leaderless",
        "Partitions without a leader.",
        all(&|topic| Some(topic.leaderless as f64)),
    );
    gauge(
        "topic_partitions_under_replicated",
        "Partitions with fewer replicas in sync than they should have.",
        all(&|topic| Some(topic.under_replicated as f64)),
    );
    gauge(
        "topic_partitions_under_min_isr",
        "Partitions with fewer replicas in sync than min.insync.replicas.",
        all(&|topic| Some(topic.under_min_isr as f64)),
    );
    gauge(
        "topic_replicas_offline",
        "Replicas whose broker, or whose disk there, is down.",
        all(&|topic| Some(topic.offline_replicas as f64)),
    );
    gauge(
        "topic_records",
        "Records that can be read now.",
        all(&|topic| (!topic.partial).then_some(topic.records as f64)),
    );
    gauge(
        "topic_bytes",
        "Bytes of all replicas.",
        all(&|topic| topic.bytes.map(|bytes| bytes as f64)),
    );
    gauge(
        "topic_records_per_second",
        "Records appended a second, lately.",
        all(&|topic| topic.records_per_second),
    );
}

fn etl(text: &mut Text, overview: &Overview) {
    let Some(etl) = overview.etl.if_fresh() else {
        return;
    };
    text.gauge(
        "etl_batch_duration_seconds",
        "Length of the last micro-batch.",
        one(etl.batch_ms.map(|ms| ms as f64 / 1000.0)),
    );
    text.gauge(
        "etl_batch",
        "Number of the last micro-batch.",
        one(etl.batch.map(|batch| batch as f64)),
    );
    let all = |value: &dyn Fn(&crate::Source) -> Option<f64>| {
        let sample = |source: &'_ crate::Source| Some((source.table.clone(), value(source)?));
        etl.sources.iter().filter_map(sample).collect::<Vec<_>>()
    };
    let mut gauge = |name: &str, help: &str, found: Vec<(String, f64)>| {
        let samples = found
            .iter()
            .map(|(table, value)| (vec![("table", table.as_str())], *value));
        text.gauge(name, help, samples.collect());
    };
    gauge(
        "etl_to_read_records",
        "Records in the topic that were not read.",
        all(&|source| source.to_read.map(|records| records as f64)),
    );
    gauge(
        "etl_watermark_gap_seconds",
        "How far the watermark lies behind now.",
        all(&|source| source.watermark_gap_ms.map(|ms| ms as f64 / 1000.0)),
    );
    gauge(
        "etl_records_per_second",
        "Records read a second, lately.",
        all(&|source| source.records_per_second),
    );
}

fn lake(text: &mut Text, overview: &Overview) {
    let Some(lake) = overview.lake.if_fresh() else {
        return;
    };
    text.gauge(
        "lake_commit",
        "Number of the newest commit.",
        one(Some(lake.commit as f64)),
    );
    let committed = lake.committed_at.as_millisecond() as f64 / 1000.0;
    text.gauge(
        "lake_commit_timestamp_seconds",
        "When the newest commit was made.",
        one(Some(committed)),
    );
    let all = |value: &dyn Fn(&crate::Table) -> u64| {
        let samples = lake.tables.iter();
        samples
            .map(|table| (vec![("table", table.name.as_str())], value(table) as f64))
            .collect::<Samples<'_>>()
    };
    text.gauge("table_rows", "Rows of the table.", all(&|table| table.rows));
    text.gauge(
        "table_files",
        "Parquet files of the table.",
        all(&|table| table.files),
    );
    text.gauge("table_bytes", "Bytes of these files.", all(&|table| table.bytes));
}

fn ledger(text: &mut Text, overview: &Overview) {
    let Some(ledger) = overview.ledger.if_fresh() else {
        return;
    };
    let balanced = f64::from(u8::from(ledger.balances()));
    text.gauge(
        "ledger_balanced",
        "1 while every event is accounted for.",
        one(Some(balanced)),
    );
    let (mut read, mut sent): (Samples<'_>, Samples<'_>) = Default::default();
    for table in &ledger.tables {
        let name = table.table.as_str();
        let became = [
            ("written", table.read.written),
            ("filtered", table.read.filtered),
            ("duplicate", table.read.duplicates),
            ("late", table.read.late),
            ("future", table.read.future),
            ("malformed", table.read.malformed),
        ];
        read.extend(
            became.map(|(verdict, count)| (vec![("table", name), ("verdict", verdict)], count as f64)),
        );
        let kinds = [
            ("written", table.sent.written),
            ("duplicate", table.sent.duplicates),
            ("malformed", table.sent.malformed),
            ("late", table.sent.late),
            ("future", table.sent.future),
        ];
        sent.extend(
            kinds.map(|(verdict, count)| (vec![("table", name), ("verdict", verdict)], count as f64)),
        );
    }
    text.counter(
        "ledger_records_total",
        "Records read by the ETL, by what became of them.",
        read,
    );
    text.counter(
        "ledger_sent_total",
        "Records sent by the generator, by what should become of them.",
        sent,
    );
}
