//! Who waits is woken once, by the first thing that allows it.

use cluster::Millis;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{FetchRequest, ProduceResponse};
use record::{Offset, PartitionIndex, TopicId};

use super::{Purgatory, Uncommitted, Waiting, WaitingFetch, WaitingProduce};
use crate::RequestId;
use crate::replicas::Key;

fn key(partition: i32) -> Key {
    (TopicId::default(), PartitionIndex(partition))
}

fn id(connection: u64, serial: u64) -> RequestId {
    RequestId { connection, serial }
}

fn fetch(id: RequestId, deadline: u64, missing_bytes: usize, partitions: &[i32]) -> Waiting<WaitingFetch> {
    Waiting {
        id,
        deadline: Millis(deadline),
        partitions: partitions.iter().map(|partition| key(*partition)).collect(),
        what: WaitingFetch {
            version: 12,
            request: FetchRequest::default(),
            missing_bytes,
        },
    }
}

fn ids<T>(woken: Vec<Waiting<T>>) -> Vec<RequestId> {
    woken.into_iter().map(|request| request.id).collect()
}

#[test]
fn enough_bytes_in_any_of_its_partitions_wake_a_fetch() {
    let mut waits = Purgatory::default();
    waits.add(fetch(id(1, 1), 100, 10, &[0, 1]));
    waits.add(fetch(id(2, 1), 100, 1, &[1]));
    assert_eq!(ids(waits.on_committed(key(2), 99)), []);
    assert_eq!(ids(waits.on_committed(key(0), 6)), []);
    assert_eq!(ids(waits.on_committed(key(1), 4)), [id(1, 1), id(2, 1)]);
    assert_eq!(ids(waits.on_committed(key(1), 4)), []);
    assert_eq!(waits.next_deadline(), None);
}

#[test]
fn deadlines_come_in_their_order() {
    let mut waits = Purgatory::default();
    waits.add(fetch(id(1, 1), 30, 1, &[0]));
    waits.add(fetch(id(1, 2), 20, 1, &[0]));
    assert_eq!(waits.next_deadline(), Some(Millis(20)));
    assert_eq!(ids(waits.expired(Millis(19))), []);
    assert_eq!(ids(waits.expired(Millis(20))), [id(1, 2)]);
    assert_eq!(ids(waits.expired(Millis(99))), [id(1, 1)]);
}

#[test]
fn a_change_of_leader_wakes_and_a_gone_client_is_forgotten() {
    let mut waits = Purgatory::default();
    waits.add(fetch(id(1, 1), 30, 1, &[0, 1]));
    waits.add(fetch(id(2, 7), 30, 1, &[0]));
    waits.on_gone(2);
    assert_eq!(ids(waits.wake(key(0), |_| true)), [id(1, 1)]);
    assert_eq!(waits.next_deadline(), None);
}

#[test]
fn a_produce_waits_for_each_of_its_partitions_and_failures_are_told_in_their_place() {
    let mut waits = Purgatory::default();
    let responses = (0..3).map(|index| PartitionProduceResponse::default().with_index(index));
    let topic = TopicProduceResponse::default().with_partition_responses(responses.collect());
    let uncommitted = (0..3).map(|partition: i32| Uncommitted {
        key: key(partition),
        needs: Offset(10),
        place: (0, usize::try_from(partition).expect("small")),
    });
    waits.add(Waiting {
        id: id(1, 1),
        deadline: Millis(100),
        partitions: (0..3).map(key).collect(),
        what: WaitingProduce {
            response: ProduceResponse::default().with_responses(vec![topic]),
            uncommitted: uncommitted.collect(),
        },
    });
    assert_eq!(ids(waits.on_high_watermark(key(0), Offset(10))), []);
    assert_eq!(ids(waits.on_high_watermark(key(1), Offset(9))), []);
    let gone = ResponseError::NotLeaderOrFollower.code();
    assert_eq!(ids(waits.on_failed(key(2), gone)), []);
    let done = waits.on_high_watermark(key(1), Offset(11)).remove(0);
    let errors: Vec<i16> = done.what.response.responses[0]
        .partition_responses
        .iter()
        .map(|response| response.error_code)
        .collect();
    assert_eq!(errors, [0, 0, gone]);
}
