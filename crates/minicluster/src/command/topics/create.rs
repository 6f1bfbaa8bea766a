//! `minicluster topics create`.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{ErrorCode, NewTopic};
use config::Settings;
use serde_json::json;

use super::key_and_value;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};
use crate::topics;

/// How long the brokers may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to create.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster topics create orders
  minicluster topics create orders payments --partitions 12
  minicluster topics create audit -c cleanup.policy=compact -c segment.bytes=1048576")]
pub(crate) struct Options {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Partitions of each [default: `kafka.partitions`]
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Replicas of each partition [default: the brokers' own]
    #[arg(short, long, value_name = "REPLICAS", value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A config of the topics, such as retention.ms=3600000; may be given several times
    #[arg(short = 'c', long = "topic-config", value_name = "KEY=VALUE")]
    configs: Vec<String>,
    /// A topic that is there already is no failure; it stays as it is
    #[arg(long)]
    if_not_exists: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let configs: BTreeMap<_, _> = options
        .configs
        .iter()
        .map(|text| key_and_value(text))
        .collect::<Outcome<_>>()?;
    let partitions = match options.partitions {
        Some(partitions) => partitions,
        None => i32::try_from(settings.kafka.partitions)?,
    };
    let new = |name: &String| NewTopic {
        replication_factor: options.replication_factor.unwrap_or(-1),
        configs: configs.clone(),
        ..NewTopic::new(name, partitions)
    };
    let new: Vec<NewTopic> = options.topics.iter().map(new).collect();
    let client = topics::connect(settings).await?;
    let mut refused = Vec::new();
    for result in client.create_topics(&new, PATIENCE).await? {
        let name = result.name.clone();
        let was_there = matches!(&result.result, Err(error) if error.code == ErrorCode::TopicAlreadyExists);
        match result.into_result() {
            Ok(id) => {
                let topic = client.await_topic(&name, PATIENCE).await?;
                let replicas = topic
                    .partitions
                    .first()
                    .map_or(0, |partition| partition.replicas.len());
                match options.output {
                    Format::Json => output::data(
                        &json!({
                            "topic": name,
                            "id": id.to_string(),
                            "partitions": topic.partitions.len(),
                            "replication_factor": replicas,
                        })
                        .to_string(),
                    ),
                    Format::Table => output::progress(&format!(
                        "created `{name}`: partitions {partitions}, replicas of each {replicas}"
                    )),
                }
            }
            Err(_) if was_there && options.if_not_exists => {
                output::progress(&format!("`{name}` is there already and stays as it is"));
            }
            Err(error) => refused.push(error.to_string()),
        }
    }
    match refused.is_empty() {
        true => Ok(()),
        false => Err(Failure::plain(refused.join("\n"))),
    }
}
