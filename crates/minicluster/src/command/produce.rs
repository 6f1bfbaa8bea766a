//! `minicluster produce`: lines to records.

mod input;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use client::{Acks, Client, Delivery, OutRecord, ProduceError, Producer, ProducerOptions};
use config::Settings;
use record::{Compression, Header, PartitionIndex, Timestamp};
use serde_json::json;
use tokio::sync::mpsc;

use self::input::{Form, Line, Reading};
use crate::command::topics::find;
use crate::failure::{Code, Failure, Outcome};
use crate::live_line::LiveLine;
use crate::output::{self, Format};
use crate::topics;

/// How long a record is tried, over restarts of brokers.
const PATIENCE: Duration = Duration::from_secs(30);
/// Larger records are refused at once.
const LARGEST: usize = 16 << 20;
/// Records whose acknowledgement is awaited.
const ON_THE_WAY: usize = 10_000;

/// What to write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  echo hello | minicluster produce greetings            one record a line
  minicluster produce orders --file orders.txt --key-separator :   KEY:VALUE
  minicluster produce orders --key 17 --header source=shop < order.json
  minicluster consume a -o json | minicluster produce b --input json   copies keys, headers, times
  seq 3 | minicluster produce numbers -o json           tells where each went")]
pub(crate) struct Options {
    /// The topic
    topic: String,
    /// Read this file instead of stdin
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// What a line is: a value, or a record as `consume -o json` prints it
    #[arg(short, long, value_enum, default_value_t)]
    input: InputForm,
    /// The key of all records; equal keys go to the same partition
    #[arg(short, long, conflicts_with = "key_separator")]
    key: Option<String>,
    /// A line is a key, this text, and a value
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// A header of all records; may be given several times
    #[arg(short = 'H', long = "header", value_name = "KEY=VALUE")]
    headers: Vec<String>,
    /// An empty value is written as null, which deletes its key in a compacted topic
    #[arg(long)]
    empty_is_null: bool,
    /// The partition of all records, instead of the one that the key gives
    #[arg(short, long)]
    partition: Option<i32>,
    /// Who must have a record before it counts as written
    #[arg(long, value_enum, default_value_t)]
    acks: WantedAcks,
    /// How the records are compressed
    #[arg(short = 'z', long, value_enum, default_value_t)]
    compression: Codec,
    /// How to tell what was written; JSON says where each record went
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum InputForm {
    /// A value, with a key before it where `--key-separator` is given.
    #[default]
    Lines,
    /// A record as one JSON object.
    Json,
}

/// Kafka's `acks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum WantedAcks {
    /// All replicas in sync; written once, in order.
    #[default]
    All,
    /// The leader alone; a retry may write twice.
    #[value(name = "1", alias = "leader")]
    Leader,
}

/// Kafka's `compression.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Codec {
    None,
    Gzip,
    Snappy,
    #[default]
    Lz4,
    Zstd,
}

impl Codec {
    fn compression(self) -> Compression {
        match self {
            Self::None => Compression::None,
            Self::Gzip => Compression::Gzip,
            Self::Snappy => Compression::Snappy,
            Self::Lz4 => Compression::Lz4,
            Self::Zstd => Compression::Zstd,
        }
    }
}

/// What became of the records.
#[derive(Debug, Default)]
struct Written {
    records: u64,
    failed: u64,
    /// The first that failed.
    failure: Option<(u64, ProduceError)>,
    /// What went wrong with printing.
    unprinted: Option<io::Error>,
}

/// Writes all lines and waits until the brokers have acknowledged them.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let form = form(options)?;
    let client = topics::connect(settings).await?;
    let partition = partition(&client, options).await?;
    let reading = Reading::begin(options.file.as_deref())?;
    if options.file.is_none() && io::stdin().is_terminal() {
        output::progress("one record a line; Ctrl-D ends");
    }
    let producer = Producer::new(&client, producer_options(options))?;
    let began = Instant::now();
    let (tell, told) = mpsc::channel(ON_THE_WAY);
    let watching = tokio::spawn(watch(told, options.topic.clone(), options.output));
    let sent = send(&producer, options, &form, partition, reading, tell).await;
    producer.close().await;
    let written = watching.await?;
    report(options, &written, began.elapsed());
    if let Some((line, error)) = &written.failure {
        let more = match written.failed {
            1 => String::new(),
            failed => format!(" ({} more were not acknowledged)", failed - 1),
        };
        return Err(Failure::plain(format!("line {line}: {error}{more}")));
    }
    if let Some(error) = written.unprinted {
        return Err(Failure::plain(format!("the output is not complete: {error}")));
    }
    sent
}

fn form(options: &Options) -> Outcome<Form> {
    if options.input == InputForm::Json {
        let lines_only =
            options.key.is_some() || options.key_separator.is_some() || !options.headers.is_empty();
        if lines_only {
            let message = "`--input json` has keys and headers in its lines: leave out `--key`, `--key-separator`, `--header`";
            return Err(Failure::new(Code::Usage, message));
        }
        return Ok(Form::Json);
    }
    if options.key_separator.as_deref() == Some("") {
        return Err(Failure::new(Code::Usage, "`--key-separator` is empty"));
    }
    let header = |text: &String| match text.split_once('=') {
        Some((key, value)) => Ok((key.as_bytes().to_vec(), Some(value.as_bytes().to_vec()))),
        None => Err(Failure::new(
            Code::Usage,
            format!("`--header {text}` is not of the form `--header KEY=VALUE`"),
        )),
    };
    Ok(Form::Lines {
        key: options.key.as_ref().map(|key| key.as_bytes().to_vec()),
        separator: options
            .key_separator
            .as_ref()
            .map(|text| text.as_bytes().to_vec()),
        headers: options.headers.iter().map(header).collect::<Outcome<_>>()?,
        empty_is_null: options.empty_is_null,
    })
}

