use cluster::Bug;

use super::run;
use crate::run_seeds;

#[test]
fn promises_are_kept() {
    let runs = run_seeds(0..50, |seed| run(seed, None).map(|_| ()));
    if let Some(failure) = runs.failure {
        panic!("{failure}");
    }
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 1_000..1_005 {
        let first = run(seed, None).expect("promises are kept");
        let second = run(seed, None).expect("promises are kept");
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn runs_are_about_something() {
    let runs: Vec<_> = (0..20)
        .map(|seed| run(seed, None).expect("promises are kept"))
        .collect();
    assert!(
        runs.iter().map(|r| r.terms).sum::<usize>() > 40,
        "elections: {runs:?}"
    );
    assert!(
        runs.iter().map(|r| r.crashes).sum::<u64>() > 40,
        "crashes: {runs:?}"
    );
    assert!(
        runs.iter().map(|r| r.topics).sum::<usize>() > 60,
        "topics: {runs:?}"
    );
}

/// Each mistake is found within so many seeds. What takes more of them is tested by hand: see
/// [`directed`](super::directed).
#[test]
fn mistakes_are_found() {
    let within = [
        (Bug::ApplyUncommitted, 0..10),
        (Bug::ReuseProducerIds, 0..20),
        (Bug::AnswerBeforeCommit, 0..30),
        (Bug::KeepLeaderEpoch, 0..20),
        (Bug::DeleteByName, 200..220),
    ];
    for (bug, seeds) in within {
        let runs = run_seeds(seeds.clone(), |seed| run(seed, Some(bug)).map(|_| ()));
        assert!(runs.failure.is_some(), "{bug:?} was not found in seeds {seeds:?}");
    }
}
