//! How it goes, on a terminal: a bar where the end is known, else a line that is written anew; where nobody
//! looks, a line now and then.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use generator::{Latency, Progress, Settings};
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::{self, Align};

/// Between two lines where nobody looks.
const SELDOM: Duration = Duration::from_secs(10);
/// Steps of a bar.
const STEPS: u64 = 10_000;

/// Shows progress on stderr.
#[derive(Debug, Clone)]
pub(super) struct Live {
    bar: Option<ProgressBar>,
    told: Instant,
}

impl Live {
    pub(super) fn new(settings: &Settings) -> Self {
        let has_end = settings.end.records.is_some() || settings.end.until.is_some();
        let bar = std::io::stderr().is_terminal().then(|| {
            let (bar, template) = match has_end {
                true => (ProgressBar::new(STEPS), "{bar:30} {percent:>3}% {eta:>4} {msg}"),
                false => (ProgressBar::new_spinner(), "{msg}"),
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            told: Instant::now(),
        }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(line(progress));
                if let Some(done) = progress.done {
                    bar.set_position((done * STEPS as f64) as u64);
                }
                bar.tick();
            }
            None if self.told.elapsed() >= SELDOM => {
                self.told = Instant::now();
                output::progress(&line(progress));
            }
            None => {}
        }
    }

    /// Makes room for what comes next.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// What came of it.
    pub(super) fn summary(&self, summary: &Progress) {
        let header = [
            ("TOPIC", Align::Left),
            ("KIND", Align::Left),
            ("RECORDS", Align::Right),
            ("VERDICT", Align::Left),
        ];
        let mut rows = Vec::new();
        for topic in &summary.topics {
            for (kind, count) in topic.counts.iter() {
                let verdict = format!("{:?}", kind.verdict()).to_lowercase();
                rows.push(vec![
                    topic.topic.clone(),
                    kind.name().to_owned(),
                    count.to_string(),
                    verdict,
                ]);
            }
        }
        output::progress(&output::plain(&header, rows));
        let records: u64 = summary.topics.iter().map(|topic| topic.acknowledged).sum();
        let seconds = summary.elapsed_seconds;
        let mut text = format!(
            "{records} records in {seconds:.1} s: {:.0} a second, {} of keys and values",
            records as f64 / seconds.max(1e-6),
            output::bytes(summary.bytes),
        );
        if summary.underway > 0 {
            text.push_str(&format!("; {} were not acknowledged", summary.underway));
        }
        output::progress(&text);
        let times = [
            ("handed over late by", &summary.lateness),
            ("acknowledged after", &summary.acknowledgement),
        ];
        for (what, latency) in times.into_iter().filter(|(_, latency)| latency.count > 0) {
            output::progress(&format!("{what} {}", shown(latency)));
        }
        if summary.acknowledgement.count > 0 {
            let ratio = summary.compression_ratio;
            output::progress(&format!(
                "compressed {ratio:.1} to 1; {} interruptions",
                summary.errors
            ));
        }
        if let Some(error) = &summary.last_error {
            output::progress(&format!("the last one: {error}"));
        }
    }
}

fn line(progress: &Progress) -> String {
    let records: u64 = progress.topics.iter().map(|topic| topic.acknowledged).sum();
    let mut parts = vec![
        format!("{records} records"),
        format!("{:.0}/s", progress.per_second),
    ];
    if let Some(wanted) = progress.wanted_per_second {
        parts.push(format!("of {wanted:.0}/s"));
    }
    if let Some(clock) = super::clock(progress) {
        parts.push(format!("at {clock:.0}"));
    }
    if progress.recent_lateness.count > 0 {
        parts.push(format!("late {}", shown(&progress.recent_lateness)));
    }
    if progress.acknowledgement.count > 0 {
        parts.push(format!("acknowledged after {}", shown(&progress.acknowledgement)));
        parts.push(format!("{} underway", progress.underway));
    }
    if progress.errors > 0 {
        parts.push(format!("{} interruptions", progress.errors));
    }
    parts.join(", ")
}

fn shown(latency: &Latency) -> String {
    let Latency {
        p50_ms,
        p99_ms,
        max_ms,
        ..
    } = latency;
    format!("{p50_ms:.1}/{p99_ms:.1}/{max_ms:.1} ms (p50/p99/max)")
}
