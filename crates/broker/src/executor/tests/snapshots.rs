//! Brokers whose metadata log is cut again and again.

use cluster::Metadata;

use super::three::Three;
use crate::samples::batch;

/// Some five entries.
const BETWEEN: u64 = 1_000;

const LOG: &str = "__cluster_metadata-0";

/// What is committed as far as a broker knows.
fn committed(three: &Three, id: i32) -> Option<Metadata> {
    let mut metadata = three.metadata(id)?.clone();
    metadata.controller = None;
    Some(metadata)
}

fn until_all_know_the_same(three: &mut Three) {
    three.until("all know the same", |three| {
        let first = committed(three, 1);
        first.is_some() && (2..=3).all(|id| committed(three, id) == first)
    });
}

/// Where the first segment of a broker's metadata log begins, and its snapshots end.
fn log_and_snapshots(three: &Three, id: i32) -> (u64, Vec<u64>) {
    let names = three.names(id, LOG);
    let numbers = |suffix: &str| {
        let names = names.iter().filter(|name| name.ends_with(suffix));
        names
            .map(|name| name[..20].parse().expect("20 digits"))
            .collect::<Vec<u64>>()
    };
    (numbers(".log")[0], numbers(".checkpoint"))
}

#[test]
fn a_broker_that_was_away_learns_from_a_snapshot_what_it_missed() {
    let mut three = Three::with_snapshots(BETWEEN);
    for topic in ["kept", "deleted", "replaced"] {
        three.create(topic, &[]);
    }
    three.kill(3);
    let before = three.metadata(1).expect("it runs").applied.0;
    three.delete(1, "deleted");
    three.delete(1, "replaced");
    let replaced = three.create_with("replaced", 2, &[]);
    for _ in 0..10 {
        three.create_with("short-lived", 2, &[]);
        three.delete(1, "short-lived");
    }
    three.revive(3);
    until_all_know_the_same(&mut three);
    let known = three.metadata(3).expect("it runs").topic_ids.keys();
    assert_eq!(known.collect::<Vec<_>>(), ["kept", "replaced"]);
    let (first, _) = log_and_snapshots(&three, 3);
    assert!(first > before, "entries after {before} were sent, up to {first}");
    three.until("what is gone is gone on disk", |three| {
        let names = three.names(3, "");
        ["deleted-0", "replaced-0"]
            .iter()
            .all(|gone| !names.iter().any(|name| name == gone))
    });
    assert!(three.names(3, "").contains(&"kept-0".to_owned()));

    let leader = three.wait_for_leader(replaced, None);
    assert_eq!(three.produce(leader, "replaced", -1, batch(&["a"])).0, 0);
}

#[test]
fn all_start_again_from_their_snapshots() {
    let mut three = Three::with_snapshots(BETWEEN);
    let topic = three.create("t", &[("min.insync.replicas", "2")]);
    let leader = three.wait_for_leader(topic, None);
    assert_eq!(three.produce(leader, "t", -1, batch(&["a"])), (0, 0));
    for round in 0..5 {
        for id in 1..=3 {
            three.kill(id);
        }
        for id in 1..=3 {
            three.revive(id);
        }
        let leader = three.wait_for_leader(topic, None);
        three.until("all are in sync", |three| three.isr(topic).len() == 3);
        assert_eq!(three.values(leader, "t"), ["a"], "round {round}");
    }
    until_all_know_the_same(&mut three);
    for id in 1..=3 {
        let applied = three.metadata(id).expect("it runs").applied.0;
        let (first, snapshots) = log_and_snapshots(&three, id);
        let [end] = snapshots.as_slice() else {
            panic!("broker {id} keeps snapshots {snapshots:?}")
        };
        assert!(
            first + 40 > applied && end + 20 > applied,
            "{first}, {end} of {applied}"
        );
    }
}
