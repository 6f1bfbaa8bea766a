use std::collections::VecDeque;

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ApiKey, BrokerId as WireBrokerId, FetchResponse, MetadataResponse, TopicName,
        fetch_response::{EpochEndOffset, FetchableTopicResponse, PartitionData},
        metadata_response::{MetadataResponsePartition, MetadataResponseTopic},
    },
    protocol::StrBytes,
};
use record::{BatchBuilder, Compression, Timestamp};

use super::*;
use crate::{
    Options,
    fake_broker::{FakeBroker, Reply, answer, metadata, versions},
};

const P: PartitionIndex = PartitionIndex(0);

/// A batch of so many records from this offset on, of leader epoch 3.
fn batch(offset: i64, count: usize) -> Bytes {
    let mut builder = BatchBuilder::new(Compression::None);
    for _ in 0..count {
        builder.push(Timestamp(1), None, Some(b"x"), &[]).unwrap();
    }
    builder.base_offset(Offset(offset)).leader_epoch(LeaderEpoch(3));
    builder.build().unwrap()
}

fn data(records: &[Bytes]) -> PartitionData {
    PartitionData::default()
        .with_high_watermark(100)
        .with_records(Some(Bytes::from(records.concat())))
}

fn refused(code: ErrorCode) -> PartitionData {
    PartitionData::default().with_error_code(code.code())
}

fn name() -> TopicName {
    TopicName(StrBytes::from_static_str("t"))
}

/// A topic `t` with one partition, led by the broker at this address.
fn topic(address: &str, id: u128) -> MetadataResponse {
    let partition = MetadataResponsePartition::default()
        .with_leader_id(WireBrokerId(1))
        .with_leader_epoch(3);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(name()))
        .with_topic_id(uuid::Uuid::from_u128(id))
        .with_partitions(vec![partition]);
    metadata(address).with_topics(vec![topic])
}

async fn fetcher(answers: Vec<PartitionData>) -> (FakeBroker, Fetcher) {
    fetcher_with_ids(answers, |_| 1).await
}

/// A fetcher of `t` from offset 10, and a broker that answers its fetches with these in turn, then no more.
/// `id` gives the topic's id for each look at the metadata.
async fn fetcher_with_ids(answers: Vec<PartitionData>, id: fn(u32) -> u128) -> (FakeBroker, Fetcher) {
    let answers = std::sync::Arc::new(std::sync::Mutex::new(VecDeque::from(answers)));
    let own_address = std::sync::Arc::new(std::sync::OnceLock::new());
    let address = std::sync::Arc::clone(&own_address);
    let looks = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let broker = FakeBroker::start(move |asked| match asked.api {
        ApiKey::ApiVersions => answer(asked, &versions()),
        ApiKey::Metadata => {
            let look = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            answer(
                asked,
                &topic(address.get().map_or("127.0.0.1:1", String::as_str), id(look)),
            )
        }
        _ => match answers.lock().unwrap().pop_front() {
            None => Reply::Silence,
            Some(data) => {
                let topic = FetchableTopicResponse::default()
                    .with_topic(name())
                    .with_partitions(vec![data]);
                answer(asked, &FetchResponse::default().with_responses(vec![topic]))
            }
        },
    })
    .await;
    own_address.set(broker.address.clone()).unwrap();
    let client = Client::connect(Options::new([broker.address.clone()]))
        .await
        .unwrap();
    let mut fetcher = Fetcher::new(&client, FetcherOptions::default());
    fetcher.assign("t", P, Offset(10));
    (broker, fetcher)
}

fn offsets(batches: &[FetchedBatch]) -> Vec<(i64, i64)> {
    batches
        .iter()
        .map(|fetched| (fetched.batch.base_offset().0, fetched.batch.next_offset().0))
        .collect()
}

#[tokio::test]
async fn hands_out_whole_batches_and_moves_on() {
    let (_broker, mut fetcher) =
        fetcher(vec![data(&[batch(8, 4), batch(12, 1)]), data(&[batch(13, 2)])]).await;
    assert_eq!(
        offsets(&fetcher.next().await.unwrap()),
        [(8, 12), (12, 13)],
        "10 lies within the first"
    );
    assert_eq!(fetcher.high_watermark("t", P), Some(Offset(100)));
    assert_eq!(offsets(&fetcher.next().await.unwrap()), [(13, 15)]);
    let position = Position {
        offset: Offset(15),
        leader_epoch: Some(LeaderEpoch(3)),
    };
    assert_eq!(fetcher.position("t", P), Some(position));
}

#[tokio::test]
async fn a_batch_that_was_cut_off_comes_again() {
    let cut = batch(11, 3).slice(..40);
    let (_broker, mut fetcher) = fetcher(vec![data(&[batch(10, 1), cut]), data(&[batch(11, 3)])]).await;
    assert_eq!(offsets(&fetcher.next().await.unwrap()), [(10, 11)]);
    assert_eq!(offsets(&fetcher.next().await.unwrap()), [(11, 14)]);
}

#[tokio::test]
async fn a_truncated_log_is_an_error_with_the_offsets() {
    let diverging = EpochEndOffset::default().with_epoch(2).with_end_offset(7);
    let (_broker, mut fetcher) = fetcher(vec![data(&[]).with_diverging_epoch(diverging)]).await;
    let error = fetcher.next().await.unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Truncated {
                leader_epoch: LeaderEpoch(2),
                end_offset: Offset(7),
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("t-0: the log was truncated: position 10"),
        "{error}"
    );
}

#[tokio::test]
async fn a_corrupt_batch_is_an_error_behind_what_is_well() {
    let mut broken = batch(11, 1).to_vec();
    broken[65] ^= 1;
    let (_broker, mut fetcher) = fetcher(vec![data(&[batch(10, 1), broken.into()])]).await;
    assert_eq!(offsets(&fetcher.next().await.unwrap()), [(10, 11)]);
    let error = fetcher.next().await.unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Corrupt {
                offset: Offset(11),
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn refusals_that_pass_are_waited_out() {
    let answers = vec![refused(ErrorCode::NotLeaderOrFollower), data(&[batch(10, 1)])];
    let (_broker, mut fetcher) = fetcher(answers).await;
    assert_eq!(offsets(&fetcher.next().await.unwrap()), [(10, 11)]);
}

#[tokio::test]
async fn other_refusals_are_errors() {
    let (_broker, mut fetcher) = fetcher(vec![refused(ErrorCode::TopicAuthorizationFailed)]).await;
    let error = fetcher.next().await.unwrap_err().to_string();
    assert_eq!(error, "fetch of t-0: TopicAuthorizationFailed (29)");
}

#[tokio::test]
async fn a_topic_that_was_made_anew_is_an_error() {
    let again = refused(ErrorCode::UnknownTopicOrPartition);
    let (_broker, mut fetcher) =
        fetcher_with_ids(vec![data(&[batch(10, 1)]), again], |look| 1 + u128::from(look)).await;
    fetcher.next().await.unwrap();
    let error = fetcher.next().await.unwrap_err();
    assert!(matches!(error, FetchError::TopicRecreated { .. }), "{error}");
}
