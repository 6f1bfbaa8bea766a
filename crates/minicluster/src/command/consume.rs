//! `minicluster consume`: the records of a topic.

mod begin;

use std::collections::BTreeMap;

use clap::ValueEnum;
use client::{Client, FetchedBatch, Fetcher, FetcherOptions, Isolation, OffsetSpec, TopicMetadata};
use config::Settings;
use record::{Offset, PartitionIndex};

use self::begin::Begin;
use crate::command::topics::find;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::record_line::RecordLine;
use crate::topics;

/// What to read.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster consume clickstream --max 3               the first three that come
  minicluster consume clickstream --offset -5           the last five of each partition
  minicluster consume clickstream --since 10m -f        of the last ten minutes, and what comes then
  minicluster consume iot --offset latest -f            only what comes from now on
  minicluster consume iot -o json | jq .key             with key, headers, time, place")]
pub(crate) struct Options {
    /// The topic
    topic: String,
    /// Only this partition
    #[arg(short, long)]
    partition: Option<i32>,
    /// Where to begin in each partition: earliest, latest, an offset, or -N for the last N records
    #[arg(long, default_value = "earliest", allow_hyphen_values = true)]
    offset: String,
    /// Begin at a time: 2025-06-01T12:00:00Z, or an age such as 90s, 10m, 2h, 1d
    #[arg(long, value_name = "TIME", conflicts_with = "offset")]
    since: Option<String>,
    /// Wait for more at the end, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// End after this many records
    #[arg(short = 'n', long)]
    max: Option<u64>,
    /// In front of each value its key and this text; for JSON not needed
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: RecordFormat,
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum RecordFormat {
    /// The values alone, one a line.
    #[default]
    Value,
    /// All of a record, as one JSON object a line; `produce --input json` takes it.
    Json,
}

/// What is to be read of a partition.
#[derive(Debug, Clone, Copy)]
struct Span {
    begin: Offset,
    /// Where the partition ended when the command began.
    end: Offset,
}

/// Prints records until there are enough.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let begin = match &options.since {
        Some(text) => Begin::since(text)?,
        None => Begin::parse(&options.offset)?,
    };
    let client = topics::connect(settings).await?;
    let topic = find(&client, &options.topic).await?;
    let spans = spans(&client, options, &topic, begin).await?;
    let mut fetcher = Fetcher::new(&client, FetcherOptions::default());
    for (index, span) in &spans {
        fetcher.assign(&options.topic, *index, span.begin);
    }
    let wanted = options.max.unwrap_or(u64::MAX);
    let mut printed = 0;
    while printed < wanted && (options.follow || !at_end(&fetcher, options, &spans)) {
        for fetched in fetcher.next().await? {
            let Some(span) = spans.get(&fetched.partition) else {
                continue;
            };
            printed += print(&fetched, *span, wanted - printed, options)?;
        }
    }
    if !options.follow && printed < wanted {
        output::progress(&end_note(options, printed));
    }
    Ok(())
}

fn end_note(options: &Options, printed: u64) -> String {
    let topic = &options.topic;
    match (printed, options.max) {
        (0, _) => format!("nothing to print of `{topic}`; `--follow` waits for records"),
        (_, Some(_)) => format!("the end of `{topic}`: {printed} records; `--follow` waits for more"),
        (_, None) => format!("the end of `{topic}`: {printed} records"),
    }
}

/// From where to where each wanted partition is read.
async fn spans(
    client: &Client,
    options: &Options,
    topic: &TopicMetadata,
    begin: Begin,
) -> Outcome<BTreeMap<PartitionIndex, Span>> {
    let wanted = |index: &PartitionIndex| options.partition.is_none_or(|only| only == index.0);
    let all = topic.partitions.iter().map(|partition| partition.index);
    let partitions: Vec<PartitionIndex> = all.filter(wanted).collect();
    if let (true, Some(wanted)) = (partitions.is_empty(), options.partition) {
        let count = topic.partitions.len();
        let message = format!(
            "`{}` has {count} partitions, counted from 0: there is no {wanted}",
            topic.name
        );
        return Err(Failure::new(Code::Usage, message));
    }
    let ask = async |spec| -> Outcome<Vec<i64>> {
        let asks: Vec<_> = partitions
            .iter()
            .map(|index| (&*topic.name, *index, spec))
            .collect();
        let answers = client.list_offsets(&asks, Isolation::ReadUncommitted).await;
        let named = |(index, answer): (&PartitionIndex, Result<client::ListedOffset, _>)| {
            answer
                .map(|listed| listed.offset.0)
                .map_err(|error| Failure::plain(format!("{}-{index}: {error}", topic.name)))
        };
        partitions.iter().zip(answers).map(named).collect()
    };
    let (first, next) = (ask(OffsetSpec::Earliest).await?, ask(OffsetSpec::Latest).await?);
    let at = match begin {
        Begin::Since(time) => ask(OffsetSpec::At(time)).await?,
        _ => first.clone(),
    };
    let mut spans = BTreeMap::new();
    for (place, index) in partitions.iter().enumerate() {
        let (first, next) = (first[place], next[place]);
        let begin = begin.within(first, next, at[place]);
        if !(first..=next).contains(&begin) {
            let message = format!(
                "{}-{index} holds offsets {first} to {next}: there is no {begin}",
                topic.name
            );
            return Err(Failure::plain(message));
        }
        let (begin, end) = (Offset(begin), Offset(next));
        spans.insert(*index, Span { begin, end });
    }
    Ok(spans)
}

/// Whether everything was read that was there when the command began.
fn at_end(fetcher: &Fetcher, options: &Options, spans: &BTreeMap<PartitionIndex, Span>) -> bool {
    spans.iter().all(|(index, span)| {
        let position = fetcher.position(&options.topic, *index);
        span.begin >= span.end || position.is_some_and(|position| position.offset >= span.end)
    })
}

/// Prints the records of a batch, at most `left` of them, and says how many.
fn print(fetched: &FetchedBatch, span: Span, left: u64, options: &Options) -> Outcome<u64> {
    let mut text = Vec::new();
    let mut printed = 0;
    for record in fetched.batch.records()?.iter() {
        let record = record?;
        let is_later = !options.follow && record.offset >= span.end;
        if record.offset < span.begin || is_later || printed == left {
            continue;
        }
        match options.output {
            RecordFormat::Value => {
                if let Some(separator) = &options.key_separator {
                    text.extend_from_slice(record.key.unwrap_or_default());
                    text.extend_from_slice(separator.as_bytes());
                }
                text.extend_from_slice(record.value.unwrap_or_default());
            }
            RecordFormat::Json => {
                let line = RecordLine::of(fetched.partition, &record);
                text.extend(serde_json::to_vec(&line)?);
            }
        }
        text.push(b'\n');
        printed += 1;
    }
    if printed > 0 {
        output::bytes_of_data(&text);
    }
    Ok(printed)
}
