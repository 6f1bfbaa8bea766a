use std::{collections::BTreeSet, sync::OnceLock};

use kafka_protocol::{
    messages::{
        ApiKey, BrokerId, MetadataResponse, ProduceResponse, TopicName,
        metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    protocol::StrBytes,
};
use record::{ProducerEpoch, ProducerId};

use super::*;
use crate::{
    Options,
    fake_broker::{FakeBroker, answer, metadata, versions},
};

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

/// A topic `t` with one partition, led by the broker at this address.
fn topic(address: &str) -> MetadataResponse {
    let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(1));
    let topic = MetadataResponseTopic::default()
        .with_name(Some(name()))
        .with_partitions(vec![partition]);
    metadata(address).with_topics(vec![topic])
}

fn written() -> ProduceResponse {
    let topic = TopicProduceResponse::default()
        .with_name(name())
        .with_partition_responses(vec![PartitionProduceResponse::default().with_base_offset(40)]);
    ProduceResponse::default().with_responses(vec![topic])
}

fn with_identity() -> ProducerOptions {
    ProducerOptions {
        identity: Some((ProducerId(7), ProducerEpoch(0))),
        ..ProducerOptions::default()
    }
}

/// A broker that stalls in a Produce must not keep answers about leaders back, nor lose what is in flight
/// when it gives none: no connection carries both.
#[tokio::test]
async fn leaders_are_looked_up_on_connections_of_their_own() {
    let own_address = Arc::new(OnceLock::new());
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let (address, requests) = (Arc::clone(&own_address), Arc::clone(&seen));
    let broker = FakeBroker::start(move |asked| {
        let is_produce = asked.api == ApiKey::Produce;
        if asked.api != ApiKey::ApiVersions {
            requests.lock().unwrap().insert((asked.connection, is_produce));
        }
        match asked.api {
            ApiKey::ApiVersions => answer(asked, &versions()),
            ApiKey::Metadata => answer(asked, &topic(address.get().map_or("127.0.0.1:1", String::as_str))),
            _ => answer(asked, &written()),
        }
    })
    .await;
    own_address.set(broker.address.clone()).unwrap();
    let client = Client::connect(Options::new([broker.address.clone()]))
        .await
        .unwrap();
    let producer = Producer::new(&client, with_identity()).unwrap();
    let record = OutRecord::default();
    let delivery = producer.send("t", None, record).await.unwrap();
    assert_eq!(delivery.await.unwrap().offset, Some(Offset(40)));
    let seen = seen.lock().unwrap();
    let both =
        |connection: &usize| seen.contains(&(*connection, true)) && seen.contains(&(*connection, false));
    assert_eq!(seen.iter().map(|(connection, _)| *connection).find(both), None);
}

#[tokio::test]
async fn an_idempotent_producer_needs_all_replicas() {
    let broker = FakeBroker::start(|asked| match asked.api {
        ApiKey::ApiVersions => answer(asked, &versions()),
        _ => answer(asked, &metadata("127.0.0.1:1")),
    })
    .await;
    let client = Client::connect(Options::new([broker.address.clone()]))
        .await
        .unwrap();
    let options = |idempotent| ProducerOptions {
        idempotent,
        acks: Acks::Leader,
        ..ProducerOptions::default()
    };
    let refused = Producer::new(&client, options(true)).err();
    assert!(
        matches!(refused, Some(ProduceError::IdempotentNeedsAll)),
        "{refused:?}"
    );
    Producer::new(&client, options(false)).unwrap();
}
