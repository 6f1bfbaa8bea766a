//! What is known of a running platform, for every process of it and for those who ask about it.
//!
//! The platform is a supervisor and its services, one process each. They find each other through the run
//! folder, `<data>/run`: who runs ([`ServiceRecord`]), since when, where its report is served; what the
//! supervisor thinks of each service and what happened lately ([`SupervisorRecord`]); the secret that
//! brokers prove to each other; one log file a service. Which brokers there are ([`Membership`]) lies beside
//! the brokers' folders, for it lives as long as these. A process is known by more than its id
//! ([`Process`]), because the system uses ids again.
//!
//! Nothing here starts or stops the platform: `minicluster` does.

mod error;
mod file;
mod folder;
mod membership;
mod process;
mod record;
mod service;

pub use error::RunError;
pub use folder::{DataFolder, Lock, Request, RunFolder};
pub use membership::{Membership, MembershipFile};
pub use process::{Process, ProcessHandle, name_of};
pub use record::{Death, EventKind, RunEvent, ServiceRecord, ServiceState, Supervised, SupervisorRecord};
pub use service::{Service, UnknownService};
