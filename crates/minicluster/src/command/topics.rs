//! `minicluster topics`: what the brokers know of topics, and changes to them.

mod alter;
mod create;
mod delete;
mod describe;
mod view;

use client::{Client, ClusterMetadata, TopicMetadata};
use config::Settings;

use crate::failure::{Code, Failure, Outcome};
use crate::output::{self, Align, Format};
use crate::topics;

pub(crate) use view::{Topic, all};

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Options {
    /// All topics, with partitions, replicas and records
    #[command(after_help = "\
Examples:
  minicluster topics list
  minicluster topics list -o json | jq -r .topic        one object a line")]
    List {
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Format,
    },
    /// A topic: leaders, replicas, offsets, sizes, configs
    Describe(describe::Options),
    /// Create topics
    Create(create::Options),
    /// More partitions for a topic, or other configs
    Alter(alter::Options),
    /// Delete topics with all their records: shows them, and asks
    Delete(delete::Options),
}

/// Shows or changes topics.
pub(crate) async fn run(settings: &Settings, options: &Options) -> Outcome {
    match options {
        Options::List { output } => list(settings, *output).await,
        Options::Describe(options) => describe::run(settings, options).await,
        Options::Create(options) => create::run(settings, options).await,
        Options::Alter(options) => alter::run(settings, options).await,
        Options::Delete(options) => delete::run(settings, options).await,
    }
}

/// The topic's metadata.
///
/// # Errors
/// Where there is no such topic: names those that there are.
pub(crate) async fn find(client: &Client, topic: &str) -> Outcome<TopicMetadata> {
    let metadata = client.metadata(None).await?;
    let found = metadata.topic(topic).cloned();
    found.ok_or_else(|| Failure::plain(unknown(topic, &metadata)))
}

/// The message for a topic that isn't there.
fn unknown(topic: &str, metadata: &ClusterMetadata) -> String {
    let names = metadata.topics.iter().filter(|topic| !topic.internal);
    let mut names: Vec<&str> = names.map(|topic| &*topic.name).collect();
    names.sort_unstable();
    let there_are = match names.is_empty() {
        true => "nor any other".to_owned(),
        false => format!("there are: {}", names.join(", ")),
    };
    format!("there is no topic `{topic}`; {there_are}; `minicluster topics create` makes new ones")
}

/// A `KEY=VALUE` of the command line.
fn key_and_value(text: &str) -> Outcome<(String, String)> {
    let halves = text
        .split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()));
    match halves {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Failure::new(
            Code::Usage,
            format!("`{text}` is not of the form KEY=VALUE, such as retention.ms=3600000"),
        )),
    }
}

async fn list(settings: &Settings, format: Format) -> Outcome {
    let client = topics::connect(settings).await?;
    let topics = all(&client).await?;
    if format == Format::Json {
        for topic in &topics {
            output::data(&topic.to_json().to_string());
        }
        return Ok(());
    }
    if topics.is_empty() {
        output::progress("there are no topics yet: `minicluster topics create` makes one");
        return Ok(());
    }
    let header = [
        ("TOPIC", Align::Left),
        ("PARTITIONS", Align::Right),
        ("REPLICAS", Align::Right),
        ("RECORDS", Align::Right),
        ("", Align::Left),
    ];
    let row = |topic: &Topic| {
        vec![
            topic.name.clone(),
            topic.partitions.len().to_string(),
            topic.replication_factor().to_string(),
            topic.records().to_string(),
            topic.trouble(),
        ]
    };
    output::data(&output::plain(&header, topics.iter().map(row).collect()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::key_and_value;

    #[test]
    fn a_config_is_a_key_and_a_value() {
        let pair = |text| key_and_value(text).ok();
        let owned = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(pair("retention.ms=1000"), owned("retention.ms", "1000"));
        assert_eq!(pair("a = b=c"), owned("a", "b=c"));
        assert_eq!(pair("a="), owned("a", ""));
        assert_eq!(pair("retention.ms"), None);
        assert_eq!(pair("=1"), None);
    }
}
