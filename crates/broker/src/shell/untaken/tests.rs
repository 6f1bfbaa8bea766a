//! What was taken makes room.

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{ApiVersionsResponse, FetchResponse};

use super::Untaken;
use crate::Response;

#[test]
fn records_count_until_they_are_taken() {
    let untaken = Untaken::new(100);
    let partition = PartitionData::default().with_records(Some(Bytes::from(vec![0; 40])));
    let topic = FetchableTopicResponse::default().with_partitions(vec![partition; 2]);
    let fetched = Response::from(FetchResponse::default().with_responses(vec![topic]));
    let first = untaken.add(&fetched);
    assert_eq!(untaken.room(), 20);
    let other = untaken.add(&ApiVersionsResponse::default().into());
    let second = untaken.add(&fetched);
    assert_eq!(untaken.room(), 0);
    drop((first, other));
    assert_eq!(untaken.room(), 20);
    drop(second);
    assert_eq!(untaken.room(), 100);
}
