//! What the generator tells over HTTP.

use console::{MetricKind, Metrics};
use generator::{Progress, TopicProgress};

use crate::service::Report;

/// Its newest progress; none before the first.
#[derive(Debug, Default)]
pub(super) struct Told(pub(super) Option<Progress>);

impl Report for Told {
    fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string(&self.0)
    }

    fn metrics(&self, metrics: &mut Metrics) {
        let Some(progress) = &self.0 else { return };
        let gauge = |metrics: &mut Metrics, name: &str, help: &str, value: f64| {
            metrics.number(
                &format!("minicluster_generator_{name}"),
                MetricKind::Gauge,
                help,
                value,
            );
        };
        if let Some(wanted) = progress.wanted_per_second {
            let help = "Records a second that the settings ask for.";
            gauge(metrics, "wanted_records_per_second", help, wanted);
        }
        let late = progress.recent_lateness.max_ms / 1000.0;
        let help = "How much later than due records were sent lately, at most.";
        gauge(metrics, "lateness_seconds", help, late);
        let help = "Records sent and not acknowledged yet.";
        gauge(metrics, "underway_records", help, progress.underway as f64);
        let help = "Interruptions: brokers away for longer than a delivery may take.";
        let name = "minicluster_generator_errors_total";
        metrics.number(name, MetricKind::Counter, help, progress.errors as f64);
        let mut by_topic = |name: &str, kind, help, value: fn(&TopicProgress) -> f64| {
            let topics = progress.topics.iter();
            let numbers: Vec<_> = topics
                .map(|topic| ([("topic", topic.topic.as_str())], value(topic)))
                .collect();
            metrics.family(
                &format!("minicluster_generator_{name}"),
                kind,
                help,
                numbers.iter().map(|(labels, value)| (&labels[..], *value)),
            );
        };
        let help = "Records acknowledged.";
        by_topic("records_total", MetricKind::Counter, help, |topic| {
            topic.acknowledged as f64
        });
        let help = "Records acknowledged a second, lately.";
        by_topic("records_per_second", MetricKind::Gauge, help, |topic| {
            topic.per_second
        });
        let help = "Records with an injected fault in the topic, of all runs.";
        by_topic("faulty_records", MetricKind::Gauge, help, |topic| {
            topic.counts.faulty() as f64
        });
    }

    fn problem(&self) -> Option<String> {
        None
    }
}
