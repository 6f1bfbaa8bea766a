//! The platform's topics, and the client that asks the brokers.

use std::time::Duration;

use client::{Client, NewTopic};
use config::Settings;

use crate::failure::{Code, Failure, Outcome};

/// How long brokers that have just started may take to agree on a topic.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the platform's brokers.
///
/// # Errors
/// Exit code 4 if no broker answers.
pub(crate) async fn connect(settings: &Settings) -> Outcome<Client> {
    let options = client::Options {
        client_id: "minicluster-cli".to_owned(),
        connect_timeout: Duration::from_secs(3),
        ..client::Options::new(settings.bootstrap())
    };
    Client::connect(options).await.map_err(|error| {
        let hint = "is it running? `minicluster up` starts it";
        Failure::new(Code::NotRunning, format!("{error}; {hint}"))
    })
}

/// Creates the topics that are missing.
pub(crate) async fn create(settings: &Settings) -> Outcome {
    let client = connect(settings).await?;
    let partitions = i32::try_from(settings.kafka.partitions)?;
    let names = [&settings.topics.clickstream, &settings.topics.iot];
    let topics: Vec<NewTopic> = names
        .into_iter()
        .map(|name| NewTopic {
            // Replication is not there yet; `status` says so.
            replication_factor: 1,
            ..NewTopic::new(name, partitions)
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
