use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::*;
use crate::{
    Counts, Kind, Settings, StreamKind, StreamSettings, Verdict,
    engine::{self, Item},
    stream::{self, Beginning},
};

const PARTITIONS: u64 = 5;

fn all_faults() -> Faults {
    Faults {
        duplicates: 0.04,
        far_duplicates: 0.03,
        late: 0.03,
        out_of_order: 0.05,
        malformed: 0.04,
        nulls: 0.02,
        future: 0.02,
        hot_keys: 0.02,
        added_fields: 0.02,
        missing_fields: 0.02,
        clock_skew: 0.05,
        bursts: 0.02,
        stalls: 0.03,
    }
}

/// A reader by the ETL's rules, without its speed.
struct Reader {
    delay_us: i64,
    future_us: i64,
    id: &'static str,
    highest: BTreeMap<u64, i64>,
    seen: HashSet<(String, i64)>,
    /// The least distance of a row from its partition's watermark.
    narrowest_us: i64,
}

impl Reader {
    fn judge(&mut self, item: Item<'_>) -> Verdict {
        let partition = xxhash_rust::xxh3::xxh3_64(item.key) % PARTITIONS;
        let Some((id, ts_us)) = item.value.and_then(|value| self.event(value)) else {
            return Verdict::Malformed;
        };
        let record_us = item.entry.at_us.div_euclid(1_000) * 1_000;
        if ts_us > record_us + self.future_us {
            return Verdict::Future;
        }
        let highest = self.highest.get(&partition).copied();
        self.highest
            .insert(partition, highest.unwrap_or(ts_us).max(ts_us));
        let watermark = highest.map(|highest| highest - self.delay_us);
        if watermark.is_some_and(|watermark| ts_us <= watermark) {
            return Verdict::Late;
        }
        if let Some(watermark) = watermark {
            self.narrowest_us = self.narrowest_us.min(ts_us - watermark);
        }
        match self.seen.insert((id, ts_us)) {
            true => Verdict::Written,
            false => Verdict::Duplicate,
        }
    }

    /// What identifies it, and its time; none for what is malformed.
    fn event(&self, value: &[u8]) -> Option<(String, i64)> {
        let depth = value.iter().filter(|byte| **byte == b'[').count();
        let event: Value = serde_json::from_slice(value).ok().filter(|_| depth < 32)?;
        let of_type = |name: &str, is: fn(&Value) -> bool| {
            event.get(name).is_none_or(|value| value.is_null() || is(value))
        };
        let numbers = ["temp_c", "humidity", "battery", "signal_strength"];
        if !numbers.iter().all(|name| of_type(name, Value::is_number)) {
            return None;
        }
        let id = event.get(self.id)?.as_str()?.to_owned();
        let ts: jiff::Timestamp = event.get("ts")?.as_str()?.parse().ok()?;
        Some((id, ts.as_microsecond()))
    }
}

/// Makes a stream with these settings and has it judged.
fn judged(kind: StreamKind, id: &'static str, settings: &Settings) -> (Counts, Reader) {
    let topic = "t".to_owned();
    let streams = [StreamSettings::new(kind, topic, 40.0)];
    let beginning = Beginning {
        run: 3,
        start_us: 1_767_600_000_000_000,
    };
    let sources = stream::sources(settings, &streams, beginning);
    let course = engine::Course {
        until_us: beginning.start_us + 1_500_000_000,
        ..stream::course(settings, &streams, beginning.start_us)
    };
    let us = |time: Duration| time.as_micros() as i64;
    let mut reader = Reader {
        delay_us: us(settings.margins.watermark_delay),
        future_us: us(settings.margins.future_limit),
        id,
        highest: BTreeMap::new(),
        seen: HashSet::new(),
        narrowest_us: i64::MAX,
    };
    let mut counts = Counts::default();
    for window in engine::start(sources, course, 2) {
        for item in window.items(0) {
            let kind = item.entry.kind;
            let text = || String::from_utf8_lossy(item.value.unwrap_or_default()).into_owned();
            assert_eq!(reader.judge(item), kind.verdict(), "{kind:?}: {}", text());
            counts.add(kind, 1);
        }
    }
    (counts, reader)
}

