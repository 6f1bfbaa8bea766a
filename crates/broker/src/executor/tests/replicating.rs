//! Three replicas: what is acknowledged is kept, whoever dies.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::{
    DeleteRecordsRequest, DescribeQuorumRequest, ElectLeadersRequest, ListPartitionReassignmentsRequest,
};
use record::TopicId;

use super::harness::Outcome;
use super::three::Three;
use crate::samples::{batch, fetch, idempotent_batch, list_offsets, produce, set_config, topic_name};
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
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
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
    assert_eq!(
        three.leader_told_by(leader, "t"),
        Ok(leader),
        "what it leads can be read"
    );
    three.revive(others[0]);
    let leader = three.wait_for_leader(topic, None);
    // The leader doesn't count on the one that comes back until it has told of itself.
    three.until("one is in sync", |three| three.isr(topic).len() == 1);
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
fn without_a_majority_clients_are_not_sent_to_the_dead() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    let survivor = leader % 3 + 1;
    assert_eq!(three.leader_told_by(survivor, "t"), Ok(leader));
    for broker in (1..=3).filter(|id| *id != survivor) {
        three.kill(broker);
    }
    // Its controller is gone, or it was the controller and hears of no majority any more.
    three.pass(2_000);
    let not_available = Err(ResponseError::LeaderNotAvailable.code());
    assert_eq!(three.leader_told_by(survivor, "t"), not_available);
    three.revive(leader);
    three.wait_for_leader(topic, None);
    assert!(three.leader_told_by(survivor, "t").is_ok());
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
fn a_leader_that_is_cut_off_lets_its_producers_go_to_the_new_one() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    three.cut_off(leader);
    let mut request = produce("t", ALL, batch(&["a"]));
    request.timeout_ms = 60_000;
    let waiting = three.send(leader, 9, Request::Produce(request));
    // No connection is reset: only its silence tells.
    three.pass(7_000);
    let Some(Outcome::Response(Response::Produce(response))) = three.outcome(waiting) else {
        panic!("it still waits")
    };
    let error = response.responses[0].partition_responses[0].error_code;
    assert_eq!(error, ResponseError::NotLeaderOrFollower.code());
    let new = three.wait_for_leader(topic, Some(leader));
    assert_eq!(three.produce(new, "t", ALL, batch(&["a"])), (0, 0));
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
fn all_are_killed_and_any_two_go_on() {
    for dead in 1..=3 {
        let mut three = Three::start();
        let topic = three.create("t", &[("min.insync.replicas", "2")]);
        let leader = three.wait_for_leader(topic, None);
        assert_eq!(three.produce(leader, "t", ALL, batch(&["a"])), (0, 0));
        three.pass(1_000);
        for id in 1..=3 {
            three.kill(id);
        }
        for id in (1..=3).filter(|id| *id != dead) {
            three.revive(id);
        }
        let leader = three.wait_for_leader(topic, Some(dead));
        three.until("two are in sync", |three| three.isr(topic).len() == 2);
        assert_eq!(
            three.produce(leader, "t", ALL, batch(&["b"])),
            (0, 1),
            "{dead} is dead"
        );
        assert_eq!(three.values(leader, "t"), ["a", "b"]);
    }
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

#[test]
fn a_topic_of_one_replica_gets_three_while_it_is_written() {
    let mut three = Three::start();
    let topic = three.create_with("t", 1, &[]);
    let leader = three.wait_for_leader(topic, None);
    for _ in 0..20 {
        assert_eq!(three.produce(leader, "t", ALL, batch(&["x"])).0, 0);
    }
    three.reassign("t", &[leader, leader % 3 + 1, (leader + 1) % 3 + 1]);
    three.until("all are in sync", |three| three.isr(topic).len() == 3);
    let request = ListPartitionReassignmentsRequest::default().with_topics(None);
    let Response::ListPartitionReassignments(ongoing) =
        three.ask(1, 0, Request::ListPartitionReassignments(request))
    else {
        panic!()
    };
    assert_eq!(ongoing.topics, [], "it is over");
    assert_eq!(three.produce(leader, "t", ALL, batch(&["y"])), (0, 20));
    three.kill(leader);
    let new = three.wait_for_leader(topic, Some(leader));
    assert_eq!(three.values(new, "t").len(), 21);
}

#[test]
fn the_preferred_replica_leads_again_when_it_is_asked_for() {
    let mut three = Three::start();
    let topic = three.create("t", &[]);
    let first = three.wait_for_leader(topic, None);
    three.kill(first);
    let second = three.wait_for_leader(topic, Some(first));
    three.revive(first);
    three.until("it is in sync again", |three| three.isr(topic).len() == 3);
    let wanted = |kind| {
        let partitions = TopicPartitions::default()
            .with_topic(topic_name("t"))
            .with_partitions(vec![0]);
        let request = ElectLeadersRequest::default()
            .with_election_type(kind)
            .with_timeout_ms(1_000)
            .with_topic_partitions(Some(vec![partitions]));
        Request::ElectLeaders(request)
    };
    let Response::ElectLeaders(refused) = three.ask(second, 2, wanted(1)) else {
        panic!()
    };
    let result = &refused.replica_election_results[0].partition_result[0];
    assert_eq!(
        result.error_code,
        ResponseError::ElectionNotNeeded.code(),
        "an unclean election where there is a leader"
    );
    if three.leader(topic) != Some(first) {
        let Response::ElectLeaders(elected) = three.ask(second, 2, wanted(0)) else {
            panic!()
        };
        let error = elected.replica_election_results[0].partition_result[0].error_code;
        assert_eq!(error, 0, "{elected:?}");
    }
    three.until("the preferred replica leads", |three| {
        three.leader(topic) == Some(first)
    });
}

#[test]
fn the_quorum_is_described_by_whoever_is_asked() {
    let mut three = Three::start();
    let partition = PartitionData::default();
    let asked = TopicData::default()
        .with_topic_name(topic_name("__cluster_metadata"))
        .with_partitions(vec![partition]);
    let request = DescribeQuorumRequest::default().with_topics(vec![asked]);
    for broker in 1..=3 {
        let Response::DescribeQuorum(quorum) = three.ask(broker, 2, Request::DescribeQuorum(request.clone()))
        else {
            panic!()
        };
        let partition = &quorum.topics[0].partitions[0];
        assert_eq!((quorum.error_code, partition.error_code), (0, 0));
        assert_eq!((partition.current_voters.len(), quorum.nodes.len()), (3, 3));
        assert!((1..=3).contains(&partition.leader_id.0));
        assert!(partition.high_watermark > 1);
    }
}

/// A leader that can't know yet whether its one record is committed, a broker that is dead, and the topic.
fn a_new_leader_in_doubt() -> (Three, i32, i32, TopicId) {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "3")]);
    let first = three.wait_for_leader(topic, None);
    let replicas = three.isr(topic);
    let others: Vec<i32> = replicas.into_iter().filter(|id| *id != first).collect();
    three.kill(others[1]);
    three.until("it is out of the ISR", |three| three.isr(topic).len() == 2);
    assert_eq!(three.produce(first, "t", 1, batch(&["a"])), (0, 0));
    three.pass(1_000);
    three.kill(first);
    three.revive(others[1]);
    let new = three.wait_for_leader(topic, Some(first));
    assert_eq!(new, others[0]);
    three.pass(1_000);
    assert_eq!(three.values(new, "t"), [""; 0], "two of three may not commit");
    (three, new, first, topic)
}

