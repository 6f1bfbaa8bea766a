use cluster::Bug;

use super::run;
use crate::run_seeds;

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
    for (bug, seeds) in [(Bug::ApplyUncommitted, 20), (Bug::ReuseProducerIds, 20)] {
        let runs = run_seeds(0..seeds, |seed| run(seed, Some(bug)).map(|_| ()));
        assert!(runs.failure.is_some(), "{bug:?} was not found in {seeds} seeds");
    }
}
