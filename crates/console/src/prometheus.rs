//! Numbers in the text format of Prometheus (version 0.0.4), as the console and every service tell them.

use std::fmt::Write;

/// Numbers, family by family.
#[derive(Debug, Default)]
pub struct Metrics {
    text: String,
}

/// What a family of numbers does over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, until the process begins anew.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Metrics {
    /// For the header of the answer.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// A number without labels. The help is one line.
    pub fn number(&mut self, name: &str, kind: MetricKind, help: &str, value: f64) {
        self.family(name, kind, help, [(&[][..], value)]);
    }

    /// A family of numbers, each with its labels.
    pub fn family<'a>(
        &mut self,
        name: &str,
        kind: MetricKind,
        help: &str,
        numbers: impl IntoIterator<Item = (&'a [(&'a str, &'a str)], f64)>,
    ) {
        let kind = match kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in numbers {
            let labels: Vec<String> = labels
                .iter()
                .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
                .collect();
            let labels = match labels.is_empty() {
                true => String::new(),
                false => format!("{{{}}}", labels.join(",")),
            };
            let _ = writeln!(self.text, "{name}{labels} {value}");
        }
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::{MetricKind, Metrics};

    #[test]
    fn numbers_are_written_as_prometheus_reads_them() {
        let mut metrics = Metrics::default();
        metrics.number("a_total", MetricKind::Counter, "All of it.", 3.0);
        let labels = [("topic", "a\"b\\c\nd"), ("kind", "x")];
        metrics.family("b_bytes", MetricKind::Gauge, "Some.", [(&labels[..], 0.5)]);
        let wanted = "# HELP a_total All of it.\n# TYPE a_total counter\na_total 3\n\
                      # HELP b_bytes Some.\n# TYPE b_bytes gauge\n\
                      b_bytes{topic=\"a\\\"b\\\\c\\nd\",kind=\"x\"} 0.5\n";
        assert_eq!(metrics.into_text(), wanted);
    }
}
