//! `minicluster topics describe`: everything about one topic.

use std::collections::BTreeMap;

use client::{Client, ConfigEntry, ConfigResource, ConfigSource};
use config::Settings;
use serde_json::{Value, json};

use super::view::{self, Topic};
use crate::failure::Outcome;
use crate::output::{self, Align, Format};
use crate::topics;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minicluster topics describe clickstream
  minicluster topics describe clickstream --all         with the configs that have their default
  minicluster topics describe iot -o json | jq .configs")]
pub(crate) struct Options {
    /// The topic
    topic: String,
    /// Also the configs that nobody has set
    #[arg(long)]
    all: bool,
    /// How to print; JSON has all configs
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

/// Bytes on disk by (broker, partition).
type Sizes = BTreeMap<(i32, i32), u64>;

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let client = topics::connect(settings).await?;
    let metadata = super::find(&client, &options.topic).await?;
    let topic = view::read(&client, &metadata).await?;
    let configs = client
        .describe_configs(&ConfigResource::Topic(topic.name.clone()))
        .await?;
    let sizes = sizes(&client, &topic).await;
    match options.output {
        Format::Json => output::json(&to_json(&topic, &configs, &sizes)),
        Format::Table => show(&topic, &configs, &sizes, options.all),
    }
    Ok(())
}

/// What each broker says about its disks; a broker that doesn't answer is left out.
async fn sizes(client: &Client, topic: &Topic) -> Sizes {
    let mut sizes = Sizes::new();
    let Ok(metadata) = client.metadata(Some(&[])).await else {
        return sizes;
    };
    for broker in metadata.brokers.keys() {
        for folder in client.describe_log_dirs(*broker).await.unwrap_or_default() {
            let ours = folder
                .replicas
                .iter()
                .filter(|replica| replica.topic == topic.name);
            for replica in ours {
                *sizes.entry((broker.0, replica.partition.0)).or_default() += replica.bytes;
            }
        }
    }
    sizes
}

fn size_of(sizes: &Sizes, partition: i32) -> Option<u64> {
    let of_partition = sizes.iter().filter(|((_, other), _)| *other == partition);
    of_partition.map(|(_, bytes)| *bytes).reduce(|a, b| a + b)
}

fn source(source: ConfigSource) -> String {
    match source {
        ConfigSource::Topic => "topic".to_owned(),
        ConfigSource::DynamicBroker | ConfigSource::StaticBroker => "broker".to_owned(),
        ConfigSource::Default => "default".to_owned(),
        ConfigSource::Other(number) => format!("source {number}"),
    }
}

fn show(topic: &Topic, configs: &[ConfigEntry], sizes: &Sizes, all: bool) {
    let list = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let unknown = || "?".to_owned();
    let rows = topic.partitions.iter().map(|partition| {
        let (first, next) = partition.offsets.map_or((unknown(), unknown()), |(first, next)| {
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
            size_of(sizes, partition.index).map_or_else(unknown, output::bytes),
        ]
    });
    let header = [
        ("PARTITION", Align::Right),
        ("LEADER", Align::Right),
        ("REPLICAS", Align::Left),
        ("IN SYNC", Align::Left),
        ("FIRST OFFSET", Align::Right),
        ("NEXT OFFSET", Align::Right),
        ("SIZE", Align::Right),
    ];
    let total: u64 = sizes.values().sum();
    output::data(&format!(
        "{} ({}): {} records, {} on disk\n",
        topic.name,
        topic.id,
        topic.records(),
        output::bytes(total)
    ));
    output::data(&output::plain(&header, rows.collect()));
    show_configs(configs, all);
}

fn show_configs(configs: &[ConfigEntry], all: bool) {
    let is_set = |config: &&ConfigEntry| all || config.source != ConfigSource::Default;
    let rows: Vec<_> = configs
        .iter()
        .filter(is_set)
        .map(|config| {
            let value = config.value.clone().unwrap_or_else(|| "(hidden)".to_owned());
            vec![config.name.clone(), value, source(config.source)]
        })
        .collect();
    let defaults = configs.len() - rows.len();
    if !rows.is_empty() {
        let header = [
            ("CONFIG", Align::Left),
            ("VALUE", Align::Left),
            ("FROM", Align::Left),
        ];
        output::data(&format!("\n{}", output::plain(&header, rows)));
    }
    if defaults > 0 {
        output::progress(&format!(
            "{defaults} configs have their default: `--all` shows them"
        ));
    }
}

fn to_json(topic: &Topic, configs: &[ConfigEntry], sizes: &Sizes) -> Value {
    let partitions = topic.partitions.iter().map(|partition| {
        let mut view = partition.to_json();
        view["bytes"] = json!(size_of(sizes, partition.index));
        view
    });
    let config = |config: &ConfigEntry| {
        json!({
            "name": config.name,
            "value": config.value,
            "source": source(config.source),
            "read_only": config.read_only,
        })
    };
    json!({
        "topic": topic.name,
        "id": topic.id,
        "partitions": partitions.collect::<Vec<_>>(),
        "bytes": sizes.values().sum::<u64>(),
        "configs": configs.iter().map(config).collect::<Vec<_>>(),
    })
}
