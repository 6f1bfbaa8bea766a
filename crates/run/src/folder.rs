//! `<data>/run`: what only a running platform needs, and how its processes are found again.
//!
//! | file | content | written by |
//! |---|---|---|
//! | `supervisor.lock` | empty; `flock` for the supervisor's life | `up` |
//! | `supervisor.json` | [`SupervisorRecord`] | `up` |
//! | `services.lock` | empty; `flock` while a service records itself, and while `up` looks for all | services, `up` |
//! | `<service>.json` | [`ServiceRecord`] | the service itself, when it begins |
//! | `settings.yml` | the settings in effect (`config::Loaded::snapshot`) | `up` |
//! | `requests/<what>-<service>` | empty: what the supervisor shall do ([`Request`]) | commands; `up` removes it |
//! | `cluster-secret` | 32 random bytes in base64, for the owner only | `up` |
//! | `logs/<service>.log` | what the service logs | the service, through its stderr |
//!
//! And in the data folder itself `minicluster.json`: [`DataFolder`], the format and the cluster's id.
//!
//! A service records itself, so that there is no moment at which it runs unknown to the next `up`: it
//! does so only while its supervisor lives, under `services.lock`. Who holds `supervisor.lock` and then
//! looks for services therefore sees all that will ever run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use config::Folders;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::RunError;
use crate::file;
use crate::process::Process;
use crate::record::{ServiceRecord, SupervisorRecord};
use crate::service::Service;

/// The format of the data folder that this program writes.
const FORMAT: u32 = 1;

/// The length of the cluster's secret.
const SECRET_BYTES: usize = 32;

/// `<data>/minicluster.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFolder {
    /// The format of everything below.
    format: u32,
    /// Kafka's `cluster.id`: 22 characters of URL-safe base64.
    pub cluster_id: String,
}

/// What a command wants of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Stop the service as it should be and start it again.
    Restart(Service),
    /// The broker joins the cluster: start it, now and at each `up`.
    Add(Service),
    /// The broker leaves the cluster: stop it, for good.
    Remove(Service),
}

impl Request {
    fn file_name(self) -> String {
        match self {
            Self::Restart(service) => format!("restart-{service}"),
            Self::Add(service) => format!("add-{service}"),
            Self::Remove(service) => format!("remove-{service}"),
        }
    }
}

/// The run folder of one data folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    data: PathBuf,
    run: PathBuf,
    logs: PathBuf,
}

