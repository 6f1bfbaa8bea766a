use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::*;
use crate::counts::MalformedKind;

/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;

fn plan(kind: StreamKind, per_second: f64, duplicates: f64, malformed: f64) -> Plan {
    let clock = Clock {
        start_ms: START_MS,
        per_second,
        speed: 1.0,
    };
    Plan::new(
        kind,
        clock,
        Faults {
            duplicates,
            malformed,
        },
        1,
        0,
    )
}

fn text(made: &Made) -> &str {
    std::str::from_utf8(&made.value).unwrap()
}

/// The bytes are part of what is promised: whoever changes them changes the data of every seed.
#[test]
fn a_seed_makes_these_very_bytes() {
    let clickstream = plan(StreamKind::Clickstream, 200.0, 0.0, 0.0).make(17);
    assert_eq!(String::from_utf8_lossy(&clickstream.key), "user-7");
    assert_eq!(
        text(&clickstream),
        r#"{"event_id":"f702060c-0481-43bb-9604-bdc2d9b90c83","user_id":"user-7","url":"/","referrer":"/","ua":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36","session_id":"cbf2ac8d-ab49-4a28-9a1a-7a371bb6d050","ts":"2026-01-01T00:00:00.085Z"}"#
    );
    let iot = plan(StreamKind::Iot, 150.0, 0.0, 0.0).make(1_517);
    assert_eq!(String::from_utf8_lossy(&iot.key), "device-00017");
    assert_eq!(
        text(&iot),
        r#"{"device_id":"device-00017","site":"site-000","temp_c":20.01,"humidity":64.5,"battery":88,"signal_strength":-57,"ts":"2026-01-01T00:00:10.113Z"}"#
    );
}

#[test]
fn seed_run_and_start_change_the_events() {
    let clock = Clock {
        start_ms: START_MS,
        per_second: 200.0,
        speed: 1.0,
    };
    let later = Clock {
        start_ms: START_MS + 60_000,
        ..clock
    };
    let make = |clock, seed, run| {
        Plan::new(StreamKind::Clickstream, clock, Faults::default(), seed, run)
            .make(5)
            .value
    };
    let all = [
        make(clock, 1, 0),
        make(clock, 2, 0),
        make(clock, 1, 1),
        make(later, 1, 0),
    ];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 4);
}

#[test]
fn events_have_all_members_in_their_types() {
    for sequence in 0..500 {
        let made = plan(StreamKind::Clickstream, 200.0, 0.0, 0.0).make(sequence);
        let event: BTreeMap<String, Value> = serde_json::from_slice(&made.value).unwrap();
        let names = ["event_id", "referrer", "session_id", "ts", "ua", "url", "user_id"];
        assert!(event.keys().eq(names.iter()), "{event:?}");
        assert!(event.values().all(Value::is_string), "{event:?}");
        let at: jiff::Timestamp = event["ts"].as_str().unwrap().parse().unwrap();
        assert_eq!(at.as_millisecond(), made.timestamp_ms);

        let made = plan(StreamKind::Iot, 150.0, 0.0, 0.0).make(sequence);
        let event: BTreeMap<String, Value> = serde_json::from_slice(&made.value).unwrap();
        let names = [
            "battery",
            "device_id",
            "humidity",
            "signal_strength",
            "site",
            "temp_c",
            "ts",
        ];
        assert!(event.keys().eq(names.iter()), "{event:?}");
        assert!(
            event["battery"].is_i64() && event["signal_strength"].is_i64(),
            "{event:?}"
        );
        assert!(
            event["temp_c"].is_f64() && event["humidity"].is_f64(),
            "{event:?}"
        );
    }
}

