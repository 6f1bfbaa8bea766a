//! How a command fails: one clear message and an exit code that scripts can rely on.

use std::fmt;
use std::process::ExitCode;

use run::RunError;

/// The exit codes. 0 is success; clap ends the process with 2 for wrong usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// It did not work.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong.
    Configuration = 3,
    /// There is no running platform to ask.
    NotRunning = 4,
    /// A port or a folder is in use by somebody else.
    Conflict = 5,
    /// A service did not get ready in time.
    NotReady = 6,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
}

/// What commands give back.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(code: Code, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// A failure with exit code 1.
    pub(crate) fn plain(message: impl fmt::Display) -> Self {
        Self::new(Code::Failure, message)
    }

    /// What went wrong with the run folder; where somebody else has it, a conflict.
    pub(crate) fn of_run(error: RunError) -> Self {
        let code = if error.is_conflict() {
            Code::Conflict
        } else {
            Code::Failure
        };
        Self::new(code, error)
    }

    pub(crate) fn is(&self, code: Code) -> bool {
        self.code == code
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code as u8)
    }
}

impl Code {
    /// The meaning of an exit code of one of our own processes.
    pub(crate) fn of(code: u8) -> Self {
        match code {
            2 => Self::Usage,
            3 => Self::Configuration,
            4 => Self::NotRunning,
            5 => Self::Conflict,
            6 => Self::NotReady,
            _ => Self::Failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Errors of our crates say what happened and what to do; they are passed on as they are.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::plain(error)
    }
}
