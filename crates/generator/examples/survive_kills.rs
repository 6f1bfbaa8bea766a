//! Kills the generator with `kill -9` again and again against a real cluster, then compares its counts
//! with what the topics hold.
//!
//!     cargo run -p minicluster-generator --example survive_kills -- --bootstrap 127.0.0.1:19092 --kills 20
//!
//! `--rate N` sets the events a second of each stream (default 2000), `--seconds N` how long the last run
//! takes, which isn't killed (default 3), `--keep yes` leaves the topics.

#![expect(clippy::print_stdout, reason = "it is a command that reports to a terminal")]
#![expect(clippy::print_stderr, reason = "it is a command that reports to a terminal")]

// By the name that the workspace uses.
extern crate minicluster_generator as generator;

use std::{
    collections::HashSet,
    error::Error,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
    time::Duration,
};

use client::{Client, Fetcher, FetcherOptions, Isolation, NewTopic, OffsetSpec};
use generator::{Counts, Curve, Faults, Kafka, Kind, Margins, Settings, Truth, Verdict};
use record::{Offset, PartitionIndex};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const TOPICS: [&str; 2] = ["clickstream", "iot"];
const PARTITIONS: i32 = 4;
/// Seconds of a run that is killed.
const FOREVER: f64 = 1e6;
const PATIENCE: Duration = Duration::from_secs(60);

struct Arguments {
    bootstrap: Vec<String>,
    kills: u32,
    rate: f64,
    keep: bool,
    /// Set for the child: generate into this folder.
    folder: Option<PathBuf>,
    seconds: f64,
    suffix: String,
}

