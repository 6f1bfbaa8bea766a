//! A look at the brokers, through Kafka's own APIs: any cluster can be looked at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::{Client, ClusterMetadata, ConfigResource, Isolation, OffsetSpec};
use futures::future::join_all;
use record::{BrokerId, PartitionIndex};

use super::Options;

/// How long one broker may take to answer; the others are asked at the same time.
const PATIENCE: Duration = Duration::from_millis(800);

/// How long a topic's configs count.
const CONFIGS_FRESH: Duration = Duration::from_secs(10);

/// Topics whose configs are asked for in one look.
const CONFIGS_A_LOOK: usize = 20;

/// A topic's name and the index of a partition.
pub(super) type TopicPartition = (String, i32);

/// What the brokers say.
#[derive(Debug, Clone, Default)]
pub(super) struct BrokersSeen {
    pub(super) metadata: ClusterMetadata,
    /// First and next offset of the partitions whose leader answers.
    pub(super) offsets: BTreeMap<TopicPartition, (i64, i64)>,
    /// `min.insync.replicas` by topic, of those that said it.
    pub(super) min_isr: BTreeMap<String, usize>,
    /// Of the brokers in the metadata: what they said of their disks, or why they said nothing.
    pub(super) log_dirs: BTreeMap<i32, Result<LogBytes, String>>,
}

/// Bytes on the disks of one broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LogBytes {
    /// By topic; none where the broker is too old to say.
    pub(super) topics: Option<BTreeMap<String, u64>>,
}

/// Connections to the brokers, kept from look to look.
#[derive(Debug, Default)]
pub(super) struct Brokers {
    client: Option<Client>,
    /// `min.insync.replicas` by topic, and when it was said.
    min_isr: BTreeMap<String, (usize, Instant)>,
}

impl Brokers {
    pub(super) async fn look(&mut self, options: &Options) -> Result<BrokersSeen, String> {
        let client = match &self.client {
            Some(client) => client.clone(),
            None => connect(options).await?,
        };
        // Only a client that has just answered is used again: the cluster may have been made anew.
        self.client = None;
        let metadata = client.metadata(None).await.map_err(|error| error.to_string())?;
        let ids: Vec<BrokerId> = metadata.brokers.keys().copied().collect();
        let seen = ids.iter().map(|id| ask(&client, &metadata, *id));
        let mut offsets = BTreeMap::new();
        let mut log_dirs = BTreeMap::new();
        for (id, (listed, bytes)) in ids.iter().zip(join_all(seen).await) {
            offsets.extend(listed);
            log_dirs.insert(id.0, bytes);
        }
        self.ask_min_isr(&client, &metadata).await;
        self.client = Some(client);
        let min_isr = self.min_isr.iter();
        Ok(BrokersSeen {
            min_isr: min_isr
                .map(|(topic, (least, _))| (topic.clone(), *least))
                .collect(),
            metadata,
            offsets,
            log_dirs,
        })
    }
}

impl Brokers {
    /// Configs change rarely: a few topics a look are asked for, those first that were asked for longest ago.
    async fn ask_min_isr(&mut self, client: &Client, metadata: &ClusterMetadata) {
        let there = |name: &String| metadata.topic(name).is_some();
        self.min_isr.retain(|topic, _| there(topic));
        let known = |name: &str| self.min_isr.get(name).map(|(_, at)| *at);
        let mut due: Vec<(Option<Instant>, String)> = metadata
            .topics
            .iter()
            .map(|topic| (known(&topic.name), topic.name.to_string()))
            .filter(|(at, _)| at.is_none_or(|at| at.elapsed() >= CONFIGS_FRESH))
            .collect();
        due.sort();
        due.truncate(CONFIGS_A_LOOK);
        let asked = due.into_iter().map(|(_, topic)| async move {
            let resource = ConfigResource::Topic(topic.clone());
            let configs = client.describe_configs(&resource).await.ok()?;
            let least = configs
                .iter()
                .find(|config| config.name == "min.insync.replicas")?;
            Some((topic, least.value.as_ref()?.parse().ok()?))
        });
        for (topic, least) in join_all(asked).await.into_iter().flatten() {
            self.min_isr.insert(topic, (least, Instant::now()));
        }
    }
}

async fn connect(options: &Options) -> Result<Client, String> {
    let running = options.run.running_supervisor().ok().flatten();
    let bootstrap = running.map_or_else(|| options.bootstrap.clone(), |record| record.bootstrap);
    let options = client::Options {
        client_id: "minicluster-console".to_owned(),
        connect_timeout: PATIENCE,
        request_timeout: PATIENCE,
        ..client::Options::new(bootstrap)
    };
    Client::connect(options).await.map_err(|error| error.to_string())
}

/// Asks one broker all that only it can say.
async fn ask(
    client: &Client,
    metadata: &ClusterMetadata,
    broker: BrokerId,
) -> (BTreeMap<TopicPartition, (i64, i64)>, Result<LogBytes, String>) {
    let led: Vec<(&str, PartitionIndex)> = metadata
        .topics
        .iter()
        .filter(|topic| !topic.internal)
        .flat_map(|topic| topic.partitions.iter().map(|partition| (&*topic.name, partition)))
        .filter(|(_, partition)| partition.leader == Some(broker))
        .map(|(topic, partition)| (topic, partition.index))
        .collect();
    let list = |spec| {
        let asked: Vec<_> = led.iter().map(|(topic, index)| (*topic, *index, spec)).collect();
        async move { client.list_offsets(&asked, Isolation::ReadUncommitted).await }
    };
    let asked = async {
        tokio::join!(
            list(OffsetSpec::Earliest),
            list(OffsetSpec::Latest),
            log_bytes(client, broker)
        )
    };
    let Ok((first, next, bytes)) = tokio::time::timeout(2 * PATIENCE, asked).await else {
        return (BTreeMap::new(), Err("it does not answer".to_owned()));
    };
    let offsets = led
        .iter()
        .zip(first.into_iter().zip(next))
        .filter_map(|((topic, index), both)| {
            let (Ok(first), Ok(next)) = both else { return None };
            Some((((*topic).to_owned(), index.0), (first.offset.0, next.offset.0)))
        });
    (offsets.collect(), bytes)
}

async fn log_bytes(client: &Client, broker: BrokerId) -> Result<LogBytes, String> {
    match client.describe_log_dirs(broker).await {
        Ok(folders) => {
            let mut topics = BTreeMap::new();
            for replica in folders.into_iter().flat_map(|folder| folder.replicas) {
                *topics.entry(replica.topic).or_default() += replica.bytes;
            }
            Ok(LogBytes { topics: Some(topics) })
        }
        // It answers, and that is what matters.
        Err(client::ClientError::UnsupportedVersion { .. } | client::ClientError::Refused { .. }) => {
            Ok(LogBytes::default())
        }
        Err(client::ClientError::TimedOut { after, .. }) => {
            Err(format!("it does not answer within {} ms", after.as_millis()))
        }
        Err(error) => Err(error.to_string()),
    }
}
