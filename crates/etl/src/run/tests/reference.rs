//! The same tables and the same ledger, computed slowly and plainly: record by record, by
//! `serde_json` and `jiff`, with one big map for everything. Shares no code with what it checks.

use std::collections::{BTreeMap, HashMap};

use crate::memory::Sent;

const DELAY: i64 = 120_000_000;
const FUTURE: i64 = 300_000_000;
const MINUTE: i64 = 60_000_000;

/// What must be in the lake for one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Expected {
    /// Sorted: key, event time, record time.
    pub rows: Vec<(String, i64, i64)>,
    /// Sorted: partition, offset, verdict.
    pub quarantined: Vec<(i32, i64, String)>,
    /// Page views by start of the minute and url, of closed minutes.
    pub closed: BTreeMap<(i64, Option<String>), i64>,
    /// By partition: read, written, duplicates, late, future, malformed.
    pub counts: BTreeMap<i32, [u64; 6]>,
}

/// `device` tells the key: with it, device and event time; without, `event_id`.
pub(super) fn expect(partitions: &[Vec<Sent>], device: bool) -> Expected {
    let mut expected = Expected::default();
    let mut views: BTreeMap<(i64, Option<String>), i64> = BTreeMap::new();
    let mut watermarks = Vec::new();
    for (index, records) in partitions.iter().enumerate() {
        let index = index as i32;
        let mut highest: Option<i64> = None;
        let mut seen: HashMap<String, Vec<i64>> = HashMap::new();
        let mut counts = [0; 6];
        for (offset, record) in records.iter().enumerate() {
            counts[0] += 1;
            let mut quarantine = |place: usize, verdict: &str| {
                counts[place] += 1;
                expected
                    .quarantined
                    .push((index, offset as i64, verdict.to_owned()));
            };
            let Some((id, time, url)) = event(record, device) else {
                quarantine(5, "malformed");
                continue;
            };
            let record_time = record.timestamp.0 * 1000;
            if time > record_time + FUTURE {
                quarantine(4, "future");
                continue;
            }
            let watermark = highest.map(|highest| highest - DELAY);
            highest = highest.max(Some(time));
            if watermark.is_some_and(|watermark| time <= watermark) {
                quarantine(3, "late");
                continue;
            }
            let key = if device {
                format!("{id} {time}")
            } else {
                id.clone()
            };
            let times = seen.entry(key).or_default();
            // A key is remembered until the watermark has passed the minute of its event.
            let minute_end = |time: i64| (time.div_euclid(MINUTE) + 1) * MINUTE;
            if times
                .iter()
                .any(|&time| watermark.is_none_or(|watermark| minute_end(time) > watermark))
            {
                counts[2] += 1;
                continue;
            }
            times.push(time);
            counts[1] += 1;
            *views.entry((time.div_euclid(MINUTE) * MINUTE, url)).or_default() += 1;
            expected.rows.push((id, time, record_time));
        }
        expected.counts.insert(index, counts);
        watermarks.push(highest.map(|highest| highest - DELAY));
    }
    expected.rows.sort();
    expected.quarantined.sort();
    if let Some(watermark) = watermarks.into_iter().min().flatten() {
        expected.closed = views
            .into_iter()
            .filter(|((start, _), _)| start + MINUTE <= watermark)
            .collect();
    }
    expected
}

/// Key column, event time in microseconds, url; `None` if malformed.
fn event(record: &Sent, device: bool) -> Option<(String, i64, Option<String>)> {
    let json: serde_json::Value = serde_json::from_slice(record.value.as_deref()?).ok()?;
    let object = json.as_object()?;
    let text = |name: &str| match object.get(name) {
        None | Some(serde_json::Value::Null) => None,
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    for double in ["temp_c", "humidity"] {
        if device && !object.get(double).is_none_or(|v| v.is_null() || v.is_number()) {
            return None;
        }
    }
    for int in ["battery", "signal_strength"] {
        let fits = |v: &serde_json::Value| v.as_f64().is_some_and(|n| n.fract() == 0.0 && n.abs() < 2e9);
        if device && !object.get(int).is_none_or(|v| v.is_null() || fits(v)) {
            return None;
        }
    }
    let time: jiff::Timestamp = text("ts")?.parse().ok()?;
    let id = text(if device { "device_id" } else { "event_id" })?;
    Some((id, time.as_microsecond(), text("url")))
}
