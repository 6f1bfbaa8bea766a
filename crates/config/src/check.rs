//! From the text of a setting to its value, or to a message that names key, place and remedy.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::error::{ConfigError, Origin};
use crate::key::{Key, Kind};
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
    pub(crate) fn check(&self, key: &'static Key) -> Result<(), ConfigError> {
        let Some(entry) = self.entry(key.path) else {
            return Ok(());
        };
        let text = entry.text.trim();
        let good = match key.kind {
            Kind::Text | Kind::Folder => !text.is_empty(),
            Kind::Topic => is_topic(text),
            Kind::Address => text.parse::<IpAddr>().is_ok(),
            Kind::Port => text.parse::<u16>().is_ok_and(|port| port > 0),
            Kind::Whole { min, max } => text.parse::<u64>().is_ok_and(|n| (min..=max).contains(&n)),
            Kind::Number { min, max } => text.parse::<f64>().is_ok_and(|n| (min..=max).contains(&n)),
            Kind::Instant => text == "now" || text.parse::<Timestamp>().is_ok(),
        };
        if good {
            return Ok(());
        }
        Err(entry.error(format!("`{}` is `{text}`, but it takes {}", key.path, key.kind)))
    }

    pub(crate) fn text(&self, path: &'static str) -> Result<String, ConfigError> {
        let text = self.entry(path).map(|entry| entry.text.trim().to_owned());
        text.ok_or_else(|| self.error(path, "has no value".to_owned()))
    }

    pub(crate) fn whole<N: TryFrom<u64>>(&self, path: &'static str) -> Result<N, ConfigError> {
        let value = self.optional(path)?;
        value.ok_or_else(|| self.error(path, "has no value".to_owned()))
    }

    pub(crate) fn optional<N: TryFrom<u64>>(&self, path: &'static str) -> Result<Option<N>, ConfigError> {
        let Some(entry) = self.entry(path) else {
            return Ok(None);
        };
        let number = entry.text.trim().parse::<u64>().ok();
        match number.and_then(|number| N::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.error(path, "is out of range".to_owned())),
        }
    }

    pub(crate) fn number(&self, path: &'static str) -> Result<f64, ConfigError> {
        let text = self.text(path)?;
        text.parse()
            .map_err(|_| self.error(path, "is not a number".to_owned()))
    }

    pub(crate) fn milliseconds(&self, path: &'static str) -> Result<Duration, ConfigError> {
        Ok(Duration::from_millis(self.whole(path)?))
    }

    pub(crate) fn address(&self, path: &'static str) -> Result<IpAddr, ConfigError> {
        let text = self.text(path)?;
        text.parse()
            .map_err(|_| self.error(path, "is not an IP address".to_owned()))
    }

    pub(crate) fn instant(&self, path: &'static str) -> Result<Option<Timestamp>, ConfigError> {
        let text = self.text(path)?;
        if text == "now" {
            return Ok(None);
        }
        let instant = text.parse();
        instant
            .map(Some)
            .map_err(|_| self.error(path, "is not a time".to_owned()))
    }

    /// A path; a relative one that stands in a file counts from that file's folder.
    pub(crate) fn folder(&self, path: &'static str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(entry) = self.entry(path) else {
            return Ok(None);
        };
        let folder = PathBuf::from(entry.text.trim());
        Ok(Some(match &entry.origin {
            Origin::File { path, .. } => {
                let base = path.parent().unwrap_or(Path::new(""));
                base.join(folder)
            }
            _ => folder,
        }))
    }

    pub(crate) fn is_set(&self, path: &'static str) -> bool {
        self.raw.get(path).is_some()
    }

    /// An error about the value of `path`; `what` goes on after its name.
    pub(crate) fn error(&self, path: &'static str, what: String) -> ConfigError {
        self.error_at(path, path, what)
    }

    /// An error about `path` which has to be mended where `at` was set.
    pub(crate) fn error_at(&self, at: &'static str, path: &'static str, what: String) -> ConfigError {
        let message = format!("`{path}` {what}");
        match self.entry(at) {
            Some(entry) => entry.error(message),
            None => ConfigError::Setting {
                origin: Origin::Default,
                message,
                excerpt: None,
            },
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
            excerpt: None,
        })
    }
}

fn is_topic(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&text.len())
        && text.chars().all(allowed)
        && text != "."
        && text != ".."
        && !text.starts_with("__")
}
