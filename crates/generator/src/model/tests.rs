use std::collections::HashSet;

use super::*;
use crate::format::{Encoder, Format};

/// 2026-01-05T00:00:00Z, a Monday.
pub(super) const MONDAY_US: i64 = 1_767_571_200_000_000;
pub(super) const SECOND_US: i64 = 1_000_000;
pub(super) const HOUR_US: i64 = 3_600 * SECOND_US;

pub(super) fn scope(per_second: f64) -> Scope {
    Scope {
        seed: 1,
        stream: 1,
        run: 0,
        start_us: MONDAY_US,
        per_second,
        curve: Curve::Weekly,
    }
}

/// Shows all events before this time, lane by lane.
pub(super) fn each(model: &Model, until_us: i64, mut show: impl FnMut(i64, u32, &Row)) {
    let mut row = Row::default();
    for number in 0..LANES {
        let mut lane = model.lane(number);
        while lane.next_at_us() < until_us {
            let at_us = lane.next_at_us();
            lane.make(&mut row);
            show(at_us, number, &row);
        }
    }
}

/// The text of a field.
pub(super) fn text(row: &Row, field: usize) -> &str {
    match &row.values()[field] {
        Value::Static(text) => text,
        Value::Plain(range) | Value::Text(range) => std::str::from_utf8(row.held(range)).unwrap(),
        value => panic!("{value:?} is no text"),
    }
}

/// What was found is what is documented, but for so much.
pub(super) fn near(what: &str, found: f64, documented: f64, within: f64) {
    assert!(
        (found - documented).abs() <= within,
        "{what}: {found}, documented {documented}, allowed to differ by {within}"
    );
}

/// Of the straight line with the least squares.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let own: f64 = points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum();
    both / own
}

/// The first events of the stream in JSON, a line each, merged by time and lane.
fn first_lines(kind: StreamKind, scope: Scope, count: usize) -> Vec<String> {
    let model = Model::new(kind, scope);
    let encoder = Encoder::new(Format::Json, &model.schema());
    let mut lanes: Vec<Lane> = (0..LANES).map(|lane| model.lane(lane)).collect();
    let mut row = Row::default();
    let mut lines = Vec::new();
    while lines.len() < count {
        let next = lanes.iter_mut().min_by_key(|lane| lane.next_at_us()).unwrap();
        next.make(&mut row);
        let mut line = Vec::new();
        encoder.value(&row, &mut line);
        lines.push(String::from_utf8(line).unwrap());
    }
    lines
}

fn checksum(lines: &[String]) -> String {
    let checksum = lines.iter().fold(0, |sum, line| {
        crc32c::crc32c_append(crc32c::crc32c_append(sum, line.as_bytes()), b"\n")
    });
    format!("{checksum:08x}")
}

/// The bytes are part of what is promised: whoever changes them changes the data of every seed.
#[test]
fn a_seed_makes_these_very_bytes() {
    let clickstream = first_lines(StreamKind::Clickstream, scope(200.0), 20_000);
    let iot = first_lines(StreamKind::Iot, scope(150.0), 20_000);
    assert_eq!(
        clickstream[17],
        r#"{"event_id":"c9f5fdbc-dbde-4240-8666-70d204cd4754","user_id":"user-1831207","url":"/category/kitchen","referrer":"/product/1791","ua":"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36","session_id":"9990ec01-fbf9-4573-b5ad-5075909b2148","ts":"2026-01-05T00:00:00.110Z"}"#
    );
    assert_eq!(
        iot[17],
        r#"{"device_id":"device-00017","site":"site-000","temp_c":2.55,"humidity":82.6,"battery":44,"signal_strength":-84,"ts":"2026-01-05T00:00:00.117Z"}"#
    );
    assert_eq!([checksum(&clickstream), checksum(&iot)], ["5637e56d", "65a1b2c5"]);
}

#[test]
fn seed_stream_run_start_and_rate_change_the_events() {
    for kind in [StreamKind::Clickstream, StreamKind::Iot] {
        let scopes = [
            scope(200.0),
            Scope {
                seed: 2,
                ..scope(200.0)
            },
            Scope {
                stream: 2,
                ..scope(200.0)
            },
            Scope {
                run: 1,
                ..scope(200.0)
            },
            Scope {
                start_us: MONDAY_US + 1,
                ..scope(200.0)
            },
            Scope {
                per_second: 201.0,
                ..scope(200.0)
            },
        ];
        let all: HashSet<String> = scopes
            .into_iter()
            .map(|scope| checksum(&first_lines(kind, scope, 100)))
            .collect();
        assert_eq!(all.len(), scopes.len());
        assert_eq!(
            first_lines(kind, scope(200.0), 100),
            first_lines(kind, scope(200.0), 100)
        );
    }
}

#[test]
fn lanes_never_go_back_and_keep_their_keys() {
    for kind in [StreamKind::Clickstream, StreamKind::Iot] {
        for per_second in [0.02, 3.0, 150.0, 60_000.0] {
            let curve = Curve::Flat;
            let model = Model::new(
                kind,
                Scope {
                    curve,
                    ..scope(per_second)
                },
            );
            let key = model.schema().key;
            let time = model.schema().time;
            let until_us = MONDAY_US + (40_000.0 / per_second * 1e6) as i64;
            let (mut last, mut count) = ((0, 0), 0_u32);
            each(&model, until_us, |at_us, lane, row| {
                assert!((lane, at_us) >= last && at_us >= MONDAY_US);
                last = (lane, at_us);
                count += 1;
                assert_eq!(row.values()[time], Value::Time(at_us));
                let number: String = text(row, key).chars().filter(char::is_ascii_digit).collect();
                assert_eq!(number.parse::<u64>().unwrap() % u64::from(LANES), u64::from(lane));
            });
            assert!(
                (30_000..50_000).contains(&count),
                "{kind:?} at {per_second}/s: {count}"
            );
        }
    }
}

#[test]
fn every_event_has_a_value_of_its_kind_for_every_field() {
    for kind in [StreamKind::Clickstream, StreamKind::Iot] {
        let model = Model::new(kind, scope(150.0));
        let schema = model.schema();
        let encoder = Encoder::new(Format::Json, &schema);
        each(&model, MONDAY_US + 20 * SECOND_US, |_, _, row| {
            assert_eq!(row.values().len(), schema.fields.len());
            let mut bytes = Vec::new();
            encoder.value(row, &mut bytes);
            let event: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(event.len(), schema.fields.len());
            for (field, value) in schema.fields.iter().zip(row.values()) {
                let fits = match (field.kind, value, &event[&*field.name]) {
                    (FieldKind::Text, Value::Static(made), read) => read.as_str() == Some(made),
                    (FieldKind::Text, Value::Plain(range), read) => {
                        read.as_str().map(str::as_bytes) == Some(row.held(range))
                    }
                    (FieldKind::Integer, Value::Integer(made), read) => read.as_i64() == Some(*made),
                    (FieldKind::Decimal, Value::Decimal { .. }, read) => read.is_f64(),
                    (FieldKind::Time, Value::Time(_), read) => read
                        .as_str()
                        .is_some_and(|ts| ts.parse::<jiff::Timestamp>().is_ok()),
                    _ => false,
                };
                assert!(fits, "{}: {value:?}", field.name);
            }
        });
    }
}
