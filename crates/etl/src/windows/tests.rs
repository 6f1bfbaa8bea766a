use super::*;
use crate::shard::KeyHasher;

const MINUTE: i64 = 60_000_000;

fn row(minute: i64, url: &str, count: u64) -> WindowRow {
    let mut hasher = KeyHasher::default();
    hasher.push(url.as_bytes());
    let group = Group {
        values: [Some(url.into())].into(),
        partial: Partial { count },
    };
    WindowRow {
        start: minute * MINUTE,
        hash: hasher.finish(),
        group,
    }
}

fn shown(rows: &[WindowRow]) -> Vec<String> {
    let url = |row: &WindowRow| row.group.values[0].clone().unwrap_or_default();
    rows.iter()
        .map(|row| format!("{} {} {}", row.start / MINUTE, url(row), row.group.partial.count))
        .collect()
}

#[test]
fn windows_close_when_the_watermark_reaches_their_end() {
    let mut windows = Windows::new(MINUTE);
    for part in [row(1, "/b", 2), row(0, "/b", 1), row(1, "/a", 4), row(1, "/b", 3)] {
        windows.merge(part);
    }
    assert_eq!((windows.open_count(), windows.len()), (10, 3));
    assert_eq!(shown(&windows.close(EventTime(MINUTE - 1))), [] as [&str; 0]);
    assert_eq!(shown(&windows.close(EventTime(MINUTE))), ["0 /b 1"]);
    assert_eq!(shown(&windows.close(EventTime(2 * MINUTE - 1))), [] as [&str; 0]);
    assert_eq!(shown(&windows.close(EventTime(9 * MINUTE))), ["1 /a 4", "1 /b 5"]);
    assert_eq!((windows.open_count(), windows.len()), (0, 0));
}

#[test]
fn partials_merge_in_any_order() {
    let parts = [row(0, "/a", 1), row(0, "/b", 2), row(1, "/a", 3), row(0, "/a", 4)];
    let mut orders = Vec::new();
    for first in 0..parts.len() {
        let mut windows = Windows::new(MINUTE);
        parts
            .iter()
            .cycle()
            .skip(first)
            .take(parts.len())
            .for_each(|part| windows.merge(part.clone()));
        orders.push(shown(&windows.close(EventTime(9 * MINUTE))));
    }
    assert!(
        orders
            .iter()
            .all(|order| *order == ["0 /a 5", "0 /b 2", "1 /a 3"]),
        "{orders:?}"
    );
}

#[test]
fn counting_rows_is_merging_ones() {
    let (mut left, mut right) = (Partials::default(), Partials::default());
    for (partials, urls) in [(&mut left, ["/a", "/a", "/b"]), (&mut right, ["/b", "/c", "/a"])] {
        for url in urls {
            let one = row(0, url, 1);
            partials.count(0, one.hash, || one.group.values.clone());
        }
    }
    left.merge(right);
    let mut windows = Windows::new(MINUTE);
    left.into_rows().for_each(|row| windows.merge(row));
    assert_eq!(
        shown(&windows.close(EventTime(MINUTE))),
        ["0 /a 3", "0 /b 2", "0 /c 1"]
    );
}
