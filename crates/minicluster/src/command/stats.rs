//! `minicluster stats`: what each service uses, and what flows.

mod usage;

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use config::Settings;
use console::{Collector, Overview, figures};
use serde_json::{Value, json};

use self::usage::{Rates, Usage};
use crate::command;
use crate::failure::Outcome;
use crate::output::{self, Align, Format};

/// A look that isn't complete by then is shown as it is.
const COMPLETE_WITHIN: Duration = Duration::from_secs(4);

/// How to show it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster stats                                     each second, until Ctrl-C
  minicluster stats --once
  minicluster stats -o json | jq '.services[] | [.service, .cpu_percent]'")]
pub(crate) struct Options {
    /// Show it once and end
    #[arg(long)]
    once: bool,
    /// How to print; JSON has one object a second
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What one service uses now.
struct Row {
    service: String,
    state: &'static str,
    pid: Option<u32>,
    cpu_percent: Option<f64>,
    memory_bytes: Option<u64>,
    usage: Usage,
    read_per_second: Option<f64>,
    written_per_second: Option<f64>,
}

/// Shows the platform each second.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    command::status::check_running(settings)?;
    let collector = Collector::start(command::console::options(settings));
    let mut views = collector.views();
    let mut rates = Rates::default();
    let began = Instant::now();
    let mut is_shown = false;
    loop {
        views.changed().await?;
        let view = views.borrow_and_update().clone();
        let overview = &view.overview;
        let rows = rows(overview, &mut rates);
        if !is_shown && !is_complete(overview, &rows) && began.elapsed() < COMPLETE_WITHIN {
            continue;
        }
        if overview.supervisor.value().is_none() {
            output::progress("the platform has stopped");
            return Ok(());
        }
        let text = match options.output {
            Format::Json => to_json(overview, &rows).to_string(),
            Format::Table => table(overview, &rows),
        };
        let is_live = options.output == Format::Table && !options.once;
        output::data(&match (is_live, is_shown) {
            (false, _) => text,
            (true, _) if std::io::stdout().is_terminal() => in_place(&text),
            (true, false) => text,
            (true, true) => format!("\n{text}"),
        });
        is_shown = true;
        if options.once {
            return Ok(());
        }
    }
}

/// Over what the terminal showed before: home, each line cleared to its end, then all below.
fn in_place(text: &str) -> String {
    format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n") + "\x1b[K\n")
}

fn rows(overview: &Overview, rates: &mut Rates) -> Vec<Row> {
    let now = Instant::now();
    let services = overview.services.iter().map(|service| {
        let usage = service.pid.map(Usage::of).unwrap_or_default();
        let (read_per_second, written_per_second) = service
            .pid
            .map_or((None, None), |pid| rates.look(pid, now, usage));
        Row {
            service: service.name.clone(),
            state: service.state.name(),
            pid: service.pid,
            cpu_percent: service.cpu_cores.map(|cores| cores * 100.0),
            memory_bytes: service.memory_bytes,
            usage,
            read_per_second,
            written_per_second,
        }
    });
    services.collect()
}

/// Whether all rates are there that can be.
fn is_complete(overview: &Overview, rows: &[Row]) -> bool {
    let topics = overview.cluster.value().map(|cluster| &cluster.topics);
    let topics = topics.is_some_and(|topics| topics.iter().all(|topic| topic.records_per_second.is_some()));
    let is_known = |row: &Row| row.pid.is_none() || row.cpu_percent.is_some();
    topics && rows.iter().all(is_known) && overview.etl.value().is_some()
}

fn table(overview: &Overview, rows: &[Row]) -> String {
    let dash = || "-".to_owned();
    let speed =
        |rate: Option<f64>| rate.map_or_else(dash, |rate| format!("{}/s", output::bytes(rate as u64)));
    let services = rows.iter().map(|row| {
        vec![
            row.service.clone(),
            row.state.to_owned(),
            row.cpu_percent
                .map_or_else(dash, |percent| format!("{percent:.1} %")),
            row.memory_bytes.map_or_else(dash, output::bytes),
            row.usage.threads.map_or_else(dash, |threads| threads.to_string()),
            speed(row.read_per_second),
            speed(row.written_per_second),
        ]
    });
    let header = [
        ("SERVICE", Align::Left),
        ("STATE", Align::Left),
        ("CPU", Align::Right),
        ("MEMORY", Align::Right),
        ("THREADS", Align::Right),
        ("DISK READ", Align::Right),
        ("WRITTEN", Align::Right),
    ];
    let mut text = output::plain(&header, services.collect());
    let rate = |rate: Option<f64>| rate.map_or_else(dash, figures::rate);
    if let Some(cluster) = overview.cluster.value() {
        let topics = cluster.topics.iter().map(|topic| {
            vec![
                topic.name.clone(),
                rate(topic.records_per_second),
                topic.records.to_string(),
                topic.bytes.map_or_else(dash, output::bytes),
            ]
        });
        let header = [
            ("TOPIC", Align::Left),
            ("RECORDS/S", Align::Right),
            ("RECORDS", Align::Right),
            ("SIZE", Align::Right),
        ];
        text.push_str(&format!("\n\n{}", output::plain(&header, topics.collect())));
    }
    text.push_str("\n\n");
    if let Some(generator) = overview.generator.value() {
        text.push_str(&format!(
            " generator sends {}",
            rate(generator.records_per_second)
        ));
        text.push_str("; ");
    }
    if let Some(etl) = overview.etl.value() {
        let to_read = etl.to_read().map_or_else(dash, figures::count);
        text.push_str(&format!(
            " ETL reads {}, {to_read} to read",
            rate(etl.input_per_second)
        ));
    }
    text
}

fn to_json(overview: &Overview, rows: &[Row]) -> Value {
    let services = rows.iter().map(|row| {
        json!({
            "service": row.service,
            "state": row.state,
            "pid": row.pid,
            "cpu_percent": row.cpu_percent,
            "memory_bytes": row.memory_bytes,
            "threads": row.usage.threads,
            "disk_read_bytes": row.usage.disk_read,
            "disk_written_bytes": row.usage.disk_written,
            "disk_read_bytes_per_second": row.read_per_second,
            "disk_written_bytes_per_second": row.written_per_second,
        })
    });
    let topics = overview.cluster.value().map(|cluster| {
        let topic = |topic: &console::Topic| {
            json!({
                "topic": topic.name,
                "records": topic.records,
                "records_per_second": topic.records_per_second,
                "bytes": topic.bytes,
            })
        };
        cluster.topics.iter().map(topic).collect::<Vec<_>>()
    });
    json!({
        "at": overview.at.to_string(),
        "services": services.collect::<Vec<_>>(),
        "topics": topics,
        "generator_records_per_second": overview.generator.value().and_then(|generator| generator.records_per_second),
        "etl_records_per_second": overview.etl.value().and_then(|etl| etl.input_per_second),
        "etl_to_read": overview.etl.value().and_then(console::Etl::to_read),
    })
}
