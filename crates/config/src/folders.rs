//! Where everything lies. The only place that knows the names of the folders.

use std::path::{Path, PathBuf};

use crate::error::ConfigError;

/// The data folder of a platform with a name: `minicluster/<name>` where this user keeps data,
/// `$XDG_DATA_HOME` or `~/.local/share`.
///
/// # Errors
/// A name that is more than a name, or a user without a home.
pub fn named_folder(name: &str) -> Result<PathBuf, ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(ConfigError::Name {
            name: name.to_owned(),
        });
    }
    let variable = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let home = || Some(variable("HOME")?.join(".local/share"));
    let data = variable("XDG_DATA_HOME")
        .or_else(home)
        .ok_or(ConfigError::NoHome)?;
    Ok(data.join("minicluster").join(name))
}

/// The folders of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    data: PathBuf,
    lake: PathBuf,
    checkpoints: PathBuf,
}

impl Folders {
    pub(crate) fn new(data: PathBuf, lake: Option<PathBuf>, checkpoints: Option<PathBuf>) -> Self {
        Self {
            lake: lake.unwrap_or_else(|| data.join("datalake")),
            checkpoints: checkpoints.unwrap_or_else(|| data.join("checkpoints")),
            data,
        }
    }

    /// Those of a platform that has everything in its data folder.
    #[must_use]
    pub fn of_data(data: PathBuf) -> Self {
        Self::new(data, None, None)
    }

    /// The data folder itself.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The root of the lake; tables lie in `tables` below it.
    #[must_use]
    pub fn lake(&self) -> &Path {
        &self.lake
    }

    /// The root of the ETL's state.
    #[must_use]
    pub fn checkpoints(&self) -> &Path {
        &self.checkpoints
    }

    /// The parent of all brokers' folders.
    #[must_use]
    pub fn brokers(&self) -> PathBuf {
        self.data.join("brokers")
    }

    /// All that one broker stores.
    #[must_use]
    pub fn broker(&self, id: u32) -> PathBuf {
        self.brokers().join(id.to_string())
    }

    /// The generator's log of intents and counts.
    #[must_use]
    pub fn generator(&self) -> PathBuf {
        self.data.join("generator")
    }

    /// What only a running platform needs: pids, the cluster secret, logs.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.data.join("run")
    }

    /// One log file a service.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.run().join("logs")
    }
}
