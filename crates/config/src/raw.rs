//! Raw configuration: what the layers say, as texts with their origin, not yet checked.

use std::collections::BTreeMap;

use crate::error::{ConfigError, Origin};
use crate::file::unknown;
use crate::key::{KEYS, Key};
use crate::suggestion::nearest;

/// Variables with our prefix that are no settings: they say where the settings are.
const NOT_SETTINGS: &[&str] = &["MINICLUSTER_CONFIG"];

/// One setting as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: &'static Key,
    pub(crate) text: String,
    pub(crate) origin: Origin,
    /// The line of the file, for messages.
    pub(crate) excerpt: Option<String>,
}

impl Entry {
    pub(crate) fn error(&self, message: String) -> ConfigError {
        ConfigError::Setting {
            origin: self.origin.clone(),
            message,
            excerpt: self.excerpt.clone(),
        }
    }
}

/// The winning text of every setting that somebody set.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    entries: BTreeMap<&'static str, Entry>,
}

impl Raw {
    /// Lays one more layer over those below it.
    pub(crate) fn lay(&mut self, layer: Vec<Entry>) {
        for entry in layer {
            self.entries.insert(entry.key.path, entry);
        }
    }

    pub(crate) fn get(&self, path: &'static str) -> Option<&Entry> {
        debug_assert!(Key::of_path(path).is_some(), "{path} is not declared");
        self.entries.get(path)
    }
}

/// The layer of the environment. Only `MINICLUSTER_*` counts, and all of it must be known.
pub(crate) fn variables(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Entry>, ConfigError> {
    let mut entries = Vec::new();
    for (name, text) in environment {
        if !name.starts_with("MINICLUSTER_") || NOT_SETTINGS.contains(&name.as_str()) {
            continue;
        }
        let origin = Origin::Variable(name.clone());
        let Some(key) = Key::of_variable(&name) else {
            let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
            let message = match nearest(&name, names.iter().map(String::as_str)) {
                Some(meant) => format!("it is not a setting; did you mean {meant}?"),
                None => "it is not a setting; unset it".to_owned(),
            };
            return Err(ConfigError::Setting {
                origin,
                message,
                excerpt: None,
            });
        };
        entries.push(Entry {
            key,
            text,
            origin,
            excerpt: None,
        });
    }
    Ok(entries)
}

/// The layer of the command line: `(flag as typed, key, text)`.
pub(crate) fn flags(flags: Vec<Flag>) -> Result<Vec<Entry>, ConfigError> {
    let entry = |flag: Flag| {
        let origin = Origin::Flag(flag.flag);
        match Key::of_path(&flag.path) {
            Some(key) => Ok(Entry {
                key,
                text: flag.text,
                origin,
                excerpt: None,
            }),
            None => Err(ConfigError::Setting {
                origin,
                message: unknown(&flag.path),
                excerpt: None,
            }),
        }
    };
    flags.into_iter().map(entry).collect()
}

/// One setting given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag as typed, for messages: `--data`, `--set`.
    pub flag: String,
    /// The setting.
    pub path: String,
    /// Its value.
    pub text: String,
}
