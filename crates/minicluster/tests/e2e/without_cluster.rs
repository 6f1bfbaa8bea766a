//! Every command where nothing runs: how it ends, and that stdout carries nothing but data.

use crate::platform::{Ended, Platform};

/// Commands that need a running platform or a lake: exit code 4.
const NEED_A_PLATFORM: [&[&str]; 16] = [
    &["status"],
    &["status", "-o", "json"],
    &["stats"],
    &["stats", "--once", "-o", "json"],
    &["ledger"],
    &["ledger", "-o", "json"],
    &["sql", "select 1"],
    &["sql", "-o", "csv", "select 1"],
    &["topics", "list"],
    &["topics", "list", "-o", "json"],
    &["topics", "describe", "t"],
    &["topics", "create", "t"],
    &["topics", "alter", "t", "--partitions", "3"],
    &["topics", "delete", "t", "--yes"],
    &["produce", "t"],
    &["consume", "t"],
];

/// Command lines that can't be meant: exit code 2.
const WRONG: [&[&str]; 12] = [
    &[],
    &["stat"],
    &["sql"],
    &["topics"],
    &["topics", "alter", "t"],
    &["topics", "create", "t", "-c", "retention.ms"],
    &["consume", "t", "--offset", "tomorrow"],
    &["consume", "t", "--since", "tomorrow"],
    &["produce", "t", "--header", "no-value"],
    &["completions", "tcsh"],
    &["status", "-o", "xml"],
    &["broker", "--id", "9"],
];

/// Settings that can't be used: exit code 3.
const WRONG_SETTINGS: [&[&str]; 3] = [
    &["status", "--set", "kafka.partitions=none"],
    &["doctor", "--config", "no-such-file.yml"],
    &["up", "--set", "kafka.replication_factor=7"],
];

fn failed(platform: &Platform, arguments: &[&str], code: i32) -> Ended {
    let ended = platform.run(arguments);
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (code, ""),
        "{arguments:?}: {ended:?}"
    );
    ended
}

#[test]
fn what_cannot_be_done_says_why_and_prints_no_data() {
    let platform = Platform::new(&[]);
    for arguments in NEED_A_PLATFORM {
        let ended = failed(&platform, arguments, 4);
        assert!(
            ended.stderr.contains("`minicluster up`"),
            "{arguments:?}: {ended:?}"
        );
        assert!(ended.stderr.starts_with("error: "), "{arguments:?}: {ended:?}");
    }
    for arguments in WRONG {
        let ended = failed(&platform, arguments, 2);
        assert!(!ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
    for arguments in WRONG_SETTINGS {
        let ended = failed(&platform, arguments, 3);
        assert!(ended.stderr.starts_with("error: "), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn what_needs_no_platform_works_without() {
    let platform = Platform::new(&[]);
    for arguments in [
        &["--help"] as &[&str],
        &["--version"],
        &["config", "show"],
        &["config", "schema"],
    ] {
        assert!(!platform.ask(arguments).is_empty(), "{arguments:?}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = platform.ask(&["completions", shell]);
        assert!(
            script.contains("minicluster") && script.contains("topics"),
            "{shell}: {script}"
        );
    }
    // What is there to do is nothing, and said on stderr.
    for arguments in [
        &["down"] as &[&str],
        &["clean", "--all", "--yes"],
        &["clean", "--lake", "--dry-run"],
    ] {
        let ended = failed(&platform, arguments, 0);
        assert!(!ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn the_doctor_needs_no_platform() {
    let platform = Platform::new(&[]);
    let ended = platform.run(&["doctor", "-o", "json"]);
    let rows = ended.stdout.lines().map(|line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    });
    let rows: Vec<_> = rows.collect();
    let fails = rows.iter().any(|row| row["level"] == "fail");
    assert_eq!(ended.code, i32::from(fails), "{ended:?}");
    for check in [
        "memory",
        "open files",
        "clock",
        "ports",
        "services",
        "lake",
        "formats",
        "logs",
    ] {
        assert!(rows.iter().any(|row| row["check"] == check), "{check}: {ended:?}");
    }

    let taken = std::net::TcpListener::bind(("127.0.0.1", platform.ports()[1])).expect("it is free");
    let ended = platform.run(&["doctor"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let line = format!(
        "fail  port {}: port {} is taken by ",
        platform.ports()[1],
        platform.ports()[1]
    );
    assert!(ended.stdout.contains(&line), "{ended:?}");
    let remedy = "-> stop it, or choose another with `--set kafka.external_ports.broker_2=PORT`";
    assert!(ended.stdout.contains(remedy), "{ended:?}");
    drop(taken);
}
