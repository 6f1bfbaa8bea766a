//! Where a value comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of `config.yml`, counted from 1.
    File {
        /// The file, as it was named to us.
        path: PathBuf,
        /// The line of the value.
        line: u64,
    },
    /// A line of `.env`, counted from 1.
    DotEnv {
        /// The file.
        path: PathBuf,
        /// The line of the value.
        line: u64,
        /// The name that it has there.
        name: String,
    },
    /// An environment variable.
    Variable(String),
    /// The command line.
    Flag(String),
}

impl Origin {
    /// Sorts origins by layer, lowest first, and line.
    pub(crate) fn place(&self) -> (u8, u64) {
        match self {
            Self::Default => (0, 0),
            Self::File { line, .. } => (1, *line),
            Self::DotEnv { line, .. } => (2, *line),
            Self::Variable(_) => (3, 0),
            Self::Flag(_) => (4, 0),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { path, line } | Self::DotEnv { path, line, .. } => {
                write!(f, "{}:{line}", path.display())
            }
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}
