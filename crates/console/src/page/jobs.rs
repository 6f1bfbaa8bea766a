//! The page of the jobs.

use maud::{Markup, html};

use super::chart::{self, Line};
use super::figure::{counted, figure};
use super::ledger::bar;
use super::panel::{self, badge};
use super::sparkline::STEPS;
use super::{Region, verdict};
use crate::View;
use crate::figures;
use crate::history::Series;
use crate::jobs::{Derived, Job, Query, Told};

/// Batches in the table; the JSON has the last 200.
const SHOWN: usize = 25;
/// Batches in the charts.
const CHARTED: usize = 60;

/// The phases of a batch as they are coloured, with what they are.
const PHASES: [(&str, &str); 5] = [
    ("p1", "fetch and decode"),
    ("p2", "write files"),
    ("p3", "commit"),
    ("p4", "publish"),
    ("p5", "plan and collect"),
];

pub(super) fn regions(view: &View) -> Vec<Region> {
    let region = |id, class, label, content| Region {
        id,
        class,
        label,
        content,
    };
    let Some(job) = view.jobs.jobs.first() else {
        return vec![region(
            "verdict",
            "verdict",
            "How it goes",
            verdict::verdict(&view.overview),
        )];
    };
    vec![
        region("verdict", "verdict", "How it goes", headline(view, job)),
        region("figures", "", "In numbers", numbers(view, job)),
        region("queries", "panel", "Queries", queries(view, job)),
        region("durations", "panel half", "Batch duration", durations(view, job)),
        region("rates", "panel half", "Rates", rates(view, job)),
        region("gap", "panel half", "Watermark", gap(view)),
        region("backlog", "panel half", "To read", backlog(view)),
        region("batches", "panel", "Last batches", batches(view, job)),
    ]
}

fn headline(view: &View, job: &Job) -> Markup {
    let service = job.service.as_ref();
    let waiting = job.report.if_fresh().and_then(|told| told.waiting.as_ref());
    let (level, sentence) = match service {
        Some(service) if service.pid.is_none() => ("down", format!("{} is down", job.name)),
        Some(service) if service.state.name() != "running" => {
            ("starting", format!("{} is {}", job.name, service.state))
        }
        Some(service) if service.problem.is_some() => ("degraded", format!("{} does not answer", job.name)),
        Some(_) if waiting.is_some() => ("starting", format!("{} waits", job.name)),
        Some(_) => ("ok", format!("{} runs", job.name)),
        None => ("down", format!("{} is not known", job.name)),
    };
    html! {
        h1 data-level=(level) { (sentence) }
        p.facts {
            @if let Some(service) = service {
                span { (badge(service.state, service.problem.as_deref())) }
                @if let Some(since) = service.since { span { "up " (figures::span(figures::seconds_between(since, view.overview.at))) } }
                @if let Some(pid) = service.pid { span { "pid " (figure("/jobs/0/service/pid", Some(pid), |pid| pid.to_string())) } }
                span { (counted("/jobs/0/service/restarts", Some(u64::from(service.restarts)), "restart", "restarts")) }
                span { (figure("/jobs/0/service/memory_bytes", service.memory_bytes, figures::bytes)) }
            }
        }
        @if let Some(waiting) = waiting { ul.reasons data-level="starting" { li { "It waits: " (waiting) } } }
        @if let Some(death) = service.and_then(|service| service.last_death.as_ref()) {
            p.facts { span { "last death: " (death) } }
        }
    }
}

fn numbers(view: &View, job: &Job) -> Markup {
    let told = job.report.value();
    let last = told.and_then(|told| told.batches.first());
    let totals = &view.overview.totals;
    let at = |pointer: &str| format!("/jobs/0/report/value/batches/0/{pointer}");
    html! {
        dl.figures {
            div { dt { "Read" }
                dd { (figure(at("inputRowsPerSecond"), last.map(|batch| batch.input_rows_per_second), figures::rate)) small { "records/s" } } }
            div { dt { "Able to process" }
                dd { (figure(at("processedRowsPerSecond"), last.map(|batch| batch.processed_rows_per_second), figures::rate)) small { "records/s" } } }
            div { dt { "Last batch took" }
                dd { (figure(at("batchDuration"), last.map(|batch| batch.batch_duration), figures::span_ms)) } }
            div { dt { "Watermark behind" }
                dd { (figure("/totals/watermark_gap_ms", totals.watermark_gap_ms, figures::span_ms)) } }
            div { dt { "State" }
                dd { (figure("/jobs/0/state_rows", job.state_rows, figures::count)) small { "keys, "
                    (figure("/jobs/0/state_bytes", job.state_bytes, figures::bytes)) } } }
        }
    }
}