/// Held by the supervisor; a second one can't have it.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl RunFolder {
    /// The run folder of these folders; nothing is created yet.
    #[must_use]
    pub fn new(folders: &Folders) -> Self {
        Self {
            data: folders.data().to_owned(),
            run: folders.run(),
            logs: folders.logs(),
        }
    }

    /// Creates the folders.
    ///
    /// # Errors
    /// If this user can't.
    pub fn create(&self) -> Result<(), RunError> {
        std::fs::create_dir_all(&self.logs).map_err(|error| RunError::Unwritable {
            path: self.data.clone(),
            error,
        })
    }

    /// Takes the lock of the data folder.
    ///
    /// # Errors
    /// [`RunError::AlreadyRunning`] with the pid of the supervisor that has it.
    pub fn lock(&self) -> Result<Lock, RunError> {
        let path = self.run.join("supervisor.lock");
        let file = open_lock(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(RunError::AlreadyRunning {
                data: self.data.clone(),
                pid: self.supervisor()?.map(|record| record.process.pid),
            }),
            Err(TryLockError::Error(error)) => Err(RunError::file(&path, error)),
        }
    }

    /// The supervisor, if one is running.
    ///
    /// # Errors
    /// A record that can't be read.
    pub fn running_supervisor(&self) -> Result<Option<SupervisorRecord>, RunError> {
        Ok(self.supervisor()?.filter(|record| record.process.is_alive()))
    }

    fn supervisor(&self) -> Result<Option<SupervisorRecord>, RunError> {
        file::read(&self.run.join("supervisor.json"))
    }

    /// Replaces the supervisor's record.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn record_supervisor(&self, record: &SupervisorRecord) -> Result<(), RunError> {
        file::replace(&self.run.join("supervisor.json"), record)
    }

    /// Records that this process is the service.
    ///
    /// # Errors
    /// If another process is, or the `supervisor` that started this one has ended: the next `up` may have
    /// looked for services before.
    pub fn record_service(
        &self,
        service: Service,
        supervisor: Option<u32>,
        api: Option<SocketAddr>,
    ) -> Result<(), RunError> {
        let _lock = self.services_lock()?;
        if let Some(supervisor) = supervisor.filter(|supervisor| parent() != Some(*supervisor)) {
            return Err(RunError::SupervisorGone { service, supervisor });
        }
        if let Some(record) = self.running(service)? {
            let pid = record.process.pid;
            return Err(RunError::ServiceRuns { service, pid });
        }
        let record = ServiceRecord {
            process: Process::current()?,
            since: Timestamp::now(),
            api,
        };
        file::replace(&self.record_file(service), &record)
    }

    /// The services whose processes run. Records are replaced as a whole, so whoever only looks waits for nobody.
    ///
    /// # Errors
    /// A record that can't be read.
    pub fn running_services(&self) -> Result<Vec<(Service, ServiceRecord)>, RunError> {
        let mut running = Vec::new();
        for service in Service::all() {
            running.extend(self.running(service)?.map(|record| (service, record)));
        }
        Ok(running)
    }

    /// The same, once whoever is recording itself has done so: with the lock of the data folder held they are
    /// all that will ever run.
    ///
    /// # Errors
    /// A record that can't be read, or the lock of services that can't be had.
    pub fn all_services(&self) -> Result<Vec<(Service, ServiceRecord)>, RunError> {
        // Without the folder nobody can have recorded itself.
        let _lock = match self.run.is_dir() {
            true => Some(self.services_lock()?),
            false => None,
        };
        self.running_services()
    }

    /// One service, if its process runs.
    ///
    /// # Errors
    /// A record that can't be read.
    pub fn running(&self, service: Service) -> Result<Option<ServiceRecord>, RunError> {
        let record: Option<ServiceRecord> = file::read(&self.record_file(service))?;
        Ok(record.filter(|record| record.process.is_alive()))
    }

    fn record_file(&self, service: Service) -> PathBuf {
        self.run.join(format!("{service}.json"))
    }

    /// Held for moments only.
    fn services_lock(&self) -> Result<Lock, RunError> {
        let path = self.run.join("services.lock");
        let file = open_lock(&path)?;
        file.lock().map_err(|error| RunError::file(&path, error))?;
        Ok(Lock { _file: file })
    }

    /// The cluster's secret; created if there is none.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn create_secret(&self) -> Result<(), RunError> {
        let path = self.secret_file();
        if path.exists() {
            return Ok(());
        }
        let mut random = [0; SECRET_BYTES];
        getrandom::fill(&mut random).map_err(RunError::Random)?;
        file::create_once(&path, STANDARD.encode(random).as_bytes(), 0o600)
    }

    /// The cluster's secret, as `up` made it.
    ///
    /// # Errors
    /// If there is none, or it is no secret.
    pub fn secret(&self) -> Result<Vec<u8>, RunError> {
        let path = self.secret_file();
        let text = std::fs::read_to_string(&path).map_err(|error| RunError::file(&path, error))?;
        let secret = STANDARD.decode(text.trim()).ok();
        let whole = secret.filter(|secret| secret.len() == SECRET_BYTES);
        whole.ok_or_else(|| RunError::Damaged {
            path,
            reason: format!("not {SECRET_BYTES} bytes in base64"),
        })
    }

    fn secret_file(&self) -> PathBuf {
        self.run.join("cluster-secret")
    }

    /// The identity of the data folder; created if there is none, with the wanted cluster id if one is.
    ///
    /// # Errors
    /// If it can't be written, or as [`identity`](Self::identity).
    pub fn create_identity(&self, wanted: Option<&str>) -> Result<DataFolder, RunError> {
        loop {
            // Another process may be first, and yet another remove what it made.
            if let Some(identity) = self.identity()? {
                return Ok(identity);
            }
            let mut random = [0; 16];
            getrandom::fill(&mut random).map_err(RunError::Random)?;
            let identity = DataFolder {
                format: FORMAT,
                cluster_id: wanted.map_or_else(|| URL_SAFE_NO_PAD.encode(random), str::to_owned),
            };
            let path = self.identity_file();
            let text = serde_json::to_vec_pretty(&identity);
            let text = text.map_err(|error| RunError::file(&path, error.into()))?;
            file::create_once(&path, &text, 0o644)?;
        }
    }

    /// The identity of the data folder, if it has one.
    ///
    /// # Errors
    /// A folder of a newer format.
    pub fn identity(&self) -> Result<Option<DataFolder>, RunError> {
        let identity: Option<DataFolder> = file::read(&self.identity_file())?;
        match identity {
            Some(identity) if identity.format > FORMAT => Err(RunError::Newer {
                data: self.data.clone(),
                found: identity.format,
                known: FORMAT,
            }),
            other => Ok(other),
        }
    }

    fn identity_file(&self) -> PathBuf {
        self.data.join("minicluster.json")
    }

    /// Where the settings in effect are written down.
    #[must_use]
    pub fn settings_file(&self) -> PathBuf {
        self.run.join("settings.yml")
    }

    /// Writes down the settings in effect.
    ///
    /// # Errors
    /// If they can't be written.
    pub fn record_settings(&self, settings: &str) -> Result<(), RunError> {
        file::replace_text(&self.settings_file(), settings)
    }

    /// Asks something of the supervisor. It looks when it gets SIGUSR1.
    ///
    /// # Errors
    /// If this can't be written.
    pub fn request(&self, request: Request) -> Result<(), RunError> {
        let folder = self.requests();
        std::fs::create_dir_all(&folder).map_err(|error| RunError::file(&folder, error))?;
        file::replace_text(&folder.join(request.file_name()), "")
    }

    /// Takes what somebody wants of the supervisor.
    ///
    /// # Errors
    /// If the requests can't be read or removed.
    pub fn take_requests(&self) -> Result<Vec<Request>, RunError> {
        let folder = self.requests();
        let mut requested = Vec::new();
        for service in Service::all() {
            for request in [Request::Restart, Request::Add, Request::Remove].map(|of| of(service)) {
                let path = folder.join(request.file_name());
                match std::fs::remove_file(&path) {
                    Ok(()) => requested.push(request),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(RunError::file(&path, error)),
                }
            }
        }
        Ok(requested)
    }

    fn requests(&self) -> PathBuf {
        self.run.join("requests")
    }

    /// Where the supervisor itself logs when it runs in the background.
    #[must_use]
    pub fn supervisor_log(&self) -> PathBuf {
        self.logs.join("supervisor.log")
    }

    /// Where a service logs.
    #[must_use]
    pub fn log_file(&self, service: Service) -> PathBuf {
        self.logs.join(format!("{service}.log"))
    }
}

fn open_lock(path: &Path) -> Result<File, RunError> {
    let mut options = OpenOptions::new();
    let open = options.create(true).truncate(false).write(true).open(path);
    open.map_err(|error| RunError::file(path, error))
}

fn parent() -> Option<u32> {
    let parent = rustix::process::getppid()?;
    u32::try_from(parent.as_raw_nonzero().get()).ok()
}

#[cfg(test)]
mod tests;
