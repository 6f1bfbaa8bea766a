//! Raw configuration: what the layers say, as texts with their origin, not yet checked.

use std::collections::BTreeMap;

use crate::error::Problem;
use crate::file::{DeclaredStream, unknown};
use crate::key::Key;
use crate::keys::KEYS;
use crate::origin::Origin;
use crate::snippet::Snippet;
use crate::suggestion::nearest;

/// What begins the names of our environment variables.
pub(crate) const PREFIX: &str = "MINICLUSTER_";

/// Variables with our prefix that are no settings: they say where the settings are.
const NOT_SETTINGS: &[&str] = &["MINICLUSTER_CONFIG"];

/// One setting as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: &'static Key,
    pub(crate) text: String,
    pub(crate) origin: Origin,
    pub(crate) snippet: Option<Snippet>,
}

impl Entry {
    pub(crate) fn problem(&self, message: String) -> Problem {
        Problem::new(self.origin.clone(), message).at(self.snippet.clone())
    }
}

/// What one source says, with all that is wrong about how it says it.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) entries: Vec<Entry>,
    pub(crate) streams: Vec<DeclaredStream>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) notes: Vec<String>,
}

/// The winning text of every setting that somebody set.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    entries: BTreeMap<&'static str, Entry>,
    /// What `config.yml` says and a higher layer has hidden.
    hidden: BTreeMap<&'static str, Entry>,
    streams: Vec<DeclaredStream>,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Raw {
    /// Lays one more layer over those below it.
    pub(crate) fn lay(&mut self, layer: Layer) {
        self.problems.extend(layer.problems);
        self.streams.extend(layer.streams);
        self.notes.extend(layer.notes);
        for entry in layer.entries {
            let path = entry.key.path;
            if let Some(below) = self.entries.insert(path, entry)
                && matches!(below.origin, Origin::File { .. })
            {
                self.hidden.insert(path, below);
            }
        }
    }

    /// Takes away what all layers so far say of a setting; gives what had won.
    pub(crate) fn forget(&mut self, path: &'static str) -> Option<Entry> {
        self.hidden.remove(path);
        self.entries.remove(path)
    }

    pub(crate) fn get(&self, path: &'static str) -> Option<&Entry> {
        debug_assert!(Key::of_path(path).is_some(), "{path} is not declared");
        self.entries.get(path)
    }

    /// The streams that the operator declares.
    pub(crate) fn streams(&self) -> &[DeclaredStream] {
        &self.streams
    }

    /// What was wrong in the layers themselves.
    pub(crate) fn problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// Notes of the layers, and where `.env` or a name of the Docker version hides what `config.yml`
    /// says: nobody expects that of a file that was generated once.
    pub(crate) fn notes(&mut self) -> Vec<String> {
        let hiding = self.hidden.iter().filter_map(|(path, below)| {
            let above = self.entries.get(path)?;
            let remedy = match &above.origin {
                Origin::DotEnv { .. } => {
                    "; if that file was generated, `minicluster config render --write` brings it up to date"
                }
                Origin::Variable(name) if !name.starts_with(PREFIX) => "",
                _ => return None,
            };
            (below.text.trim() != above.text.trim()).then(|| {
                format!(
                    "`{path}` is {} by {}, which wins over {} by {}{remedy}",
                    above.text, above.origin, below.text, below.origin
                )
            })
        });
        let hiding: Vec<String> = hiding.collect();
        let mut notes = std::mem::take(&mut self.notes);
        notes.extend(hiding);
        notes
    }
}

/// The setting that a variable with our prefix stands for; `None` if it is none.
pub(crate) fn own_variable(name: &str, origin: &Origin) -> Result<Option<&'static Key>, Problem> {
    if NOT_SETTINGS.contains(&name) {
        return Ok(None);
    }
    if let Some(key) = Key::of_variable(name) {
        return Ok(Some(key));
    }
    let names: Vec<String> = KEYS.iter().map(Key::variable).collect();
    Err(match nearest(name, names.iter().map(String::as_str)) {
        Some(meant) => Problem::new(
            origin.clone(),
            format!("this is not a setting; did you mean {meant}?"),
        ),
        None => Problem::new(origin.clone(), "this is not a setting".to_owned())
            .help("remove it; `minicluster config schema` has all names"),
    })
}

/// The layers of the environment, the lower one first: the names of the Docker version, then our own.
/// Every name with our prefix must be known; an empty value counts as not set.
pub(crate) fn variables(environment: impl IntoIterator<Item = (String, String)>) -> [Layer; 2] {
    let mut legacy: Vec<(usize, Entry)> = Vec::new();
    let mut own = Layer::default();
    for (name, text) in environment {
        let origin = Origin::Variable(name.clone());
        let entry = |key| Entry {
            key,
            text: text.clone(),
            origin: origin.clone(),
            snippet: None,
        };
        if name.starts_with(PREFIX) {
            match own_variable(&name, &origin) {
                Ok(Some(key)) if !text.trim().is_empty() => own.entries.push(entry(key)),
                Ok(_) => {}
                Err(problem) => own.problems.push(problem),
            }
        } else if let Some((key, rank)) = Key::of_legacy(&name)
            && !text.trim().is_empty()
        {
            legacy.push((rank, entry(key)));
        }
    }
    // The environment has no order of its own.
    own.entries.sort_by_key(|entry| entry.key.path);
    own.problems.sort_by_key(|problem| problem.origin.to_string());
    [ranked(legacy), own]
}

/// Of several names for one setting the first one of its list wins.
pub(crate) fn ranked(mut entries: Vec<(usize, Entry)>) -> Layer {
    entries.sort_by_key(|(rank, entry)| (entry.key.path, *rank));
    entries.dedup_by_key(|(_, entry)| entry.key.path);
    Layer {
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        ..Layer::default()
    }
}

/// The layer of the command line. Of two flags for one setting the later one wins.
pub(crate) fn flags(flags: &[Flag]) -> Layer {
    let mut layer = Layer::default();
    for flag in flags {
        let origin = Origin::Flag(flag.flag.clone());
        match Key::of_path(&flag.path) {
            Some(key) => layer.entries.push(Entry {
                key,
                text: flag.text.clone(),
                origin,
                snippet: None,
            }),
            None => layer.problems.push(unknown(origin, &flag.path)),
        }
    }
    layer
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
