use jiff::Timestamp;

use crate::{Cluster, Health, Ledger, Level, Overview, Part, Service, State, Supervisor, Topic, Totals};

fn service(name: &str, state: State) -> Service {
    Service {
        name: name.to_owned(),
        state,
        pid: None,
        since: None,
        restarts: 0,
        last_death: None,
        memory_bytes: None,
        cpu_cores: None,
        address: None,
        problem: None,
    }
}

fn overview(states: &[(&str, State)]) -> Overview {
    let now = Timestamp::UNIX_EPOCH;
    Overview {
        at: now,
        version: "1".to_owned(),
        data: "data".into(),
        health: Health::starting(),
        totals: Totals::default(),
        supervisor: Part::fresh(
            Supervisor {
                pid: 1,
                since: now,
                ready: true,
                bootstrap: Vec::new(),
            },
            now,
        ),
        services: states.iter().map(|(name, state)| service(name, *state)).collect(),
        cluster: Part::default(),
        generator: Part::default(),
        etl: Part::default(),
        lake: Part::default(),
        ledger: Part::default(),
        happened: Vec::new(),
    }
}

fn judged(overview: &Overview) -> (Level, Vec<String>) {
    let health = Health::of(overview);
    (health.level, health.reasons)
}

#[test]
fn all_is_well_while_everything_runs() {
    let all = overview(&[("broker-1", State::Running), ("etl", State::Running)]);
    assert_eq!(judged(&all), (Level::Ok, Vec::new()));
}

#[test]
fn what_is_worse_comes_first() {
    let mut one = overview(&[("broker-1", State::Starting), ("etl", State::Paused)]);
    one.services[1].last_death = Some("killed by SIGKILL".to_owned());
    let reasons = vec![
        "etl is paused: `minicluster resume etl` lets it go on".to_owned(),
        "broker-1 is starting".to_owned(),
    ];
    assert_eq!(judged(&one), (Level::Degraded, reasons));
    let none = overview(&[("etl", State::Down)]);
    let reasons = vec![
        "nothing runs: `minicluster up` starts it".to_owned(),
        "etl is down".to_owned(),
    ];
    assert_eq!(judged(&none), (Level::Down, reasons));
}

#[test]
fn partitions_and_ledger_count() {
    let mut all = overview(&[("broker-1", State::Running)]);
    let topic = Topic {
        name: "iot".to_owned(),
        partitions: 6,
        leaderless: 2,
        ..Topic::default()
    };
    let cluster = Cluster {
        topics: vec![topic],
        ..Cluster::default()
    };
    all.cluster = Part::fresh(cluster, all.at);
    let ledger = Ledger {
        wrong: vec!["iot: 2 is not 3".to_owned()],
        ..Ledger::default()
    };
    all.ledger = Part::fresh(ledger, all.at);
    let reasons = vec![
        "topic iot: 2 of 6 partitions without leader".to_owned(),
        "the ledger does not balance: iot: 2 is not 3".to_owned(),
    ];
    assert_eq!(judged(&all), (Level::Degraded, reasons));
}

#[test]
fn a_part_that_fails_keeps_its_last_value() {
    let now = Timestamp::UNIX_EPOCH;
    let mut part = Part::fresh(1, now);
    part.take(Err("no answer".to_owned()), now);
    assert_eq!(
        (part.value, part.problem.as_deref(), part.at),
        (Some(1), Some("no answer"), Some(now))
    );
    assert!(part.is_stale());
    let text = serde_json::to_string(&part).expect("plain data");
    assert_eq!(
        text,
        r#"{"value":1,"at":"1970-01-01T00:00:00Z","problem":"no answer"}"#
    );
}
