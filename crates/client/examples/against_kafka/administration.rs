//! Partitions, configs, log folders, deleted records.

use client::{
    Client, ClientError, ConfigChange, ConfigResource, ConfigSource, ErrorCode, Isolation, NewPartitions,
    OffsetSpec, Producer, ProducerOptions,
};
use record::{BrokerId, Offset, PartitionIndex};

use crate::{
    Outcome, ensure,
    steps::{PARTITIONS, PATIENCE, fresh_topic, send},
};

pub(crate) async fn run(client: &Client, replication: i16) -> Outcome {
    let topic = fresh_topic(client, "administration", replication).await?;
    more_partitions(client, &topic).await?;
    topic_configs(client, &topic).await?;
    broker_configs(client).await?;
    deleted_records(client, &topic).await?;
    log_folders(client, &topic).await
}

async fn more_partitions(client: &Client, topic: &str) -> Outcome {
    let ask = async |total| -> Outcome<Option<ErrorCode>> {
        let new = NewPartitions {
            topic: topic.to_owned(),
            total,
        };
        let results = client.create_partitions(&[new], PATIENCE).await?;
        let result = results.into_iter().next().ok_or("no answer")?;
        Ok(result.into_result().err().and_then(|error| error.code()))
    };
    let (grown, same, fewer) = (
        ask(PARTITIONS + 2).await?,
        ask(PARTITIONS + 2).await?,
        ask(1).await?,
    );
    let refused = Some(ErrorCode::InvalidPartitions);
    ensure((grown, same, fewer) == (None, refused, refused), || {
        format!("more, as many, fewer partitions gave {grown:?}, {same:?}, {fewer:?}")
    })?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while client.await_topic(topic, PATIENCE).await?.partitions.len() != PARTITIONS as usize + 2 {
        ensure(tokio::time::Instant::now() < deadline, || {
            "the new partitions aren't there".to_owned()
        })?;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn topic_configs(client: &Client, topic: &str) -> Outcome {
    let resource = ConfigResource::Topic(topic.to_owned());
    let set = |name: &str, value: &str| ConfigChange::Set(name.to_owned(), value.to_owned());
    let retention = async |wanted: (&str, ConfigSource)| -> Outcome {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let configs = client.describe_configs(&resource).await?;
            let found = configs.into_iter().find(|config| config.name == "retention.ms");
            let found = found.ok_or("no retention.ms")?;
            if (found.value.as_deref(), found.source) == (Some(wanted.0), wanted.1) {
                return Ok(());
            }
            // Another broker may hear of it a little later.
            ensure(tokio::time::Instant::now() < deadline, || {
                format!("{found:?} is not {wanted:?}")
            })?;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let alter = async |changes: &[ConfigChange], validate_only| {
        client
            .alter_configs(&resource, changes, validate_only, PATIENCE)
            .await
    };
    const WEEK: &str = "604800000";
    retention((WEEK, ConfigSource::Default)).await?;
    alter(&[set("retention.ms", "12345678")], true).await?;
    alter(
        &[set("retention.ms", "23456789"), set("cleanup.policy", "compact")],
        false,
    )
    .await?;
    retention(("23456789", ConfigSource::Topic)).await?;
    let append = ConfigChange::Append("cleanup.policy".to_owned(), "delete".to_owned());
    let subtract = ConfigChange::Subtract("cleanup.policy".to_owned(), "compact".to_owned());
    alter(&[append], false).await?;
    alter(&[subtract], false).await?;
    let code = |result: Result<(), ClientError>| result.err().and_then(|error| error.code());
    let refusals = [
        code(alter(&[set("retention.ms", "soon")], false).await),
        code(alter(&[set("retention.ms", "1"), set("min.insync.replicas", "0")], true).await),
        code(alter(&[set("no.such.key", "1")], false).await),
    ];
    ensure(refusals == [Some(ErrorCode::InvalidConfig); 3], || {
        format!("bad configs gave {refusals:?}")
    })?;
    alter(&[ConfigChange::Unset("retention.ms".to_owned())], false).await?;
    retention((WEEK, ConfigSource::Default)).await?;
    let missing = ConfigResource::Topic("no-such-topic".to_owned());
    let described = client.describe_configs(&missing).await.map(drop);
    let altered = client
        .alter_configs(&missing, &[set("retention.ms", "1")], false, PATIENCE)
        .await;
    let codes = [code(described), code(altered)];
    ensure(codes == [Some(ErrorCode::UnknownTopicOrPartition); 2], || {
        format!("configs of no topic gave {codes:?}")
    })
}

async fn broker_configs(client: &Client) -> Outcome {
    for id in brokers(client).await? {
        let configs = client.describe_configs(&ConfigResource::Broker(id)).await?;
        let known = configs
            .iter()
            .any(|config| config.name == "auto.create.topics.enable");
        ensure(known, || {
            format!("broker {id} doesn't say auto.create.topics.enable")
        })?;
    }
    Ok(())
}

async fn deleted_records(client: &Client, topic: &str) -> Outcome {
    let producer = Producer::new(client, ProducerOptions::default())?;
    let partition = PartitionIndex(0);
    for number in 0..100 {
        drop(send(&producer, topic, Some(partition), number).await?);
    }
    producer.close().await;
    let delete = async |offset| -> Result<i64, Option<ErrorCode>> {
        let below = [(topic, partition, Offset(offset))];
        let first = client.delete_records(&below).await.remove(0);
        first.map(|offset| offset.0).map_err(|error| error.code())
    };
    let results = [delete(40).await, delete(101).await, delete(-1).await];
    let wanted = [Ok(40), Err(Some(ErrorCode::OffsetOutOfRange)), Ok(100)];
    ensure(results == wanted, || format!("deleting records gave {results:?}"))?;
    let asked = [(topic, partition, OffsetSpec::Earliest)];
    let first = client
        .list_offsets(&asked, Isolation::ReadUncommitted)
        .await
        .remove(0)?;
    ensure(first.offset == Offset(100), || {
        format!("the first offset is {}", first.offset)
    })
}

async fn log_folders(client: &Client, topic: &str) -> Outcome {
    let mut replicas = 0;
    let mut bytes = 0;
    for id in brokers(client).await? {
        for folder in client.describe_log_dirs(id).await? {
            ensure(folder.error.is_none(), || format!("{folder:?}"))?;
            let ours: Vec<_> = folder
                .replicas
                .iter()
                .filter(|replica| replica.topic == topic)
                .collect();
            replicas += ours.len();
            bytes += ours.iter().map(|replica| replica.bytes).sum::<u64>();
        }
    }
    let metadata = client.await_topic(topic, PATIENCE).await?;
    let wanted: usize = metadata
        .partitions
        .iter()
        .map(|partition| partition.replicas.len())
        .sum();
    ensure(replicas == wanted && bytes > 0, || {
        format!("{replicas} replicas of {wanted} with {bytes} bytes lie on the disks")
    })
}

async fn brokers(client: &Client) -> Outcome<Vec<BrokerId>> {
    Ok(client.metadata(Some(&[])).await?.brokers.into_keys().collect())
}
