//! `minicluster topics describe`: everything about one topic.

use std::collections::BTreeMap;

use client::{Client, ConfigEntry, ConfigResource, ConfigSource, Reassignment};
use config::Settings;
use serde_json::{Value, json};

use super::view::{self, Partition, Topic};
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

/// What is known of one topic.
struct Described {
    topic: Topic,
    configs: Vec<ConfigEntry>,
    sizes: Sizes,
    /// Its partitions that move.
    moving: Vec<Reassignment>,
}

pub(super) async fn run(settings: &Settings, options: &Options) -> Outcome {
    let client = topics::connect(settings).await?;
    let metadata = super::find(&client, &options.topic).await?;
    let topic = view::read(&client, &metadata).await?;
    let described = Described {
        configs: client
            .describe_configs(&ConfigResource::Topic(topic.name.clone()))
            .await?,
        sizes: sizes(&client, &topic).await,
        // Older clusters can't say, and nothing moves there then.
        moving: client.reassignments().await.unwrap_or_default(),
        topic,
    };
    match options.output {
        Format::Json => output::json(&described.to_json()),
        Format::Table => described.show(options.all),
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

fn source(source: ConfigSource) -> String {
    match source {
        ConfigSource::Topic => "topic".to_owned(),
        ConfigSource::DynamicBroker | ConfigSource::StaticBroker => "broker".to_owned(),
        ConfigSource::Default => "default".to_owned(),
        ConfigSource::Other(number) => format!("source {number}"),
    }
}

fn list(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Described {
    fn show(&self, all: bool) {
        let topic = &self.topic;
        let header = [
            ("PARTITION", Align::Right),
            ("LEADER", Align::Right),
            ("EPOCH", Align::Right),
            ("REPLICAS", Align::Left),
            ("IN SYNC", Align::Left),
            ("FIRST OFFSET", Align::Right),
            ("HIGH WATERMARK", Align::Right),
            ("SIZE BY BROKER", Align::Left),
            ("", Align::Left),
        ];
        let rows = topic.partitions.iter().map(|partition| self.row(partition));
        let total: u64 = self.sizes.values().sum();
        output::data(&format!(
            "{} ({}): {} records, {} on disk\n",
            topic.name,
            topic.id,
            topic.records(),
            output::bytes(total)
        ));
        output::data(&output::plain(&header, rows.collect()));
        show_configs(&self.configs, all);
    }

    fn row(&self, partition: &Partition) -> Vec<String> {
        let unknown = || "?".to_owned();
        let (first, next) = partition.offsets.map_or((unknown(), unknown()), |(first, next)| {
            (first.to_string(), next.to_string())
        });
        let sizes = self.sizes_of(partition).into_iter().map(|(broker, bytes)| {
            let bytes = bytes.map_or_else(unknown, output::bytes);
            format!("{broker}: {bytes}")
        });
        vec![
            partition.index.to_string(),
            partition
                .leader
                .map_or("none".to_owned(), |leader| leader.to_string()),
            partition.leader_epoch.to_string(),
            list(&partition.replicas),
            list(&partition.in_sync),
            first,
            next,
            sizes.collect::<Vec<_>>().join(", "),
            self.remark(partition),
        ]
    }

    /// What is on its way, and what is down.
    fn remark(&self, partition: &Partition) -> String {
        let mut remarks = Vec::new();
        if let Some(moving) = self.moving_of(partition) {
            let ids = |ids: &[record::BrokerId]| list(&ids.iter().map(|id| id.0).collect::<Vec<_>>());
            if !moving.adding.is_empty() {
                remarks.push(format!("moves to {}", ids(&moving.adding)));
            }
            if !moving.removing.is_empty() {
                remarks.push(format!("leaves {}", ids(&moving.removing)));
            }
        }
        if !partition.offline.is_empty() {
            remarks.push(format!("offline {}", list(&partition.offline)));
        }
        remarks.join("; ")
    }

    fn moving_of(&self, partition: &Partition) -> Option<&Reassignment> {
        let mut moving = self.moving.iter();
        moving.find(|moving| moving.topic == self.topic.name && moving.partition.0 == partition.index)
    }

    /// By broker; none where one doesn't answer.
    fn sizes_of(&self, partition: &Partition) -> Vec<(i32, Option<u64>)> {
        let replicas = partition.replicas.iter();
        let size = |broker: &i32| self.sizes.get(&(*broker, partition.index)).copied();
        replicas.map(|broker| (*broker, size(broker))).collect()
    }

    fn to_json(&self) -> Value {
        let partitions = self.topic.partitions.iter().map(|partition| {
            let sizes = self.sizes_of(partition);
            let mut view = partition.to_json();
            view["bytes"] = json!(sizes.iter().filter_map(|(_, bytes)| *bytes).reduce(|a, b| a + b));
            let by_broker = sizes.iter().map(|(id, bytes)| (id.to_string(), json!(bytes)));
            view["bytes_by_broker"] = Value::Object(by_broker.collect());
            let ids = |ids: &[record::BrokerId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
            view["moving"] = json!(self.moving_of(partition).map(|moving| {
                json!({ "adding": ids(&moving.adding), "removing": ids(&moving.removing) })
            }));
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
            "topic": self.topic.name,
            "id": self.topic.id,
            "partitions": partitions.collect::<Vec<_>>(),
            "bytes": self.sizes.values().sum::<u64>(),
            "configs": self.configs.iter().map(config).collect::<Vec<_>>(),
        })
    }
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
