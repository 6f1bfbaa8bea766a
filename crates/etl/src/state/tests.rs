use super::*;
use crate::declaration::{TableDeclaration, default_tables};

fn page_views() -> DerivedDeclaration {
    let found = default_tables().into_iter().find_map(|t| match t {
        TableDeclaration::Derived(derived) => Some(derived),
        TableDeclaration::Source(_) => None,
    });
    found.unwrap()
}

fn keys(count: u128) -> Vec<SeenKey> {
    let key = |n: u128| SeenKey {
        bucket_end: (n as i64 % 7) * 60_000_000,
        hash: KeyHash(n.wrapping_mul(u128::MAX / 977)),
    };
    (0..count).map(key).collect()
}

#[test]
fn keys_come_back_as_they_were() {
    for count in [0, 1, 70_000] {
        let schema = dedup_schema("clickstream");
        let mut file = Vec::new();
        assert_eq!(
            write_dedup(&mut file, &schema, keys(count).into_iter()).unwrap(),
            count as u64
        );
        let mut read = Vec::new();
        assert_eq!(read_dedup(&file, &schema, |key| read.push(key)), Ok(count as u64));
        assert_eq!(read, keys(count));
    }
}

#[test]
fn windows_come_back_as_they_were() {
    let row = |n: u64, url: Option<&str>| WindowRow {
        start: -60_000_000 * n as i64,
        hash: KeyHash(u128::MAX - u128::from(n)),
        group: Group {
            values: [url.map(Into::into)].into(),
            partial: Partial { count: n },
        },
    };
    let rows = vec![row(1, Some("/a")), row(2, None), row(3, Some(""))];
    let schema = windows_schema(&page_views());
    let mut file = Vec::new();
    assert_eq!(
        write_windows(&mut file, &schema, rows.clone().into_iter()).unwrap(),
        3
    );
    let mut read = Vec::new();
    assert_eq!(read_windows(&file, &schema, |row| read.push(row)), Ok(3));
    assert_eq!(read, rows);
}

#[test]
fn another_files_state_is_refused() {
    let mut file = Vec::new();
    write_dedup(&mut file, &dedup_schema("iot"), keys(3).into_iter()).unwrap();
    let refused = |bytes: &[u8], schema: &SchemaRef| read_dedup(bytes, schema, |_| ()).unwrap_err();
    assert_eq!(
        refused(&file, &dedup_schema("clickstream")),
        "it holds dedup of table iot, version 1, not dedup of table clickstream, version 1"
    );
    assert!(refused(&file, &windows_schema(&page_views())).starts_with("it holds dedup of table iot"));
    assert!(refused(b"", &dedup_schema("iot")).starts_with("it is not an Arrow stream"));
}

/// The lake's digest guards what was written; this guards the reader against everything else.
#[test]
fn damaged_bytes_never_panic() {
    let schema = dedup_schema("iot");
    let mut file = Vec::new();
    write_dedup(&mut file, &schema, keys(20).into_iter()).unwrap();
    for at in 0..file.len() {
        let _ = read_dedup(&file[..at], &schema, |_| ());
    }
}

#[test]
fn snapshots_keep_the_chain_short() {
    let file = |kind, rows| StateFile {
        name: "x".into(),
        kind,
        rows,
    };
    let chain = |deltas: usize, rows| {
        let mut files = vec![file(StateKind::Snapshot, 1000)];
        files.extend((0..deltas).map(|_| file(StateKind::Delta, rows)));
        files
    };
    assert!(snapshot_is_due(&[], 0));
    assert!(!snapshot_is_due(&chain(9, 1000), 1000));
    assert!(snapshot_is_due(&chain(10, 50), 1000));
    assert!(!snapshot_is_due(&chain(10, 49), 1000));
    assert!(snapshot_is_due(&chain(64, 0), 1000));
}
