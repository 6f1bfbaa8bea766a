use std::fs;

use super::*;

fn replay(lines: &str, skip: u64) -> Vec<(i64, String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    fs::write(&file, lines).unwrap();
    let replay = Replay {
        file,
        topic: "t".to_owned(),
        time: "ts".to_owned(),
        key: Some("user".to_owned()),
    };
    let mut records = Vec::new();
    for window in start(&replay, 5_000_000, skip).unwrap() {
        for item in window.items(0) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            records.push((item.entry.at_us, text(item.key), text(item.value.unwrap())));
        }
    }
    records
}

const LINES: &str = r#"no event
{"user":"a","ts":"2026-01-01T00:00:00Z"}
{"user":7,"ts":"2026-01-01T00:00:02.5Z"}
{"user":"a","ts":"2026-01-01T00:00:01Z"}

{"ts":"2026-01-01T00:01:00Z"}"#;

#[test]
fn lines_come_as_they_are_by_the_times_in_them() {
    let seconds: Vec<f64> = replay(LINES, 0).iter().map(|(at, ..)| *at as f64 / 1e6).collect();
    assert_eq!(seconds, [5.0, 5.0, 7.5, 7.5, 7.5, 65.0]);
    let keys: Vec<String> = replay(LINES, 0).into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(keys, ["", "a", "7", "a", "", ""]);
    let values: Vec<String> = replay(LINES, 0).into_iter().map(|(.., value)| value).collect();
    assert_eq!(values.join("\n"), LINES);
}

#[test]
fn lines_that_were_sent_are_left_out_and_keep_the_time() {
    assert_eq!(replay(LINES, 4)[1].0, 65_000_000);
    assert_eq!(replay(LINES, 6), []);
}
