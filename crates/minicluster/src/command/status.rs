//! `minicluster status`: what runs, where, and how far it is.

use config::Settings;
use console::figures;
use console::{Cluster, Etl, Generator, Lake, Ledger, Level, Overview, Part, Service, Topic};
use run::RunFolder;

use crate::command;
use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Align, Format};

/// Partitions in trouble that are shown of a topic, and things that happened; JSON has all of them.
const TROUBLED: usize = 10;
const HAPPENED: usize = 8;

/// How to show it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster status
  minicluster status -o json | jq -r .health.level            ok, starting, degraded or down
  minicluster status -o json | jq .totals                     what it does, summed up")]
pub(crate) struct Options {
    /// How to print; JSON is what the console's `/api/overview` gives
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Shows the running platform.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    check_running(settings)?;
    let view = console::look_once(command::console::options(settings)).await;
    match options.output {
        Format::Table => show(&view.overview),
        Format::Json => output::json(&serde_json::to_value(&view.overview)?),
    }
    Ok(())
}

/// Whether there is something to show.
///
/// # Errors
/// Exit code 4 where no supervisor runs, with what runs without one.
pub(crate) fn check_running(settings: &Settings) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    if run.running_supervisor().map_err(Failure::of_run)?.is_some() {
        return Ok(());
    }
    let data = settings.folders.data().display();
    let running = run.running_services().map_err(Failure::of_run)?;
    let names: Vec<String> = running.iter().map(|(service, _)| service.to_string()).collect();
    let message = match names.is_empty() {
        true => format!("nothing is running in {data}: `minicluster up` starts it"),
        false => format!(
            "the supervisor is gone, but {} still run: `minicluster up` takes over, `minicluster down` stops them",
            names.join(", ")
        ),
    };
    Err(Failure::new(Code::NotRunning, message))
}

fn show(overview: &Overview) {
    if let Some(supervisor) = overview.supervisor.value() {
        let up = figures::span(figures::seconds_between(supervisor.since, overview.at));
        let (data, pid) = (overview.data.display(), supervisor.pid);
        output::data(&format!(
            "minicluster in {data}, pid {pid}, up {up}: {}",
            level(overview)
        ));
    }
    for reason in &overview.health.reasons {
        output::data(&format!("  {reason}"));
    }
    output::data("");
    show_services(overview);
    output::data("");
    show_part("topics", &overview.cluster, overview, show_topics);
    show_part("generator", &overview.generator, overview, |generator, _| {
        show_generator(generator)
    });
    show_part("etl", &overview.etl, overview, |etl, _| show_etl(etl));
    output::data("");
    show_part("lake", &overview.lake, overview, show_lake);
    show_part("ledger", &overview.ledger, overview, |ledger, _| {
        show_ledger(ledger)
    });
    show_happened(overview);
}

fn level(overview: &Overview) -> &'static str {
    match overview.health.level {
        Level::Ok => "all is well",
        Level::Starting => "starting",
        Level::Degraded => "something is wrong",
        Level::Down => "nothing runs",
    }
}

/// Shows a part, or says why it can't be had.
fn show_part<T>(name: &str, part: &Part<T>, overview: &Overview, show: impl Fn(&T, &Overview)) {
    match (&part.value, &part.problem) {
        (Some(value), None) => show(value, overview),
        (Some(value), Some(problem)) => {
            show(value, overview);
            output::data(&format!(" {name}: {problem}"));
        }
        (None, Some(problem)) => output::data(&format!(" {name} unknown: {problem}")),
        (None, None) => output::data(&format!(" there is no {name} yet")),
    }
}

fn number<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map(show).unwrap_or_default()
}

fn show_services(overview: &Overview) {
    let header = [
        ("SERVICE", Align::Left),
        ("STATE", Align::Left),
        ("PID", Align::Right),
        ("UP", Align::Right),
        ("MEMORY", Align::Right),
        ("RESTARTS", Align::Right),
        ("ADDRESS", Align::Left),
        ("LAST DEATH", Align::Left),
    ];
    let row = |service: &Service| {
        let up = service
            .since
            .map(|since| figures::seconds_between(since, overview.at));
        vec![
            service.name.clone(),
            service
                .problem
                .as_ref()
                .map_or(service.state.name(), |_| "no answer")
                .to_owned(),
            number(service.pid, |pid| pid.to_string()),
            number(up, figures::span),
            number(service.memory_bytes, figures::bytes),
            service.restarts.to_string(),
            service.address.clone().unwrap_or_default(),
            service.last_death.clone().unwrap_or_default(),
        ]
    };
    output::data(&output::plain(
        &header,
        overview.services.iter().map(row).collect(),
    ));
    let memory = number(overview.totals.memory_bytes, figures::bytes);
    output::data(&format!(" memory of all services: {memory}"));
}

