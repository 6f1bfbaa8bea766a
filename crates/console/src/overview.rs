//! Everything that there is to say about a running platform, at one moment.

mod cluster;
mod etl;
mod generator;
mod health;
mod lake;
mod ledger;
mod part;
mod service;
mod totals;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use cluster::{Broker, Cluster, Topic, Troubled};
pub use etl::{Etl, Source};
pub use generator::{Generator, TopicSent};
pub use health::{Health, Level};
pub use lake::{Lake, Table};
pub use ledger::{Ledger, LedgerTable, Sent, Windows};
pub use part::Part;
pub use service::{Happening, Service, State, Supervisor};
pub use totals::Totals;

/// The platform at one moment.
///
/// In JSON as it stands here. Names end in their unit; times are ISO 8601 in UTC; what isn't known is
/// `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// When it was put together.
    pub at: Timestamp,
    /// The version of minicluster that did.
    pub version: String,
    /// The data folder.
    pub data: PathBuf,
    /// Whether all is well, and if not, why.
    pub health: Health,
    /// Everything summed up.
    pub totals: Totals,
    /// The process that keeps the services running.
    pub supervisor: Part<Supervisor>,
    /// The services, in the order of starting.
    pub services: Vec<Service>,
    /// What the brokers say about themselves and their topics.
    pub cluster: Part<Cluster>,
    /// What the generator says.
    pub generator: Part<Generator>,
    /// What the ETL says.
    pub etl: Part<Etl>,
    /// What lies in the lake.
    pub lake: Part<Lake>,
    /// What was sent, and what became of it.
    pub ledger: Part<Ledger>,
    /// What happened lately, the latest first.
    pub happened: Vec<Happening>,
}

impl Overview {
    /// The service of this name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }
}
