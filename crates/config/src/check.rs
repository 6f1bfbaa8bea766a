//! From the text of a setting to its value, or to a problem that names key, place and remedy.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::error::Problem;
use crate::file::DeclaredStream;
use crate::key::Key;
use crate::kind;
use crate::origin::Origin;
use crate::raw::{Entry, Raw};

/// Reads values out of the raw configuration.
pub(crate) struct Checker<'a> {
    raw: &'a Raw,
}

impl<'a> Checker<'a> {
    pub(crate) fn new(raw: &'a Raw) -> Self {
        Self { raw }
    }

    /// Whether the value of this key is one that it takes.
    pub(crate) fn check(&self, key: &'static Key) -> Result<(), Problem> {
        let Some(entry) = self.entry(key.path) else {
            return Ok(());
        };
        let text = entry.text.trim();
        if key.kind.takes(text) {
            return Ok(());
        }
        let is = match text {
            "" => "empty".to_owned(),
            text => format!("`{}`", shortened(text)),
        };
        let message = format!("`{}` is {is}, but it takes {}", key.path, key.kind);
        Err(entry.problem(message).help(key.explained()))
    }

    pub(crate) fn text(&self, path: &'static str) -> Result<String, Problem> {
        let text = self.optional_text(path);
        text.ok_or_else(|| self.problem(path, "has no value".to_owned()))
    }

    pub(crate) fn optional_text(&self, path: &'static str) -> Option<String> {
        self.entry(path).map(|entry| entry.text.trim().to_owned())
    }

    pub(crate) fn whole<N: TryFrom<u64>>(&self, path: &'static str) -> Result<N, Problem> {
        let value = self.optional(path)?;
        value.ok_or_else(|| self.problem(path, "has no value".to_owned()))
    }

    pub(crate) fn optional<N: TryFrom<u64>>(&self, path: &'static str) -> Result<Option<N>, Problem> {
        let Some(entry) = self.entry(path) else {
            return Ok(None);
        };
        let number = entry.text.trim().parse::<u64>().ok();
        match number.and_then(|number| N::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.problem(path, "is out of range".to_owned())),
        }
    }

    pub(crate) fn number(&self, path: &'static str) -> Result<f64, Problem> {
        let text = self.text(path)?;
        text.parse()
            .map_err(|_| self.problem(path, "is not a number".to_owned()))
    }

    pub(crate) fn memory(&self, path: &'static str) -> Result<u64, Problem> {
        let text = self.text(path)?;
        kind::memory(&text).ok_or_else(|| self.problem(path, "is not an amount of memory".to_owned()))
    }

    pub(crate) fn milliseconds(&self, path: &'static str) -> Result<Duration, Problem> {
        Ok(Duration::from_millis(self.whole(path)?))
    }

    pub(crate) fn span(&self, path: &'static str) -> Result<Duration, Problem> {
        let text = self.text(path)?;
        kind::span(&text).ok_or_else(|| self.problem(path, "is not a length of time".to_owned()))
    }

    pub(crate) fn address(&self, path: &'static str) -> Result<IpAddr, Problem> {
        let text = self.text(path)?;
        text.parse()
            .map_err(|_| self.problem(path, "is not an IP address".to_owned()))
    }

    pub(crate) fn instant(&self, path: &'static str) -> Result<Option<Timestamp>, Problem> {
        let text = self.text(path)?;
        if text == "now" {
            return Ok(None);
        }
        let instant = text.parse();
        instant
            .map(Some)
            .map_err(|_| self.problem(path, "is not a time".to_owned()))
    }

    /// A path; a relative one that stands in a file counts from that file's folder.
    pub(crate) fn folder(&self, path: &'static str) -> Option<PathBuf> {
        let entry = self.entry(path)?;
        let folder = PathBuf::from(entry.text.trim());
        Some(match &entry.origin {
            Origin::File { path, .. } | Origin::DotEnv { path, .. } => {
                let base = path.parent().unwrap_or(Path::new(""));
                base.join(folder)
            }
            _ => folder,
        })
    }

    /// The streams that the operator declares.
    pub(crate) fn streams(&self) -> &'a [DeclaredStream] {
        self.raw.streams()
    }

    pub(crate) fn is_set(&self, path: &'static str) -> bool {
        self.raw.get(path).is_some()
    }

    /// Where the value of a setting comes from.
    pub(crate) fn origin(&self, path: &'static str) -> Origin {
        self.raw
            .get(path)
            .map_or(Origin::Default, |entry| entry.origin.clone())
    }

    /// A problem with the value of `path`; `what` goes on after its name.
    pub(crate) fn problem(&self, path: &'static str, what: String) -> Problem {
        self.problem_at(path, path, what)
    }

    /// A problem with `path` which has to be mended where `at` was set.
    pub(crate) fn problem_at(&self, at: &'static str, path: &'static str, what: String) -> Problem {
        let message = format!("`{path}` {what}");
        match self.entry(at) {
            Some(entry) => entry.problem(message),
            None => Problem::new(Origin::Default, message),
        }
    }

    fn entry(&self, path: &'static str) -> Option<Entry> {
        if let Some(entry) = self.raw.get(path) {
            return Some(entry.clone());
        }
        let key = Key::of_path(path)?;
        Some(Entry {
            key,
            text: key.default?.to_owned(),
            origin: Origin::Default,
            snippet: None,
        })
    }
}

/// A value in a message: one line, not the whole file that somebody left unquoted.
fn shortened(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect();
    if text.chars().count() > 60 {
        line.push_str("...");
    }
    line
}
