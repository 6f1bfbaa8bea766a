//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

use crate::origin::Origin;
use crate::snippet::Snippet;

/// A configuration that cannot be used, with the places to mend it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that the operator named, or that is all there is, cannot be read.
    #[error("cannot read the configuration {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The rendered `.env` cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// There is a `.env` that somebody wrote by hand.
    #[error(
        "{} was not written by `config render`, so it is left alone: move it away, or put what it says into config.yml",
        path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The name of a platform cannot be that of a folder.
    #[error("`--name {name}`: a name is made of letters, digits, `-`, `_` and `.`, as in `--name demo`")]
    Name {
        /// The name.
        name: String,
    },
    /// Nobody knows where this user keeps data.
    #[error("neither XDG_DATA_HOME nor HOME is an absolute path: set one of them, or say `--data FOLDER`")]
    NoHome,
    /// Settings are wrong: all that were found.
    #[error("{}", Listed(.0))]
    Problems(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it was written.
    pub origin: Origin,
    /// What is wrong, with the key.
    pub message: String,
    /// What to do, where the message doesn't say it.
    pub help: Option<String>,
    /// Boxed, for problems are results of everything.
    pub(crate) snippet: Option<Box<Snippet>>,
}

impl Problem {
    pub(crate) fn new(origin: Origin, message: String) -> Self {
        Self {
            origin,
            message,
            help: None,
            snippet: None,
        }
    }

    pub(crate) fn at(mut self, snippet: Option<Snippet>) -> Self {
        self.snippet = snippet.map(Box::new);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "\n\n" };
            write!(f, "{gap}{problem}")?;
        }
        Ok(())
    }
}
