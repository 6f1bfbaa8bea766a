//! `minicluster status`: what runs, where, and how far it is.

use std::time::Duration;

use config::Settings;
use etl::{EventTime, TableStanding};
use jiff::Timestamp;
use record::PartitionIndex;
use run::{RunFolder, Service, ServiceRecord, SupervisorRecord};
use serde_json::{Value, json};

use crate::accounts::Newest;
use crate::command::topics::{self, Topic};
use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Align, Format};
use crate::supervisor::services;

/// Brokers that do not answer within this time are left out.
const PATIENCE: Duration = Duration::from_secs(5);

/// How to show it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// One service.
struct ServiceView {
    service: Service,
    record: Option<ServiceRecord>,
    restarts: u32,
    address: String,
}

impl ServiceView {
    fn state(&self) -> &'static str {
        match &self.record {
            None => "down",
            Some(record) if record.process.is_paused() => "paused",
            Some(_) => "running",
        }
    }
}

/// Where the ETL stands with one table.
struct Lag {
    table: String,
    watermark: Option<EventTime>,
    /// Records of the topic that were not read; unknown without the brokers.
    behind: Option<i64>,
}

/// Shows the running platform.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let run = RunFolder::new(&settings.folders);
    let running = run.running_services()?;
    let Some(supervisor) = run.running_supervisor()? else {
        let data = settings.folders.data().display();
        let names: Vec<String> = running.iter().map(|(service, _)| service.to_string()).collect();
        let message = match names.is_empty() {
            true => format!("nothing is running in {data}: `minicluster up` starts it"),
            false => format!(
                "the supervisor is gone, but {} still run: `minicluster up` takes over, `minicluster down` stops them",
                names.join(", ")
            ),
        };
        return Err(Failure::new(Code::NotRunning, message));
    };
    let services = views(settings, &supervisor, &running);
    let topics = tokio::time::timeout(PATIENCE, topics(settings)).await;
    let topics = topics.unwrap_or_else(|_| Err(Failure::plain("the brokers do not answer")));
    let newest = Newest::read(settings);
    let lags = match &newest {
        Ok(Some(newest)) => lags(newest, topics.as_ref().ok()),
        _ => Vec::new(),
    };
    match options.output {
        Format::Table => show(settings, &supervisor, &services, &topics, &newest, &lags),
        Format::Json => {
            let topics = topics.as_ref().ok();
            output::json(&to_json(settings, &supervisor, &services, topics, &newest, &lags));
        }
    }
    Ok(())
}

async fn topics(settings: &Settings) -> Outcome<Vec<Topic>> {
    let client = crate::topics::connect(settings).await?;
    topics::all(&client).await
}

fn views(
    settings: &Settings,
    supervisor: &SupervisorRecord,
    running: &[(Service, ServiceRecord)],
) -> Vec<ServiceView> {
    let view = |service: Service| {
        let record = running.iter().find(|(other, _)| *other == service);
        let address = match service {
            // Where the running supervisor has put it, whatever the settings say now.
            Service::Broker(id) => supervisor.bootstrap.get(id as usize - 1).cloned(),
            Service::Etl | Service::Generator | Service::Console => None,
        };
        ServiceView {
            service,
            record: record.map(|(_, record)| record.clone()),
            restarts: supervisor
                .services
                .get(&service)
                .map_or(0, |supervised| supervised.restarts),
            address: address.unwrap_or_default(),
        }
    };
    services(settings).into_iter().map(view).collect()
}

fn lags(newest: &Newest, topics: Option<&Vec<Topic>>) -> Vec<Lag> {
    let lag = |(table, standing): (&String, &TableStanding)| {
        let topic = topics.and_then(|topics| topics.iter().find(|topic| topic.name == standing.topic));
        let behind = topic.map(|topic| {
            let unread = topic.partitions.iter().filter_map(|partition| {
                let (first, end) = partition.offsets?;
                let next = standing.next_offsets.get(&PartitionIndex(partition.index));
                Some(end - next.map_or(first, |next| next.0.max(first)))
            });
            unread.sum()
        });
        Lag {
            table: table.clone(),
            watermark: standing.watermark,
            behind,
        }
    };
    newest.standing.tables.iter().map(lag).collect()
}

fn show(
    settings: &Settings,
    supervisor: &SupervisorRecord,
    services: &[ServiceView],
    topics: &Outcome<Vec<Topic>>,
    newest: &Outcome<Option<Newest>>,
    lags: &[Lag],
) {
    let since = output::span(seconds_since(supervisor.since));
    output::data(&format!(
        "minicluster in {}, pid {}, up {since}\n",
        settings.folders.data().display(),
        supervisor.process.pid
    ));
    show_services(services);
    output::data("");
    match topics {
        Ok(topics) => show_topics(topics),
        Err(failure) => output::data(&format!(" topics unknown: {failure}")),
    }
    output::data(" replication: none\n");
    match newest {
        Ok(Some(newest)) => show_lake(newest, lags),
        Ok(None) => output::data(" there is no lake yet"),
        Err(failure) => output::data(&format!(" lake unknown: {failure}")),
    }
}