#[test]
fn every_record_gets_its_verdict_with_room_to_spare() {
    for (delay, future) in [(120, 300), (8, 3)] {
        let settings = Settings {
            faults: all_faults(),
            margins: Margins {
                watermark_delay: Duration::from_secs(delay),
                future_limit: Duration::from_secs(future),
            },
            ..Settings::default()
        };
        for (kind, id) in [
            (StreamKind::Clickstream, "event_id"),
            (StreamKind::Iot, "device_id"),
        ] {
            let (counts, reader) = judged(kind, id, &settings);
            assert!(
                reader.narrowest_us > reader.delay_us / 2,
                "{kind:?}: {} us above the watermark",
                reader.narrowest_us
            );
            let never = [Kind::Fence, Kind::Replayed];
            for kind in Kind::ALL.into_iter().filter(|kind| !never.contains(kind)) {
                assert!(counts.of(kind) > 0, "{kind:?} never came: {counts:?}");
            }
        }
    }
}

#[test]
fn faults_come_as_often_as_asked_for() {
    let settings = Settings {
        faults: Faults {
            bursts: 0.0,
            stalls: 0.0,
            clock_skew: 0.0,
            ..all_faults()
        },
        ..Settings::default()
    };
    let (counts, _) = judged(StreamKind::Iot, "device_id", &settings);
    let beside = [Kind::Duplicate, Kind::FarDuplicate, Kind::Late];
    let events = counts.records() - beside.map(|kind| counts.of(kind)).iter().sum::<u64>();
    let share = |kind| counts.of(kind) as f64 / events as f64;
    let close = |kind, wanted: f64| (share(kind) / wanted - 1.0).abs() < 0.1;
    for (kind, wanted) in [
        (Kind::Duplicate, 0.04),
        (Kind::Late, 0.03),
        (Kind::OutOfOrder, 0.05),
        (Kind::Null, 0.02),
        (Kind::HotKey, 0.02),
        (Kind::Future, 0.02),
    ] {
        assert!(
            close(kind, wanted),
            "{kind:?}: {} instead of {wanted}",
            share(kind)
        );
    }
    // They begin when the first copies are old enough.
    assert!(
        (0.02..0.033).contains(&share(Kind::FarDuplicate)),
        "{}",
        share(Kind::FarDuplicate)
    );
    let malformed = counts.expected(Verdict::Malformed) as f64 / events as f64;
    assert!((malformed / 0.04 - 1.0).abs() < 0.1, "{malformed}");
}

#[test]
fn clocks_that_are_wrong_stay_so_in_all_runs() {
    let settings = Settings {
        faults: Faults {
            clock_skew: 0.3,
            ..Faults::default()
        },
        ..Settings::default()
    };
    let (counts, _) = judged(StreamKind::Iot, "device_id", &settings);
    let share = counts.of(Kind::ClockSkew) as f64 / counts.records() as f64;
    assert!((share - 0.3).abs() < 0.05, "{share}");
}

#[test]
fn shares_that_make_no_sense_are_told() {
    let told = |faults: Faults| faults.check().unwrap_err().to_string();
    let (late, malformed) = (0.7, 0.6);
    assert_eq!(
        told(Faults {
            late,
            malformed,
            ..Faults::default()
        }),
        "faults sum up to 1.2999999999999998, but an event has one at most: 1 together"
    );
    let nulls = -0.1;
    let negative = Faults {
        nulls,
        ..Faults::default()
    };
    assert_eq!(
        told(negative),
        "a share of faults is -0.1: it must be from 0 to 1"
    );
}
