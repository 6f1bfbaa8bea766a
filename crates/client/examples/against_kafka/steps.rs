//! What needs no killing of brokers.

use std::{
    collections::BTreeMap,
    sync::{OnceLock, atomic::Ordering},
    time::{Duration, UNIX_EPOCH},
};

use client::{
    Client, Delivery, ErrorCode, FetchError, Fetcher, FetcherOptions, Isolation, NewTopic, OffsetSpec,
    Options, OutRecord, Position, Producer, ProducerOptions,
};
use record::{Compression, Header, LeaderEpoch, Offset, PartitionIndex, Timestamp};

use crate::{Outcome, administration, ensure, proxy::Proxy};

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PARTITIONS: i32 = 6;

pub(crate) async fn run_all(bootstrap: &[String], replication: i16) -> Outcome {
    let client = Client::connect(Options::new(bootstrap)).await?;
    let metadata = client.metadata(None).await?;
    println!(
        "cluster {} with {} brokers",
        metadata.cluster_id,
        metadata.brokers.len()
    );

    for codec in [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ] {
        codec_round_trip(&client, codec, replication).await?;
        println!("produce and fetch with {codec:?}: well");
    }
    offsets_and_epochs(&client, replication).await?;
    println!("offsets by place and time, epochs, out of range: well");
    let cuts = cut_connections(bootstrap, replication).await?;
    println!("idempotent over {cuts} cut connections: well");
    administration::run(&client, replication).await?;
    println!("partitions, configs, log folders, records deleted: well");
    deletion(&client, replication).await?;
    println!("topics created, refused, deleted: well");
    Ok(())
}

/// A topic of its own for a step.
pub(crate) async fn fresh_topic(client: &Client, name: &str, replication: i16) -> Outcome<String> {
    let name = format!("{name}-{}", std::process::id());
    let mut topic = NewTopic::new(&name, PARTITIONS);
    topic.replication_factor = replication;
    for result in client.create_topics(&[topic], PATIENCE).await? {
        result.into_result()?;
    }
    client.await_topic(&name, PATIENCE).await?;
    Ok(name)
}

async fn codec_round_trip(client: &Client, codec: Compression, replication: i16) -> Outcome {
    let topic = fresh_topic(client, &format!("codec-{codec:?}").to_lowercase(), replication).await?;
    let options = ProducerOptions {
        compression: codec,
        ..ProducerOptions::default()
    };
    let producer = Producer::new(client, options)?;
    let mut deliveries = Vec::new();
    for number in 0..3_000_u64 {
        deliveries.push((number, send(&producer, &topic, None, number).await?));
    }
    producer.close().await;
    let mut written = BTreeMap::new();
    for (number, delivery) in deliveries {
        let delivered = delivery.await?;
        let offset = delivered.offset.ok_or("an offset is unknown")?;
        written.insert((delivered.partition, offset), number);
    }
    let found = read_all(client, &topic, Isolation::ReadCommitted).await?;
    ensure(written == found, || {
        format!("{topic}: what was read isn't what was written")
    })?;
    Ok(())
}

/// Timestamp of record 0: now, because a broker deletes what is older than its retention.
fn first_timestamp() -> i64 {
    static FIRST: OnceLock<i64> = OnceLock::new();
    let now = || UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as i64);
    *FIRST.get_or_init(now)
}

/// A record whose value is a number with some padding, and whose header repeats it.
pub(crate) async fn send(
    producer: &Producer,
    topic: &str,
    partition: Option<PartitionIndex>,
    number: u64,
) -> Outcome<Delivery> {
    let key = (number % 100).to_string();
    let value = format!("{number} {}", "x".repeat((number % 90) as usize));
    let header = number.to_be_bytes();
    let record = OutRecord {
        timestamp: Timestamp(first_timestamp() + number as i64),
        key: Some(key.as_bytes()),
        value: Some(value.as_bytes()),
        headers: &[Header {
            key: b"number",
            value: Some(&header),
        }],
    };
    Ok(producer.send(topic, partition, record).await?)
}

