//! Files of a replica fail: others lead, and it comes back.

use std::io::ErrorKind;
use std::path::Path;

use disk::{Disk, File, OpenMode};
use kafka_protocol::ResponseError;

use super::three::Three;
use crate::samples::{batch, metadata};
use crate::{Request, Response};

const ALL: i16 = -1;

/// The replicas of a partition that a broker calls offline.
fn offline(three: &mut Three, of: i32) -> Vec<i32> {
    let Response::Metadata(response) = three.ask(of, 9, Request::Metadata(metadata(&["t"], false))) else {
        panic!("another response")
    };
    let replicas = &response.topics[0].partitions[0].offline_replicas;
    replicas.iter().map(|id| id.0).collect()
}

#[test]
fn another_one_leads_when_the_files_of_the_leader_fail() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["a"])), (0, 0));
    three.pass(1_000);
    // The write fails, and so does cutting off what it left.
    let next = three.disk(leader).steps() + 1;
    three.disk(leader).fail_step(next, ErrorKind::Other);
    three.disk(leader).fail_step(next + 1, ErrorKind::Other);
    let (error, _) = three.produce(leader, "t", ALL, batch(&["b"]));
    assert_eq!(error, ResponseError::KafkaStorageError.code());
    let took = three.until("another leads", |three| {
        three.leader(topic).is_some_and(|new| new != leader)
    });
    assert!(took <= 1_000, "it took {took} ms");
    let new = three.wait_for_leader(topic, Some(leader));
    assert_eq!(three.produce(new, "t", ALL, batch(&["b"])), (0, 1));
    assert_eq!(offline(&mut three, new), [leader]);
    let (error, _) = three.produce(leader, "t", ALL, batch(&["c"]));
    assert_eq!(error, ResponseError::KafkaStorageError.code(), "it is offline");
    // Its files can be used again.
    three.until("it is in sync again", |three| three.is_whole(topic));
    three.pass(1_000);
    assert_eq!(offline(&mut three, new), [0; 0]);
    for broker in 1..=3 {
        assert_eq!(three.values(broker, "t"), ["a", "b"], "broker {broker}");
    }
    let partition = three.partition(topic).expect("it is there");
    assert_eq!(partition.unclean_recovery, None);
}

#[test]
fn a_replica_that_lost_more_than_an_unfinished_write_doesnt_lead() {
    for damaged in 1..=3 {
        let mut three = Three::start();
        let topic = three.create("t", &[("min.insync.replicas", "2")]);
        let leader = three.wait_for_leader(topic, None);
        for n in 0..10 {
            assert_eq!(three.produce(leader, "t", ALL, batch(&["x"])), (0, n));
        }
        three.pass(1_000);
        for id in 1..=3 {
            three.kill(id);
        }
        // In the middle of what the page cache should have kept.
        let path = format!("/data/{damaged}/t-0/00000000000000000000.log");
        let file = three
            .disk(damaged)
            .open(Path::new(&path), OpenMode::Write)
            .expect("opens");
        file.write_all_at(b"rot", 200).expect("writes");
        // It is the first one that could lead.
        three.revive(damaged);
        three.revive(1 + damaged % 3);
        let leader = three.wait_for_leader(topic, Some(damaged));
        three.revive(1 + (damaged + 1) % 3);
        three.until("all are in sync", |three| three.is_whole(topic));
        three.pass(1_000);
        assert_ne!(leader, damaged);
        three.assert_everywhere("t", 10, &format!("{damaged} was damaged"));
        let partition = three.partition(topic).expect("it is there");
        assert_eq!(partition.unclean_recovery, None);
    }
}

#[test]
fn files_that_cannot_be_opened_are_offline_until_they_can() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["a"])), (0, 0));
    three.kill(leader);
    let path = format!("/data/{leader}/t-0/partition.metadata");
    let whole = three.disk(leader).read(Path::new(&path)).expect("reads");
    let write = |three: &Three, content: &[u8]| {
        let file = three
            .disk(leader)
            .open(Path::new(&path), OpenMode::Write)
            .expect("opens");
        file.write_all_at(content, 0).expect("writes");
    };
    write(&three, b"damaged");
    three.revive(leader);
    let new = three.wait_for_leader(topic, Some(leader));
    three.until("it is known to be offline", |three| {
        three.partition(topic).is_some_and(|p| !p.offline.is_empty())
    });
    assert_eq!(offline(&mut three, new), [leader]);
    three.pass(3_000);
    assert_eq!(three.leader(topic), Some(new), "the preferred one can't lead");
    assert_eq!(three.produce(new, "t", ALL, batch(&["b"])), (0, 1));
    write(&three, &whole);
    three.until("it is in sync again", |three| three.is_whole(topic));
    three.until("and leads, as it is preferred", |three| {
        three.leader(topic) == Some(leader)
    });
    three.pass(1_000);
    assert_eq!(three.values(leader, "t"), ["a", "b"]);
}

#[test]
fn a_replica_whose_files_are_gone_doesnt_lead() {
    for (gone, wholly) in [
        (1, true),
        (2, true),
        (3, true),
        (1, false),
        (2, false),
        (3, false),
    ] {
        let mut three = Three::start();
        let topic = three.create("t", &[("min.insync.replicas", "2")]);
        let leader = three.wait_for_leader(topic, None);
        for n in 0..10 {
            assert_eq!(three.produce(leader, "t", ALL, batch(&["x"])), (0, n));
        }
        // What is committed has been noted.
        three.pass(6_000);
        for id in 1..=3 {
            three.kill(id);
        }
        three.remove_copy(gone, wholly);
        three.revive(gone);
        three.revive(1 + gone % 3);
        let leader = three.wait_for_leader(topic, Some(gone));
        assert_eq!(three.values(leader, "t").len(), 10, "broker {gone} has nothing");
        three.revive(1 + (gone + 1) % 3);
        three.until("all are in sync", |three| three.is_whole(topic));
        three.pass(1_000);
        three.assert_everywhere("t", 10, &format!("{gone} had nothing"));
    }
}
