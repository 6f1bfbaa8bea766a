use cluster::Bug;

use crate::{run, run_seeds};

#[test]
fn promises_are_kept() {
    let runs = run_seeds(0..20, |seed| run(seed, None).map(|_| ()));
    if let Some(failure) = runs.failure {
        panic!("{failure}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 500..502 {
        let first = run(seed, None).expect("promises are kept");
        let second = run(seed, None).expect("promises are kept");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn mistakes_are_found() {
    let within = [
        (Bug::ApplyUncommitted, 10),
        (Bug::ReuseProducerIds, 30),
        (Bug::AnswerBeforeCommit, 60),
        (Bug::KeepLeaderEpoch, 10),
        (Bug::CommitAlone, 10),
        (Bug::AcknowledgeEarly, 10),
        (Bug::ReadUncommitted, 10),
        (Bug::SkipTruncation, 30),
    ];
    for (bug, seeds) in within {
        let runs = run_seeds(0..seeds, |seed| run(seed, Some(bug)).map(|_| ()));
        assert!(runs.failure.is_some(), "{bug:?} was not found in {seeds} seeds");
    }
}

#[test]
fn runs_are_about_something() {
    let runs: Vec<_> = (100..115)
        .map(|seed| run(seed, None).expect("promises are kept"))
        .collect();
    assert!(
        runs.iter().map(|r| r.crashes).sum::<u64>() > 40,
        "crashes: {runs:?}"
    );
    assert!(
        runs.iter().map(|r| r.clean_stops).sum::<u64>() > 5,
        "clean stops: {runs:?}"
    );
    assert!(
        runs.iter().map(|r| r.power_losses).sum::<u64>() > 2,
        "power losses: {runs:?}"
    );
    assert!(
        runs.iter().map(|r| r.records).sum::<usize>() > 500,
        "records: {runs:?}"
    );
    assert!(
        runs.iter().map(|r| r.led).sum::<usize>() > 150,
        "leader epochs: {runs:?}"
    );
}
