//! Produce and InitProducerId.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::InitProducerIdRequest;
use record::{BatchBuilder, Compression, Timestamp};

use super::harness::{Harness, Outcome};
use crate::samples::{batch, idempotent_batch, produce, text};
use crate::{Request, Response, Serving};
use disk::SimDisk;

fn code(error: ResponseError) -> i16 {
    error.code()
}

#[test]
fn batches_get_their_offsets_and_come_back() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[]);
    assert_eq!(broker.produce("t", batch(&["a", "b"])), (0, 0));
    assert_eq!(broker.produce("t", batch(&["c"])), (0, 2));
    assert_eq!(broker.values("t", 0), ["a", "b", "c"]);
    // The batch that holds an offset comes whole; clients skip what is before it.
    assert_eq!(broker.values("t", 1), ["a", "b", "c"]);
    assert_eq!(broker.values("t", 2), ["c"]);
    assert_eq!(broker.values("t", 3), [""; 0]);
}

#[test]
fn acks_0_is_never_answered_and_hangs_up_on_errors() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[]);
    let done = broker.finish(9, Request::Produce(produce("t", 0, batch(&["a"]))));
    assert!(matches!(done, Outcome::NoResponse), "{done:?}");
    assert_eq!(broker.values("t", 0), ["a"]);
    let done = broker.finish(9, Request::Produce(produce("nowhere", 0, batch(&["a"]))));
    assert!(matches!(done, Outcome::Hangup), "{done:?}");
}

#[test]
fn what_cannot_be_written_is_refused_with_kafkas_error() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[("max.message.bytes", "200")]);
    let mut corrupt = batch(&["a"]).to_vec();
    *corrupt.last_mut().expect("not empty") ^= 1;
    let two = [batch(&["a"]), batch(&["b"])].concat();
    let long = "x".repeat(300);
    let cases = [
        ("t", Bytes::from(corrupt), ResponseError::CorruptMessage),
        ("t", Bytes::from(two), ResponseError::InvalidRecord),
        ("t", Bytes::new(), ResponseError::InvalidRecord),
        ("t", Bytes::from_static(b"garbage"), ResponseError::CorruptMessage),
        ("t", batch(&[&long]), ResponseError::MessageTooLarge),
        ("nowhere", batch(&["a"]), ResponseError::UnknownTopicOrPartition),
    ];
    for (topic, records, error) in cases {
        assert_eq!(broker.produce(topic, records), (code(error), -1), "{error:?}");
    }
    let mut wrong_acks = produce("t", 2, batch(&["a"]));
    let Response::Produce(response) = broker.ask(9, Request::Produce(wrong_acks.clone())) else {
        panic!()
    };
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, code(ResponseError::InvalidRequiredAcks));
    wrong_acks.acks = 1;
    wrong_acks.topic_data[0].partition_data[0].index = 5;
    let Response::Produce(response) = broker.ask(9, Request::Produce(wrong_acks)) else {
        panic!()
    };
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, code(ResponseError::UnknownTopicOrPartition));
    assert_eq!(broker.values("t", 0), [""; 0]);
}

#[test]
fn a_topic_may_limit_how_far_ahead_records_are_stamped() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[("message.timestamp.after.max.ms", "1000")]);
    let mut of_2099 = BatchBuilder::new(Compression::None);
    let far = Timestamp(4_070_908_800_000);
    of_2099.push(far, None, Some(b"v"), &[]).expect("small");
    let refused = broker.produce("t", of_2099.build().expect("small"));
    assert_eq!(refused, (code(ResponseError::InvalidTimestamp), -1));
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[("cleanup.policy", "compact")]);
    let mut keyless = BatchBuilder::new(Compression::Lz4);
    keyless.push(Timestamp(1), None, Some(b"v"), &[]).expect("small");
    let refused = broker.produce_response("t", keyless.build().expect("small"));
    let partition = &refused.responses[0].partition_responses[0];
    assert_eq!(partition.error_code, code(ResponseError::InvalidRecord));
    let message = partition
        .error_message
        .as_ref()
        .map(|message| message.to_string());
    assert_eq!(
        message.as_deref(),
        Some("a compacted topic takes no record without a key")
    );
    assert_eq!(broker.produce("t", batch(&["a"])), (0, 0));
}

#[test]
fn an_idempotent_producer_is_written_once() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[]);
    let (first, second) = (producer_id(&mut broker), producer_id(&mut broker));
    assert_eq!(second.1, first.1 + 1);
    let id = first.1;
    assert_eq!(
        broker.produce("t", idempotent_batch(&["a", "b"], id, 0, 0)),
        (0, 0)
    );
    assert_eq!(broker.produce("t", idempotent_batch(&["c"], id, 0, 2)), (0, 2));
    // A retry gets the offset of the first time.
    assert_eq!(
        broker.produce("t", idempotent_batch(&["a", "b"], id, 0, 0)),
        (0, 0)
    );
    let gap = broker.produce("t", idempotent_batch(&["e"], id, 0, 9));
    assert_eq!(gap, (code(ResponseError::OutOfOrderSequenceNumber), -1));
    assert_eq!(broker.produce("t", idempotent_batch(&["d"], id, 1, 0)), (0, 3));
    let stale = broker.produce("t", idempotent_batch(&["x"], id, 0, 3));
    assert_eq!(stale, (code(ResponseError::InvalidProducerEpoch), -1));
    assert_eq!(broker.values("t", 0), ["a", "b", "c", "d"]);
}

