//! `<data>/run`: what only a running platform needs, and how its processes are found again.
//!
//! | file | content | written by |
//! |---|---|---|
//! | `supervisor.lock` | empty; `flock` for the supervisor's life | `up` |
//! | `supervisor.json` | [`SupervisorRecord`] | `up` |
//! | `<service>.json` | [`ServiceRecord`] | the service itself, when it begins |
//! | `cluster-secret` | 32 random bytes in base64, for the owner only | `up` |
//! | `logs/<service>.log` | what the service logs | the service, through its stderr |
//!
//! And in the data folder itself `minicluster.json`: [`DataFolder`], the format and the cluster's id.
//!
//! A service records itself, so that there is no moment at which it runs unknown to the next `up`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use config::Folders;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::failure::{Code, Failure, Outcome};
use crate::process::Process;
use crate::supervisor::Service;

/// The format of the data folder that this program writes.
const FORMAT: u32 = 1;

/// The length of the cluster's secret.
const SECRET_BYTES: usize = 32;

/// `<data>/minicluster.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataFolder {
    /// The format of everything below.
    format: u32,
    /// Kafka's `cluster.id`: 22 characters of URL-safe base64.
    pub(crate) cluster_id: String,
}

/// `<data>/run/<service>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceRecord {
    /// The process that runs the service.
    pub(crate) process: Process,
    /// When it began.
    pub(crate) since: Timestamp,
}

/// `<data>/run/supervisor.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SupervisorRecord {
    /// The supervisor.
    pub(crate) process: Process,
    /// When it began.
    pub(crate) since: Timestamp,
    /// Where clients reach its brokers.
    pub(crate) bootstrap: Vec<String>,
    /// Whether everything was ready once.
    pub(crate) ready: bool,
    /// How often each service was started again, by name.
    pub(crate) restarts: BTreeMap<String, u32>,
}

/// The run folder of one data folder.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    data: PathBuf,
    run: PathBuf,
    logs: PathBuf,
}

