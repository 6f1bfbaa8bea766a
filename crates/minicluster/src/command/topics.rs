//! `minicluster topics`: what the brokers know of topics.

use client::{Client, ClusterMetadata, Isolation, OffsetSpec, TopicMetadata};
use config::Settings;
use record::PartitionIndex;
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome};
use crate::output::{self, Align, Format};
use crate::topics;

/// What to show.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Options {
    /// All topics, with partitions and records
    List {
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// The partitions of a topic: leader, replicas, offsets
    Describe {
        /// The topic
        topic: String,
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
}

/// One partition, as it is shown.
pub(crate) struct Partition {
    pub(crate) index: i32,
    pub(crate) leader: Option<i32>,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    /// First and next offset; unknown while there is no leader.
    pub(crate) offsets: Option<(i64, i64)>,
}

/// One topic, as it is shown.
pub(crate) struct Topic {
    pub(crate) name: String,
    id: String,
    pub(crate) partitions: Vec<Partition>,
}

/// Shows topics.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let client = topics::connect(settings).await?;
    match options {
        Options::List { output } => {
            let topics = all(&client).await?;
            show_list(&topics, *output);
        }
        Options::Describe { topic, output } => {
            let metadata = client.metadata(None).await?;
            let Some(found) = metadata.topic(topic) else {
                return Err(Failure::plain(unknown(topic, &metadata)));
            };
            show_one(&read(&client, found).await?, *output);
        }
    }
    Ok(())
}

/// The message for a topic that isn't there.
pub(crate) fn unknown(topic: &str, metadata: &ClusterMetadata) -> String {
    let names: Vec<&str> = metadata.topics.iter().map(|topic| &*topic.name).collect();
    match names.is_empty() {
        true => format!("there is no topic `{topic}`, nor any other"),
        false => format!("there is no topic `{topic}`; there are: {}", names.join(", ")),
    }
}

/// All topics, by name.
pub(crate) async fn all(client: &Client) -> Outcome<Vec<Topic>> {
    let metadata = client.metadata(None).await?;
    let mut topics = Vec::new();
    for topic in metadata.topics.iter().filter(|topic| !topic.internal) {
        topics.push(read(client, topic).await?);
    }
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(topics)
}

async fn read(client: &Client, topic: &TopicMetadata) -> Outcome<Topic> {
    let led: Vec<(&str, PartitionIndex)> = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader.is_some())
        .map(|partition| (&*topic.name, partition.index))
        .collect();
    let ask = |spec| {
        let asks: Vec<_> = led.iter().map(|(topic, index)| (*topic, *index, spec)).collect();
        async move { client.list_offsets(&asks, Isolation::ReadUncommitted).await }
    };
    let (first, next) = (ask(OffsetSpec::Earliest).await, ask(OffsetSpec::Latest).await);
    let offset_of = |index: PartitionIndex| {
        let place = led.iter().position(|(_, other)| *other == index)?;
        let first = first.get(place)?.as_ref().ok()?.offset.0;
        Some((first, next.get(place)?.as_ref().ok()?.offset.0))
    };
    let mut partitions: Vec<Partition> = topic
        .partitions
        .iter()
        .map(|partition| Partition {
            index: partition.index.0,
            leader: partition.leader.map(|leader| leader.0),
            replicas: partition.replicas.iter().map(|id| id.0).collect(),
            in_sync: partition.isr.iter().map(|id| id.0).collect(),
            offsets: offset_of(partition.index),
        })
        .collect();
    partitions.sort_by_key(|partition| partition.index);
    Ok(Topic {
        name: topic.name.to_string(),
        id: topic.id.to_string(),
        partitions,
    })
}

impl Topic {
    /// Records in all partitions that have a leader.
    pub(crate) fn records(&self) -> i64 {
        let counts = self.partitions.iter().filter_map(|partition| partition.offsets);
        counts.map(|(first, next)| next - first).sum()
    }

    pub(crate) fn to_json(&self) -> Value {
        let partitions = self.partitions.iter().map(|partition| {
            json!({
                "partition": partition.index,
                "leader": partition.leader,
                "replicas": partition.replicas,
                "in_sync": partition.in_sync,
                "first_offset": partition.offsets.map(|(first, _)| first),
                "next_offset": partition.offsets.map(|(_, next)| next),
            })
        });
        json!({ "topic": self.name, "id": self.id, "partitions": partitions.collect::<Vec<_>>() })
    }
}

fn show_list(topics: &[Topic], format: Format) {
    if format == Format::Json {
        for topic in topics {
            output::json(&topic.to_json());
        }
        return;
    }
    let rows = topics
        .iter()
        .map(|topic| {
            let leaderless = topic
                .partitions
                .iter()
                .filter(|partition| partition.leader.is_none())
                .count();
            let note = if leaderless > 0 {
                format!("{leaderless} without leader")
            } else {
                String::new()
            };
            vec![
                topic.name.clone(),
                topic.partitions.len().to_string(),
                topic.records().to_string(),
                note,
            ]
        })
        .collect();
    let header = [
        ("TOPIC", Align::Left),
        ("PARTITIONS", Align::Right),
        ("RECORDS", Align::Right),
        ("", Align::Left),
    ];
    output::data(&output::plain(&header, rows));
}

fn show_one(topic: &Topic, format: Format) {
    if format == Format::Json {
        return output::json(&topic.to_json());
    }
    let list = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let rows = topic
        .partitions
        .iter()
        .map(|partition| {
            let (first, next) = partition
                .offsets
                .map_or(("?".to_owned(), "?".to_owned()), |(first, next)| {
                    (first.to_string(), next.to_string())
                });
            vec![
                partition.index.to_string(),
                partition
                    .leader
                    .map_or("none".to_owned(), |leader| leader.to_string()),
                list(&partition.replicas),
                list(&partition.in_sync),
                first,
                next,
            ]
        })
        .collect();
    let header = [
        ("PARTITION", Align::Right),
        ("LEADER", Align::Right),
        ("REPLICAS", Align::Left),
        ("IN SYNC", Align::Left),
        ("FIRST OFFSET", Align::Right),
        ("NEXT OFFSET", Align::Right),
    ];
    output::data(&format!("{} ({})", topic.name, topic.id));
    output::data(&output::plain(&header, rows));
}
