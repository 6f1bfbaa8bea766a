//! Durability `power-loss`: what was acknowledged is there after power was lost everywhere at once.

use std::io::ErrorKind;

use disk::{Image, SimDisk};
use kafka_protocol::ResponseError;

use super::harness::{Harness, Outcome};
use super::three::Three;
use crate::samples::{batch, idempotent_batch, produce};
use crate::{Durability, Left, Request, Response, Serving};

const ALL: i16 = -1;

fn serving() -> Serving {
    Serving {
        durability: Durability::PowerLoss,
        ..Serving::default()
    }
}

fn start(disk: &SimDisk, incarnation: u128) -> Harness {
    Harness::start_serving(disk, incarnation, &format!("boot {incarnation}"), serving())
}

/// Error code and base offset of one batch with `acks=1`.
fn produce_to_leader(broker: &mut Harness, topic: &str, records: bytes::Bytes) -> (i16, i64) {
    let Response::Produce(response) = broker.ask(9, Request::Produce(produce(topic, 1, records))) else {
        panic!("another response")
    };
    let partition = &response.responses[0].partition_responses[0];
    (partition.error_code, partition.base_offset)
}

#[test]
fn all_lose_power_and_nothing_that_was_acknowledged_is_lost() {
    let mut three = Three::with_durability(Durability::PowerLoss);
    let topic = three.create("t", &[("min.insync.replicas", "2"), ("segment.bytes", "300")]);
    let mut written = 0;
    for round in 0..4 {
        let leader = three.wait_for_leader(topic, None);
        for _ in 0..7 {
            let records = idempotent_batch(&["x"], 7, 0, written);
            assert_eq!(
                three.produce(leader, "t", ALL, records),
                (0, i64::from(written)),
                "round {round}"
            );
            written += 1;
        }
        for id in 1..=3 {
            three.lose_power(id, false);
        }
        for id in 1..=3 {
            three.revive(id);
        }
        three.until("all are in sync", |three| three.is_whole(topic));
        three.pass(1_000);
        let all = usize::try_from(written).expect("small");
        for broker in 1..=3 {
            assert_eq!(
                three.committed(broker, topic),
                all,
                "broker {broker} in round {round}"
            );
        }
        let partition = three.partition(topic).expect("it is there");
        assert_eq!(partition.unclean_recovery, None, "round {round}");
    }
}

#[test]
fn what_one_broker_has_acknowledged_survives_a_loss_of_power_before_any_step() {
    let disk = SimDisk::new();
    let mut broker = start(&disk, 1);
    // Segments of three batches each.
    let segment = (3 * batch(&["a"]).len()).to_string();
    broker.create("t", &[("segment.bytes", &segment)]);
    disk.keep_images();
    let mut acknowledged: Vec<(u64, usize)> = Vec::new();
    for n in 0..10 {
        assert_eq!(produce_to_leader(&mut broker, "t", batch(&["a"])), (0, n));
        acknowledged.push((disk.steps(), acknowledged.len() + 1));
    }
    let images: Vec<Image> = disk.take_images();
    assert!(images.len() > 20, "each append is a write and a sync");
    for (place, image) in images.iter().enumerate() {
        let due = acknowledged.iter().filter(|(at, _)| *at <= image.steps()).count();
        let mut random = 0x9e37_79b9_u64 + place as u64;
        for outcome in 0..3 {
            let lost = image.after_power_loss(|of| match outcome {
                0 => 0,
                1 => of - 1,
                _ => {
                    random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    usize::try_from(random >> 33).expect("fits") % of
                }
            });
            let mut broker = start(&lost, 2);
            assert_eq!(broker.executor.left(), Left::Flushed);
            let there = broker.values("t", 0).len();
            let topic = broker.executor.metadata().topic("t").expect("exists").clone();
            assert!(
                there >= due.min(3),
                "{there} of {due} before {:?}",
                image.before()
            );
            let end = broker.end(topic.id);
            assert!(end >= due, "{end} of {due} are there before {:?}", image.before());
            assert_eq!(topic.partitions[0].unclean_recovery, None);
        }
    }
}

#[test]
fn a_start_that_flushes_counts_only_from_the_next_one_on() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    // Killed, and started with the other setting in the same boot: what is there is made durable first.
    let disk = disk.after_kill();
    let mut broker = Harness::start_serving(&disk, 2, "boot", serving());
    broker.pass(1_000);
    let mut broker = start(&disk.after_power_loss(|_| 0), 3);
    assert_eq!(broker.executor.left(), Left::Flushed);
    assert_eq!(broker.values("t", 0), ["a"]);
}

#[test]
fn one_sync_serves_all_that_was_appended_meanwhile() {
    let disk = SimDisk::new();
    let mut broker = start(&disk, 1);
    broker.create("t", &[]);
    broker.executor.sync_in_groups();
    produce_unsynced(&mut broker, 0);
    broker.sync();
    let steps = disk.steps();
    let waiting: Vec<_> = (1..=5).map(|n| produce_unsynced(&mut broker, n)).collect();
    let written = disk.steps() - steps;
    for id in &waiting {
        assert!(broker.outcome(*id).is_none(), "it isn't synced");
    }
    assert_eq!(broker.values("t", 0).len(), 1, "nor read");
    broker.sync();
    assert_eq!(disk.steps() - steps - written, 1, "one fdatasync");
    for id in waiting {
        assert!(matches!(broker.outcome(id), Some(Outcome::Response(_))));
    }
    assert_eq!(broker.values("t", 0).len(), 6);
}

/// With `acks=1` or all in turn.
fn produce_unsynced(broker: &mut Harness, n: i16) -> crate::RequestId {
    let acks = if n % 2 == 0 { 1 } else { ALL };
    broker.send(1, 9, Request::Produce(produce("t", acks, batch(&["a"]))))
}

#[test]
fn records_that_could_not_be_synced_are_not_acknowledged_and_another_one_leads() {
    let mut three = Three::with_durability(Durability::PowerLoss);
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["a"])), (0, 0));
    three.pass(1_000);
    let next = three.disk(leader).steps() + 2;
    three.disk(leader).fail_step(next, ErrorKind::Other);
    let (error, _) = three.produce(leader, "t", 1, batch(&["b"]));
    assert_eq!(error, ResponseError::KafkaStorageError.code());
    let new = three.wait_for_leader(topic, Some(leader));
    let (error, offset) = three.produce(new, "t", ALL, batch(&["c"]));
    assert_eq!(error, 0);
    three.until("it is in sync again", |three| three.is_whole(topic));
    three.pass(1_000);
    let end = usize::try_from(offset).expect("small") + 1;
    for broker in 1..=3 {
        assert_eq!(three.committed(broker, topic), end, "broker {broker}");
    }
}