/// Everything that a topic holds up to its end as it is now: the numbers by partition and offset.
pub(crate) async fn read_all(
    client: &Client,
    topic: &str,
    isolation: Isolation,
) -> Outcome<BTreeMap<(PartitionIndex, Offset), u64>> {
    let partitions: Vec<_> = (0..PARTITIONS).map(PartitionIndex).collect();
    let asked: Vec<_> = partitions
        .iter()
        .map(|index| (topic, *index, OffsetSpec::Latest))
        .collect();
    let mut ends = BTreeMap::new();
    for (partition, end) in partitions
        .iter()
        .zip(client.list_offsets(&asked, isolation).await)
    {
        ends.insert(*partition, end?.offset);
    }
    let mut fetcher = Fetcher::new(
        client,
        FetcherOptions {
            isolation,
            ..FetcherOptions::default()
        },
    );
    for partition in &partitions {
        fetcher.assign(topic, *partition, Offset(0));
    }
    let mut found = BTreeMap::new();
    let behind = |fetcher: &Fetcher, (partition, end): (&PartitionIndex, &Offset)| {
        fetcher
            .position(topic, *partition)
            .is_some_and(|position| position.offset < *end)
    };
    while ends.iter().any(|end| behind(&fetcher, end)) {
        let batches = tokio::time::timeout(PATIENCE, fetcher.next())
            .await
            .map_err(|_| "nothing came")??;
        for fetched in batches {
            for record in &fetched.batch.records()? {
                let record = record?;
                let text = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                let number: u64 = text.split(' ').next().unwrap_or_default().parse()?;
                // Kafka's own tools don't copy headers.
                let header = record.headers.last(b"number").and_then(|header| header.value);
                ensure(
                    header.is_none_or(|header| *header == number.to_be_bytes()),
                    || format!("{text} has the header {header:?}"),
                )?;
                let again = found.insert((fetched.partition, record.offset), number);
                ensure(again.is_none(), || format!("offset {} came twice", record.offset))?;
            }
        }
    }
    Ok(found)
}

async fn offsets_and_epochs(client: &Client, replication: i16) -> Outcome {
    let topic = fresh_topic(client, "offsets", replication).await?;
    let producer = Producer::new(client, ProducerOptions::default())?;
    let partition = PartitionIndex(0);
    for number in 0..500 {
        drop(send(&producer, &topic, Some(partition), number).await?);
    }
    producer.close().await;
    let at = |spec| (topic.as_str(), partition, spec);
    let asked = [
        at(OffsetSpec::Earliest),
        at(OffsetSpec::Latest),
        at(OffsetSpec::At(Timestamp(first_timestamp() + 123))),
        at(OffsetSpec::MaxTimestamp),
        at(OffsetSpec::At(Timestamp(first_timestamp() + 1_000_000))),
    ];
    let listed: Result<Vec<_>, _> = client
        .list_offsets(&asked, Isolation::ReadUncommitted)
        .await
        .into_iter()
        .collect();
    let offsets: Vec<i64> = listed?.iter().map(|listed| listed.offset.0).collect();
    ensure(offsets == [0, 500, 123, 499, -1], || {
        format!("offsets are {offsets:?}")
    })?;

    let unknown = client
        .list_offsets(
            &[(&topic, PartitionIndex(99), OffsetSpec::Latest)],
            Isolation::ReadUncommitted,
        )
        .await;
    ensure(unknown.iter().all(Result::is_err), || {
        "partition 99 has an offset".to_owned()
    })?;

    let ends = client
        .end_offsets_for_epochs(&[(&topic, partition, LeaderEpoch(0))])
        .await;
    let end = ends.into_iter().next().ok_or("no answer")??;
    ensure(end.end_offset == Offset(500), || {
        format!("epoch 0 ends at {}", end.end_offset)
    })?;

    let mut fetcher = Fetcher::new(client, FetcherOptions::default());
    fetcher.assign(&topic, partition, Offset(501));
    match tokio::time::timeout(PATIENCE, fetcher.next()).await? {
        Err(FetchError::OffsetOutOfRange {
            start: Offset(0),
            end: Offset(500),
            ..
        }) => {}
        other => return Err(format!("offset 501 gave {other:?}").into()),
    }
    fetcher.assign(
        &topic,
        partition,
        Position {
            offset: Offset(100),
            leader_epoch: Some(LeaderEpoch(0)),
        },
    );
    let batches = tokio::time::timeout(PATIENCE, fetcher.next()).await??;
    let first = batches.first().ok_or("no batch")?;
    ensure(first.batch.base_offset() <= Offset(100), || {
        "a batch was skipped".to_owned()
    })?;
    Ok(())
}

