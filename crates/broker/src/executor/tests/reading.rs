//! Fetch, ListOffsets and OffsetForLeaderEpoch.

use std::path::Path;

use disk::{Disk, File, OpenMode, SimDisk};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{FetchRequest, OffsetForLeaderEpochRequest, TopicName};

use super::harness::{Harness, Outcome, values};
use crate::samples::{batch, fetch, list_offsets, produce, topic_name};
use crate::{Input, Request, Response};

fn with_records(topic: &str, batches: &[&[&str]]) -> Harness {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create(topic, &[]);
    for values in batches {
        assert_eq!(broker.produce(topic, batch(values)).0, 0);
    }
    broker
}

fn fetched(outcome: Option<Outcome>) -> Vec<String> {
    match outcome {
        Some(Outcome::Response(Response::Fetch(response))) => values(&response),
        other => panic!("{other:?}"),
    }
}

fn error(broker: &mut Harness, version: i16, request: FetchRequest) -> i16 {
    match broker.ask(version, Request::Fetch(request)) {
        Response::Fetch(response) if response.error_code != 0 => response.error_code,
        Response::Fetch(response) => response.responses[0].partitions[0].error_code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_long_poll_is_woken_by_an_append() {
    let mut broker = with_records("t", &[&["a"]]);
    let waiting = broker.send(2, 12, Request::Fetch(fetch("t", 1, 1, 500)));
    assert!(broker.outcome(waiting).is_none());
    broker.produce("t", batch(&["b"]));
    assert_eq!(fetched(broker.outcome(waiting)), ["b"]);
}

#[test]
fn a_long_poll_waits_for_min_bytes_and_no_longer_than_max_wait() {
    let mut broker = with_records("t", &[&["a"]]);
    let enough = i32::try_from(batch(&["b"]).len() * 2).expect("small");
    let waiting = broker.send(2, 12, Request::Fetch(fetch("t", 1, enough, 500)));
    broker.produce("t", batch(&["b"]));
    assert!(broker.outcome(waiting).is_none());
    let deadline = broker.executor.next_deadline().expect("somebody waits");
    assert_eq!(deadline.since(broker.clock().monotonic).0, 500);
    broker.pass(450);
    assert!(broker.outcome(waiting).is_none());
    broker.pass(50);
    assert_eq!(fetched(broker.outcome(waiting)), ["b"]);
    assert_eq!(broker.executor.next_deadline(), None);
}

#[test]
fn a_long_poll_ends_at_its_deadline_without_a_tick() {
    let mut broker = with_records("t", &[]);
    let waiting = broker.send(2, 12, Request::Fetch(fetch("t", 0, 1, 10)));
    let deadline = broker.executor.next_deadline().expect("somebody waits");
    let now = crate::Clock {
        monotonic: deadline,
        ..broker.clock()
    };
    let out = broker.executor.on(Input::Deadline, now);
    assert!(
        matches!(&out[..], [crate::Output::Respond { request, .. }] if *request == waiting),
        "{out:?}"
    );
}

#[test]
fn nobody_waits_for_what_is_there_already_or_can_never_come() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let size = i32::try_from(batch(&["a"]).len()).expect("small");
    broker.create("t", &[("segment.bytes", &size.to_string())]);
    broker.produce("t", batch(&["a"]));
    broker.produce("t", batch(&["b"]));
    // The first segment ends after one batch, the second holds the other.
    let both = broker.send(2, 12, Request::Fetch(fetch("t", 0, size * 2, 500)));
    assert_eq!(fetched(broker.outcome(both)), ["a"]);
    let endless = fetch("t", 1, i32::MAX, 500).with_max_bytes(size);
    let endless = broker.send(3, 12, Request::Fetch(endless));
    assert_eq!(fetched(broker.outcome(endless)), ["b"]);
}

#[test]
fn without_room_for_responses_each_fetch_gets_its_first_batch() {
    let mut broker = with_records("t", &[&["a"], &["b"], &["c"]]);
    let size = batch(&["a"]).len();
    broker.executor.limit_fetches(0);
    assert_eq!(broker.values("t", 1), ["b"]);
    // What one response takes, the next one doesn't have.
    broker.executor.limit_fetches(2 * size);
    assert_eq!(broker.values("t", 0), ["a", "b"]);
    assert_eq!(broker.values("t", 0), ["a"]);
}

#[test]
fn a_client_that_left_is_not_waited_for() {
    let mut broker = with_records("t", &[]);
    let waiting = broker.send(2, 12, Request::Fetch(fetch("t", 0, 1, 500)));
    broker.input(Input::ClientGone { connection: 2 });
    broker.produce("t", batch(&["a"]));
    broker.pass(1_000);
    assert!(broker.outcome(waiting).is_none());
}

#[test]
fn a_long_poll_on_a_topic_that_is_deleted_ends() {
    let mut broker = with_records("t", &[]);
    let waiting = broker.send(2, 12, Request::Fetch(fetch("t", 0, 1, 60_000)));
    let delete = kafka_protocol::messages::DeleteTopicsRequest::default()
        .with_timeout_ms(1_000)
        .with_topic_names(vec![topic_name("t")]);
    let Response::DeleteTopics(deleted) = broker.ask(5, Request::DeleteTopics(delete)) else {
        panic!()
    };
    assert_eq!(deleted.responses[0].error_code, 0);
    broker.pass(100);
    let Some(Outcome::Response(Response::Fetch(response))) = broker.outcome(waiting) else {
        panic!()
    };
    let partition = &response.responses[0].partitions[0];
    assert_eq!(
        partition.error_code,
        ResponseError::UnknownTopicOrPartition.code()
    );
}

#[test]
fn limits_cut_between_batches_but_the_first_always_comes() {
    let mut broker = with_records("t", &[&["a"], &["b"], &["c"]]);
    let size = i32::try_from(batch(&["a"]).len()).expect("small");
    let mut request = fetch("t", 0, 0, 0);
    request.topics[0].partitions[0].partition_max_bytes = size * 2 + 1;
    let Response::Fetch(response) = broker.ask(12, Request::Fetch(request.clone())) else {
        panic!()
    };
    assert_eq!(values(&response), ["a", "b"]);
    request.max_bytes = 1;
    let Response::Fetch(response) = broker.ask(12, Request::Fetch(request)) else {
        panic!()
    };
    assert_eq!(values(&response), ["a"]);
}

#[test]
fn offsets_that_are_not_there_and_epochs_of_another_leader_are_errors() {
    let mut broker = with_records("t", &[&["a"]]);
    let epoch = broker.executor.metadata().topic("t").expect("exists").partitions[0]
        .leader_epoch
        .0;
    let at_epoch = |epoch| {
        let mut request = fetch("t", 0, 0, 0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        request
    };
    assert_eq!(
        error(&mut broker, 12, fetch("t", 2, 0, 0)),
        ResponseError::OffsetOutOfRange.code()
    );
    assert_eq!(
        error(&mut broker, 12, fetch("t", -5, 0, 0)),
        ResponseError::OffsetOutOfRange.code()
    );
    assert_eq!(error(&mut broker, 12, at_epoch(epoch)), 0);
    let newer = ResponseError::UnknownLeaderEpoch.code();
    assert_eq!(error(&mut broker, 12, at_epoch(epoch + 1)), newer);
    if epoch > 0 {
        let older = ResponseError::FencedLeaderEpoch.code();
        assert_eq!(error(&mut broker, 12, at_epoch(epoch - 1)), older);
    }
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(error(&mut broker, 12, fetch("nowhere", 0, 0, 0)), unknown);
    let mut by_id = fetch("", 0, 0, 0);
    by_id.topics[0].topic = TopicName::default();
    assert_eq!(
        error(&mut broker, 13, by_id),
        ResponseError::UnknownTopicId.code()
    );
}

#[test]
fn fetch_sessions_are_declined() {
    let mut broker = with_records("t", &[&["a"]]);
    let in_session = |id, epoch| fetch("t", 0, 0, 0).with_session_id(id).with_session_epoch(epoch);
    let Response::Fetch(response) = broker.ask(12, Request::Fetch(in_session(0, 0))) else {
        panic!()
    };
    assert_eq!(
        (response.session_id, values(&response)),
        (0, vec!["a".to_owned()])
    );
    let unknown = ResponseError::FetchSessionIdNotFound.code();
    assert_eq!(error(&mut broker, 12, in_session(77, 3)), unknown);
    // Kafka's clients close a session and begin anew with the same request.
    assert_eq!(error(&mut broker, 12, in_session(77, -1)), 0);
}

#[test]
fn other_brokers_do_not_fetch_from_the_clients_port() {
    let mut broker = with_records("t", &[&["a"]]);
    let request = fetch("t", 0, 0, 0).with_replica_id(2.into());
    let refused = ResponseError::ClusterAuthorizationFailed.code();
    assert_eq!(error(&mut broker, 12, request), refused);
}

#[test]
fn offsets_are_listed_by_either_end_and_by_time() {
    // Timestamps are 1000, 1001 | 1000.
    let mut broker = with_records("t", &[&["a", "b"], &["c"]]);
    let mut list = |version, timestamp| {
        let request = Request::ListOffsets(list_offsets("t", timestamp));
        let Response::ListOffsets(response) = broker.ask(version, request) else {
            panic!()
        };
        let partition = &response.topics[0].partitions[0];
        (partition.error_code, partition.offset, partition.timestamp)
    };
    assert_eq!(list(6, -1), (0, 3, -1));
    assert_eq!(list(6, -2), (0, 0, -1));
    assert_eq!(list(7, -3), (0, 1, 1_001));
    assert_eq!(list(8, -4), (0, 0, -1));
    assert_eq!(list(9, -5), (0, -1, -1));
    assert_eq!(list(6, 1_000), (0, 0, 1_000));
    assert_eq!(list(6, 1_001), (0, 1, 1_001));
    assert_eq!(list(6, 1_002), (0, -1, -1));
    let unsupported = ResponseError::UnsupportedVersion.code();
    assert_eq!(list(6, -3), (unsupported, -1, -1));
    assert_eq!(list(9, -77), (unsupported, -1, -1));
}

#[test]
fn the_end_of_an_epoch_is_told() {
    let mut broker = with_records("t", &[&["a", "b"]]);
    let epoch = broker.executor.metadata().topic("t").expect("exists").partitions[0]
        .leader_epoch
        .0;
    assert_eq!(end_of_epoch(&mut broker, epoch), (0, epoch, 2));
    assert_eq!(end_of_epoch(&mut broker, epoch + 5), (0, -1, -1));
}

#[test]
fn the_end_of_an_epoch_is_not_told_of_files_that_cannot_be_used() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    let disk = disk.after_kill();
    let path = Path::new("/data/1/t-0/partition.metadata");
    let file = disk.open(path, OpenMode::Write).expect("opens");
    file.write_all_at(b"damaged", 0).expect("writes");
    let mut broker = Harness::start(&disk, 2);
    let epoch = broker.executor.metadata().topic("t").expect("exists").partitions[0]
        .leader_epoch
        .0;
    let storage = ResponseError::KafkaStorageError.code();
    assert_eq!(end_of_epoch(&mut broker, epoch), (storage, -1, -1));
}

fn end_of_epoch(broker: &mut Harness, epoch: i32) -> (i16, i32, i64) {
    let partition = OffsetForLeaderPartition::default().with_leader_epoch(epoch);
    let topic = OffsetForLeaderTopic::default()
        .with_topic(topic_name("t"))
        .with_partitions(vec![partition]);
    let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
    let Response::OffsetForLeaderEpoch(response) = broker.ask(4, Request::OffsetForLeaderEpoch(request))
    else {
        panic!()
    };
    let partition = &response.topics[0].partitions[0];
    (partition.error_code, partition.leader_epoch, partition.end_offset)
}

#[test]
fn one_answer_for_each_request_even_when_it_wakes_another() {
    let mut broker = with_records("t", &[]);
    let polls: Vec<_> = (2..6)
        .map(|connection| broker.send(connection, 12, Request::Fetch(fetch("t", 0, 1, 500))))
        .collect();
    let writer = broker.send(1, 9, Request::Produce(produce("t", 1, batch(&["a"]))));
    assert!(broker.outcome(writer).is_some());
    for poll in polls {
        assert_eq!(fetched(broker.outcome(poll)), ["a"]);
        assert!(broker.outcome(poll).is_none());
    }
}
