//! Three brokers.

use std::net::SocketAddr;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{
    ApiKey, CreateTopicsResponse, InitProducerIdRequest, InitProducerIdResponse, MetadataRequest,
    MetadataResponse, ProduceResponse,
};
use tempfile::tempdir;

use super::harness::{Client, PATIENCE, Running, cluster, start};
use crate::ClusterSecret;
use crate::samples::{batch, create, metadata, produce};

async fn describe(broker: &Running) -> MetadataResponse {
    let mut client = Client::connect(broker.addresses.clients).await;
    client
        .ask(
            ApiKey::Metadata,
            12,
            &MetadataRequest::default().with_topics(None),
        )
        .await
}

fn address(metadata: &MetadataResponse, id: i32) -> SocketAddr {
    let broker = metadata
        .brokers
        .iter()
        .find(|broker| broker.node_id.0 == id)
        .expect("a broker");
    format!("{}:{}", &*broker.host, broker.port)
        .parse()
        .expect("an address")
}

#[tokio::test(flavor = "multi_thread")]
async fn any_broker_creates_topics_and_each_leads_some() {
    let folder = tempdir().expect("a folder");
    let brokers = start(cluster(folder.path(), 3)).await;
    for (at, broker) in brokers.iter().enumerate() {
        let mut client = Client::connect(broker.addresses.clients).await;
        let request = create(&format!("t{at}"), 3, &[]);
        let created: CreateTopicsResponse = client.ask(ApiKey::CreateTopics, 7, &request).await;
        assert_eq!(created.topics[0].error_code, 0, "{created:?}");
        let auto = format!("auto{at}");
        let made: MetadataResponse = client.ask(ApiKey::Metadata, 12, &metadata(&[&auto], true)).await;
        assert!([0, ResponseError::LeaderNotAvailable.code()].contains(&made.topics[0].error_code));
    }
    // Whoever created the topics, broker 3 may learn of the last one a moment later.
    let learns = async {
        loop {
            let all = describe(&brokers[2]).await;
            if all.topics.len() == 6 {
                return all;
            }
        }
    };
    let all = tokio::time::timeout(PATIENCE, learns).await.expect("it learns");
    assert_eq!(all.brokers.len(), 3);
    let topic = all
        .topics
        .iter()
        .find(|t| t.name.as_ref().is_some_and(|n| n.as_str() == "t0"))
        .expect("created");
    let mut leaders: Vec<i32> = topic
        .partitions
        .iter()
        .map(|partition| partition.leader_id.0)
        .collect();
    leaders.sort_unstable();
    assert_eq!(leaders, [1, 2, 3]);

    let leader = topic.partitions[0].leader_id.0;
    for id in 1..=3 {
        let mut client = Client::connect(address(&all, id)).await;
        let request = produce("t0", -1, batch(&["a"]));
        let written: ProduceResponse = client.ask(ApiKey::Produce, 10, &request).await;
        let partition = &written.responses[0].partition_responses[0];
        if id == leader {
            assert_eq!(partition.error_code, 0);
        } else {
            let error = ResponseError::NotLeaderOrFollower.code();
            assert_eq!(
                (partition.error_code, partition.current_leader.leader_id.0),
                (error, leader)
            );
            assert_eq!(written.node_endpoints[0].node_id.0, leader);
        }
    }
    for broker in brokers {
        broker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_ids_are_unique_in_the_cluster() {
    let folder = tempdir().expect("a folder");
    let brokers = start(cluster(folder.path(), 3)).await;
    let mut ids = Vec::new();
    for broker in &brokers {
        let mut client = Client::connect(broker.addresses.clients).await;
        for _ in 0..2 {
            let request = InitProducerIdRequest::default().with_transactional_id(None);
            let given: InitProducerIdResponse = client.ask(ApiKey::InitProducerId, 4, &request).await;
            assert_eq!(given.error_code, 0);
            ids.push(given.producer_id.0);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "{ids:?}");
    for broker in brokers {
        broker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_the_secret_stays_outside() {
    let folder = tempdir().expect("a folder");
    let mut options = cluster(folder.path(), 3);
    let mut stranger = options.pop().expect("three");
    stranger.secret = ClusterSecret::new("a guess, long enough").expect("long enough");
    let (tell, ready) = tokio::sync::oneshot::channel();
    stranger.ready = Some(tell);
    let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
    let stranger = tokio::spawn(crate::run(stranger, async move {
        let _ = stopping.await;
    }));
    let brokers = start(options).await;
    assert_eq!(describe(&brokers[0]).await.brokers.len(), 2);
    let _ = stop.send(());
    stranger.await.expect("no panic").expect("a clean stop");
    assert!(ready.await.is_err(), "it was never ready");
    for broker in brokers {
        broker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_on_the_port_between_brokers_keep_no_peer_out() {
    let folder = tempdir().expect("a folder");
    let options = cluster(folder.path(), 2);
    let ports: Vec<_> = options[0].voters.iter().map(|peer| peer.port).collect();
    // They come again as soon as they are closed.
    let mut strangers = tokio::task::JoinSet::new();
    for port in ports.into_iter().flat_map(|port| [port; 100]) {
        strangers.spawn(async move {
            loop {
                let mut stranger = Client::connect(([127, 0, 0, 1], port).into()).await;
                stranger.frame().await;
            }
        });
    }
    let brokers = start(options).await;
    assert_eq!(describe(&brokers[0]).await.brokers.len(), 2);
    drop(strangers);
    for broker in brokers {
        broker.stop().await;
    }
}