fn show_services(services: &[ServiceView]) {
    let header = [
        ("SERVICE", Align::Left),
        ("STATE", Align::Left),
        ("PID", Align::Right),
        ("UP", Align::Right),
        ("MEMORY", Align::Right),
        ("RESTARTS", Align::Right),
        ("ADDRESS", Align::Left),
    ];
    let mut total = 0;
    let rows = services.iter().map(|view| {
        let memory = view
            .record
            .as_ref()
            .and_then(|record| record.process.resident_bytes());
        total += memory.unwrap_or_default();
        let record = view.record.as_ref();
        vec![
            view.service.to_string(),
            view.state().to_owned(),
            record
                .map(|record| record.process.pid.to_string())
                .unwrap_or_default(),
            record
                .map(|record| output::span(seconds_since(record.since)))
                .unwrap_or_default(),
            memory.map(output::bytes).unwrap_or_default(),
            view.restarts.to_string(),
            view.address.clone(),
        ]
    });
    let rows = rows.collect();
    output::data(&output::plain(&header, rows));
    output::data(&format!(" memory of all services: {}", output::bytes(total)));
}

fn show_topics(topics: &[Topic]) {
    let header = [
        ("TOPIC", Align::Left),
        ("PARTITIONS", Align::Right),
        ("RECORDS", Align::Right),
        ("LEADERS", Align::Left),
    ];
    let rows = topics
        .iter()
        .map(|topic| {
            let leaders = topic.partitions.iter().map(|partition| {
                partition
                    .leader
                    .map_or("none".to_owned(), |leader| leader.to_string())
            });
            vec![
                topic.name.clone(),
                topic.partitions.len().to_string(),
                topic.records().to_string(),
                leaders.collect::<Vec<_>>().join(" "),
            ]
        })
        .collect();
    output::data(&output::plain(&header, rows));
}

fn show_lake(newest: &Newest, lags: &[Lag]) {
    let age = output::span(seconds_since(newest.at));
    output::data(&format!(" lake: commit {}, made {age} ago", newest.commit));
    let header = [
        ("TABLE", Align::Left),
        ("ROWS", Align::Right),
        ("TO READ", Align::Right),
        ("WATERMARK", Align::Left),
    ];
    let rows = newest
        .rows
        .iter()
        .map(|(table, rows)| {
            let lag = lags.iter().find(|lag| lag.table == *table);
            let behind = lag.and_then(|lag| lag.behind);
            let watermark = lag.and_then(|lag| lag.watermark);
            vec![
                table.clone(),
                rows.to_string(),
                behind.map(|behind| behind.to_string()).unwrap_or_default(),
                watermark
                    .map(|watermark| watermark.to_string())
                    .unwrap_or_default(),
            ]
        })
        .collect();
    output::data(&output::plain(&header, rows));
    let wrong = newest.ledger.imbalances();
    let balance = if wrong.is_empty() {
        "balanced".to_owned()
    } else {
        wrong.join("; ")
    };
    output::data(&format!(" ledger: {balance}"));
}

fn to_json(
    settings: &Settings,
    supervisor: &SupervisorRecord,
    services: &[ServiceView],
    topics: Option<&Vec<Topic>>,
    newest: &Outcome<Option<Newest>>,
    lags: &[Lag],
) -> Value {
    let services = services.iter().map(|view| {
        let record = view.record.as_ref();
        json!({
            "service": view.service.to_string(),
            "state": view.state(),
            "pid": record.map(|record| record.process.pid),
            "since": record.map(|record| record.since.to_string()),
            "memory_bytes": record.and_then(|record| record.process.resident_bytes()),
            "restarts": view.restarts,
            "address": view.address,
        })
    });
    let topics = topics.map(|topics| topics.iter().map(Topic::to_json).collect::<Vec<_>>());
    json!({
        "data": settings.folders.data(),
        "pid": supervisor.process.pid,
        "since": supervisor.since.to_string(),
        "ready": supervisor.ready,
        "services": services.collect::<Vec<_>>(),
        "topics": topics,
        "replication": "none",
        "lake": lake_to_json(newest, lags),
    })
}

/// Null where there is no lake yet; only an `error` where it can't be read.
fn lake_to_json(newest: &Outcome<Option<Newest>>, lags: &[Lag]) -> Value {
    let lag = |lag: &Lag| {
        let watermark = lag.watermark.map(|watermark| watermark.to_string());
        json!({ "table": lag.table, "to_read": lag.behind, "watermark": watermark })
    };
    match newest {
        Ok(Some(newest)) => json!({
            "commit": newest.commit,
            "at": newest.at.to_string(),
            "rows": newest.rows,
            "sources": lags.iter().map(lag).collect::<Vec<_>>(),
            "balanced": newest.ledger.balances(),
        }),
        Ok(None) => Value::Null,
        Err(failure) => json!({ "error": failure.to_string() }),
    }
}

fn seconds_since(since: Timestamp) -> u64 {
    u64::try_from(Timestamp::now().duration_since(since).as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::lake_to_json;
    use crate::failure::Failure;

    #[test]
    fn a_lake_that_cannot_be_read_is_told_in_its_place() {
        assert_eq!(lake_to_json(&Ok(None), &[]), Value::Null);
        let damaged = Err(Failure::plain("it is damaged"));
        assert_eq!(lake_to_json(&damaged, &[]), json!({ "error": "it is damaged" }));
    }
}