#[test]
fn times_end_in_milliseconds_and_a_z() {
    let made = plan(StreamKind::Iot, 150.0, 0.0, 0.0).make(0);
    assert!(
        text(&made).ends_with(r#""ts":"2026-01-01T00:00:00.000Z"}"#),
        "{}",
        text(&made)
    );
}

#[test]
fn event_ids_and_readings_are_unique() {
    for (kind, per_second) in [
        (StreamKind::Clickstream, 200.0),
        (StreamKind::Iot, 150.0),
        (StreamKind::Iot, 0.02),
        (StreamKind::Iot, 20_000.0),
    ] {
        let plan = plan(kind, per_second, 0.0, 0.0);
        let mut seen = HashSet::new();
        for sequence in 0..20_000 {
            let event: Value = serde_json::from_slice(&plan.make(sequence).value).unwrap();
            let key = match kind {
                StreamKind::Clickstream => event["event_id"].to_string(),
                StreamKind::Iot => format!("{} {}", event["device_id"], event["ts"]),
            };
            assert!(seen.insert(key), "{kind:?} at {per_second}/s: {event}");
        }
    }
}

#[test]
fn times_never_go_back() {
    for per_second in [0.3, 7.0, 150.0, 5_000.0] {
        let plan = plan(StreamKind::Iot, per_second, 0.0, 0.0);
        assert!((0..1_000).all(|sequence| plan.make(sequence).at_ms <= plan.make(sequence + 1).at_ms));
    }
}

#[test]
fn duplicates_repeat_a_recent_event_byte_for_byte() {
    for per_second in [0.1, 1.0, 200.0] {
        let plan = plan(StreamKind::Clickstream, per_second, 0.2, 0.1);
        let mut events: HashMap<u64, Made> = HashMap::new();
        let mut duplicates = 0;
        for sequence in 0..5_000 {
            let made = plan.make(sequence);
            match made.kind {
                Kind::Event => assert!(events.insert(sequence, made).is_none()),
                Kind::Malformed(_) => {}
                Kind::Duplicate => {
                    duplicates += 1;
                    let original = &events[&made.original.unwrap()];
                    assert_eq!((&made.key, &made.value), (&original.key, &original.value));
                    assert_eq!(made.timestamp_ms, original.timestamp_ms);
                    let seconds = (made.at_ms - original.at_ms) / 1_000;
                    assert!(seconds <= 10, "{per_second}/s: {seconds} s after its original");
                    assert!(sequence - original.sequence <= DUPLICATE_RECORDS);
                }
            }
        }
        assert!(
            (600..1_100).contains(&duplicates),
            "{per_second}/s: {duplicates} of 5000"
        );
    }
}

/// What the ETL takes for malformed: no JSON object; time missing or unreadable; key missing; wrong types.
fn is_malformed(kind: StreamKind, value: &[u8]) -> bool {
    let Ok(event) = serde_json::from_slice::<BTreeMap<String, Value>>(value) else {
        return true;
    };
    let time = event
        .get("ts")
        .and_then(Value::as_str)
        .and_then(|ts| ts.parse::<jiff::Timestamp>().ok());
    let (key, numbers): (_, &[&str]) = match kind {
        StreamKind::Clickstream => ("event_id", &[]),
        StreamKind::Iot => ("device_id", &["temp_c", "humidity", "battery", "signal_strength"]),
    };
    let typed = numbers
        .iter()
        .all(|name| event.get(*name).is_some_and(Value::is_number));
    time.is_none() || !event.contains_key(key) || !typed
}

#[test]
fn malformed_records_are_malformed_beyond_doubt() {
    for kind in [StreamKind::Clickstream, StreamKind::Iot] {
        let plan = plan(kind, 150.0, 0.0, 1.0);
        let mut kinds: BTreeMap<MalformedKind, u32> = BTreeMap::new();
        for sequence in 0..3_000 {
            let made = plan.make(sequence);
            let Kind::Malformed(broken) = made.kind else {
                panic!("{made:?}")
            };
            assert!(is_malformed(kind, &made.value), "{broken:?}: {}", text(&made));
            *kinds.entry(broken).or_default() += 1;
        }
        assert_eq!(kinds.len(), MalformedKind::ALL.len());
        assert!(kinds.values().all(|count| *count > 300), "{kinds:?}");
        assert!((0..100).all(|sequence| !is_malformed(
            kind,
            &super::tests::plan(kind, 150.0, 0.0, 0.0).make(sequence).value
        )));
    }
}

#[test]
fn faults_come_at_their_rates() {
    let plan = plan(StreamKind::Iot, 150.0, 0.05, 0.02);
    let count = |wanted: fn(Kind) -> bool| (0..20_000).filter(|n| wanted(plan.make(*n).kind)).count();
    let duplicates = count(|kind| kind == Kind::Duplicate);
    let malformed = count(|kind| matches!(kind, Kind::Malformed(_)));
    assert!((900..1_100).contains(&duplicates), "{duplicates}");
    assert!((340..460).contains(&malformed), "{malformed}");
}

#[test]
fn the_clock_keeps_its_rate_and_speed() {
    let clock = Clock {
        start_ms: START_MS,
        per_second: 200.0,
        speed: 60.0,
    };
    assert_eq!(clock.at_ms(200), START_MS + 1_000);
    assert_eq!(clock.due_us(200 * 60), 1_000_000);
    assert_eq!(clock.at_ms(200 * 86_400 * 365), START_MS + 365 * 86_400_000);
}