fn show_topics(cluster: &Cluster, _: &Overview) {
    let header = [
        ("TOPIC", Align::Left),
        ("PARTITIONS", Align::Right),
        ("RECORDS", Align::Right),
        ("SIZE", Align::Right),
        ("COPIES", Align::Right),
        ("LEADERS", Align::Left),
    ];
    let row = |topic: &Topic| {
        let leaders = topic.leaders.iter();
        let leaders = leaders.map(|leader| leader.map_or("none".to_owned(), |leader| leader.to_string()));
        let at_least = if topic.partial { ">= " } else { "" };
        vec![
            topic.name.clone(),
            topic.partitions.to_string(),
            format!("{at_least}{}", topic.records),
            number(topic.bytes, figures::bytes),
            topic.replication_factor.to_string(),
            leaders.collect::<Vec<_>>().join(" "),
        ]
    };
    output::data(&output::plain(&header, cluster.topics.iter().map(row).collect()));
    for topic in &cluster.topics {
        for partition in topic.troubled.iter().take(TROUBLED) {
            output::data(&format!(
                "  {}-{}: {}",
                topic.name,
                partition.partition,
                partition.line()
            ));
        }
        if let Some(more) = topic
            .troubled
            .len()
            .checked_sub(TROUBLED)
            .filter(|more| *more > 0)
        {
            output::data(&format!("  {}: and {more} more", topic.name));
        }
    }
}

/// What happened lately, the latest first.
fn show_happened(overview: &Overview) {
    if overview.happened.is_empty() {
        return;
    }
    output::data("\n lately (UTC):");
    for happening in overview.happened.iter().take(HAPPENED) {
        output::data(&format!("  {}  {}", figures::clock(happening.at), happening.line));
    }
}

fn show_generator(generator: &Generator) {
    let Some(rate) = generator.records_per_second else {
        return;
    };
    let wanted = number(generator.wanted_per_second, |wanted| {
        format!(" of {}", figures::rate(wanted))
    });
    output::data(&format!(" generator: {}{wanted} records/s", figures::rate(rate)));
}

fn show_etl(etl: &Etl) {
    if let Some(waiting) = &etl.waiting {
        output::data(&format!(" etl waits: {waiting}"));
    }
    if let (Some(batch), Some(ms), Some(rate)) = (etl.batch, etl.batch_ms, etl.input_per_second) {
        let (took, rate) = (figures::span_ms(ms), figures::rate(rate));
        output::data(&format!(
            " etl: batch {batch} took {took}, reads {rate} records/s"
        ));
    }
}

fn show_lake(lake: &Lake, overview: &Overview) {
    let age = figures::span(figures::seconds_between(lake.committed_at, overview.at));
    output::data(&format!(" lake: commit {}, made {age} ago", lake.commit));
    let header = [
        ("TABLE", Align::Left),
        ("ROWS", Align::Right),
        ("FILES", Align::Right),
        ("SIZE", Align::Right),
        ("TO READ", Align::Right),
        ("WATERMARK", Align::Left),
        ("BEHIND", Align::Right),
    ];
    let sources = overview
        .etl
        .value()
        .map(|etl| etl.sources.as_slice())
        .unwrap_or_default();
    let row = |table: &console::Table| {
        let source = sources.iter().find(|source| source.table == table.name);
        vec![
            table.name.clone(),
            table.rows.to_string(),
            table.files.to_string(),
            figures::bytes(table.bytes),
            number(source.and_then(|source| source.to_read), |records| {
                records.to_string()
            }),
            number(source.and_then(|source| source.watermark), |at| at.to_string()),
            number(
                source.and_then(|source| source.watermark_gap_ms),
                figures::span_ms,
            ),
        ]
    };
    output::data(&output::plain(&header, lake.tables.iter().map(row).collect()));
}

fn show_ledger(ledger: &Ledger) {
    let line = match ledger.balances() {
        true => "balanced".to_owned(),
        false => ledger.wrong.join("; "),
    };
    output::data(&format!(" ledger: {line}"));
}
