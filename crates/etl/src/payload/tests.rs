use super::*;

/// Format 1 as it lies in lakes: a change of this file is a change of the format.
const GOLDEN: &str = include_str!("../../testdata/payload.json");

/// The payload of the golden file.
pub(crate) fn example() -> Payload {
    Payload::parse(GOLDEN).unwrap()
}

#[test]
fn golden() {
    let written = serde_json::to_string_pretty(&example()).unwrap();
    assert_eq!(written + "\n", GOLDEN);
}

#[test]
fn the_ledger_is_read_from_it() {
    let ledger = Ledger::from_payload(GOLDEN).unwrap();
    assert_eq!(ledger.imbalances(), Vec::<String>::new());
    let counts = ledger.table("clickstream");
    assert_eq!(
        (counts.read, counts.written, counts.quarantined()),
        (160, 140, 13)
    );
    assert_eq!(ledger.windows["clickstream_agg"].open, 40);
}

#[test]
fn imbalances_are_named() {
    let mut ledger = Ledger::from_payload(GOLDEN).unwrap();
    for counts in ledger.partitions.values_mut().take(1) {
        counts.written += 1;
    }
    assert_eq!(
        ledger.imbalances(),
        [
            "clickstream (clickstream-0): read 100 is not written 91 + filtered 0 + duplicates 5 + late 2 + future 1 + malformed 2",
            "clickstream_agg: closed 100 + open 40 is not the 141 written rows of clickstream",
        ]
    );
}

#[test]
fn other_payloads_are_refused() {
    let refused = |text: &str| Payload::parse(text).unwrap_err().to_string();
    assert!(refused("null").contains("cannot be read"));
    assert!(refused(r#"{"format":"other","version":1}"#).contains("its format is `other`"));
    let newer = GOLDEN.replace("\"version\": 1", "\"version\": 2");
    assert!(
        refused(&newer).contains("use the version that wrote it"),
        "{}",
        refused(&newer)
    );
    assert!(refused(&GOLDEN.replace("\"epoch\"", "\"batch\"")).contains("cannot be read"));
}

#[test]
fn the_standing_is_read_from_it() {
    let standing = crate::Standing::from_payload(GOLDEN).unwrap();
    let clickstream = &standing.tables["clickstream"];
    assert_eq!(
        clickstream.watermark.map(|w| w.to_string()),
        Some("2025-06-01T01:02:03Z".into())
    );
    let next: Vec<(i32, i64)> = clickstream.next_offsets.iter().map(|(p, o)| (p.0, o.0)).collect();
    assert_eq!(next, [(0, 100), (1, 60)]);
    assert_eq!(standing.tables["iot"].watermark, None);
}
