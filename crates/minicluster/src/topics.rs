//! The platform's topics, and the client that asks the brokers.

use std::collections::BTreeSet;
use std::time::Duration;

use client::{Client, ClientError, ConfigChange, ConfigResource, NewReplicas, NewTopic, TopicMetadata};
use config::Settings;
use record::BrokerId;
use run::RunFolder;
use tokio::time::Instant;

use crate::failure::{Code, Failure, Outcome};
use crate::output;

/// How long brokers that have just started may take to agree on a topic.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the platform's brokers, wherever the running supervisor has put them.
///
/// # Errors
/// Exit code 4 if no broker answers.
pub(crate) async fn connect(settings: &Settings) -> Outcome<Client> {
    let running = RunFolder::new(&settings.folders).running_supervisor()?;
    let bootstrap = running.map_or_else(|| settings.bootstrap(), |record| record.bootstrap);
    let options = client::Options {
        client_id: "minicluster-cli".to_owned(),
        connect_timeout: Duration::from_secs(3),
        ..client::Options::new(bootstrap.clone())
    };
    Client::connect(options).await.map_err(|error| match error {
        ClientError::Unreachable { .. } => Failure::new(
            Code::NotRunning,
            format!(
                "no broker answers at {}: `minicluster up` starts them",
                bootstrap.join(", ")
            ),
        ),
        error => error.into(),
    })
}

/// How long is waited for more copies of topics that had fewer; what takes longer goes on meanwhile.
const COPYING: Duration = Duration::from_secs(10);

/// Between two looks at whether copies are complete.
const LOOK: Duration = Duration::from_millis(200);

/// Creates the topics that are missing, and has those with too few replicas copied.
pub(crate) async fn create(settings: &Settings) -> Outcome {
    let client = connect(settings).await?;
    let partitions = i32::try_from(settings.kafka.partitions)?;
    let replication_factor = i16::try_from(settings.kafka.replication_factor)?;
    let mut names = vec![&settings.topics.clickstream, &settings.topics.iot];
    names.extend(settings.generator.streams.iter().map(|stream| &stream.topic));
    let topics: Vec<NewTopic> = names
        .iter()
        .map(|name| NewTopic {
            replication_factor,
            configs: [min_in_sync(settings)].into(),
            ..NewTopic::new(*name, partitions)
        })
        .collect();
    let mut older = BTreeSet::new();
    for topic in client.create_topics(&topics, PATIENCE).await? {
        match topic.result {
            Ok(_) => {}
            Err(error) if error.code == client::ErrorCode::TopicAlreadyExists => {
                older.insert(topic.name.to_string());
            }
            Err(error) => return Err(Failure::plain(format!("{}: {error}", topic.name))),
        }
    }
    for name in names {
        let topic = client.await_topic(name, PATIENCE).await?;
        if older.contains(name) {
            differences(settings, &topic)
                .iter()
                .for_each(|line| output::progress(line));
            if let Err(failure) = follow(&client, settings, &topic).await {
                output::progress(&format!("topic {name} keeps its configs: {failure}"));
            }
        }
        // Nothing is worse than before; the next start tries again.
        if let Err(failure) = raise(&client, settings, &topic).await {
            output::progress(&format!("topic {name} still has too few copies: {failure}"));
        }
    }
    Ok(())
}

/// Where a topic that was there before is not what the settings say, and stays so.
fn differences(settings: &Settings, topic: &TopicMetadata) -> Vec<String> {
    let name = &topic.name;
    let mut lines = Vec::new();
    let (there, wanted) = (topic.partitions.len(), settings.kafka.partitions as usize);
    if there != wanted {
        let remedy = match there < wanted {
            true => format!("`minicluster topics alter {name} --partitions {wanted}` adds the others"),
            false => "their number can't be lowered".to_owned(),
        };
        lines.push(format!(
            "topic {name} was made with {there} partitions and keeps them, though `kafka.partitions` is {wanted}: {remedy}"
        ));
    }
    let most = topic
        .partitions
        .iter()
        .map(|partition| partition.replicas.len())
        .max();
    let (most, factor) = (
        most.unwrap_or_default(),
        settings.kafka.replication_factor as usize,
    );
    if most > factor {
        lines.push(format!(
            "topic {name} has {most} copies and keeps them, though `kafka.replication_factor` is {factor}"
        ));
    }
    lines
}

