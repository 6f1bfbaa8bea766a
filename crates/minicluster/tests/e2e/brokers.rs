//! Brokers that join and leave, and one that is alone.

use serde_json::Value;

use crate::platform::Platform;

/// What `brokers list` says of each: id, state, part in the quorum, replicas, and those of them in sync.
fn brokers(platform: &Platform) -> Vec<(u64, String, bool, u64, u64)> {
    let text = platform.ask(&["brokers", "list", "-o", "json"]);
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let number = |name: &str| row[name].as_u64().expect(name);
        let word = |name: &str| row[name].as_str().expect(name).to_owned();
        let votes = word("metadata") != "observer";
        (
            number("broker"),
            word("state"),
            votes,
            number("replicas"),
            number("in_sync"),
        )
    };
    text.lines().map(row).collect()
}

fn alive(id: u64, votes: bool, replicas: u64) -> (u64, String, bool, u64, u64) {
    (id, "alive".to_owned(), votes, replicas, replicas)
}

#[test]
fn a_fourth_broker_joins_under_load_and_leaves_again_and_every_event_is_accounted_for() {
    let mut platform = Platform::new(&["etl.trigger_ms=300"]);
    platform.up();
    platform.ask(&["brokers", "add", "--rebalance"]);
    let four = [(1, true), (2, true), (3, true), (4, false)].map(|(id, votes)| alive(id, votes, 9));
    assert_eq!(brokers(&platform), four);

    // It stays, though the settings ask for three.
    platform.kill_all();
    platform.up();
    let ids: Vec<u64> = brokers(&platform).iter().map(|broker| broker.0).collect();
    assert_eq!(ids, [1, 2, 3, 4]);

    let refused = platform.run(&["brokers", "drain", "2"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("votes on the metadata"), "{refused:?}");
    platform.ask(&["brokers", "drain", "4"]);
    assert_eq!(brokers(&platform), [1, 2, 3].map(|id| alive(id, true, 12)));
    let again = platform.run(&["brokers", "drain", "4"]);
    assert_eq!(again.code, 2, "{again:?}");

    platform.ask(&["ledger", "--wait", "50"]);
    assert_eq!(platform.run(&["down"]).code, 0);
    assert_eq!(platform.wait_down(), 0);
}

#[test]
fn one_broker_keeps_what_one_can_keep_and_says_what_it_cannot() {
    let mut platform = Platform::new(&["kafka.brokers=1", "etl.trigger_ms=300"]);
    platform.up();
    let listed = platform.run(&["brokers", "list"]);
    assert!(
        listed.stderr.contains("one broker: no copy elsewhere"),
        "{listed:?}"
    );
    assert_eq!(brokers(&platform), [alive(1, true, 12)]);
    platform.kill_all();
    platform.up();
    platform.ask(&["ledger", "--wait", "50"]);
    assert_eq!(platform.run(&["down"]).code, 0);
    assert_eq!(platform.wait_down(), 0);
}
