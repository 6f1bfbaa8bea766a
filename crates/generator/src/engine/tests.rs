use super::*;
use crate::{
    Faults, Settings, StreamKind, StreamSettings,
    stream::{self, Beginning},
};

/// Every record: stream, time, kind, key, value.
fn made(threads: usize, window_us: i64) -> Vec<String> {
    let settings = Settings {
        faults: Faults {
            duplicates: 0.05,
            far_duplicates: 0.05,
            late: 0.02,
            out_of_order: 0.1,
            malformed: 0.01,
            bursts: 0.02,
            ..Faults::default()
        },
        ..Settings::default()
    };
    let streams = [
        StreamSettings::new(StreamKind::Clickstream, "clickstream", 30.0),
        StreamSettings::new(StreamKind::Iot, "iot", 20.0),
    ];
    let beginning = Beginning {
        run: 0,
        start_us: 1_767_600_000_000_000,
    };
    let sources = stream::sources(&settings, &streams, beginning);
    let course = Course {
        start_us: beginning.start_us,
        window_us,
        until_us: beginning.start_us + 400_000_000,
    };
    let mut records = Vec::new();
    let mut last_us = 0;
    for window in start(sources, course, threads) {
        for Item {
            stream,
            entry,
            key,
            value,
        } in window.items(0)
        {
            assert!(entry.at_us >= last_us && entry.at_us < window.end_us);
            last_us = entry.at_us;
            let hash = xxhash_rust::xxh3::xxh3_64(value.unwrap_or_default());
            let key = String::from_utf8_lossy(key);
            records.push(format!("{stream} {last_us} {:?} {key} {hash:x}", entry.kind));
        }
    }
    records
}

#[test]
fn neither_threads_nor_windows_change_a_byte() {
    let one = made(1, 1_000_000);
    assert!(one.len() > 15_000, "{}", one.len());
    assert!(one == made(8, 1_000_000), "eight threads make something else");
    assert!(one == made(3, 77_777), "short windows make something else");
    assert!(one == made(2, 1 << 40), "one window makes something else");
}

#[test]
fn dropping_what_comes_out_ends_the_threads() {
    let settings = Settings::default();
    let streams = [StreamSettings::new(StreamKind::Iot, "iot", 1_000.0)];
    let beginning = Beginning { run: 0, start_us: 0 };
    let sources = stream::sources(&settings, &streams, beginning);
    let course = stream::course(&settings, &streams, 0);
    let windows = start(sources, course, 4);
    assert!(windows.recv().unwrap().len() > 0);
}
