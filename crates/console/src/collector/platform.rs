//! A look at the processes.

use std::collections::BTreeMap;
use std::time::Duration;

use run::{RunFolder, Service, ServiceRecord, SupervisorRecord};

/// The processes, as the run folder and the kernel know them.
#[derive(Debug, Clone, Default)]
pub(super) struct Platform {
    /// The supervisor that runs.
    pub(super) supervisor: Option<SupervisorRecord>,
    /// The services that run.
    pub(super) running: BTreeMap<Service, Running>,
}

/// The process of a service.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) record: ServiceRecord,
    pub(super) paused: bool,
    pub(super) memory_bytes: Option<u64>,
    /// Processor time since it began.
    pub(super) cpu: Option<Duration>,
}

pub(super) fn look(folder: &RunFolder) -> Result<Platform, String> {
    let seen = |error: run::RunError| error.to_string();
    let running = |(service, record): (Service, ServiceRecord)| {
        let process = &record.process;
        let running = Running {
            paused: process.is_paused(),
            memory_bytes: process.resident_bytes(),
            cpu: process.cpu_time(),
            record,
        };
        (service, running)
    };
    Ok(Platform {
        supervisor: folder.running_supervisor().map_err(seen)?,
        running: folder
            .running_services()
            .map_err(seen)?
            .into_iter()
            .map(running)
            .collect(),
    })
}
