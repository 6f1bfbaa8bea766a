//! One setting: its name in `config.yml`, in the environment, what it takes, its default.

use crate::keys::KEYS;
use crate::kind::Kind;
use crate::streams;
use crate::suggestion::nearest;

/// One setting.
#[derive(Debug, PartialEq)]
pub struct Key {
    /// Its name in `config.yml`, the sections joined by dots.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The value without a file. `None`: it follows from other settings, as `about` says.
    pub default: Option<&'static str>,
    /// One line for the operator.
    pub about: &'static str,
    /// The names that the Docker version has for it in its `.env` and in its containers. The
    /// first one is the one that is rendered.
    pub legacy: &'static [&'static str],
}

impl Key {
    /// The environment variable that sets it: `MINICLUSTER_` and the path in capitals.
    #[must_use]
    pub fn variable(&self) -> String {
        let mut name = String::from("MINICLUSTER_");
        name.extend(self.path.chars().map(|c| match c {
            '.' => '_',
            other => other.to_ascii_uppercase(),
        }));
        name
    }

    /// The name in a rendered `.env`.
    #[must_use]
    pub fn rendered_name(&self) -> String {
        let legacy = self.legacy.first();
        legacy.map_or_else(|| self.variable(), |name| (*name).to_owned())
    }

    /// What it is and what it is without a line, for messages.
    pub(crate) fn explained(&self) -> String {
        match self.default {
            Some(default) => format!("{}; without the line it is {default}", self.about),
            None => self.about.to_owned(),
        }
    }

    /// The setting of this name.
    #[must_use]
    pub fn of_path(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The setting that a variable with our prefix stands for.
    pub(crate) fn of_variable(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.variable() == name)
    }

    /// The setting that a name of the Docker version stands for, and how far behind it comes among the
    /// names of that setting.
    pub(crate) fn of_legacy(name: &str) -> Option<(&'static Self, usize)> {
        KEYS.iter().find_map(|key| {
            let rank = key.legacy.iter().position(|legacy| *legacy == name)?;
            Some((key, rank))
        })
    }

    /// The names of all settings, and of the list that is none: it stands in `config.yml` alone.
    fn paths() -> impl Iterator<Item = &'static str> {
        KEYS.iter().map(|key| key.path).chain([streams::PATH])
    }

    /// Whether some setting lies in the section of this name.
    pub(crate) fn is_section(path: &str) -> bool {
        Self::paths().any(|known| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
    }

    /// What may stand in a section, or at the top for the empty name: settings and sections.
    pub(crate) fn members(section: &str) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for path in Self::paths() {
            let rest = match section {
                "" => Some(path),
                _ => path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
            };
            let name = rest.and_then(|rest| rest.split('.').next());
            if let Some(name) = name.filter(|name| !names.contains(name)) {
                names.push(name);
            }
        }
        names
    }

    /// The setting or section that was probably meant by a name that is neither.
    pub(crate) fn meant(path: &str) -> Option<&'static str> {
        let (section, leaf) = path.rsplit_once('.').unwrap_or(("", path));
        let sections = KEYS.iter().filter_map(|key| Some(key.path.rsplit_once('.')?.0));
        let known: Vec<&str> = KEYS.iter().map(|key| key.path).chain(sections).collect();
        // The right name in the wrong place, else the nearest name.
        let elsewhere = known
            .iter()
            .find(|known| {
                known.rsplit('.').next() == Some(leaf) && (section.is_empty() || !Self::is_section(section))
            })
            .or_else(|| known.iter().find(|known| known.rsplit('.').next() == Some(leaf)));
        let named_in_part = || {
            let whole_word = |known: &&&str| {
                let last = known.rsplit('.').next().unwrap_or(known);
                leaf.len() >= 3 && last.split('_').any(|word| word == leaf)
            };
            known.iter().find(whole_word).copied()
        };
        let near = nearest(path, known.iter().copied());
        near.or_else(|| elsewhere.copied()).or_else(named_in_part)
    }
}
