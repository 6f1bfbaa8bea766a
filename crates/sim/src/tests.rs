use crate::bugs::{self, BUGS, FEW};
use crate::{Summary, run, tell};

#[test]
fn promises_are_kept() {
    let kept = |seed| run(seed, None).unwrap_or_else(|failure| panic!("{failure}"));
    let runs: Vec<Summary> = (0..40).map(kept).collect();
    let at_least = |what: &str, least: u64, of: fn(&Summary) -> u64| {
        let count: u64 = runs.iter().map(of).sum();
        assert!(count >= least, "{count} {what}: {runs:?}");
    };
    at_least("crashes", 100, |run| run.crashes);
    at_least("clean stops", 10, |run| run.clean_stops);
    at_least("power losses", 5, |run| run.power_losses);
    at_least("records", 2_000, |run| run.records);
    at_least("leader epochs", 500, |run| run.led as u64);
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 500..502 {
        let (first, story) = tell(seed, None);
        assert!(first.is_ok(), "seed {seed}: {first:?}");
        assert_eq!((first, story), tell(seed, None), "seed {seed}");
    }
}

/// The others take more seeds: see CONTRIBUTING.md.
#[test]
fn mistakes_are_found() {
    for (name, bug, within) in BUGS.into_iter().filter(|(.., within)| *within <= FEW) {
        assert!(
            bugs::found(bug, within).is_some(),
            "{name} was not found in {within} seeds"
        );
    }
}
