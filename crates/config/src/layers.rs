//! The sources as they lie there: files, environment and flags, read but not yet understood.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::error::ConfigError;
use crate::raw::Flag;

/// The file that is read where no other is named.
const DEFAULT_FILE: &str = "config.yml";

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file that the operator named; it must exist. `.env` is looked for beside it.
    pub file: Option<PathBuf>,
    /// Settings from the command line; they win over everything.
    pub flags: Vec<Flag>,
    /// Settings that a running platform wrote down ([`crate::Loaded::snapshot`]): they count in place of
    /// files and environment, which may be others by now.
    pub snapshot: Option<PathBuf>,
    /// The data folder that the flags name is a platform's own and holds all that is its: where files and
    /// environment put lake and checkpoints counts for nothing.
    pub owns_folders: bool,
}

/// What the sources hold.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(crate) file: ConfigFile,
    /// `.env` beside `config.yml`.
    pub(crate) dot_env: Option<(PathBuf, String)>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) flags: Vec<Flag>,
    /// Whether folders of the layers below the flags count for nothing.
    pub(crate) owns_folders: bool,
    pub(crate) notes: Vec<String>,
}

/// What became of `config.yml`.
#[derive(Debug, Default)]
pub(crate) enum ConfigFile {
    #[default]
    Missing,
    Unreadable(PathBuf, io::Error),
    Read(PathBuf, String),
}

impl Layers {
    /// Reads all sources.
    ///
    /// # Errors
    /// A file that was named and cannot be read.
    pub(crate) fn read(sources: &Sources) -> Result<Self, ConfigError> {
        if let Some(path) = &sources.snapshot {
            let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
                path: path.clone(),
                error,
            })?;
            return Ok(Self {
                file: ConfigFile::Read(path.clone(), text),
                flags: sources.flags.clone(),
                ..Self::default()
            });
        }
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        let named = sources.named();
        let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => ConfigFile::Read(path.clone(), text),
            Err(error) if named.is_some() => return Err(ConfigError::Unreadable { path, error }),
            Err(error) if error.kind() == ErrorKind::NotFound => ConfigFile::Missing,
            Err(error) => ConfigFile::Unreadable(path.clone(), error),
        };
        let mut layers = Self {
            file,
            environment: environment.collect(),
            flags: sources.flags.clone(),
            owns_folders: sources.owns_folders,
            ..Self::default()
        };
        layers.read_dot_env(beside(&path));
        Ok(layers)
    }

    fn read_dot_env(&mut self, path: PathBuf) {
        match std::fs::read_to_string(&path) {
            Ok(text) => self.dot_env = Some((path, text)),
            // A folder of this name is a virtual environment of Python, and not ours.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => {}
            Err(error) => self.notes.push(format!(
                "cannot read {}, so it counts for nothing: {error}",
                path.display()
            )),
        }
    }
}

impl Sources {
    fn named(&self) -> Option<PathBuf> {
        let by_environment = || std::env::var_os("MINICLUSTER_CONFIG").map(PathBuf::from);
        self.file.clone().or_else(by_environment)
    }

    /// Where `.env` lies: beside `config.yml`.
    pub(crate) fn dot_env(&self) -> PathBuf {
        beside(&self.named().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE)))
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_file_name(".env")
}
