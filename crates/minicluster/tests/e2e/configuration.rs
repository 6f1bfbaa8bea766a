//! `minicluster config`, without anything running.

use std::path::PathBuf;

use crate::platform::Platform;

fn beside_data(platform: &Platform, name: &str) -> PathBuf {
    platform.data().with_file_name(name)
}

fn write(platform: &Platform, name: &str, text: &str) {
    std::fs::write(beside_data(platform, name), text).expect("room");
}

#[test]
fn a_configuration_is_checked_shown_and_rendered() {
    let platform = Platform::new(&[]);
    let config = "kafka:\n  partitions: 12\n  bootstrap_servers: kafka-1:9092\ntopics:\n  iot: things\n";
    write(&platform, "config.yml", config);
    let checked = platform.run(&["config", "check"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    assert!(
        checked.stdout.starts_with("The configuration is good"),
        "{checked:?}"
    );
    let note = "note: `kafka.bootstrap_servers` is kafka-1:9092 by config.yml:3: not used";
    assert!(checked.stderr.contains(note), "{checked:?}");

    let shown = platform.ask(&["config", "show", "--origin"]);
    let line = shown
        .lines()
        .find(|line| line.trim().starts_with("partitions: 12"));
    assert!(
        line.is_some_and(|line| line.ends_with("# config.yml:2")),
        "{shown}"
    );
    let rows = platform.ask(&["config", "show", "--origin", "-o", "json"]);
    let wanted = r#"{"key":"topics.iot","origin":"config.yml:5","value":"things"}"#;
    assert!(rows.lines().any(|row| row == wanted), "{rows}");

    let rendered = platform.ask(&["config", "render"]);
    assert!(rendered.contains("\nKAFKA_PARTITIONS=12\n"), "{rendered}");
    let file = beside_data(&platform, ".env");
    assert!(!file.exists());
    for said in [".env is written\n", ".env is up to date\n"] {
        let written = platform.run(&["config", "render", "--write"]);
        assert_eq!((written.code, written.stderr.as_str()), (0, said));
        assert_eq!(std::fs::read_to_string(&file).expect("a text"), rendered);
    }

    // The variables are enough.
    std::fs::remove_file(beside_data(&platform, "config.yml")).expect("it is there");
    let without = platform.run(&["config", "show"]);
    assert!(without.stdout.contains("\n  partitions: 12\n"), "{without:?}");
    assert!(without.stdout.contains("\n  iot: things\n"), "{without:?}");
    assert!(
        without
            .stderr
            .contains("note: there is no config.yml: settings come from .env\n"),
        "{without:?}"
    );
    assert_eq!(platform.ask(&["config", "render"]), rendered);
}

#[test]
fn an_env_written_by_hand_is_left_alone() {
    let platform = Platform::new(&[]);
    write(&platform, ".env", "MY_PASSWORD=secret\n");
    let ended = platform.run(&["config", "render", "--write"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(
        ended.stderr.contains(".env was not written by `config render`"),
        "{ended:?}"
    );
    let text = std::fs::read_to_string(beside_data(&platform, ".env")).expect("a text");
    assert_eq!(text, "MY_PASSWORD=secret\n");
}

#[test]
fn the_schema_is_there_even_where_the_settings_are_broken() {
    let platform = Platform::new(&[]);
    write(&platform, "config.yml", "kafka:\n  replication_factor: 4\n");
    let schema: serde_json::Value = serde_json::from_str(&platform.ask(&["config", "schema"])).expect("JSON");
    assert_eq!(
        schema["properties"]["kafka"]["properties"]["partitions"]["default"],
        6
    );
    for command in ["check", "show", "render"] {
        let ended = platform.run(&["config", command]);
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{ended:?}");
        let start = "error: config.yml:2: `kafka.replication_factor` is 4, but";
        assert!(ended.stderr.starts_with(start), "{ended:?}");
    }
}

#[test]
fn a_root_that_cannot_be_created_is_told_with_its_key() {
    let platform = Platform::new(&[]);
    write(&platform, "file", "not a folder");
    write(&platform, "config.yml", "storage:\n  datalake_root: file/lake\n");
    let ended = platform.run(&["up"]);
    assert_eq!(ended.code, 3, "{ended:?}");
    let start = "error: config.yml:2: `storage.datalake_root` is file/lake, which cannot be created: ";
    assert!(ended.stderr.starts_with(start), "{ended:?}");
}
