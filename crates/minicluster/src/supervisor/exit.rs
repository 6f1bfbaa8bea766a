//! How processes end.

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exit {
    /// One line for the operator: `killed by signal 9`, `exit code 1: error: ...`.
    pub(crate) reason: String,
    /// The exit code, where there was one.
    pub(crate) code: Option<u8>,
    /// The signal that ended it, where there was one.
    pub(crate) signal: Option<i32>,
}

/// SIGTERM, with which we ask a process to stop.
const TERMINATED: i32 = 15;

impl Exit {
    /// A process that never was, or whose end is unknown.
    pub(crate) fn without_process(reason: String) -> Self {
        Self {
            reason,
            code: None,
            signal: None,
        }
    }

    /// Whether a process that was asked to stop ended so.
    pub(super) fn as_asked(&self) -> bool {
        // One that was not yet listening to signals is ended by SIGTERM itself.
        self.code == Some(0) || self.signal == Some(TERMINATED)
    }
}
