use kafka_protocol::messages::ApiKey;

use super::*;
use crate::fake_broker::{FakeBroker, answer, metadata, versions};

fn options(bootstrap: &[&str]) -> Options {
    Options {
        connect_timeout: Duration::from_secs(5),
        ..Options::new(bootstrap.iter().copied())
    }
}

/// An address where nobody listens.
fn dead_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A broker that advertises this address.
async fn advertising(address: String) -> FakeBroker {
    FakeBroker::start(move |asked| match asked.api {
        ApiKey::ApiVersions => answer(asked, &versions()),
        _ => answer(asked, &metadata(&address)),
    })
    .await
}

#[tokio::test]
async fn says_why_no_broker_can_be_reached() {
    let (first, second) = (dead_address(), dead_address());
    let error = Client::connect(options(&[&first, &second]))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("no broker can be reached: {first}: Connection refused")),
        "{error}"
    );
    assert!(
        error.contains(&format!("; {second}: Connection refused")),
        "{error}"
    );
}

#[tokio::test]
async fn refuses_options_that_cannot_work() {
    let refused = async |options: Options| Client::connect(options).await.unwrap_err().to_string();
    assert!(refused(options(&[])).await.starts_with("no bootstrap address"));
    assert!(
        refused(options(&["localhost"]))
            .await
            .contains("expected host:port")
    );
    let tls = Options {
        security: Security::Tls,
        ..options(&["localhost:1"])
    };
    assert!(refused(tls).await.contains("is not there yet"));
}

#[tokio::test]
async fn one_broker_of_the_bootstrap_is_enough() {
    let broker = advertising("127.0.0.1:1".to_owned()).await;
    let client = Client::connect(options(&[&dead_address(), &broker.address]))
        .await
        .unwrap();
    assert_eq!(client.metadata(None).await.unwrap().cluster_id, "fake");
}

#[tokio::test]
async fn names_an_advertised_address_that_cannot_be_reached() {
    let dead = dead_address();
    let broker = advertising(dead.clone()).await;
    let client = Client::connect(options(&[&broker.address])).await.unwrap();
    let error = client.connection_to(BrokerId(1)).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("broker 1 advertises {dead}, which can't be reached")),
        "{error}"
    );
}

#[tokio::test]
async fn a_detour_is_taken() {
    let broker = advertising("kafka.example:9092".to_owned()).await;
    let mut options = options(&[&broker.address]);
    options
        .detours
        .push(("kafka.example:9092".to_owned(), broker.address.clone()));
    let client = Client::connect(options).await.unwrap();
    assert!(client.connection_to(BrokerId(1)).await.is_ok());
}

#[tokio::test]
async fn brokers_of_another_cluster_are_noticed() {
    let broker = FakeBroker::start(|asked| match asked.api {
        ApiKey::ApiVersions => answer(asked, &versions()),
        _ => {
            let id = format!("cluster-{}", asked.correlation);
            answer(
                asked,
                &metadata("127.0.0.1:1").with_cluster_id(Some(StrBytes::from_string(id))),
            )
        }
    })
    .await;
    let client = Client::connect(options(&[&broker.address])).await.unwrap();
    assert!(matches!(
        client.metadata(None).await,
        Err(ClientError::OtherCluster { .. })
    ));
}
