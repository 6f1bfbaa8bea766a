//! Settings as the text of `.env`, for Docker Compose, for scripts, and for a start without `config.yml`.

use std::path::{Path, PathBuf};

use crate::dotenv::{self, GENERATED};
use crate::error::ConfigError;
use crate::kind::Kind;
use crate::layers::{ConfigFile, Layers, Sources};
use crate::loaded::{Loaded, Value};
use crate::machine::Machine;
use crate::origin::Origin;

/// A rendered `.env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Where it belongs: beside `config.yml`.
    pub path: PathBuf,
    /// The text: the same for the same settings.
    pub text: String,
}

/// Renders the settings of `config.yml`, environment and flags. The `.env` that is there does not count,
/// for it is what shall be replaced; only where there is no `config.yml` it stands in for it.
///
/// # Errors
/// As [`crate::load`].
pub fn render(sources: &Sources, machine: Machine) -> Result<Rendered, ConfigError> {
    let mut layers = Layers::read(sources)?;
    if matches!(layers.file, ConfigFile::Read(..)) {
        layers.dot_env = None;
    }
    let path = sources.dot_env();
    let text = text(&Loaded::of(layers, machine)?, &path);
    Ok(Rendered { path, text })
}

impl Rendered {
    /// Writes the file, at once or not at all, unless its text is there already. Whether it was written.
    ///
    /// # Errors
    /// A file that somebody wrote by hand stands there, or the folder refuses.
    pub fn write(&self) -> Result<bool, ConfigError> {
        let path = self.path.clone();
        match std::fs::read_to_string(&path) {
            Ok(there) if there == self.text => return Ok(false),
            Ok(there) if there.starts_with(GENERATED) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Ok(_) | Err(_) => return Err(ConfigError::NotOurs { path }),
        }
        let beside = path.with_file_name(".env.new");
        let written = std::fs::write(&beside, &self.text).and_then(|()| std::fs::rename(&beside, &path));
        written
            .map(|()| true)
            .map_err(|error| ConfigError::Unwritable { path, error })
    }
}

/// Names of the Docker version, all of them, in the order of the documentation; then ours, where a
/// setting has no other name and is not the default.
pub(crate) fn text(loaded: &Loaded, path: &Path) -> String {
    let mut legacy = String::new();
    let mut own = String::new();
    for value in loaded.values() {
        let key = value.key;
        let set = value.origin != Origin::Default;
        let line = |text: &str| format!("{}={}\n", key.rendered_name(), dotenv::written(text));
        match (&value.text, key.legacy.is_empty()) {
            // Follows from the ports; in containers it is another list.
            (_, false) if key.kind == Kind::Servers && !set => {}
            (text, false) => legacy.push_str(&line(text.as_deref().unwrap_or(""))),
            (Some(_), true) if set && value.text.as_deref() != key.default => {
                own.push_str(&line(&portable(&value, path)));
            }
            _ => {}
        }
    }
    let mut text = format!(
        "{GENERATED}: change config.yml and render again, not this file.\n\
         # An empty value counts as not set.\n{legacy}"
    );
    if !own.is_empty() {
        text.push_str("\n# Settings that only minicluster has.\n");
        text.push_str(&own);
    }
    text
}

/// A relative folder in `.env` counts from the folder of that file, one in a flag from where we are.
fn portable(value: &Value, dot_env: &Path) -> String {
    let text = value.text.clone().unwrap_or_default();
    let from_here = matches!(value.origin, Origin::Flag(_) | Origin::Variable(_));
    let same_place = dot_env.parent().is_none_or(|parent| parent == Path::new(""));
    if value.key.kind != Kind::Folder || !from_here || same_place {
        return text;
    }
    std::path::absolute(&text).map_or(text, |path| path.display().to_string())
}