fn queries(view: &View, job: &Job) -> Markup {
    html! {
        (panel::head("Queries", html! { "one a source table; what became of every record since the lake began" }))
        @if job.queries.is_empty() { p.empty { "Nothing was read yet." } } @else {
            div.scroll tabindex="0" role="region" aria-label="Queries" {
                table.dense {
                    thead { tr {
                        th { "table" } th.number { "records/s" } th.number { "to read" }
                        th.number { "watermark behind" } th.number { "read" } th.number { "written" } th.number { "duplicates" }
                        th.number { "late" } th.number { "future" } th.number { "malformed" } th.number { "filtered" }
                        th.number { "state" }
                    } }
                    tbody {
                        @for (place, query) in job.queries.iter().enumerate() { (query_row(place, query)) }
                        @for (place, derived) in job.derived.iter().enumerate() { (derived_row(place, derived)) }
                    }
                }
            }
            ul.legend {
                li { i.p1 {} "written" } li { i.p3 {} "duplicates" } li { i.p5 {} "late and future" }
                li { i.p4 {} "malformed" } li { i.p2 {} "filtered" }
            }
        }
        @if let Some(problem) = &view.overview.ledger.problem { p.stale { (problem) } }
    }
}

fn query_row(place: usize, query: &Query) -> Markup {
    let at = |pointer: &str| format!("/jobs/0/queries/{place}/{pointer}");
    let read = &query.read;
    let number =
        |pointer: &str, value: u64| figure(at(&format!("read/{pointer}")), Some(value), figures::count);
    html! {
        tr data-key=(query.table) {
            th.clip scope="row" {
                (query.table) br; small { "from " (query.topic) }
                span.phases { (bar(&[
                    (read.written, "p1"), (read.duplicates, "p3"), (read.late + read.future, "p5"),
                    (read.malformed, "p4"), (read.filtered, "p2"),
                ])) }
            }
            td.number { (figure(at("records_per_second"), query.records_per_second, figures::rate)) }
            td.number { (figure(at("to_read"), query.to_read, figures::count)) }
            td.number { (figure(at("watermark_gap_ms"), query.watermark_gap_ms, figures::span_ms)) }
            td.number { (number("read", read.read)) }
            td.number { (number("written", read.written)) }
            td.number { (number("duplicates", read.duplicates)) }
            td.number { (number("late", read.late)) }
            td.number { (number("future", read.future)) }
            td.number { (number("malformed", read.malformed)) }
            td.number { (number("filtered", read.filtered)) }
            td.number { (figure(at("state_rows"), query.state_rows, figures::count)) }
        }
    }
}

fn derived_row(place: usize, derived: &Derived) -> Markup {
    let at = |pointer: &str| format!("/jobs/0/derived/{place}/{pointer}");
    html! {
        tr data-key=(derived.table) {
            th.clip scope="row" { (derived.table) br; small { "windows over " (derived.source) } }
            td {} td {} td {}
            td.number { (figure(at("open"), Some(derived.open), figures::count)) " open" }
            td.number { (figure(at("closed"), Some(derived.closed), figures::count)) " closed" }
            td {} td {} td {} td {} td {}
            td.number { (figure(at("state_rows"), derived.state_rows, figures::count)) }
        }
    }
}

fn batch_parts(batch: &etl::Progress) -> Vec<(u64, &'static str)> {
    let took = &batch.duration_ms;
    let parts = [
        took.get_batch + took.add_batch,
        took.stage,
        took.wal_commit,
        took.publish,
        took.latest_offset + took.collect,
    ];
    parts
        .into_iter()
        .zip(PHASES)
        .map(|(part, (class, _))| (part, class))
        .collect()
}

fn durations(view: &View, job: &Job) -> Markup {
    let chart = |told: &Told| {
        let shown: Vec<_> = told.batches.iter().take(CHARTED).rev().map(batch_parts).collect();
        html! {
            (chart::bars(&shown, CHARTED, "Duration of the last batches by phase", ("60 batches ago", "last batch"), figures::span_ms))
            ul.legend { @for (class, name) in PHASES { li { i class=(class) {} (name) } } }
        }
    };
    html! {
        (panel::head("Batch duration", html! { "by phase" }))
        (panel::part(&job.report, view.overview.at, chart))
    }
}