fn arguments() -> Outcome<Arguments> {
    let mut parsed = Arguments {
        bootstrap: Vec::new(),
        kills: 20,
        rate: 2_000.0,
        keep: false,
        folder: None,
        seconds: 3.0,
        suffix: std::process::id().to_string(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--bootstrap" => parsed.bootstrap = value.split(',').map(str::to_owned).collect(),
            "--kills" => parsed.kills = value.parse()?,
            "--rate" => parsed.rate = value.parse()?,
            "--keep" => parsed.keep = value == "yes",
            "--folder" => parsed.folder = Some(value.into()),
            "--seconds" => parsed.seconds = value.parse()?,
            "--suffix" => parsed.suffix = value,
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    Ok(parsed)
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match arguments() {
        Ok(arguments) if arguments.folder.is_some() => generate(&arguments).await,
        Ok(arguments) => survive(&arguments).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn topic(name: &str, suffix: &str) -> String {
    format!("{name}-{suffix}")
}

/// The child: generates, with faults of all kinds that depend on what was sent before.
async fn generate(arguments: &Arguments) -> Outcome {
    let mut settings = Settings {
        faults: Faults {
            duplicates: 0.05,
            far_duplicates: 0.01,
            late: 0.01,
            out_of_order: 0.02,
            malformed: 0.03,
            ..Faults::default()
        },
        // Short, so that what comes after the watermark comes within a run.
        margins: Margins {
            watermark_delay: Duration::from_millis(200),
            ..Margins::default()
        },
        threads: 2,
        curve: Curve::Flat,
        ..Settings::default()
    };
    for stream in &mut settings.streams {
        stream.topic = topic(&stream.topic, &arguments.suffix);
        stream.per_second = arguments.rate;
    }
    let seconds = arguments.seconds;
    let shutdown = async move { tokio::time::sleep(Duration::from_secs_f64(seconds)).await };
    let kafka = Kafka {
        options: client::Options::new(&arguments.bootstrap),
        folder: arguments.folder.clone().unwrap_or_default(),
    };
    let summary = generator::run(settings, kafka, shutdown, |_| {}).await?;
    println!("{}", serde_json::to_string(&summary)?);
    Ok(())
}

async fn survive(arguments: &Arguments) -> Outcome {
    let client = Client::connect(client::Options::new(&arguments.bootstrap)).await?;
    let topics: Vec<String> = TOPICS.iter().map(|name| topic(name, &arguments.suffix)).collect();
    let new: Vec<NewTopic> = topics
        .iter()
        .map(|name| NewTopic::new(name, PARTITIONS))
        .collect();
    for result in client.create_topics(&new, PATIENCE).await? {
        result.into_result()?;
    }
    let folder = std::env::temp_dir().join(format!("survive-kills-{}", std::process::id()));
    let mut wait_ms = 300;
    for _ in 0..arguments.kills {
        let mut child = start(arguments, &folder, FOREVER)?;
        // Different instants: in the start, while settling, while sending.
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        child.kill()?;
        child.wait()?;
        wait_ms = 100 + (wait_ms * 733 + 577) % 6_000;
    }
    let open: u64 = Truth::read(&folder)?
        .topics
        .values()
        .map(|topic| topic.open)
        .sum();
    println!("after {} kills {open} records are open", arguments.kills);
    let status = start(arguments, &folder, arguments.seconds)?.wait()?;
    if !status.success() {
        return Err("the last run failed".into());
    }
    let truth = Truth::read(&folder)?;
    for topic in &topics {
        let counted = truth.topics.get(topic).cloned().unwrap_or_default();
        let held = count(&client, topic).await?;
        println!(
            "{topic}: {} records: {}",
            held.records(),
            serde_json::to_string(&held)?
        );
        if counted.counts != held || counted.open != 0 {
            return Err(format!("{topic} holds {held:?}, the truth is {counted:?}").into());
        }
    }
    if !arguments.keep {
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        client.delete_topics(&names, PATIENCE).await?;
    }
    std::fs::remove_dir_all(&folder)?;
    println!("the counts are true");
    Ok(())
}

fn start(arguments: &Arguments, folder: &Path, seconds: f64) -> Outcome<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "--bootstrap",
        &arguments.bootstrap.join(","),
        "--suffix",
        &arguments.suffix,
    ]);
    command
        .args(["--rate", &arguments.rate.to_string()])
        .arg("--folder")
        .arg(folder);
    command.args(["--seconds", &seconds.to_string()]);
    Ok(command.spawn()?)
}

/// Counts a topic by the headers, and holds the values against them: no record twice, no event twice, and
/// duplicates behind their originals in the same partition.
async fn count(client: &Client, topic: &str) -> Outcome<Counts> {
    let mut counts = Counts::default();
    let mut sent = HashSet::new();
    for index in (0..PARTITIONS).map(PartitionIndex) {
        let mut originals: HashSet<u64> = HashSet::new();
        let end = client
            .list_offsets(&[(topic, index, OffsetSpec::Latest)], Isolation::ReadUncommitted)
            .await;
        let end = end.into_iter().next().ok_or("no answer")??.offset;
        let mut fetcher = Fetcher::new(client, FetcherOptions::default());
        fetcher.assign(topic, index, Offset(0));
        while fetcher
            .position(topic, index)
            .is_some_and(|position| position.offset < end)
        {
            for fetched in tokio::time::timeout(PATIENCE, fetcher.next()).await?? {
                for record in &fetched.batch.records()? {
                    let record = record?;
                    let header = |name: &[u8]| record.headers.last(name).and_then(|header| header.value);
                    let number = |name: &[u8]| header(name)?.try_into().ok().map(u64::from_be_bytes);
                    let place = (number(b"mc-run"), number(b"mc-seq"));
                    if !sent.insert(place) {
                        return Err(format!(
                            "{topic}-{index}: {place:?} came twice, again at {}",
                            record.offset
                        )
                        .into());
                    }
                    let kind = String::from_utf8_lossy(header(b"mc-kind").unwrap_or_default()).into_owned();
                    let kind: Kind = serde_json::from_value(serde_json::Value::String(kind))?;
                    let value = xxhash_rust::xxh3::xxh3_64(record.value.unwrap_or_default());
                    let is_repeated = match kind.verdict() {
                        Verdict::Malformed => None,
                        _ => Some(!originals.insert(value)),
                    };
                    let must_be = matches!(kind, Kind::Duplicate | Kind::FarDuplicate);
                    // What was held back may still be on its way when its run dies, its duplicate never is.
                    if is_repeated.is_some_and(|is_repeated| is_repeated != must_be) {
                        return Err(format!("{topic}-{index}: {kind:?} at {} lies", record.offset).into());
                    }
                    counts.add(kind, 1);
                }
            }
        }
    }
    Ok(counts)
}
