//! What the platform consists of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The highest id of a broker.
const MOST_BROKERS: u32 = 9;

/// A service. Shown by its name, as in `broker-1.log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Service {
    /// A broker, by its id.
    Broker(u32),
    /// The ETL.
    Etl,
    /// The generator.
    Generator,
    /// The console.
    Console,
}

/// A name that is no service's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no service: they are broker-1 to broker-9, etl, generator and console")]
pub struct UnknownService(pub String);

impl Service {
    /// Every service that a platform can have.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=MOST_BROKERS)
            .map(Self::Broker)
            .chain([Self::Etl, Self::Generator, Self::Console])
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => f.pad(&format!("broker-{id}")),
            Self::Etl => f.pad("etl"),
            Self::Generator => f.pad("generator"),
            Self::Console => f.pad("console"),
        }
    }
}

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, UnknownService> {
        Self::all()
            .find(|service| service.to_string() == name)
            .ok_or_else(|| UnknownService(name.to_owned()))
    }
}

impl From<Service> for String {
    fn from(service: Service) -> Self {
        service.to_string()
    }
}

impl TryFrom<String> for Service {
    type Error = UnknownService;

    fn try_from(name: String) -> Result<Self, UnknownService> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::Service;

    #[test]
    fn a_service_is_found_by_its_name() {
        for service in Service::all() {
            assert_eq!(service.to_string().parse(), Ok(service));
        }
        for name in ["", "broker-10", "broker-0", "broker", "Etl"] {
            let error = name.parse::<Service>().expect_err("no service");
            assert!(error.to_string().starts_with(&format!("`{name}` is no service")));
        }
    }
}