/// Checks topic and partition before anything is read.
async fn partition(client: &Client, options: &Options) -> Outcome<Option<PartitionIndex>> {
    let topic = find(client, &options.topic).await?;
    let Some(wanted) = options.partition else {
        return Ok(None);
    };
    let index = PartitionIndex(wanted);
    if topic.partition(index).is_none() {
        let count = topic.partitions.len();
        let message = format!(
            "`{}` has {count} partitions, counted from 0: there is no {wanted}",
            topic.name
        );
        return Err(Failure::new(Code::Usage, message));
    }
    Ok(Some(index))
}

fn producer_options(options: &Options) -> ProducerOptions {
    let (acks, idempotent) = match options.acks {
        WantedAcks::All => (Acks::All, true),
        WantedAcks::Leader => (Acks::Leader, false),
    };
    ProducerOptions {
        acks,
        idempotent,
        compression: options.compression.compression(),
        delivery_timeout: PATIENCE,
        // The topic's own limit is what counts.
        max_request_bytes: LARGEST,
        ..ProducerOptions::default()
    }
}

/// Hands over line by line, until the input ends, a record fails, or Ctrl-C.
async fn send(
    producer: &Producer,
    options: &Options,
    form: &Form,
    partition: Option<PartitionIndex>,
    mut reading: Reading,
    tell: mpsc::Sender<(u64, Delivery)>,
) -> Outcome {
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    let typed = options.file.is_none() && io::stdin().is_terminal();
    let mut live = if typed { LiveLine::none() } else { LiveLine::new() };
    let mut number = 0;
    loop {
        let line = tokio::select! {
            line = reading.next() => line,
            _ = &mut interrupt => None,
        };
        let Some(line) = line else { break };
        number += 1;
        let line = line.and_then(|line| form.record(&line));
        let line = line.map_err(|error| Failure::plain(format!("line {number}: {error}")))?;
        let delivery = send_one(producer, &options.topic, partition, &line).await;
        let delivery = delivery.map_err(|error| Failure::plain(format!("line {number}: {error}")))?;
        if tell.send((number, delivery)).await.is_err() {
            // A record failed, and whoever listened has said so.
            break;
        }
        live.show(|| format!("{number} records to `{}`", options.topic));
    }
    live.clear();
    Ok(())
}

async fn send_one(
    producer: &Producer,
    topic: &str,
    partition: Option<PartitionIndex>,
    line: &Line,
) -> Result<Delivery, ProduceError> {
    let headers: Vec<Header<'_>> = line
        .headers
        .iter()
        .map(|(key, value)| Header {
            key,
            value: value.as_deref(),
        })
        .collect();
    let now = || jiff::Timestamp::now().as_millisecond();
    let record = OutRecord {
        timestamp: Timestamp(line.timestamp.unwrap_or_else(now)),
        key: line.key.as_deref(),
        value: line.value.as_deref(),
        headers: &headers,
    };
    producer.send(topic, partition, record).await
}

/// Hears what becomes of each record, in their order. After a failure it takes no more, but waits for
/// those that are on their way.
async fn watch(mut told: mpsc::Receiver<(u64, Delivery)>, topic: String, format: Format) -> Written {
    let mut written = Written::default();
    let mut text = String::new();
    let mut heard = Vec::new();
    while told.recv_many(&mut heard, ON_THE_WAY).await > 0 {
        for (line, delivery) in heard.drain(..) {
            match delivery.await {
                Ok(delivered) => {
                    written.records += 1;
                    if format == Format::Json {
                        let (partition, offset) = (delivered.partition.0, delivered.offset);
                        let place = json!({
                            "topic": topic,
                            "partition": partition,
                            "offset": offset.map(|offset| offset.0),
                        });
                        text.push_str(&format!("{place}\n"));
                    }
                }
                Err(error) => {
                    told.close();
                    written.failed += 1;
                    written.failure.get_or_insert((line, error));
                }
            }
        }
        // Records are written also where nobody reads any more where they went.
        if !text.is_empty() && written.unprinted.is_none() {
            written.unprinted = output::try_data(&text).err();
        }
        text.clear();
    }
    if let Some(error) = &written.unprinted
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        written.unprinted = None;
    }
    written
}

fn report(options: &Options, written: &Written, took: Duration) {
    let per_second = written.records as f64 / took.as_secs_f64().max(0.001);
    let rate = match took.as_secs() {
        0 => String::new(),
        _ => format!(", {per_second:.0} a second"),
    };
    let records = if written.records == 1 { "record" } else { "records" };
    output::progress(&format!(
        "{} {records} written to `{}`{rate}",
        written.records, options.topic
    ));
}