/// Every connection to a broker dies again and again: requests and answers get lost, nothing else may.
async fn cut_connections(bootstrap: &[String], replication: i16) -> Outcome<u64> {
    let direct = Client::connect(Options::new(bootstrap)).await?;
    let topic = fresh_topic(&direct, "cuts", replication).await?;
    let brokers = direct.metadata(None).await?.brokers;
    let mut options = Options::new(bootstrap);
    let mut proxies = Vec::new();
    for broker in brokers.values() {
        let proxy = Proxy::to(broker.address(), 60_000).await?;
        options.detours.push((broker.address(), proxy.address.clone()));
        proxies.push(proxy);
    }
    let client = Client::connect(options).await?;
    let settings = ProducerOptions {
        compression: Compression::None,
        batch_bytes: 4_000,
        linger: Duration::from_millis(1),
        ..ProducerOptions::default()
    };
    let producer = Producer::new(&client, settings)?;
    let mut deliveries = Vec::new();
    for number in 0..20_000 {
        deliveries.push(send(&producer, &topic, None, number).await?);
    }
    producer.close().await;
    for delivery in deliveries {
        delivery.await?;
    }
    let found = read_all(&direct, &topic, Isolation::ReadUncommitted).await?;
    exactly_once_in_order(&found, 20_000)?;
    let cuts = proxies
        .iter()
        .map(|proxy| proxy.cuts.load(Ordering::Relaxed))
        .sum();
    ensure(cuts > 10, || format!("only {cuts} connections were cut"))?;
    Ok(cuts)
}

/// Each number below `count` once, ascending within each partition.
pub(crate) fn exactly_once_in_order(found: &BTreeMap<(PartitionIndex, Offset), u64>, count: u64) -> Outcome {
    let mut last: BTreeMap<PartitionIndex, u64> = BTreeMap::new();
    for ((partition, offset), number) in found {
        let before = last.insert(*partition, *number);
        ensure(before.is_none_or(|before| before < *number), || {
            format!("{partition}: {number} at offset {offset} comes after {before:?}")
        })?;
    }
    let mut numbers: Vec<u64> = found.values().copied().collect();
    numbers.sort_unstable();
    ensure(numbers.iter().copied().eq(0..count), || {
        format!("{count} numbers were sent, {} are there", numbers.len())
    })
}

async fn deletion(client: &Client, replication: i16) -> Outcome {
    let topic = fresh_topic(client, "short-lived", replication).await?;
    let again = client
        .create_topics(&[NewTopic::new(&topic, 1)], PATIENCE)
        .await?;
    let code = again
        .first()
        .and_then(|result| result.result.as_ref().err())
        .map(|error| error.code);
    ensure(code == Some(ErrorCode::TopicAlreadyExists), || {
        format!("creating twice gave {code:?}")
    })?;
    let names: Vec<String> = client
        .metadata(None)
        .await?
        .topics
        .iter()
        .map(|t| t.name.to_string())
        .collect();
    let ours: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| name.ends_with(&suffix()))
        .collect();
    for result in client.delete_topics(&ours, PATIENCE).await? {
        result.into_result()?;
    }
    // The other brokers learn of it a little later.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = client.metadata(Some(&[&topic])).await?;
        let error = answer.topic(&topic).and_then(|topic| topic.error);
        if error == Some(ErrorCode::UnknownTopicOrPartition) {
            return Ok(());
        }
        let late = tokio::time::Instant::now() >= deadline;
        ensure(!late, || format!("a deleted topic gave {error:?}"))?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn suffix() -> String {
    format!("-{}", std::process::id())
}
