//! `minicluster topics alter`.

use std::time::Duration;

use client::{Client, ConfigChange, ConfigResource, NewPartitions};
use config::Settings;

use super::key_and_value;
use crate::failure::{Code, Failure, Outcome};
use crate::output;
use crate::topics;

/// How long the brokers may take to agree.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to change.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster topics alter orders --partitions 12
  minicluster topics alter orders -c retention.ms=3600000 -c max.message.bytes=2097152
  minicluster topics alter orders --delete-config retention.ms    back to the default
  minicluster topics alter orders -c retention.ms=1h --dry-run    what the brokers would say")]
pub(crate) struct Options {
    /// The topic
    topic: String,
    /// So many partitions in all; fewer than now is impossible
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// A config to set, such as retention.ms=3600000; may be given several times
    #[arg(short = 'c', long = "topic-config", value_name = "KEY=VALUE")]
    configs: Vec<String>,
    /// A config that gets its default again; may be given several times
    #[arg(long = "delete-config", value_name = "KEY")]
    deleted: Vec<String>,
    /// Only ask whether the configs would be taken; change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let changes = changes(options)?;
    if changes.is_empty() && options.partitions.is_none() {
        let message = "nothing to change: say `--partitions`, `--topic-config` or `--delete-config`";
        return Err(Failure::new(Code::Usage, message));
    }
    let client = topics::connect(settings).await?;
    let topic = super::find(&client, &options.topic).await?;
    let resource = ConfigResource::Topic(options.topic.clone());
    // Before anything is changed: what can't be taken as a whole is refused as a whole.
    if !changes.is_empty() {
        client.alter_configs(&resource, &changes, true, PATIENCE).await?;
    }
    let before = i32::try_from(topic.partitions.len())?;
    if let Some(total) = options.partitions
        && total < before
    {
        return Err(Failure::plain(format!(
            "`{}` has {before} partitions, and their number can't be lowered: \
             create another topic and copy the records",
            options.topic
        )));
    }
    if options.dry_run {
        output::progress("the brokers would take it; nothing was changed");
        return Ok(());
    }
    if let Some(total) = options.partitions {
        grow(&client, &options.topic, before, total).await?;
    }
    if !changes.is_empty() {
        client.alter_configs(&resource, &changes, false, PATIENCE).await?;
        for change in &changes {
            output::progress(&told(change));
        }
    }
    Ok(())
}

fn changes(options: &Options) -> Outcome<Vec<ConfigChange>> {
    let set = options.configs.iter().map(|text| {
        let (key, value) = key_and_value(text)?;
        Ok(ConfigChange::Set(key, value))
    });
    let deleted = options
        .deleted
        .iter()
        .map(|key| Ok(ConfigChange::Unset(key.clone())));
    set.chain(deleted).collect()
}

fn told(change: &ConfigChange) -> String {
    match change {
        ConfigChange::Set(key, value) => format!("{key} is {value} now"),
        ConfigChange::Unset(key) => format!("{key} has its default again"),
        ConfigChange::Append(key, _) | ConfigChange::Subtract(key, _) => format!("{key} is changed"),
    }
}

async fn grow(client: &Client, topic: &str, before: i32, total: i32) -> Outcome {
    if total == before {
        output::progress(&format!("`{topic}` has {total} partitions already"));
        return Ok(());
    }
    let new = NewPartitions {
        topic: topic.to_owned(),
        total,
    };
    for result in client.create_partitions(&[new], PATIENCE).await? {
        result.into_result()?;
    }
    client.await_topic(topic, PATIENCE).await?;
    output::progress(&format!(
        "`{topic}` has {total} partitions now, {before} before; \
         records with a key may go to another partition than earlier ones of the same key"
    ));
    Ok(())
}