#[test]
fn transactions_are_refused_by_an_error_that_ends_them() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[]);
    let fatal = code(ResponseError::TransactionalIdAuthorizationFailed);
    let init = InitProducerIdRequest::default().with_transactional_id(Some(text("tx").into()));
    let Response::InitProducerId(refused) = broker.ask(4, Request::InitProducerId(init)) else {
        panic!()
    };
    assert_eq!((refused.error_code, refused.producer_id.0), (fatal, -1));
    let mut request = produce("t", -1, batch(&["a"]));
    request.transactional_id = Some(text("tx").into());
    let Response::Produce(refused) = broker.ask(9, Request::Produce(request)) else {
        panic!()
    };
    assert_eq!(refused.responses[0].partition_responses[0].error_code, fatal);
}

#[test]
fn a_full_disk_refuses_writes_serves_reads_and_recovers() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    assert_eq!(broker.produce("t", batch(&["a"])), (0, 0));
    disk.set_capacity(Some(0));
    let storage = code(ResponseError::KafkaStorageError);
    assert_eq!(broker.produce("t", batch(&["b"])), (storage, -1));
    assert_eq!(broker.values("t", 0), ["a"]);
    broker.pass(20_000);
    assert_eq!(broker.produce("t", batch(&["b"])), (storage, -1));
    assert_eq!(broker.values("t", 0), ["a"]);
    disk.set_capacity(None);
    assert_eq!(broker.produce("t", batch(&["b"])), (0, 1));
    assert_eq!(broker.values("t", 0), ["a", "b"]);
}

#[test]
fn a_new_leader_on_a_full_disk_serves_reads() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    let id = broker.create("t", &[]);
    assert_eq!(broker.produce("t", batch(&["a"])), (0, 0));
    disk.set_capacity(Some(0));
    // As if it led under a later epoch from now on.
    let change = cluster::MetadataChange::BecomeLeader {
        replica: cluster::Replica {
            topic_id: id,
            topic: "t".to_owned(),
            partition: record::PartitionIndex(0),
        },
        leader_epoch: record::LeaderEpoch(99),
    };
    let now = broker.clock();
    broker.executor.on_change(&change, now, &mut Vec::new());
    assert_eq!(broker.values("t", 0), ["a"]);
    let storage = code(ResponseError::KafkaStorageError);
    assert_eq!(broker.produce("t", batch(&["b"])), (storage, -1));
    disk.set_capacity(None);
    assert_eq!(broker.produce("t", batch(&["b"])), (0, 1));
}

#[test]
fn a_topic_that_is_created_on_a_full_disk_works_when_there_is_space() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    disk.set_capacity(Some(0));
    let waiting = broker.send(1, 7, Request::CreateTopics(crate::samples::create("t", 1, &[])));
    broker.pass(200);
    disk.set_capacity(None);
    broker.pass(20_000);
    let answered = broker.outcome(waiting).expect("answered at last");
    assert!(
        matches!(answered, Outcome::Response(Response::CreateTopics(_))),
        "{answered:?}"
    );
    let existing = broker.executor.metadata().topic("t").is_some();
    if !existing {
        broker.create("t", &[]);
    }
    assert_eq!(broker.produce("t", batch(&["a"])), (0, 0));
}

#[test]
fn what_the_controller_must_write_is_refused_at_once_while_it_has_no_space() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    disk.set_capacity(Some(0));
    let timed_out = code(ResponseError::RequestTimedOut);
    for n in 0..3 {
        let create = crate::samples::create(&format!("t{n}"), 1, &[]);
        let Response::CreateTopics(refused) = broker.ask(7, Request::CreateTopics(create)) else {
            panic!()
        };
        assert_eq!(super::harness::errors(&refused), [timed_out], "{refused:?}");
    }
    disk.set_capacity(None);
    broker.pass(1_000);
    broker.create("u", &[]);
    assert_eq!(broker.produce("u", batch(&["a"])), (0, 0));
}

#[test]
fn a_partition_whose_files_failed_is_opened_again() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    assert_eq!(broker.produce("t", batch(&["a"])), (0, 0));
    // The write fails, and so does cutting off what it left.
    let next = disk.steps() + 1;
    disk.fail_step(next, ErrorKind::Other);
    disk.fail_step(next + 1, ErrorKind::Other);
    let storage = code(ResponseError::KafkaStorageError);
    assert_eq!(broker.produce("t", batch(&["b"])), (storage, -1));
    broker.pass(6_000);
    assert_eq!(broker.produce("t", batch(&["b"])), (0, 1));
    assert_eq!(broker.values("t", 0), ["a", "b"]);
}

#[test]
fn old_segments_go_and_offsets_stay() {
    let serving = Serving {
        retention_check: Duration::from_secs(10),
        ..Serving::default()
    };
    let mut broker = Harness::start_serving(&SimDisk::new(), 1, "boot", serving);
    let segment = (batch(&["a"]).len() * 2).to_string();
    broker.create("t", &[("segment.bytes", &segment), ("retention.bytes", "200")]);
    for n in 0..10 {
        assert_eq!(broker.produce("t", batch(&["a"])), (0, n));
    }
    broker.pass(11_000);
    let response = broker.fetch("t", 9);
    let partition = &response.responses[0].partitions[0];
    assert_eq!((partition.error_code, partition.high_watermark), (0, 10));
    assert!(partition.log_start_offset > 0, "{partition:?}");
    let gone = broker.fetch("t", 0).responses[0].partitions[0].error_code;
    assert_eq!(gone, code(ResponseError::OffsetOutOfRange));
    assert_eq!(broker.produce("t", batch(&["a"])), (0, 10));
}

fn producer_id(broker: &mut Harness) -> (i16, i64) {
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    match broker.ask(4, Request::InitProducerId(request)) {
        Response::InitProducerId(response) => {
            assert_eq!(response.error_code, 0);
            (response.producer_epoch, response.producer_id.0)
        }
        other => panic!("{other:?}"),
    }
}
