//! Many seeds, one after the other.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A run that broke a promise.
#[derive(Debug)]
pub struct Failure {
    /// Runs it again.
    pub seed: u64,
    /// Which promise, and how.
    pub reason: String,
    /// What had happened.
    pub story: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.story)?;
        write!(f, "seed {}: {}", self.seed, self.reason)
    }
}

/// What many runs came to.
#[derive(Debug)]
pub struct Runs {
    /// How many went well before the first that didn't.
    pub passed: u64,
    /// The first that didn't.
    pub failure: Option<Failure>,
}

/// Runs seeds until one fails.
pub fn run_seeds(seeds: impl IntoIterator<Item = u64>, run: impl Fn(u64) -> Result<(), Failure>) -> Runs {
    let mut passed = 0;
    for seed in seeds {
        if let Err(failure) = run(seed) {
            return Runs {
                passed,
                failure: Some(failure),
            };
        }
        passed += 1;
    }
    Runs {
        passed,
        failure: None,
    }
}

/// Does something that may panic; a panic is a broken promise like any other.
pub(crate) fn caught<T>(what: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(what)).map_err(|panic| format!("panicked: {}", message(&*panic)))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
        .to_owned()
}