fn rates(view: &View, job: &Job) -> Markup {
    let chart = |told: &Told| {
        let line = |value: &dyn Fn(&etl::Progress) -> f64| {
            let mut steps: Vec<Option<f32>> = told
                .batches
                .iter()
                .take(CHARTED)
                .map(|batch| Some(value(batch) as f32))
                .collect();
            steps.resize(CHARTED, None);
            steps.reverse();
            steps
        };
        let read = Line {
            name: "read, records/s",
            steps: line(&|batch| batch.input_rows_per_second),
        };
        let able = Line {
            name: "able to process, records/s",
            steps: line(&|batch| batch.processed_rows_per_second),
        };
        chart::lines(&[read, able], ("60 batches ago", "last batch"), |rate| {
            format!("{}/s", figures::rate(rate))
        })
    };
    html! {
        (panel::head("Input and process rate", html! {}))
        (panel::part(&job.report, view.overview.at, chart))
    }
}

fn gap(view: &View) -> Markup {
    let line = Line {
        name: "watermark behind now",
        steps: view.history.steps(&Series::WatermarkGap, STEPS),
    };
    html! {
        (panel::head("Watermark behind now", html! { "the slowest" }))
        (chart::lines(&[line], ("15 min ago", "now"), |ms| figures::span_ms(ms as u64)))
    }
}

fn backlog(view: &View) -> Markup {
    let line = Line {
        name: "records to read",
        steps: view.history.steps(&Series::ToRead, STEPS),
    };
    html! {
        (panel::head("To read", html! { "records in the topics that the job has not read" }))
        (chart::lines(&[line], ("15 min ago", "now"), |records| figures::count(records as u64)))
    }
}

fn batches(view: &View, job: &Job) -> Markup {
    html! {
        (panel::head("Last batches", html! { "the latest first; open one for its partitions" }))
        (panel::part(&job.report, view.overview.at, |told| html! {
            @if told.batches.is_empty() { p.empty { "No batch so far." } } @else {
                div.scroll tabindex="0" role="region" aria-label="Last batches" {
                    table {
                        thead { tr {
                            th { "batch" } th.number.wide { "commit" } th { "began" } th.number { "took" } th { span.away { "by phase" } }
                            th.number { "read" } th.number { "written" } th.number { "quarantine" } th.number.wide { "files" } th.number.wide { "bytes" }
                            th.number { "left" }
                        } }
                        tbody { @for (place, batch) in told.batches.iter().enumerate().take(SHOWN) { (batch_row(place, batch)) } }
                    }
                }
            }
        }))
    }
}

fn batch_row(place: usize, batch: &etl::Progress) -> Markup {
    let at = |pointer: &str| format!("/jobs/0/report/value/batches/{place}/{pointer}");
    let number = |pointer: &str, value: u64| figure(at(pointer), Some(value), figures::count);
    let quarantine: u64 = batch
        .sources
        .iter()
        .map(|source| source.late + source.future + source.malformed)
        .sum();
    let began = batch.timestamp.get(11..19).unwrap_or(&batch.timestamp);
    html! {
        tr data-key=(batch.batch_id) {
            th scope="row" { details {
                summary { (number("batchId", batch.batch_id)) }
                dl { @for source in &batch.sources { @for (partition, end) in &source.end_offset {
                    dt { (source.description) "-" (partition) }
                    dd { (source.start_offset.get(partition).copied().unwrap_or_default()) " to " (end) }
                } } }
            } }
            td.number.wide { (number("commit", batch.commit)) }
            td { time datetime=(batch.timestamp) { (began) } }
            td.number { (figure(at("batchDuration"), Some(batch.batch_duration), figures::span_ms)) }
            td { span.phases { (bar(&batch_parts(batch))) } }
            td.number { (number("numInputRows", batch.num_input_rows)) }
            td.number { (number("sink/numOutputRows", batch.sink.num_output_rows)) }
            td.number { (figures::count(quarantine)) }
            td.number.wide { (number("sink/files", batch.sink.files)) }
            td.number.wide { (figure(at("sink/bytes"), Some(batch.sink.bytes), figures::bytes)) }
            td.number { (counted(at("backlog"), Some(batch.backlog), "", "")) }
        }
    }
}
