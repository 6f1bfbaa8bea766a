//! The layers laid over each other and checked: settings, where each comes from, and what is worth a note.

use std::path::{Path, PathBuf};

use crate::assembly::{self, assemble};
use crate::check::Checker;
use crate::dotenv;
use crate::error::{ConfigError, Problem};
use crate::file;
use crate::key::Key;
use crate::keys::KEYS;
use crate::kind::Kind;
use crate::layers::{ConfigFile, Layers, Sources};
use crate::machine::Machine;
use crate::origin::Origin;
use crate::raw::{self, Entry, Layer, Raw};
use crate::settings::Settings;

/// Settings with all that is known about them.
#[derive(Debug)]
pub struct Loaded {
    /// The checked settings.
    pub settings: Settings,
    /// One line each for the operator: what was said and has no effect, or not the one expected.
    pub notes: Vec<String>,
    raw: Raw,
    machine: Machine,
}

/// One setting as it is in effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The setting.
    pub key: &'static Key,
    /// Its value; `None` where it has none unless somebody gives it one.
    pub text: Option<String>,
    /// Where the value comes from.
    pub origin: Origin,
}

/// Reads and checks all layers: flag > `MINICLUSTER_*` > names of the Docker version in the environment >
/// `.env` > `config.yml` > default.
///
/// # Errors
/// All that is wrong, with the places to mend it.
pub fn load(sources: &Sources, machine: Machine) -> Result<Loaded, ConfigError> {
    Loaded::of(Layers::read(sources)?, machine)
}

/// The data folder that all layers lead to, also while somebody edits `config.yml` and the rest of it is wrong.
#[must_use]
pub fn data_folder(sources: &Sources) -> Option<PathBuf> {
    let layers = Layers::read(sources).ok()?;
    let mut raw = Raw::default();
    if let ConfigFile::Read(path, text) = &layers.file {
        let whole = file::parse(text, path);
        // What is no YAML as a whole still has its lines.
        let line = || text.lines().find(|line| line.starts_with("data_folder:"));
        raw.lay(match whole.entries.is_empty() {
            true => file::parse(line().unwrap_or_default(), path),
            false => whole,
        });
    }
    let dot_env = layers.dot_env.map(|(path, text)| dotenv::parse(&text, &path));
    let variables = raw::variables(layers.environment);
    let above = dot_env
        .into_iter()
        .chain(variables)
        .chain([raw::flags(&layers.flags)]);
    above.for_each(|layer| raw.lay(layer));
    Checker::new(&raw).folder("data_folder")
}

/// A folder outside of a data folder that is a platform's own.
fn elsewhere(entry: Entry) -> String {
    let Entry {
        key, text, origin, ..
    } = entry;
    let path = key.path;
    format!(
        "`{path}` is {text} by {origin}: not used, for with `--name` and `--ephemeral` a platform has all in a folder \
         of its own; `--set {path}=FOLDER` says otherwise"
    )
}

impl Loaded {
    pub(crate) fn of(layers: Layers, machine: Machine) -> Result<Self, ConfigError> {
        let mut raw = Raw::default();
        let dot_env = layers.dot_env.map(|(path, text)| dotenv::parse(&text, &path));
        let [legacy, own] = raw::variables(layers.environment);
        let says = |layer: &Layer| !layer.entries.is_empty();
        let instead = match &dot_env {
            Some(layer) if says(layer) => Some(".env"),
            _ if says(&legacy) => Some("the environment"),
            _ => None,
        };
        let mut notes = layers.notes;
        match layers.file {
            ConfigFile::Read(path, text) => raw.lay(file::parse(&text, &path)),
            ConfigFile::Missing => {
                notes.extend(instead.map(|it| format!("there is no config.yml: settings come from {it}")));
            }
            ConfigFile::Unreadable(path, error) => match instead {
                Some(it) => notes.push(format!(
                    "cannot read {}: {error}; settings come from {it}",
                    path.display()
                )),
                None => return Err(ConfigError::Unreadable { path, error }),
            },
        }
        let above = dot_env.into_iter().chain([legacy, own]);
        above.for_each(|layer| raw.lay(layer));
        if layers.owns_folders {
            for path in ["storage.datalake_root", "storage.checkpoint_root"] {
                let said = raw.forget(path);
                let is_wanted = layers.flags.iter().any(|flag| flag.path == path);
                notes.extend(said.filter(|_| !is_wanted).map(elsewhere));
            }
        }
        raw.lay(raw::flags(&layers.flags));
        let mut problems = raw.problems();
        notes.extend(raw.notes());
        match assemble(&Checker::new(&raw), machine) {
            Ok((settings, told)) if problems.is_empty() => {
                notes.extend(told);
                return Ok(Self {
                    settings,
                    notes,
                    raw,
                    machine,
                });
            }
            Ok(_) => {}
            Err(wrong) => problems.extend(wrong),
        }
        // In the order of the layers and their lines, whoever found them.
        problems.sort_by_key(|problem| problem.origin.place());
        Err(ConfigError::Problems(problems))
    }

