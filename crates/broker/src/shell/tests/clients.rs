//! What clients may do to one broker.

use std::time::Duration;

use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, CreateTopicsResponse, FetchResponse, MetadataRequest,
    MetadataResponse, ProduceResponse,
};
use tempfile::tempdir;
use tokio::io::AsyncWriteExt;

use super::harness::{Client, PATIENCE, cluster, start, start_one};
use crate::samples::{batch, create, fetch, produce};
use crate::{BrokerError, Limits, ListenOn, run};

async fn is_alive(client: &mut Client) {
    let versions: ApiVersionsResponse = client
        .ask(ApiKey::ApiVersions, 3, &ApiVersionsRequest::default())
        .await;
    assert_eq!(versions.error_code, 0);
}

async fn with_topic(client: &mut Client) {
    let created: CreateTopicsResponse = client.ask(ApiKey::CreateTopics, 7, &create("t", 1, &[])).await;
    assert_eq!(created.topics[0].error_code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_come_in_the_order_of_the_requests() {
    let folder = tempdir().expect("a folder");
    let broker = start_one(folder.path(), Limits::default()).await;
    let mut client = Client::connect(broker.addresses.clients).await;
    with_topic(&mut client).await;
    let mut producer = Client::connect(broker.addresses.clients).await;

    client.send(ApiKey::Fetch, 12, 1, &fetch("t", 0, 1, 30_000)).await;
    client
        .send(ApiKey::ApiVersions, 3, 2, &ApiVersionsRequest::default())
        .await;
    let written: ProduceResponse = producer
        .ask(ApiKey::Produce, 9, &produce("t", 1, batch(&["a"])))
        .await;
    assert_eq!(written.responses[0].partition_responses[0].error_code, 0);

    let (first, fetched): (_, FetchResponse) = client.receive(ApiKey::Fetch, 12).await;
    assert!(
        fetched.responses[0].partitions[0]
            .records
            .as_ref()
            .is_some_and(|records| !records.is_empty())
    );
    let (second, _): (_, ApiVersionsResponse) = client.receive(ApiKey::ApiVersions, 3).await;
    assert_eq!((first, second), (1, 2));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_all_answered() {
    let folder = tempdir().expect("a folder");
    let broker = start_one(
        folder.path(),
        Limits {
            in_flight: 4,
            ..Limits::default()
        },
    )
    .await;
    let mut client = Client::connect(broker.addresses.clients).await;
    with_topic(&mut client).await;
    for n in 0..100 {
        // Every third wants no answer.
        let acks = if n % 3 == 0 { 0 } else { -1 };
        client
            .send(ApiKey::Produce, 9, n, &produce("t", acks, batch(&["a"])))
            .await;
    }
    for n in (0..100).filter(|n| n % 3 != 0) {
        let (id, response): (_, ProduceResponse) = client.receive(ApiKey::Produce, 9).await;
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((id, partition.base_offset), (n, i64::from(n)));
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_huge_lengths_and_half_frames_end_only_their_connection() {
    let folder = tempdir().expect("a folder");
    let limits = Limits {
        transfer: Duration::from_millis(200),
        ..Limits::default()
    };
    let broker = start_one(folder.path(), limits).await;
    let mut other = Client::connect(broker.addresses.clients).await;
    let metadata_100_mb = [&(100_i32 << 20).to_be_bytes()[..], &[0, 3, 0, 9]].concat();
    let produce_2_gb = [&i32::MAX.to_be_bytes()[..], &[0, 0, 0, 9]].concat();
    let half = [&100_i32.to_be_bytes()[..], &[0, 3, 0, 9, 0]].concat();
    let unknown_api = [&10_i32.to_be_bytes()[..], &[0, 11, 0, 5, 0, 0, 0, 1, 0xff, 0xff]].concat();
    let negative = (-1_i32).to_be_bytes().repeat(2);
    let http = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    for bytes in [
        metadata_100_mb,
        produce_2_gb,
        half,
        unknown_api,
        negative,
        http,
        vec![0; 64],
    ] {
        let mut client = Client::connect(broker.addresses.clients).await;
        client.stream.write_all(&bytes).await.expect("sent");
        assert_eq!(client.frame().await, None, "{bytes:02x?}");
        is_alive(&mut other).await;
    }
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_frames_keep_nobody_out() {
    let folder = tempdir().expect("a folder");
    let limits = Limits {
        buffered_bytes: 4 << 20,
        ..Limits::default()
    };
    let broker = start_one(folder.path(), limits).await;
    let mut halves = Vec::new();
    for _ in 0..20 {
        let mut client = Client::connect(broker.addresses.clients).await;
        let mut half = [&(8_i32 << 20).to_be_bytes()[..], &[0, 0, 0, 9, 0, 0, 0, 1]].concat();
        // More than is read before memory is taken.
        half.resize(70_000, 0);
        client.stream.write_all(&half).await.expect("sent");
        halves.push(client);
    }
    let mut client = Client::connect(broker.addresses.clients).await;
    with_topic(&mut client).await;
    let large = "x".repeat(900_000);
    let written: ProduceResponse = client
        .ask(ApiKey::Produce, 9, &produce("t", 1, batch(&[&large])))
        .await;
    assert_eq!(written.responses[0].partition_responses[0].error_code, 0);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed() {
    let folder = tempdir().expect("a folder");
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let broker = start_one(folder.path(), limits).await;
    let mut first = Client::connect(broker.addresses.clients).await;
    is_alive(&mut first).await;
    // Long before it could be called idle.
    let mut second = Client::connect(broker.addresses.clients).await;
    assert_eq!(second.frame().await, None);
    is_alive(&mut first).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_are_closed() {
    let folder = tempdir().expect("a folder");
    let limits = Limits {
        idle: Duration::from_millis(300),
        ..Limits::default()
    };
    let broker = start_one(folder.path(), limits).await;
    let mut client = Client::connect(broker.addresses.clients).await;
    is_alive(&mut client).await;
    assert_eq!(client.frame().await, None, "it was idle");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_sent_away() {
    let folder = tempdir().expect("a folder");
    let limits = Limits {
        transfer: Duration::from_secs(2),
        ..Limits::default()
    };
    let broker = start_one(folder.path(), limits).await;
    let mut client = Client::connect(broker.addresses.clients).await;
    with_topic(&mut client).await;
    let large = "x".repeat(900_000);
    for _ in 0..8 {
        let written: ProduceResponse = client
            .ask(ApiKey::Produce, 9, &produce("t", 1, batch(&[&large])))
            .await;
        assert_eq!(written.responses[0].partition_responses[0].error_code, 0);
    }
    let mut all = fetch("t", 0, 1, 100).with_max_bytes(i32::MAX);
    all.topics[0].partitions[0].partition_max_bytes = i32::MAX;
    let mut lazy = Client::connect(broker.addresses.clients).await;
    let request = crate::samples::frame(ApiKey::Fetch, 12, 1, &all);
    let len = u32::try_from(request.len()).expect("small");
    let request = [&len.to_be_bytes()[..], &request].concat();
    // Its responses are more than sockets buffer; once the broker gives up, so does writing.
    let sent_away = async { while lazy.stream.write_all(&request).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, sent_away)
        .await
        .expect("sent away");
    // This one was silent for longer than a request may take, which is its right.
    is_alive(&mut client).await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_between_brokers_are_not_served_to_clients() {
    let folder = tempdir().expect("a folder");
    let broker = start_one(folder.path(), Limits::default()).await;
    for key in [56_i16, 62, 63, 67, 32_000, 32_001] {
        let mut client = Client::connect(broker.addresses.clients).await;
        let request = [
            &10_i32.to_be_bytes()[..],
            &key.to_be_bytes(),
            &[0, 0, 0, 0, 0, 1, 0xff, 0xff],
        ]
        .concat();
        client.stream.write_all(&request).await.expect("sent");
        assert_eq!(client.frame().await, None, "key {key}");
    }
    // And a client gets nowhere on the port between brokers.
    let mut client = Client::connect(broker.addresses.peers).await;
    client
        .send(ApiKey::ApiVersions, 3, 1, &ApiVersionsRequest::default())
        .await;
    assert_eq!(client.frame().await, None);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_a_broker_from_starting_is_said() {
    let folder = tempdir().expect("a folder");
    let broker = start_one(folder.path(), Limits::default()).await;
    let mut options = cluster(folder.path(), 1).remove(0);
    let port = broker.addresses.clients.port();
    options.clients = ListenOn::new("127.0.0.1", port, "kafka.port");
    let refused = run(options, std::future::pending())
        .await
        .expect_err("refused")
        .to_string();
    assert_eq!(
        refused,
        format!(
            "port {port} on 127.0.0.1 is taken by another program; stop it, \
             or set another port (kafka.port) in the configuration"
        )
    );
    let options = cluster(folder.path(), 1).remove(0);
    let refused = run(options, std::future::pending()).await.expect_err("refused");
    assert!(matches!(refused, BrokerError::FolderLocked { .. }), "{refused}");
    broker.stop().await;
    let mut options = cluster(folder.path(), 1).remove(0);
    options.cluster_id = "another".to_owned();
    let refused = run(options, std::future::pending()).await.expect_err("refused");
    assert!(
        matches!(
            refused,
            BrokerError::OtherOwner {
                field: "cluster.id",
                ..
            }
        ),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_there_after_a_restart() {
    let folder = tempdir().expect("a folder");
    let broker = start_one(folder.path(), Limits::default()).await;
    let mut client = Client::connect(broker.addresses.clients).await;
    with_topic(&mut client).await;
    let _: ProduceResponse = client
        .ask(ApiKey::Produce, 9, &produce("t", 1, batch(&["a"])))
        .await;
    broker.stop().await;

    let broker = start(cluster(folder.path(), 1)).await.remove(0);
    let mut client = Client::connect(broker.addresses.clients).await;
    let request = MetadataRequest::default().with_topics(None);
    let metadata: MetadataResponse = client.ask(ApiKey::Metadata, 12, &request).await;
    assert_eq!(
        metadata.brokers[0].port,
        i32::from(broker.addresses.clients.port())
    );
    let fetched: FetchResponse = client.ask(ApiKey::Fetch, 12, &fetch("t", 0, 1, 100)).await;
    let partition = &fetched.responses[0].partitions[0];
    assert_eq!((partition.error_code, partition.high_watermark), (0, 1));
    broker.stop().await;
}
