//! What the program is asked to run.

use cluster::Bug;

use crate::bugs::{self, BUGS};
use crate::{run, tell};

/// How the program is called.
pub const USAGE: &str = "\
usage: minicluster-sim [--seeds N] [--from N] [--on] [--seed N] [--bug NAME] [--bugs]

  --seeds   how many runs (100)
  --from    the first seed (0)
  --on      goes on after a run that failed, and tells of each in one line
  --seed    one run, with its story
  --bug     makes a mistake on purpose
  --bugs    makes each mistake, until it is found";

/// Runs between two lines of progress.
const PROGRESS: u64 = 500;

/// What the program is asked to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    from: u64,
    seeds: Option<u64>,
    /// Goes on after a failure.
    on: bool,
    /// One run, with its story.
    one: Option<u64>,
    bug: Option<Bug>,
    /// Tries all mistakes.
    bugs: bool,
}

impl Settings {
    /// Reads the command line.
    ///
    /// # Errors
    /// What can't be understood.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--on" => settings.on = true,
                "--bugs" => settings.bugs = true,
                "--seeds" => settings.seeds = Some(number(&name, &value()?)?),
                "--from" => settings.from = number(&name, &value()?)?,
                "--seed" => settings.one = Some(number(&name, &value()?)?),
                "--bug" => {
                    let bug = value()?;
                    let known = bugs::named(&bug);
                    settings.bug = Some(known.ok_or_else(|| unknown_bug(&bug))?);
                }
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(settings)
    }

    /// Runs what is asked for, and tells of it. Whether all went well.
    pub fn run(&self, mut tell: impl FnMut(String)) -> bool {
        match self.one {
            Some(seed) => self.run_one(seed, tell),
            None if self.bugs => find_bugs(tell),
            None => self.run_many(&mut tell),
        }
    }

    fn run_one(&self, seed: u64, mut told: impl FnMut(String)) -> bool {
        let (summary, story) = tell(seed, self.bug);
        told(match &summary {
            Ok(summary) => format!("{story}\nseed {seed}: {summary:?}"),
            Err(reason) => format!("{story}\nseed {seed}: {reason}"),
        });
        summary.is_ok()
    }

    fn run_many(&self, tell: &mut impl FnMut(String)) -> bool {
        let end = self.from.saturating_add(self.seeds.unwrap_or(100));
        let mut failed = 0;
        for seed in self.from..end {
            if let Err(failure) = run(seed, self.bug) {
                failed += 1;
                if !self.on {
                    tell(format!("{failure}\nagain: {}", self.again(seed)));
                    return false;
                }
                tell(format!("seed {seed}: {}", failure.reason));
            }
            let done = seed + 1 - self.from;
            if done.is_multiple_of(PROGRESS) || seed + 1 == end {
                tell(format!("{done} seeds from {}, {failed} failed", self.from));
            }
        }
        failed == 0
    }

    fn again(&self, seed: u64) -> String {
        let bug = self
            .bug
            .map_or_else(String::new, |bug| format!(" --bug {}", bugs::name_of(bug)));
        format!("cargo run -p minicluster-sim -- --seed {seed}{bug}")
    }
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value
        .parse()
        .map_err(|_| format!("{name} must be a number, not {value:?}"))
}

fn unknown_bug(name: &str) -> String {
    let names: Vec<&str> = BUGS.iter().map(|(name, ..)| *name).collect();
    format!("unknown bug {name}; there are {}", names.join(", "))
}

fn find_bugs(mut tell: impl FnMut(String)) -> bool {
    let mut all = true;
    for (name, bug, within) in BUGS {
        let found = bugs::found(bug, within);
        all &= found.is_some();
        tell(match found {
            Some((seed, reason)) => format!("{name}: found by seed {seed} of {within}: {reason}"),
            None => format!("{name}: NOT found in {within} seeds"),
        });
    }
    all
}
