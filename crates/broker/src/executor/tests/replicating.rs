//! Three replicas: what is acknowledged is kept, whoever dies.

use kafka_protocol::ResponseError;

use super::harness::Outcome;
use super::three::Three;
use crate::samples::{batch, idempotent_batch, list_offsets, produce};
use crate::{Request, Response};

const ALL: i16 = -1;

#[test]
fn records_are_on_all_replicas_when_they_are_acknowledged() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["a", "b"])), (0, 0));
    assert_eq!(three.produce(leader, "t", 1, batch(&["c"])), (0, 2));
    three.pass(100);
    for broker in 1..=3 {
        assert_eq!(
            three.values(broker, "t"),
            ["a", "b", "c"],
            "read from broker {broker}"
        );
    }
}

#[test]
fn another_leads_within_two_seconds_and_has_everything() {
    for victims in 0..3 {
        let mut three = Three::start();
        let topic = three.create("t", &[("min.insync.replicas", "2")]);
        for round in 0..i32::from(victims == 0) * 2 {
            three.produce(1, "elsewhere", 1, batch(&[&round.to_string()]));
        }
        let leader = three.wait_for_leader(topic, None);
        assert_eq!(
            three.produce(leader, "t", ALL, idempotent_batch(&["a"], 7, 0, 0)),
            (0, 0)
        );
        three.kill(leader);
        let took = three.until("another leads", |three| {
            three.leader(topic).is_some_and(|new| new != leader)
        });
        assert!(took <= 2_000, "it took {took} ms");
        let new = three.wait_for_leader(topic, Some(leader));
        // The retry of what was acknowledged just before, and what follows it.
        assert_eq!(
            three.produce(new, "t", ALL, idempotent_batch(&["a"], 7, 0, 0)),
            (0, 0)
        );
        assert_eq!(
            three.produce(new, "t", ALL, idempotent_batch(&["b"], 7, 0, 1)),
            (0, 1)
        );
        assert_eq!(three.values(new, "t"), ["a", "b"]);

        three.revive(leader);
        three.until("it is in sync again", |three| three.isr(topic).len() == 3);
        three.pass(1_000);
        assert_eq!(three.values(leader, "t"), ["a", "b"]);
    }
}

#[test]
fn what_was_not_acknowledged_is_cut_off_where_the_new_leader_has_other_records() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["a"])), (0, 0));
    let others: Vec<i32> = (1..=3).filter(|id| *id != leader).collect();
    for other in &others {
        three.pause(*other);
    }
    // On the leader alone.
    let lost = three.send(leader, 9, Request::Produce(produce("t", ALL, batch(&["lost"]))));
    three.tick();
    assert!(three.outcome(lost).is_none(), "nobody else has it");
    assert_eq!(three.values(leader, "t"), ["a"], "and nobody reads it");
    three.kill(leader);
    for other in &others {
        three.resume(*other);
    }
    let new = three.wait_for_leader(topic, Some(leader));
    assert_eq!(three.produce(new, "t", ALL, batch(&["b"])), (0, 1));
    three.revive(leader);
    three.until("it is in sync again", |three| three.isr(topic).len() == 3);
    three.pass(1_000);
    for broker in 1..=3 {
        assert_eq!(three.values(broker, "t"), ["a", "b"], "broker {broker}");
    }
}

#[test]
fn with_two_down_nothing_is_acknowledged_to_all_and_everything_stays_readable() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["a"])), (0, 0));
    let others: Vec<i32> = (1..=3).filter(|id| *id != leader).collect();
    three.kill(others[0]);
    three.until("it is out of the ISR", |three| three.isr(topic).len() == 2);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["b"])), (0, 1));
    three.kill(others[1]);
    // Without a majority the ISR can't shrink any more: the records wait until they may wait no longer.
    let (error, _) = three.produce(leader, "t", ALL, batch(&["c"]));
    assert_eq!(error, ResponseError::RequestTimedOut.code());
    three.pass(7_000);
    let (error, _) = three.produce(leader, "t", ALL, batch(&["d"]));
    assert_eq!(
        error,
        ResponseError::NotLeaderOrFollower.code(),
        "no session any more"
    );
    assert_eq!(three.values(leader, "t"), ["a", "b"]);
    three.revive(others[0]);
    let leader = three.wait_for_leader(topic, None);
    three.until("two are in sync", |three| three.isr(topic).len() == 2);
    let (error, _) = three.produce(leader, "t", ALL, batch(&["e"]));
    assert_eq!(error, 0);
    let values = three.values(leader, "t");
    assert!(
        values.starts_with(&["a".to_owned(), "b".to_owned()]),
        "{values:?}"
    );
    assert!(values.ends_with(&["e".to_owned()]), "{values:?}");
}

#[test]
fn a_leader_that_stood_still_acknowledges_nothing_when_it_goes_on() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["a"])), (0, 0));
    three.pause(leader);
    let new = three.wait_for_leader(topic, Some(leader));
    assert_eq!(three.produce(new, "t", ALL, batch(&["b"])), (0, 1));
    // It wakes up with a request in its hands, and hasn't heard of anything.
    let zombie = three.send(leader, 9, Request::Produce(produce("t", ALL, batch(&["z"]))));
    three.resume(leader);
    three.until("it is in sync again", |three| three.isr(topic).len() == 3);
    three.pass(1_000);
    match three.outcome(zombie) {
        Some(Outcome::Response(Response::Produce(response))) => {
            let error = response.responses[0].partition_responses[0].error_code;
            assert_eq!(error, ResponseError::NotLeaderOrFollower.code());
        }
        other => panic!("{other:?}"),
    }
    for broker in 1..=3 {
        assert_eq!(three.values(broker, "t"), ["a", "b"], "broker {broker}");
    }
}

#[test]
fn all_are_killed_at_once_and_nothing_is_lost() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    for n in 0..10 {
        assert_eq!(three.produce(leader, "t", ALL, batch(&["x"])), (0, n));
    }
    for id in 1..=3 {
        three.kill(id);
    }
    for id in 1..=3 {
        three.revive(id);
    }
    let leader = three.wait_for_leader(topic, None);
    three.until("all are in sync", |three| three.isr(topic).len() == 3);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["y"])), (0, 10));
    assert_eq!(three.values(leader, "t").len(), 11);
}

#[test]
fn the_end_of_a_partition_never_goes_back_for_those_who_ask() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    for _ in 0..5 {
        three.produce(leader, "t", ALL, batch(&["x"]));
    }
    three.kill(leader);
    let new = three.wait_for_leader(topic, Some(leader));
    let latest = three.ask(new, 6, Request::ListOffsets(list_offsets("t", -1)));
    let Response::ListOffsets(latest) = latest else {
        panic!()
    };
    let partition = &latest.topics[0].partitions[0];
    let unknown = ResponseError::OffsetNotAvailable.code();
    assert!(
        (partition.error_code, partition.offset) == (0, 5) || partition.error_code == unknown,
        "{partition:?}"
    );
}