#[test]
fn consumers_hear_at_once_of_what_the_leader_before_had_taken() {
    let (mut three, new, dead, topic) = a_new_leader_in_doubt();
    let waiting = three.send(new, 12, Request::Fetch(fetch("t", 0, 1, 30_000)));
    three.pass(100);
    assert!(three.outcome(waiting).is_none());
    three.revive(dead);
    three.until("all are in sync", |three| three.isr(topic).len() == 3);
    match three.outcome(waiting) {
        Some(Outcome::Response(Response::Fetch(response))) => {
            assert_eq!(super::harness::values(&response), ["a"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn consumers_hear_at_once_of_what_a_lower_minimum_commits() {
    let (mut three, new, _, _) = a_new_leader_in_doubt();
    let waiting = three.send(new, 12, Request::Fetch(fetch("t", 0, 1, 30_000)));
    let lower = Request::IncrementalAlterConfigs(set_config("t", "min.insync.replicas", "2"));
    let Response::IncrementalAlterConfigs(altered) = three.ask(new, 1, lower) else {
        panic!()
    };
    assert_eq!(altered.responses[0].error_code, 0, "{altered:?}");
    match three.outcome(waiting) {
        Some(Outcome::Response(Response::Fetch(response))) => {
            assert_eq!(super::harness::values(&response), ["a"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn offsets_by_time_are_no_guesses_after_a_failover() {
    let (mut three, new, dead, topic) = a_new_leader_in_doubt();
    let mut ask = |version, timestamp| {
        let Response::ListOffsets(found) =
            three.ask(new, version, Request::ListOffsets(list_offsets("t", timestamp)))
        else {
            panic!()
        };
        let partition = &found.topics[0].partitions[0];
        (partition.error_code, partition.offset)
    };
    let unknown = (ResponseError::OffsetNotAvailable.code(), -1);
    assert_eq!(ask(7, 0), unknown, "there may be a record since then");
    assert_eq!(ask(7, -3), unknown, "the newest of all");
    assert_eq!(ask(7, -1), unknown, "the end");
    assert_eq!(ask(7, 100_000), (0, -1), "there is none, committed or not");
    // Older clients don't know the error, and try again after this one.
    let not_yet = (ResponseError::LeaderNotAvailable.code(), -1);
    assert_eq!((ask(4, 0), ask(4, -1)), (not_yet, not_yet));
    three.revive(dead);
    three.until("all are in sync", |three| three.isr(topic).len() == 3);
    let Response::ListOffsets(found) = three.ask(new, 7, Request::ListOffsets(list_offsets("t", 0))) else {
        panic!()
    };
    assert_eq!(found.topics[0].partitions[0].offset, 0);
}

fn delete_records(up_to: i64) -> Request {
    let partition = DeleteRecordsPartition::default()
        .with_partition_index(0)
        .with_offset(up_to);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic_name("t"))
        .with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default()
        .with_timeout_ms(20_000)
        .with_topics(vec![topic]);
    Request::DeleteRecords(request)
}

fn deleted(response: Response) -> (i16, i64) {
    let Response::DeleteRecords(deleted) = response else {
        panic!("{response:?}")
    };
    let partition = &deleted.topics[0].partitions[0];
    (partition.error_code, partition.low_watermark)
}

#[test]
fn a_copy_of_a_topic_whose_first_batch_is_partly_deleted_gets_in_sync() {
    let mut three = Three::start();
    let topic = three.create_with("t", 2, &[]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(
        three.produce(leader, "t", ALL, batch(&["a", "b", "c", "d"])),
        (0, 0)
    );
    assert_eq!(deleted(three.ask(leader, 2, delete_records(2))), (0, 2));
    three.reassign("t", &[leader, leader % 3 + 1, (leader + 1) % 3 + 1]);
    three.until("all are in sync", |three| three.isr(topic).len() == 3);
    let dead = leader;
    three.kill(dead);
    let new = three.wait_for_leader(topic, Some(dead));
    assert_eq!(three.produce(new, "t", ALL, batch(&["e"])), (0, 4));
}

#[test]
fn records_are_deleted_for_good_when_it_is_said_that_they_are() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    for _ in 0..4 {
        assert_eq!(three.produce(leader, "t", ALL, batch(&["x"])).0, 0);
    }
    assert_eq!(deleted(three.ask(leader, 2, delete_records(3))), (0, 3));
    three.kill(leader);
    let new = three.wait_for_leader(topic, Some(leader));
    let Response::ListOffsets(found) = three.ask(new, 7, Request::ListOffsets(list_offsets("t", -2))) else {
        panic!()
    };
    assert_eq!(found.topics[0].partitions[0].offset, 3);
}

#[test]
fn deletions_that_are_refused_wait_for_nothing() {
    let mut three = Three::start();
    let topic = three.create("t", &[]);
    let leader = three.wait_for_leader(topic, None);
    let mut refused = |to, up_to| {
        let asked = three.send(to, 2, delete_records(up_to));
        match three.outcome(asked) {
            Some(Outcome::Response(response)) => deleted(response),
            other => panic!("{other:?}"),
        }
    };
    let not_leader = ResponseError::NotLeaderOrFollower.code();
    assert_eq!(refused(leader % 3 + 1, 0), (not_leader, -1));
    let out_of_range = ResponseError::OffsetOutOfRange.code();
    assert_eq!(refused(leader, 1), (out_of_range, -1));
}

#[test]
fn records_that_a_replica_in_sync_may_still_have_are_not_called_deleted() {
    let mut three = Three::start();
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["x"])).0, 0);
    three.pass(500);
    let other = leader % 3 + 1;
    three.pause(other);
    let asked = three.send(leader, 2, delete_records(1));
    three.tick();
    assert!(three.outcome(asked).is_none(), "one hasn't heard of it");
    // It leaves the ISR, and nobody has to wait for it any more.
    three.until("it is out of the ISR", |three| three.isr(topic).len() == 2);
    three.pass(100);
    match three.outcome(asked) {
        Some(Outcome::Response(response)) => assert_eq!(deleted(response), (0, 1)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_copy_that_was_reassigned_while_its_broker_was_away_is_removed() {
    let mut three = Three::start();
    let topic = three.create("t", &[]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", ALL, batch(&["x"])), (0, 0));
    let (away, stays) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    let has_copy = |three: &Three, id| three.names(id, "").contains(&"t-0".to_owned());
    assert!(has_copy(&three, away));
    three.kill(away);
    three.reassign("t", &[leader, stays]);
    three.until("it is out of the ISR", |three| three.isr(topic).len() == 2);
    three.revive(away);
    three.until("it is gone", |three| !has_copy(three, away));
    assert!(has_copy(&three, stays));
}
