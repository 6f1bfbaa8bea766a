use super::job::Mistake;
use super::{Limits, explore};

/// Explores everything within the limits; `at_least` so many states shows that it did.
fn expect_no_violation(limits: Limits, at_least: usize) {
    match explore(limits, None) {
        Ok(explored) => assert!(explored.states > at_least, "{limits:?}: {explored:?}"),
        Err(violation) => panic!("{limits:?}:\n{violation}"),
    }
}

#[test]
fn no_crash_in_three_epochs_loses_or_doubles_a_row() {
    expect_no_violation(
        Limits {
            epochs: 3,
            crashes: 1,
        },
        10_000,
    );
}

#[test]
fn no_second_crash_in_two_epochs_loses_or_doubles_a_row() {
    expect_no_violation(
        Limits {
            epochs: 2,
            crashes: 2,
        },
        15_000,
    );
}

/// The exploration can fail: it does for each rule that is broken on purpose.
#[test]
fn every_broken_rule_is_found() {
    let mistakes: &[(&str, Mistake)] = &[
        ("derived tables are published first", Mistake::DerivedFirst),
        ("the next commit comes before publishing", Mistake::PublishLater),
        (
            "what is found at the start isn't synced",
            Mistake::SkipSyncsAtStart,
        ),
        (
            "parents of the root",
            Mistake::SkipSync(|path| path == "/" || path == "/data"),
        ),
        (
            "the parent of the state folder",
            Mistake::SkipSync(|path| path == "/data/checkpoints"),
        ),
        ("the root", Mistake::SkipSync(|path| path == "/data/lake")),
        ("the log", Mistake::SkipSync(|path| path == "/data/lake/log")),
        ("tables", Mistake::SkipSync(|path| path == "/data/lake/tables")),
        (
            "a table",
            Mistake::SkipSync(|path| path.contains("/tables/") && !path.contains("/dt=")),
        ),
        ("a partition", Mistake::SkipSync(|path| path.contains("/dt="))),
        ("staging", Mistake::SkipSync(|path| path == "/data/lake/staging")),
        (
            "an attempt's folder",
            Mistake::SkipSync(|path| path.contains("/staging/") && !path.contains('.')),
        ),
        (
            "a data file",
            Mistake::SkipSync(|path| path.ends_with(".parquet")),
        ),
        (
            "a commit",
            Mistake::SkipSync(|path| path.ends_with("/commit.json")),
        ),
        (
            "a log snapshot",
            Mistake::SkipSync(|path| path.ends_with(".snapshot.json")),
        ),
        (
            "the state folder",
            Mistake::SkipSync(|path| path == "/data/checkpoints/etl"),
        ),
        (
            "a state file",
            Mistake::SkipSync(|path| path.ends_with("-epochs")),
        ),
        (
            "newest.json",
            Mistake::SkipSync(|path| path.ends_with("/newest.json.tmp")),
        ),
        (
            "format.json",
            Mistake::SkipSync(|path| path.ends_with("/format.json.tmp")),
        ),
    ];
    let limits = Limits {
        epochs: 2,
        crashes: 1,
    };
    for (rule, mistake) in mistakes {
        assert!(explore(limits, Some(*mistake)).is_err(), "nobody noticed: {rule}");
    }
}
