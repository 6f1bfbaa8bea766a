//! Machines lose power, and with it what wasn't synced.

use disk::SimDisk;

use super::harness::Harness;
use super::three::Three;
use crate::samples::{batch, idempotent_batch};
use crate::{Left, Serving};

const ALL: i16 = -1;

/// Three replicas with ten records that were acknowledged to all.
fn with_ten() -> (Three, record::TopicId) {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    for n in 0..10 {
        let records = idempotent_batch(&["x"], 7, 0, n);
        assert_eq!(three.produce(leader, "t", ALL, records), (0, i64::from(n)));
    }
    three.pass(1_000);
    (three, topic)
}

#[test]
fn whoever_loses_power_alone_costs_nothing() {
    for who in 1..=3 {
        let (mut three, topic) = with_ten();
        three.lose_power(who, false);
        // Before anybody has noticed that it was gone.
        three.revive(who);
        three.until("all are in sync", |three| three.is_whole(topic));
        three.pass(1_000);
        three.assert_everywhere("t", 10, &format!("after {who}"));
        let partition = three.partition(topic).expect("it is there");
        assert_eq!(partition.unclean_recovery, None, "after broker {who}");
        let leader = three.wait_for_leader(topic, None);
        let retry = idempotent_batch(&["x"], 7, 0, 9);
        assert_eq!(three.produce(leader, "t", ALL, retry), (0, 9));
    }
}

#[test]
fn two_lose_power_and_the_third_has_everything() {
    for spared in 1..=3 {
        let (mut three, topic) = with_ten();
        let others: Vec<i32> = (1..=3).filter(|id| *id != spared).collect();
        for id in &others {
            three.lose_power(*id, false);
        }
        for id in &others {
            three.revive(*id);
        }
        three.until("all are in sync", |three| three.is_whole(topic));
        three.pass(1_000);
        three.assert_everywhere("t", 10, &format!("{spared} was spared"));
        let partition = three.partition(topic).expect("it is there");
        assert_eq!(partition.unclean_recovery, None);
    }
}

#[test]
fn all_lose_power_and_the_one_that_kept_most_leads() {
    for lucky in 1..=3 {
        let (mut three, topic) = with_ten();
        for id in 1..=3 {
            three.lose_power(id, id == lucky);
        }
        for id in 1..=3 {
            three.revive(id);
        }
        let took = three.until("all are in sync", |three| three.is_whole(topic));
        assert!(took <= 5_000, "it took {took} ms");
        three.pass(1_000);
        let partition = three.partition(topic).expect("it is there");
        let recovery = partition.unclean_recovery.expect("it may have lost something");
        assert_eq!(
            (recovery.leader.0, recovery.end.0, recovery.forced),
            (lucky, 10, false)
        );
        three.assert_everywhere("t", 10, &format!("{lucky} kept most"));
        let leader = three.wait_for_leader(topic, None);
        let retry = idempotent_batch(&["x"], 7, 0, 9);
        assert_eq!(three.produce(leader, "t", ALL, retry), (0, 9));
    }
}

#[test]
fn all_lose_power_and_with_it_the_unsynced_tail() {
    let (mut three, topic) = with_ten();
    for id in 1..=3 {
        three.lose_power(id, false);
    }
    for id in 1..=2 {
        three.revive(id);
    }
    three.pass(5_000);
    assert_eq!(three.leader(topic), None, "the third one may have more");
    three.revive(3);
    three.until("all are in sync", |three| three.is_whole(topic));
    let leader = three.wait_for_leader(topic, None);
    let (error, offset) = three.produce(leader, "t", ALL, batch(&["y"]));
    assert_eq!(error, 0);
    three.pass(1_000);
    let recovery = three.partition(topic).and_then(|p| p.unclean_recovery);
    assert_eq!(recovery.map(|r| r.end.0), Some(offset));
    let left = three.values(leader, "t");
    for broker in 1..=3 {
        assert_eq!(three.values(broker, "t"), left, "broker {broker}");
    }
}

#[test]
fn a_broker_whose_folder_was_wiped_leads_nothing() {
    for wiped in 1..=3 {
        let (mut three, topic) = with_ten();
        for id in 1..=3 {
            three.kill(id);
        }
        three.wipe(wiped);
        // It is there first, is killed, and is there again.
        three.revive(wiped);
        three.kill(wiped);
        for id in [wiped, 1 + wiped % 3] {
            three.revive(id);
        }
        let leader = three.wait_for_leader(topic, None);
        assert_eq!(three.values(leader, "t").len(), 10, "broker {wiped} was wiped");
        three.revive(1 + (wiped + 1) % 3);
        three.until("all are in sync", |three| three.is_whole(topic));
    }
}

#[test]
fn one_broker_alone_goes_on_with_what_it_has() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    let topic = broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    let lost = disk.after_power_loss(|of| of - 1);
    let mut broker = Harness::start_serving(&lost, 2, "next boot", Serving::default());
    assert_eq!(broker.executor.left(), Left::OtherBoot);
    broker.pass(1_000);
    assert_eq!(broker.values("t", 0), ["a"]);
    assert_eq!(broker.produce("t", batch(&["b"])), (0, 1));
    let partition = broker
        .executor
        .metadata()
        .partition(topic, record::PartitionIndex(0));
    let recovery = partition
        .and_then(|p| p.unclean_recovery)
        .expect("it may have lost something");
    assert_eq!(recovery.end.0, 1);

    // A kill loses nothing, and is no recovery.
    let mut broker = Harness::start_serving(&lost.after_kill(), 3, "next boot", Serving::default());
    broker.pass(1_000);
    let partition = broker
        .executor
        .metadata()
        .partition(topic, record::PartitionIndex(0));
    assert_eq!(partition.and_then(|p| p.unclean_recovery), Some(recovery));
    assert_eq!(broker.values("t", 0), ["a", "b"]);
}
