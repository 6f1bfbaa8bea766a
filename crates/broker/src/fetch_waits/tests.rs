//! Who waits is woken once, by the first thing that allows it.

use cluster::Millis;
use kafka_protocol::messages::FetchRequest;
use record::{PartitionIndex, TopicId};

use super::{FetchWaits, WaitingFetch};
use crate::RequestId;
use crate::replicas::Key;

fn key(partition: i32) -> Key {
    (TopicId::default(), PartitionIndex(partition))
}

fn id(connection: u64, serial: u64) -> RequestId {
    RequestId { connection, serial }
}

fn fetch(id: RequestId, deadline: u64, missing_bytes: usize, partitions: &[i32]) -> WaitingFetch {
    WaitingFetch {
        id,
        version: 12,
        request: FetchRequest::default(),
        deadline: Millis(deadline),
        missing_bytes,
        partitions: partitions.iter().map(|partition| key(*partition)).collect(),
    }
}

fn ids(woken: Vec<WaitingFetch>) -> Vec<RequestId> {
    woken.into_iter().map(|fetch| fetch.id).collect()
}

#[test]
fn enough_bytes_in_any_of_its_partitions_wake_a_fetch() {
    let mut waits = FetchWaits::default();
    waits.add(fetch(id(1, 1), 100, 10, &[0, 1]));
    waits.add(fetch(id(2, 1), 100, 1, &[1]));
    assert_eq!(ids(waits.on_append(key(2), 99)), []);
    assert_eq!(ids(waits.on_append(key(0), 6)), []);
    assert_eq!(ids(waits.on_append(key(1), 4)), [id(1, 1), id(2, 1)]);
    assert_eq!(ids(waits.on_append(key(1), 4)), []);
    assert_eq!(waits.next_deadline(), None);
}

#[test]
fn deadlines_come_in_their_order() {
    let mut waits = FetchWaits::default();
    waits.add(fetch(id(1, 1), 30, 1, &[0]));
    waits.add(fetch(id(1, 2), 20, 1, &[0]));
    assert_eq!(waits.next_deadline(), Some(Millis(20)));
    assert_eq!(ids(waits.expired(Millis(19))), []);
    assert_eq!(ids(waits.expired(Millis(20))), [id(1, 2)]);
    assert_eq!(ids(waits.expired(Millis(99))), [id(1, 1)]);
}

#[test]
fn a_change_of_leader_wakes_and_a_gone_client_is_forgotten() {
    let mut waits = FetchWaits::default();
    waits.add(fetch(id(1, 1), 30, 1, &[0, 1]));
    waits.add(fetch(id(2, 7), 30, 1, &[0]));
    waits.on_gone(2);
    assert_eq!(ids(waits.on_change(key(0))), [id(1, 1)]);
    assert_eq!(waits.next_deadline(), None);
}
