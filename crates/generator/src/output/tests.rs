use std::fs;

use super::*;
use crate::{End, Kind, StreamKind, StreamSettings};

fn settings(records: u64, threads: usize) -> Settings {
    Settings {
        start: Some("2026-01-05T08:00:00Z".parse().unwrap()),
        speed: None,
        threads,
        end: End {
            records: Some(records),
            until: None,
        },
        ..Settings::default()
    }
}

fn written(settings: &Settings, path: &Path) -> Summary {
    write(
        settings,
        &Output::File(path.into()),
        &AtomicBool::new(false),
        |_| {},
    )
    .unwrap()
}

#[test]
fn equal_seeds_write_equal_files_with_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let [one, eight, other] = ["one", "eight", "other"].map(|name| folder.path().join(name));
    let summary = written(&settings(20_000, 1), &one);
    written(&settings(20_000, 8), &eight);
    let seed = Settings {
        seed: 2,
        ..settings(20_000, 1)
    };
    written(&seed, &other);
    let bytes = fs::read(&one).unwrap();
    assert!(bytes == fs::read(&eight).unwrap());
    assert!(bytes != fs::read(&other).unwrap());
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    assert_eq!(lines.count(), 20_000);
    let counts: u64 = summary
        .topics
        .iter()
        .map(|topic| topic.counts.of(Kind::Event))
        .sum();
    assert_eq!((counts, summary.done), (20_000, Some(1.0)));
    assert_eq!(summary.bytes + 20_000, bytes.len() as u64);
}

#[test]
fn a_file_for_each_topic_and_its_format() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(500, 2);
    settings.streams[1].format = Format::Csv;
    written(&settings, &folder.path().join("{topic}.txt"));
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let (events, readings) = (read("clickstream.txt"), read("iot.txt"));
    assert!(events.lines().all(|line| line.starts_with(r#"{"event_id":"#)));
    assert!(readings.starts_with("device_id,site,temp_c,"), "{readings}");
    assert_eq!(events.lines().count() + readings.lines().count(), 501);
}

#[test]
fn it_ends_where_the_clock_shall() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(u64::MAX, 2);
    settings.end = End {
        records: None,
        until: Some("2026-01-05T08:00:30Z".parse().unwrap()),
    };
    settings.streams = vec![StreamSettings::new(StreamKind::Iot, "iot", 100.0)];
    let path = folder.path().join("out");
    written(&settings, &path);
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        (2_990..=3_010).contains(&text.lines().count()),
        "{}",
        text.lines().count()
    );
    assert!(text.lines().all(|line| line.contains("2026-01-05T08:00:")));
}

#[test]
fn a_file_that_cannot_be_created_is_named() {
    let output = Output::File("/nowhere/at/all".into());
    let error = write(&settings(1, 1), &output, &AtomicBool::new(false), |_| {}).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot create /nowhere/at/all: "),
        "{error}"
    );
}
