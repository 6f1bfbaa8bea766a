use super::*;
use crate::declaration::{TableDeclaration, default_tables};

fn iot() -> SourceDeclaration {
    let found = default_tables().into_iter().find_map(|t| match t {
        TableDeclaration::Source(source) if source.table == "iot" => Some(source),
        _ => None,
    });
    found.unwrap()
}

/// The verdict on one record in the words of the golden file.
fn shown(decoder: &mut Decoder, json: &[u8]) -> String {
    match decoder.decode(Some(json)) {
        Err(Malformed(reason)) => format!("malformed: {reason}"),
        Ok(decoded) => {
            let values: Vec<String> = decoded
                .values()
                .map(|value| match value {
                    Value::Null => "-".to_owned(),
                    Value::Text(text) => format!("{text:?}"),
                    Value::Int(number) => number.to_string(),
                    Value::Double(number) => format!("{number:?}"),
                })
                .collect();
            format!("{} @ {}", values.join(" "), decoded.event_time)
        }
    }
}

/// Lines of `> json` followed by the expected `= verdict`.
#[test]
fn golden() {
    let golden = include_str!("../../testdata/decode.txt");
    let mut decoder = Decoder::new(&iot());
    let mut shown_all = String::new();
    for line in golden.lines() {
        if line.starts_with("= ") {
            continue;
        }
        shown_all += line;
        shown_all += "\n";
        if let Some(json) = line.strip_prefix("> ") {
            shown_all += &format!("= {}\n", shown(&mut decoder, json.as_bytes()));
        }
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/decode.txt"),
            &shown_all,
        )
        .unwrap();
    }
    assert_eq!(
        shown_all, golden,
        "run with UPDATE_GOLDEN=1 and read the difference"
    );
}

#[test]
fn what_is_no_text_is_malformed() {
    let mut decoder = Decoder::new(&iot());
    assert_eq!(decoder.decode(None).unwrap_err(), Malformed::new("no value"));
    assert_eq!(shown(&mut decoder, b""), "malformed: not a JSON object");
    assert_eq!(shown(&mut decoder, b"{\"ts\":\"\xff\"}"), "malformed: not UTF-8");
    assert_eq!(
        shown(&mut decoder, b"\xef\xbb\xbf{}"),
        "malformed: not a JSON object"
    );
}

#[test]
fn depth_is_bounded_before_the_parser_goes_in() {
    let mut decoder = Decoder::new(&iot());
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"device_id":"d","ts":"2025-06-01T00:00:00Z","x":{open}{close}}}"#)
    };
    assert!(shown(&mut decoder, nested(31).as_bytes()).starts_with("\"d\""));
    assert_eq!(
        shown(&mut decoder, nested(32).as_bytes()),
        "malformed: nested deeper than 32"
    );
    assert_eq!(
        shown(&mut decoder, nested(1_000_000).as_bytes()),
        "malformed: nested deeper than 32"
    );
    let brackets = "[".repeat(5_000);
    let flat = format!(r#"{{"device_id":"d","ts":"2025-06-01T00:00:00Z","site":"\"{brackets}"}}"#);
    assert!(shown(&mut decoder, flat.as_bytes()).starts_with("\"d\""));
}

#[test]
fn texts_have_a_longest_length() {
    let mut decoder = Decoder::new(&iot());
    let mut of = |length: usize, begin: &str| {
        let site = "x".repeat(length);
        let json = format!(r#"{{"device_id":"d","ts":"2025-06-01T00:00:00Z","site":"{begin}{site}"}}"#);
        shown(&mut decoder, json.as_bytes())
    };
    for (length, begin) in [(MAX_TEXT, ""), (MAX_TEXT - 1, "\\n")] {
        assert!(of(length, begin).starts_with("\"d\""));
        let expected = "malformed: `site` is longer than 1048576 bytes";
        assert_eq!(of(length + 1, begin), expected);
    }
}

/// Both paths must say the same of whatever the fast one takes.
#[test]
fn the_fast_path_agrees_with_the_thorough_one() {
    let mut decoder = Decoder::new(&iot());
    let golden = include_str!("../../testdata/decode.txt");
    let mut taken = 0;
    for json in golden.lines().filter_map(|line| line.strip_prefix("> ")) {
        // Every prefix and every single byte dropped, too.
        let prefixes = (0..=json.len())
            .filter_map(|end| json.get(..end))
            .map(str::to_owned);
        let dropped =
            (0..json.len()).filter_map(|at| Some(format!("{}{}", json.get(..at)?, json.get(at + 1..)?)));
        for text in prefixes.chain(dropped) {
            if !decoder.fast(&text) {
                continue;
            }
            taken += 1;
            let show = |decoder: &Decoder| -> Vec<String> {
                decoder
                    .slots
                    .iter()
                    .map(|slot| match slot {
                        Slot::Wrong => "wrong".to_owned(),
                        other => format!("{:?}", value(other, &text, &decoder.scratch)),
                    })
                    .collect()
            };
            let fast = show(&decoder);
            decoder
                .thorough(&text)
                .unwrap_or_else(|e| panic!("{text}: {e:?}"));
            assert_eq!(show(&decoder), fast, "{text}");
        }
    }
    assert!(taken > 100, "{taken}");
}

#[test]
fn equal_keys_hash_equally_and_only_those() {
    let mut decoder = Decoder::new(&iot());
    let mut key = |device: &str, ts: &str| {
        let json = format!(r#"{{"device_id":"{device}","ts":"{ts}"}}"#);
        decoder.decode(Some(json.as_bytes())).unwrap().key()
    };
    let first = key("d1", "2025-06-01T00:00:00Z");
    assert_eq!(key("d1", "2025-06-01T02:00:00+02:00"), first);
    assert_eq!(key("\\u00641", "2025-06-01T00:00:00Z"), first);
    assert_ne!(key("d1", "2025-06-01T00:00:00.000001Z"), first);
    assert_ne!(key("d2", "2025-06-01T00:00:00Z"), first);
}
