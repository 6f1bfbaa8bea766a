use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kafka_protocol::{
    messages::{ApiKey, CreatePartitionsResponse, create_partitions_response::CreatePartitionsTopicResult},
    protocol::StrBytes,
};

use super::*;
use crate::{
    Options,
    fake_broker::{FakeBroker, answer, metadata, versions},
};

/// A broker whose answers to CreatePartitions have these error codes, one after the other.
async fn answering(codes: Vec<i16>) -> (FakeBroker, Client, Arc<AtomicUsize>) {
    let asked_for = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked_for);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let advertised = address.clone();
    let broker = FakeBroker::on(listener, move |asked| match asked.api {
        ApiKey::ApiVersions => answer(asked, &versions()),
        ApiKey::CreatePartitions => {
            let code = codes[counted.fetch_add(1, Ordering::Relaxed).min(codes.len() - 1)];
            let result = CreatePartitionsTopicResult::default()
                .with_name(crate::client::topic_name("t"))
                .with_error_code(code)
                .with_error_message(Some(StrBytes::from_static_str("says the broker")));
            answer(
                asked,
                &CreatePartitionsResponse::default().with_results(vec![result]),
            )
        }
        _ => answer(asked, &metadata(&advertised)),
    });
    let client = Client::connect(Options::new([&address])).await.unwrap();
    (broker, client, asked_for)
}

fn grown() -> [NewPartitions; 1] {
    [NewPartitions {
        topic: "t".to_owned(),
        total: 2,
    }]
}

#[tokio::test]
async fn a_broker_that_is_no_controller_any_more_is_asked_again() {
    let not_controller = ErrorCode::NotController.code();
    let (_broker, client, asked) = answering(vec![not_controller, not_controller, 0]).await;
    let results = client
        .create_partitions(&grown(), Duration::from_secs(30))
        .await
        .unwrap();
    let wanted = TopicResult {
        name: "t".to_owned(),
        result: Ok(()),
    };
    assert_eq!((results, asked.load(Ordering::Relaxed)), (vec![wanted], 3));
}

#[tokio::test]
async fn a_refusal_is_told_in_the_brokers_words() {
    let (_broker, client, _) = answering(vec![37]).await;
    let mut results = client
        .create_partitions(&grown(), Duration::from_secs(30))
        .await
        .unwrap();
    let error = results.remove(0).into_result().unwrap_err();
    assert_eq!(
        error.to_string(),
        "topic `t`: InvalidPartitions (37): says the broker"
    );
}