    /// Every setting as it is in effect, in the order of the documentation.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        let value = |key: &'static Key| match self.raw.get(key.path) {
            Some(entry) => Value {
                key,
                text: Some(entry.text.trim().to_owned()),
                origin: entry.origin.clone(),
            },
            None => Value {
                key,
                text: key.default.map(str::to_owned).or_else(|| self.derived(key.path)),
                origin: Origin::Default,
            },
        };
        KEYS.iter().map(value).collect()
    }

    /// A folder that somebody set, or has a default, resolved.
    pub(crate) fn folder(&self, path: &'static str) -> Option<PathBuf> {
        match Key::of_path(path)?.kind {
            Kind::Folder => Checker::new(&self.raw).folder(path),
            _ => None,
        }
    }

    /// A value that nobody set and that follows from others.
    fn derived(&self, path: &str) -> Option<String> {
        let Settings { kafka, folders, .. } = &self.settings;
        if let Some(id) = path.strip_prefix("kafka.peer_ports.broker_") {
            let broker = kafka.possible.iter().find(|broker| broker.id.to_string() == id)?;
            return Some(broker.peer_port.to_string());
        }
        let folder = |folder: &Path| Some(folder.display().to_string());
        match path {
            "kafka.replication_factor" => Some(kafka.replication_factor.to_string()),
            "kafka.min_insync_replicas" => Some(kafka.min_insync_replicas.to_string()),
            "kafka.bootstrap_servers" | "data_generator.bootstrap_servers" => {
                Some(self.settings.bootstrap().join(","))
            }
            "storage.datalake_root" => folder(folders.lake()),
            "storage.checkpoint_root" => folder(folders.checkpoints()),
            "spark.worker_cores" => Some(assembly::worker_cores(self.machine).to_string()),
            _ => None,
        }
    }

    /// Creates the folders that the settings name, where they are missing.
    ///
    /// # Errors
    /// One that cannot be created, with the key that names it.
    pub fn create_folders(&self) -> Result<(), ConfigError> {
        let folders = &self.settings.folders;
        let all = [
            ("data_folder", folders.data()),
            ("storage.datalake_root", folders.lake()),
            ("storage.checkpoint_root", folders.checkpoints()),
        ];
        let create = |(path, folder): (&'static str, &Path)| {
            std::fs::create_dir_all(folder)
                .err()
                .map(|error| self.uncreatable(path, folder, &error))
        };
        let problems: Vec<Problem> = all.into_iter().filter_map(create).collect();
        match problems.is_empty() {
            true => Ok(()),
            false => Err(ConfigError::Problems(problems)),
        }
    }

    fn uncreatable(&self, path: &'static str, folder: &Path, error: &std::io::Error) -> Problem {
        let values = Checker::new(&self.raw);
        let what = format!("is {}, which cannot be created: {error}", folder.display());
        // Roots that nobody set lie in the data folder.
        let at = if values.is_set(path) { path } else { "data_folder" };
        let help = "name a folder that you may write to, such as ./data; a path of a container is not there on the host";
        values.problem_at(at, path, what).help(help)
    }
}
