use std::collections::BTreeMap;

use super::*;
use crate::{format::Encoder, format::Format, model::Curve};

fn field(name: &str, kind: DeclaredKind) -> DeclaredField {
    DeclaredField {
        name: name.to_owned(),
        kind,
    }
}

fn orders() -> Declaration {
    let number = |drift_seconds| DeclaredKind::Number {
        min: -5.0,
        max: 5.0,
        digits: 3,
        drift_seconds,
    };
    let fields = vec![
        field("order_id", DeclaredKind::Id),
        field(
            "customer",
            DeclaredKind::Reference {
                stream: StreamKind::Clickstream,
                per_second: 200.0,
                field: "user_id".to_owned(),
            },
        ),
        field(
            "shop",
            DeclaredKind::Entity {
                prefix: "shop-".to_owned(),
                count: 20,
            },
        ),
        field(
            "paid",
            DeclaredKind::Choice(vec![("by \"card\"".to_owned(), 3.0), ("cash".to_owned(), 1.0)]),
        ),
        field("code", DeclaredKind::Text("[A-Z]{2}-[0-9]{4}(a|b)?".to_owned())),
        field("amount", number(None)),
        field("mood", number(Some(3_600.0))),
        field("ts", DeclaredKind::Time),
    ];
    Declaration::new(fields, Some("shop")).unwrap()
}

fn events(declaration: &Declaration, count: usize) -> Vec<(i64, serde_json::Value)> {
    let scope = Scope {
        seed: 1,
        stream: 77,
        run: 0,
        start_us: 1_767_600_000_000_000,
        per_second: 160.0,
        curve: Curve::Flat,
    };
    let model = Model::declared(declaration, scope);
    let encoder = Encoder::new(Format::Json, &model.schema());
    let (mut lane, mut row, mut events) = (model.lane(3), Row::default(), Vec::new());
    for _ in 0..count {
        let (at_us, mut json) = (lane.next_at_us(), Vec::new());
        lane.make(&mut row);
        encoder.value(&row, &mut json);
        events.push((at_us, serde_json::from_slice(&json).unwrap()));
    }
    events
}

#[test]
fn fields_hold_what_they_declare() {
    let events = events(&orders(), 4_000);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, event) in &events {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        assert!(text("customer").starts_with("user-"));
        assert_eq!(text("order_id").len(), 36);
        let (code, rest) = (text("code"), ['a', 'b']);
        let (letters, digits) = code.trim_end_matches(rest).split_once('-').unwrap();
        assert!(
            letters.len() == 2 && letters.bytes().all(|byte| byte.is_ascii_uppercase()),
            "{code}"
        );
        assert!(
            digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()),
            "{code}"
        );
        let amount = event["amount"].as_f64().unwrap();
        assert!((-5.0..=5.0).contains(&amount));
        *counts.entry(text("paid")).or_default() += 1;
        *counts.entry(text("shop")).or_default() += 1;
    }
    let share = |value: &str| counts[value] as f64 / 4_000.0;
    assert!((share("by \"card\"") - 0.75).abs() < 0.03);
    // Zipf over 20: ln 2 / ln 21 for the first.
    assert!((share("shop-1") - 0.228).abs() < 0.03, "{}", share("shop-1"));
    let ids: std::collections::BTreeSet<&str> = events
        .iter()
        .map(|(_, event)| event["order_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 4_000);
    let seconds = (events[3_999].0 - events[0].0) as f64 / 1e6;
    assert!(
        (seconds / 400.0 - 1.0).abs() < 0.1,
        "a sixteenth of 160 a second: {seconds} s"
    );
}

#[test]
fn a_number_wanders_by_its_key_without_jumps() {
    let mut last: BTreeMap<String, (i64, f64)> = BTreeMap::new();
    let (mut longest, mut others) = (0.0_f64, 0.0_f64);
    for (at_us, event) in events(&orders(), 2_000) {
        let (shop, mood) = (
            event["shop"].as_str().unwrap().to_owned(),
            event["mood"].as_f64().unwrap(),
        );
        if let Some((before_us, before)) = last.get(&shop)
            && at_us - before_us < 2_000_000
        {
            longest = longest.max((mood - before).abs());
        }
        others = others.max(
            last.values()
                .map(|(_, other)| (other - mood).abs())
                .fold(0.0, f64::max),
        );
        last.insert(shop, (at_us, mood));
    }
    assert!(longest < 0.05, "{longest} within two seconds, of an hour");
    assert!(others > 1.0, "shops differ by {others} at most");
}

#[test]
fn what_makes_no_sense_is_told() {
    let told = |fields, key| Declaration::new(fields, key).unwrap_err().to_string();
    let time = || field("ts", DeclaredKind::Time);
    assert_eq!(
        told(vec![], None),
        "a stream has 0 fields with the time, it needs one"
    );
    assert_eq!(told(vec![time()], Some("id")), "`id` is the key, but no field");
    let text = field("code", DeclaredKind::Text("[".to_owned()));
    assert!(told(vec![text, time()], None).starts_with("the pattern of `code` is no regular expression"));
}
