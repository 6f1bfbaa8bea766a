use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A part of the overview that comes from elsewhere, and may not come.
///
/// | `value` | `problem` | meaning |
/// |---|---|---|
/// | there | none | fresh, as of `at` |
/// | there | there | stale: the last one that could be had, as of `at` |
/// | none | there | could not be had so far |
/// | none | none | nobody has asked yet |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part<T> {
    /// The newest value that could be had.
    pub value: Option<T>,
    /// When it was had.
    pub at: Option<Timestamp>,
    /// Why there is no newer one, in words for the operator.
    pub problem: Option<String>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self {
            value: None,
            at: None,
            problem: None,
        }
    }
}

impl<T> Part<T> {
    /// A fresh value.
    pub fn fresh(value: T, at: Timestamp) -> Self {
        Self {
            value: Some(value),
            at: Some(at),
            problem: None,
        }
    }

    /// Nothing so far, and why.
    pub fn missing(problem: impl Into<String>) -> Self {
        Self {
            problem: Some(problem.into()),
            ..Self::default()
        }
    }

    /// Takes what a look brought: a failure keeps the value that was there.
    pub fn take(&mut self, looked: Result<T, String>, at: Timestamp) {
        match looked {
            Ok(value) => *self = Self::fresh(value, at),
            Err(problem) => self.problem = Some(problem),
        }
    }

    /// The value, fresh or stale.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// The value, if nothing speaks against it.
    pub fn if_fresh(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.problem.is_none())
    }

    /// Whether the value is an old one.
    pub fn is_stale(&self) -> bool {
        self.value.is_some() && self.problem.is_some()
    }

    /// The same part of another value.
    pub fn map<U>(&self, into: impl FnOnce(&T) -> U) -> Part<U> {
        Part {
            value: self.value.as_ref().map(into),
            at: self.at,
            problem: self.problem.clone(),
        }
    }
}
