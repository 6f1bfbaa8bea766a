//! `minicluster consume`: the records of a topic, as they come.

use std::collections::BTreeMap;

use clap::ValueEnum;
use client::{FetchedBatch, Fetcher, FetcherOptions, Isolation, OffsetSpec};
use config::Settings;
use record::{Offset, PartitionIndex, Record};
use serde_json::{Value, json};

use crate::command::topics::unknown;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::topics;

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The topic
    topic: String,
    /// Only this partition
    #[arg(long)]
    partition: Option<i32>,
    /// Where to begin in each partition: earliest, latest, an offset, or -N for the last N records
    #[arg(long, default_value = "earliest", allow_hyphen_values = true)]
    offset: String,
    /// End after this many records; without it, wait for more until Ctrl-C
    #[arg(long)]
    max: Option<u64>,
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
    /// All of a record, as one JSON object a line.
    Json,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    Earliest,
    Latest,
    At(i64),
    /// So many records before the end.
    Last(i64),
}

impl Begin {
    fn parse(text: &str) -> Outcome<Self> {
        let number = text.parse::<i64>().ok();
        match (text, number) {
            ("earliest", _) => Ok(Self::Earliest),
            ("latest", _) => Ok(Self::Latest),
            (_, Some(number)) if number < 0 => Ok(Self::Last(number.saturating_neg())),
            (_, Some(number)) => Ok(Self::At(number)),
            _ => Err(Failure::new(
                Code::Usage,
                format!(
                    "`--offset {text}` is none of earliest, latest, an offset, or -N for the last N records"
                ),
            )),
        }
    }

    fn within(self, first: i64, next: i64) -> i64 {
        match self {
            Self::Earliest => first,
            Self::Latest => next,
            Self::At(offset) => offset,
            Self::Last(count) => next.saturating_sub(count).max(first),
        }
    }
}

/// Prints records until there are enough.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let begin = Begin::parse(&options.offset)?;
    let client = topics::connect(settings).await?;
    let metadata = client.metadata(None).await?;
    let Some(topic) = metadata.topic(&options.topic) else {
        return Err(Failure::plain(unknown(&options.topic, &metadata)));
    };
    let wanted = |index: PartitionIndex| options.partition.is_none_or(|only| only == index.0);
    let all = topic.partitions.iter().map(|partition| partition.index);
    let partitions: Vec<PartitionIndex> = all.filter(|index| wanted(*index)).collect();
    if partitions.is_empty() {
        let count = topic.partitions.len();
        let message = format!("`{}` has {count} partitions, counted from 0", options.topic);
        return Err(Failure::new(Code::Usage, message));
    }
    let ask = |spec| {
        let asks: Vec<_> = partitions
            .iter()
            .map(|index| (options.topic.as_str(), *index, spec))
            .collect();
        let client = &client;
        async move { client.list_offsets(&asks, Isolation::ReadUncommitted).await }
    };
    let (first, next) = (ask(OffsetSpec::Earliest).await, ask(OffsetSpec::Latest).await);
    let mut fetcher = Fetcher::new(&client, FetcherOptions::default());
    let mut begins = BTreeMap::new();
    for ((index, first), next) in partitions.iter().zip(first).zip(next) {
        let named = |error| Failure::plain(format!("{}-{index}: {error}", options.topic));
        let (first, next) = (first.map_err(named)?.offset.0, next.map_err(named)?.offset.0);
        let offset = Offset(begin.within(first, next));
        fetcher.assign(&options.topic, *index, offset);
        begins.insert(*index, offset);
    }
    let mut left = options.max.unwrap_or(u64::MAX);
    while left > 0 {
        for fetched in fetcher.next().await? {
            let begin = begins.get(&fetched.partition).copied().unwrap_or_default();
            left -= print(&fetched, begin, left, options.output)?;
        }
    }
    Ok(())
}

/// Prints the records of a batch, at most `left` of them, and says how many.
fn print(fetched: &FetchedBatch, begin: Offset, left: u64, format: RecordFormat) -> Outcome<u64> {
    let mut text = String::new();
    let mut printed = 0;
    for record in fetched.batch.records()?.iter() {
        let record = record?;
        if record.offset < begin || printed == left {
            continue;
        }
        match format {
            RecordFormat::Value => text.push_str(&lossy(record.value.unwrap_or_default())),
            RecordFormat::Json => text.push_str(&to_json(fetched.partition, &record).to_string()),
        }
        text.push('\n');
        printed += 1;
    }
    if printed > 0 {
        output::data(&text);
    }
    Ok(printed)
}

fn to_json(partition: PartitionIndex, record: &Record<'_>) -> Value {
    let text = |bytes: Option<&[u8]>| bytes.map(lossy);
    let headers = record
        .headers
        .iter()
        .map(|header| json!({ "key": lossy(header.key), "value": text(header.value) }));
    json!({
        "partition": partition.0,
        "offset": record.offset.0,
        "timestamp": record.timestamp.0,
        "key": text(record.key),
        "value": text(record.value),
        "headers": headers.collect::<Vec<_>>(),
    })
}

/// Text as it came; what isn't UTF-8 is replaced.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Begin;

    #[test]
    fn where_to_begin() {
        let begin = |text| Begin::parse(text).map(|begin| begin.within(10, 20)).ok();
        assert_eq!(begin("earliest"), Some(10));
        assert_eq!(begin("latest"), Some(20));
        assert_eq!(begin("15"), Some(15));
        assert_eq!(begin("-3"), Some(17));
        assert_eq!(begin("-300"), Some(10));
        assert_eq!(begin("-9223372036854775808"), Some(10));
        assert_eq!(begin("tomorrow"), None);
    }
}
