//! What a check found.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// It works, but not as well as it could, or not for long.
    Warn,
    /// Something can't work.
    Fail,
}

impl Level {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the doctor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What was looked at, in a word or two.
    pub(super) check: String,
    /// What was seen.
    pub(super) says: String,
    /// What to do.
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Ok, check, says)
    }

    pub(super) fn warn(check: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Warn, check, says)
    }

    pub(super) fn fail(check: impl Into<String>, says: impl Into<String>) -> Self {
        Self::new(Level::Fail, check, says)
    }

    fn new(level: Level, check: impl Into<String>, says: impl Into<String>) -> Self {
        Self {
            level,
            check: check.into(),
            says: says.into(),
            remedy: None,
        }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}
