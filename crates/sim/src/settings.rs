//! What the program is asked to run.

use cluster::Bug;

use crate::{Failure, run, run_seeds};

/// How the program is called.
pub const USAGE: &str = "\
usage: minicluster-sim [--seeds N] [--from N] [--seed N] [--bug NAME]

  --seeds   how many runs (100)
  --from    the first seed (0)
  --seed    one run, with its story
  --bug     make a mistake: send-before-persist, apply-uncommitted, reuse-producer-ids,
            answer-before-commit, keep-leader-epoch, delete-by-name, stale-isr, elect-anyone,
            commit-alone, commit-below-minimum, ignore-proposed, trust-own-log, join-early,
            skip-truncation, acknowledge-early, answer-when-deposed, forget-producers,
            read-uncommitted";

/// Names of the mistakes.
const BUGS: [(&str, Bug); 18] = [
    ("send-before-persist", Bug::SendBeforePersist),
    ("apply-uncommitted", Bug::ApplyUncommitted),
    ("reuse-producer-ids", Bug::ReuseProducerIds),
    ("answer-before-commit", Bug::AnswerBeforeCommit),
    ("keep-leader-epoch", Bug::KeepLeaderEpoch),
    ("delete-by-name", Bug::DeleteByName),
    ("stale-isr", Bug::StaleIsr),
    ("elect-anyone", Bug::ElectAnyone),
    ("commit-alone", Bug::CommitAlone),
    ("commit-below-minimum", Bug::CommitBelowMinimum),
    ("ignore-proposed", Bug::IgnoreProposed),
    ("trust-own-log", Bug::TrustOwnLog),
    ("join-early", Bug::JoinEarly),
    ("skip-truncation", Bug::SkipTruncation),
    ("acknowledge-early", Bug::AcknowledgeEarly),
    ("answer-when-deposed", Bug::AnswerWhenDeposed),
    ("forget-producers", Bug::ForgetProducers),
    ("read-uncommitted", Bug::ReadUncommitted),
];

/// Runs between two lines of progress.
const PROGRESS: u64 = 500;

/// What the program is asked to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    from: u64,
    seeds: u64,
    /// One run, with its story.
    one: Option<u64>,
    bug: Option<Bug>,
}

impl Settings {
    /// Reads the command line.
    ///
    /// # Errors
    /// What can't be understood.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self {
            from: 0,
            seeds: 100,
            one: None,
            bug: None,
        };
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            let number = || {
                value
                    .parse::<u64>()
                    .map_err(|_| format!("{name} must be a number, not {value:?}"))
            };
            match name.as_str() {
                "--seeds" => settings.seeds = number()?,
                "--from" => settings.from = number()?,
                "--seed" => settings.one = Some(number()?),
                "--bug" => settings.bug = Some(bug(&value)?),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(settings)
    }

    /// Runs the seeds, and tells how far it is.
    ///
    /// # Errors
    /// The first run that broke a promise.
    pub fn run(&self, mut tell: impl FnMut(String)) -> Result<(), Failure> {
        if let Some(seed) = self.one {
            let (summary, story) = crate::tell(seed, self.bug);
            return match summary {
                Ok(summary) => {
                    tell(format!("{story}seed {seed}: {summary:?}"));
                    Ok(())
                }
                Err(reason) => Err(Failure { seed, reason, story }),
            };
        }
        let mut from = self.from;
        let end = self.from.saturating_add(self.seeds);
        while from < end {
            let to = from.saturating_add(PROGRESS).min(end);
            if let Some(failure) = run_seeds(from..to, |seed| run(seed, self.bug).map(|_| ())).failure {
                return Err(failure);
            }
            tell(format!("seeds {from} to {} kept all promises", to - 1));
            from = to;
        }
        Ok(())
    }

    /// The arguments that run a seed again.
    #[must_use]
    pub fn again(&self, seed: u64) -> String {
        let bug = self
            .bug
            .and_then(|bug| BUGS.iter().find(|(_, known)| *known == bug));
        let bug = bug.map_or(String::new(), |(name, _)| format!(" --bug {name}"));
        format!("--seed {seed}{bug}")
    }
}

fn bug(name: &str) -> Result<Bug, String> {
    let known = BUGS.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, bug)| *bug)
        .ok_or_else(|| format!("unknown bug {name}"))
}
