//! Topics and records through the command line: created, filled, altered, read, copied, deleted.

use std::fs::File;

use serde_json::{Value, json};

use crate::platform::{Platform, finish};

fn rows(text: &str) -> Vec<Value> {
    let row = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    text.lines().map(row).collect()
}

#[test]
fn a_topic_is_created_filled_altered_copied_and_deleted() {
    let mut platform = Platform::new(&["kafka.brokers=1"]);
    platform.up();

    let created = platform.ask(&[
        "topics",
        "create",
        "orders",
        "-p",
        "2",
        "-c",
        "retention.ms=-1",
        "-o",
        "json",
    ]);
    let created = &rows(&created)[0];
    assert_eq!(
        (&created["topic"], &created["partitions"]),
        (&json!("orders"), &json!(2))
    );
    let again = platform.run(&["topics", "create", "orders"]);
    assert_eq!((again.code, again.stdout.as_str()), (1, ""), "{again:?}");
    platform.ask(&["topics", "create", "orders", "--if-not-exists"]);

    let file = platform.data().with_file_name("orders.txt");
    std::fs::write(&file, "ann:1\nben:2\nann:\n").expect("room");
    let path = file.to_str().expect("a text");
    let written = platform.ask(&[
        "produce",
        "orders",
        "--file",
        path,
        "-K",
        ":",
        "-H",
        "from=test",
        "--empty-is-null",
        "-o",
        "json",
    ]);
    let written = rows(&written);
    assert_eq!(written.len(), 3, "{written:?}");
    assert_eq!(
        written[0]["partition"], written[2]["partition"],
        "one key, one partition"
    );

    let read = platform.ask(&["consume", "orders", "-o", "json"]);
    let mut found: Vec<_> = rows(&read)
        .iter()
        .map(|row| (row["key"].clone(), row["value"].clone(), row["headers"].clone()))
        .collect();
    found.sort_by_key(|(key, value, _)| format!("{key} {value}"));
    let headers = json!([{"key": "from", "value": "test"}]);
    let record = |key: &str, value: Value| (json!(key), value, headers.clone());
    let wanted = [
        record("ann", json!("1")),
        record("ann", Value::Null),
        record("ben", json!("2")),
    ];
    assert_eq!(found, wanted);

    // What was read can be written again as it was.
    platform.ask(&["topics", "create", "copy", "-p", "1"]);
    std::fs::write(&file, &read).expect("room");
    let mut copy = platform.command(&["produce", "copy", "--input", "json"]);
    copy.stdin(File::open(&file).expect("it is there"));
    let copied = finish(copy);
    assert_eq!(
        (copied.code, copied.stderr.as_str()),
        (0, "3 records written to `copy`\n")
    );
    let strip = |text: &str| {
        let mut rows = rows(text);
        for row in &mut rows {
            row["partition"] = Value::Null;
            row["offset"] = Value::Null;
        }
        rows.sort_by_key(ToString::to_string);
        rows
    };
    assert_eq!(
        strip(&platform.ask(&["consume", "copy", "-o", "json"])),
        strip(&read)
    );
    assert_eq!(
        platform
            .ask(&["consume", "copy", "--offset", "-2", "-K", "="])
            .lines()
            .count(),
        2
    );
    assert_eq!(
        platform
            .ask(&["consume", "copy", "--since", "1h"])
            .lines()
            .count(),
        3
    );
    let beyond = platform.run(&["consume", "copy", "--offset", "4"]);
    assert!(
        beyond
            .stderr
            .contains("copy-0 holds offsets 0 to 3: there is no 4"),
        "{beyond:?}"
    );

    let refused = platform.run(&["topics", "alter", "orders", "-p", "3", "-c", "retention.ms=soon"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let describe = || rows(&platform.ask(&["topics", "describe", "orders", "-o", "json"])).remove(0);
    let retention = |topic: &Value| {
        let configs = topic["configs"].as_array().cloned().unwrap_or_default();
        let config = configs
            .into_iter()
            .find(|config| config["name"] == "retention.ms");
        config.map(|config| (config["value"].clone(), config["source"].clone()))
    };
    let before = describe();
    assert_eq!(
        before["partitions"].as_array().map(Vec::len),
        Some(2),
        "nothing of it was done"
    );
    assert_eq!(retention(&before), Some((json!("-1"), json!("topic"))));
    assert!(
        before["bytes"].as_u64().is_some_and(|bytes| bytes > 100),
        "{before}"
    );
    platform.ask(&[
        "topics",
        "alter",
        "orders",
        "-p",
        "3",
        "--delete-config",
        "retention.ms",
    ]);
    let after = describe();
    assert_eq!(after["partitions"].as_array().map(Vec::len), Some(3));
    assert_eq!(retention(&after), Some((json!("604800000"), json!("default"))));

    let unasked = platform.run(&["topics", "delete", "orders", "copy"]);
    assert_eq!(unasked.code, 2, "there is nobody to ask: {unasked:?}");
    platform.ask(&["topics", "delete", "orders", "copy", "--yes"]);
    let names: Vec<Value> = rows(&platform.ask(&["topics", "list", "-o", "json"]))
        .into_iter()
        .map(|row| row["topic"].clone())
        .collect();
    assert_eq!(names, [json!("clickstream"), json!("iot")]);

    let doctor = platform.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("addresses: a client reaches 127.0.0.1:"),
        "{doctor:?}"
    );
}
