//! What can be wrong with a configuration.

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
    /// An environment variable.
    Variable(String),
    /// The command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A configuration that cannot be used, with the place to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `--config` names a file that cannot be read.
    #[error("cannot read the configuration {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is not YAML.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// What the parser says.
        message: String,
    },
    /// One setting is wrong.
    #[error("{origin}: {message}{}", Excerpt(excerpt))]
    Setting {
        /// Where it was set.
        origin: Origin,
        /// What is wrong, with the key and what to do.
        message: String,
        /// The line of the file.
        excerpt: Option<String>,
    },
}

struct Excerpt<'a>(&'a Option<String>);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(line) => write!(f, "\n    {}", line.trim_end()),
            None => Ok(()),
        }
    }
}
