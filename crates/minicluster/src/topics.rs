//! The platform's topics, and the client that asks the brokers.

use std::time::Duration;

use client::{Client, ClientError, NewTopic};
use config::Settings;
use run::RunFolder;

use crate::failure::{Code, Failure, Outcome};

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

/// Creates the topics that are missing.
pub(crate) async fn create(settings: &Settings) -> Outcome {
    let client = connect(settings).await?;
    let partitions = i32::try_from(settings.kafka.partitions)?;
    let mut names = vec![&settings.topics.clickstream, &settings.topics.iot];
    names.extend(settings.generator.streams.iter().map(|stream| &stream.topic));
    let topics: Vec<NewTopic> = names
        .iter()
        .map(|name| NewTopic {
            // Replication is not there yet; `status` says so.
            replication_factor: 1,
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
        client.await_topic(name, PATIENCE).await?;
    }
    Ok(())
}