/// Gives a topic that was there before the minimum of in-sync replicas that the settings say.
async fn follow(client: &Client, settings: &Settings, topic: &TopicMetadata) -> Outcome {
    let least = usize::try_from(settings.kafka.min_insync_replicas)?;
    // Not before there are so many copies: it would keep writers waiting.
    if topic
        .partitions
        .iter()
        .any(|partition| partition.replicas.len() < least)
    {
        return Ok(());
    }
    let resource = ConfigResource::Topic(topic.name.to_string());
    let (key, value) = min_in_sync(settings);
    let configs = client.describe_configs(&resource).await?;
    let before = configs.into_iter().find(|config| config.name == key);
    let before = before.and_then(|config| config.value).unwrap_or_default();
    if before == value {
        return Ok(());
    }
    let change = ConfigChange::Set(key, value.clone());
    client
        .alter_configs(&resource, &[change], false, PATIENCE)
        .await?;
    output::progress(&format!(
        "topic {}: min.insync.replicas is {value} from now on, as `kafka.min_insync_replicas` says; it was {before}",
        topic.name
    ));
    Ok(())
}

/// Gives a topic that has fewer replicas than configured more of them, on the brokers behind those that
/// it has.
async fn raise(client: &Client, settings: &Settings, topic: &TopicMetadata) -> Outcome {
    let factor = usize::try_from(settings.kafka.replication_factor)?;
    let ids = settings.kafka.brokers.iter().map(|broker| broker.id);
    let brokers: Vec<BrokerId> = ids
        .map(|id| i32::try_from(id).map(BrokerId))
        .collect::<Result<_, _>>()?;
    let few = topic
        .partitions
        .iter()
        .filter(|partition| partition.replicas.len() < factor);
    let moves: Vec<NewReplicas> = few
        .map(|partition| NewReplicas {
            topic: topic.name.to_string(),
            partition: partition.index,
            replicas: enlarged(&partition.replicas, &brokers, factor),
        })
        .collect();
    if moves.is_empty() {
        return Ok(());
    }
    for moved in client.reassign(&moves, PATIENCE).await? {
        moved.into_result()?;
    }
    let deadline = Instant::now() + COPYING;
    while Instant::now() < deadline {
        let topic = client.await_topic(&topic.name, PATIENCE).await?;
        if topic
            .partitions
            .iter()
            .all(|partition| partition.isr.len() >= factor)
        {
            // Not before: while copies are missing it would keep writers waiting.
            let (key, value) = min_in_sync(settings);
            let resource = ConfigResource::Topic(topic.name.to_string());
            let change = ConfigChange::Set(key, value);
            return Ok(client
                .alter_configs(&resource, &[change], false, PATIENCE)
                .await?);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

/// The replicas that there are, and after them the brokers that follow the first one.
fn enlarged(replicas: &[BrokerId], brokers: &[BrokerId], factor: usize) -> Vec<BrokerId> {
    let first = brokers.iter().position(|id| Some(id) == replicas.first());
    let behind = brokers
        .iter()
        .cycle()
        .skip(first.unwrap_or(0))
        .take(brokers.len());
    let more = behind.filter(|id| !replicas.contains(id));
    replicas.iter().chain(more).copied().take(factor).collect()
}

fn min_in_sync(settings: &Settings) -> (String, String) {
    let least = settings.kafka.min_insync_replicas.to_string();
    ("min.insync.replicas".to_owned(), least)
}

#[cfg(test)]
mod tests {
    use client::PartitionMetadata;
    use record::{LeaderEpoch, PartitionIndex, TopicId};

    use super::*;

    #[test]
    fn what_the_settings_do_not_change_is_told() {
        let mut settings = Settings::load(config::Sources::default()).expect("the defaults are fine");
        let partition = |index| PartitionMetadata {
            index: PartitionIndex(index),
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(0),
            replicas: [1, 2, 3].map(BrokerId).to_vec(),
            isr: [1, 2, 3].map(BrokerId).to_vec(),
            offline: Vec::new(),
            error: None,
        };
        let topic = TopicMetadata {
            name: "iot".into(),
            id: TopicId::default(),
            error: None,
            internal: false,
            partitions: (0..6).map(partition).collect(),
        };
        assert_eq!(differences(&settings, &topic), Vec::<String>::new());
        (settings.kafka.partitions, settings.kafka.replication_factor) = (12, 2);
        assert_eq!(
            differences(&settings, &topic),
            [
                "topic iot was made with 6 partitions and keeps them, though `kafka.partitions` is 12: `minicluster \
                 topics alter iot --partitions 12` adds the others",
                "topic iot has 3 copies and keeps them, though `kafka.replication_factor` is 2",
            ]
        );
    }

    #[test]
    fn a_topic_keeps_its_replicas_and_gets_the_brokers_behind_them() {
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId).collect::<Vec<_>>();
        let brokers = ids(&[1, 2, 3]);
        assert_eq!(enlarged(&ids(&[2]), &brokers, 3), ids(&[2, 3, 1]));
        assert_eq!(enlarged(&ids(&[3]), &brokers, 2), ids(&[3, 1]));
        assert_eq!(enlarged(&ids(&[3, 1]), &brokers, 3), ids(&[3, 1, 2]));
        assert_eq!(enlarged(&ids(&[1, 2, 3]), &brokers, 3), ids(&[1, 2, 3]));
    }
}
