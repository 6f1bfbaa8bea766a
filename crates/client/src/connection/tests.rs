use kafka_protocol::messages::{ApiKey, MetadataRequest, MetadataResponse};

use super::*;
use crate::fake_broker::{Asked, FakeBroker, Reply, answer, answer_as, metadata, versions};

const PATIENCE: Duration = Duration::from_secs(10);

/// A broker that negotiates well and answers Metadata as the script says.
async fn connected(script: impl Fn(&Asked) -> Reply + Clone + Send + 'static) -> (FakeBroker, Connection) {
    let broker = FakeBroker::start(move |asked| match asked.api {
        ApiKey::ApiVersions if asked.version > 3 => Reply::Bytes(answer_as(
            asked,
            &versions().with_error_code(UNSUPPORTED_VERSION),
            0,
        )),
        ApiKey::ApiVersions => answer(asked, &versions()),
        _ => script(asked),
    })
    .await;
    let connection = Connection::open(&broker.address, &Options::default())
        .await
        .unwrap();
    (broker, connection)
}

async fn ask(connection: &Connection) -> Result<MetadataResponse, ClientError> {
    connection.call(&MetadataRequest::default(), PATIENCE).await
}

#[tokio::test]
async fn settles_on_versions_that_the_broker_knows() {
    let (_broker, connection) = connected(|asked| {
        assert_eq!(asked.version, 12);
        answer(asked, &metadata("127.0.0.1:1"))
    })
    .await;
    assert_eq!(ask(&connection).await.unwrap().brokers.len(), 1);
    let none =
        connection.version::<kafka_protocol::messages::HeartbeatRequest>(VersionRange { min: 0, max: 4 });
    assert!(
        none.unwrap_err()
            .to_string()
            .contains("serves Heartbeat in no version")
    );
}

#[tokio::test]
async fn requests_are_pipelined() {
    let (_broker, connection) = connected(|asked| {
        // The first is answered together with the second.
        if asked.correlation % 2 == 0 {
            Reply::Silence
        } else {
            both(asked)
        }
    })
    .await;
    let (first, second) = tokio::join!(ask(&connection), ask(&connection));
    assert_eq!(first.unwrap().throttle_time_ms, 0);
    assert_eq!(second.unwrap().throttle_time_ms, 0);
}

fn both(second: &Asked) -> Reply {
    let first = Asked {
        correlation: second.correlation - 1,
        ..second.clone()
    };
    let mut bytes = answer_as(&first, &metadata("127.0.0.1:1"), first.version).to_vec();
    bytes.extend_from_slice(&answer_as(second, &metadata("127.0.0.1:1"), second.version));
    Reply::Bytes(bytes.into())
}

#[tokio::test]
async fn a_disconnect_fails_all_that_wait() {
    let (_broker, connection) = connected(|_| Reply::LastBytes(Bytes::new())).await;
    let (first, second) = tokio::join!(ask(&connection), ask(&connection));
    for result in [first, second] {
        assert!(
            matches!(result, Err(ClientError::Disconnected { .. })),
            "{result:?}"
        );
    }
    assert!(!connection.is_open());
    assert!(ask(&connection).await.is_err());
}

#[tokio::test]
async fn half_an_answer_is_none() {
    let (_broker, connection) = connected(|asked| {
        let whole = answer_as(asked, &metadata("127.0.0.1:1"), asked.version);
        Reply::LastBytes(whole.slice(..whole.len() - 3))
    })
    .await;
    let error = ask(&connection).await.unwrap_err();
    assert!(
        error.to_string().contains("in the middle of an answer"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_to_another_question_closes_the_connection() {
    let (_broker, connection) = connected(|asked| {
        let wrong = Asked {
            correlation: asked.correlation + 7,
            ..asked.clone()
        };
        answer(&wrong, &metadata("127.0.0.1:1"))
    })
    .await;
    let error = ask(&connection).await.unwrap_err();
    assert!(error.to_string().contains("it answered request"), "{error}");
}

#[tokio::test]
async fn malformed_answers_are_errors() {
    for (bytes, reason) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "announced an answer of"),
        (&b"\x7f\xff\xff\xff"[..], "announced an answer of"),
        (&b"\xff\xff\xff\xff"[..], "announced an answer of"),
        (&b"\0\0\0\x02\0\0"[..], "it sent a frame of 2 bytes"),
    ] {
        let (_broker, connection) = connected(move |_| Reply::Bytes(Bytes::from_static(bytes))).await;
        let error = ask(&connection).await.unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_decoded_closes_the_connection() {
    let (_broker, connection) = connected(|asked| {
        let mut bytes = 9_i32.to_be_bytes().to_vec();
        bytes.extend_from_slice(&asked.correlation.to_be_bytes());
        bytes.extend_from_slice(&[0, 0xff, 0xff, 0xff, 0xff]);
        Reply::Bytes(bytes.into())
    })
    .await;
    let error = ask(&connection).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::Malformed { api, .. } if api == "Metadata"),
        "{error}"
    );
    assert!(!connection.is_open());
}

#[tokio::test]
async fn an_answer_that_does_not_come_closes_the_connection() {
    let (_broker, connection) = connected(|_| Reply::Silence).await;
    let late = connection
        .call(&MetadataRequest::default(), Duration::from_millis(20))
        .await;
    assert!(matches!(late, Err(ClientError::TimedOut { .. })), "{late:?}");
    assert!(!connection.is_open());
}

#[tokio::test]
async fn a_throttled_connection_is_silent_for_as_long() {
    let (_broker, connection) =
        connected(|asked| answer(asked, &metadata("127.0.0.1:1").with_throttle_time_ms(60))).await;
    ask(&connection).await.unwrap();
    let began = Instant::now();
    ask(&connection).await.unwrap();
    assert!(
        began.elapsed() >= Duration::from_millis(55),
        "{:?}",
        began.elapsed()
    );
}