/// Held by the supervisor; a second one can't have it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl RunFolder {
    pub(crate) fn new(folders: &Folders) -> Self {
        Self {
            data: folders.data().to_owned(),
            run: folders.run(),
            logs: folders.logs(),
        }
    }

    /// Creates the folders.
    pub(crate) fn create(&self) -> Outcome {
        std::fs::create_dir_all(&self.logs).map_err(|error| {
            let path = self.data.display();
            Failure::plain(format!(
                "the data folder {path} cannot be written ({error}): give this user the right to write there, \
                 or choose another with `--data`"
            ))
        })
    }

    /// Takes the lock of the data folder.
    ///
    /// # Errors
    /// With the pid of the supervisor that has it.
    pub(crate) fn lock(&self) -> Outcome<Lock> {
        let path = self.run.join("supervisor.lock");
        let open = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = open.map_err(|error| at(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let pid = self
                    .supervisor()?
                    .map(|record| format!(", pid {}", record.process.pid));
                Err(Failure::new(
                    Code::Conflict,
                    format!(
                        "already running in {}{}: `minicluster status` shows it, `minicluster down` stops it",
                        self.data.display(),
                        pid.unwrap_or_default()
                    ),
                ))
            }
            Err(TryLockError::Error(error)) => Err(at(&path, &error)),
        }
    }

    /// The supervisor, if one is running.
    pub(crate) fn running_supervisor(&self) -> Outcome<Option<SupervisorRecord>> {
        Ok(self.supervisor()?.filter(|record| record.process.is_alive()))
    }

    fn supervisor(&self) -> Outcome<Option<SupervisorRecord>> {
        read_json(&self.run.join("supervisor.json"))
    }

    pub(crate) fn record_supervisor(&self, record: &SupervisorRecord) -> Outcome {
        write_json(&self.run.join("supervisor.json"), record)
    }

    /// Records that this process is the service.
    ///
    /// # Errors
    /// If another process is.
    pub(crate) fn record_service(&self, service: Service) -> Outcome {
        let mut running = self.running_services()?.into_iter();
        if let Some((_, record)) = running.find(|(other, _)| *other == service) {
            let pid = record.process.pid;
            let message = format!("{service} is already running here, pid {pid}: it must stop first");
            return Err(Failure::new(Code::Conflict, message));
        }
        let record = ServiceRecord {
            process: Process::current()?,
            since: Timestamp::now(),
        };
        write_json(&self.run.join(format!("{service}.json")), &record)
    }

    /// The services whose processes run, those first that have to stop first.
    pub(crate) fn running_services(&self) -> Outcome<Vec<(Service, ServiceRecord)>> {
        let mut services = vec![Service::Generator, Service::Etl];
        services.extend((1..=3).map(Service::Broker));
        let mut running = Vec::new();
        for service in services {
            let record: Option<ServiceRecord> = read_json(&self.run.join(format!("{service}.json")))?;
            running.extend(
                record
                    .filter(|record| record.process.is_alive())
                    .map(|record| (service, record)),
            );
        }
        Ok(running)
    }

    /// The cluster's secret; created if there is none.
    pub(crate) fn create_secret(&self) -> Outcome {
        let path = self.run.join("cluster-secret");
        if path.exists() {
            return Ok(());
        }
        let mut random = [0; SECRET_BYTES];
        getrandom::fill(&mut random).map_err(Failure::plain)?;
        create_once(&path, STANDARD.encode(random).as_bytes(), 0o600).map_err(|error| at(&path, &error))
    }

    /// The cluster's secret, as `up` made it.
    pub(crate) fn secret(&self) -> Outcome<Vec<u8>> {
        let path = self.run.join("cluster-secret");
        let text = std::fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
        let secret = STANDARD.decode(text.trim()).ok();
        let whole = secret.filter(|secret| secret.len() == SECRET_BYTES);
        whole.ok_or_else(|| {
            let path = path.display();
            Failure::plain(format!(
                "{path} is damaged: remove it while nothing runs; `minicluster up` makes another"
            ))
        })
    }

    /// The identity of the data folder; created if there is none, with the wanted cluster id if one is.
    pub(crate) fn create_identity(&self, wanted: Option<&str>) -> Outcome<DataFolder> {
        if let Some(identity) = self.identity()? {
            return Ok(identity);
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(Failure::plain)?;
        let identity = DataFolder {
            format: FORMAT,
            cluster_id: wanted.map_or_else(|| URL_SAFE_NO_PAD.encode(random), str::to_owned),
        };
        let path = self.data.join("minicluster.json");
        let text = serde_json::to_string_pretty(&identity).map_err(Failure::plain)?;
        create_once(&path, text.as_bytes(), 0o644).map_err(|error| at(&path, &error))?;
        // Another process may have been first.
        let stored = self.identity()?;
        stored.ok_or_else(|| Failure::plain(format!("{} was removed just now: try again", path.display())))
    }

    /// The identity of the data folder, if it has one.
    ///
    /// # Errors
    /// A folder of a newer format.
    pub(crate) fn identity(&self) -> Outcome<Option<DataFolder>> {
        let path = self.data.join("minicluster.json");
        let identity: Option<DataFolder> = read_json(&path)?;
        match identity {
            Some(identity) if identity.format > FORMAT => Err(Failure::plain(format!(
                "{} was written by a newer minicluster (format {}, this one knows {FORMAT}): use that one",
                self.data.display(),
                identity.format
            ))),
            other => Ok(other),
        }
    }

    /// Where a service logs.
    pub(crate) fn log_file(&self, service: Service) -> PathBuf {
        self.logs.join(format!("{service}.log"))
    }
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    Failure::plain(format!("{}: {error}", path.display()))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Outcome<Option<T>> {
    let mut text = String::new();
    match File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(path, &error)),
    }
    let value = serde_json::from_str(&text);
    value
        .map(Some)
        .map_err(|error| Failure::plain(format!("{} is damaged ({error}): remove it", path.display())))
}

/// Replaces the file as a whole, so that no reader sees a part.
fn write_json(path: &Path, value: &impl Serialize) -> Outcome {
    let text = serde_json::to_string_pretty(value).map_err(Failure::plain)?;
    let draft = draft_of(path);
    let written = write_draft(&draft, text.as_bytes(), 0o644).and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| {
        // What could not be written as a whole is of no use.
        let _ = std::fs::remove_file(&draft);
        at(path, &error)
    })
}

/// Creates the file durably with this content. A file that is there already stays:
/// of several processes that create it at once all go on with the same one.
fn create_once(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let draft = draft_of(path);
    let linked = write_draft(&draft, content, mode).and_then(|()| std::fs::hard_link(&draft, path));
    // Left behind it harms nobody.
    let _ = std::fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(path.parent().unwrap_or(path))?.sync_all()
}

fn write_draft(draft: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(mode)
        .open(draft)?;
    file.write_all(content)?;
    file.sync_all()
}

/// A name that no other writer of the file uses at the same time.
fn draft_of(path: &Path) -> PathBuf {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{number}.new", std::process::id()))
}

#[cfg(test)]
mod tests;
