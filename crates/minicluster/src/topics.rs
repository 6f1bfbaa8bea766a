//! The platform's topics, and the client that asks the brokers.

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
    for topic in client.create_topics(&topics, PATIENCE).await? {
        match topic.result {
            Err(error) if error.code != client::ErrorCode::TopicAlreadyExists => {
                return Err(Failure::plain(format!("{}: {error}", topic.name)));
            }
            _ => {}
        }
    }
    for name in names {
        let topic = client.await_topic(name, PATIENCE).await?;
        // Nothing is worse than before; the next start tries again.
        if let Err(failure) = raise(&client, settings, &topic).await {
            output::progress(&format!("topic {name} still has too few copies: {failure}"));
        }
    }
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
    use super::*;

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
