//! What the platform consists of.

use std::fmt;

/// A service. Shown by its name, as in `broker-1.log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Service {
    /// A broker, by its id.
    Broker(u32),
    /// The ETL.
    Etl,
    /// The generator.
    Generator,
}

impl Service {
    /// Its place in the order of starting.
    pub(super) fn stage(self) -> u32 {
        match self {
            Self::Broker(_) => 0,
            Self::Etl | Self::Generator => 1,
        }
    }

    /// Its place in the order of stopping: what feeds others stops before them.
    pub(crate) fn stop_stage(self) -> u32 {
        match self {
            Self::Generator => 0,
            Self::Etl => 1,
            Self::Broker(_) => 2,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker(id) => f.pad(&format!("broker-{id}")),
            Self::Etl => f.pad("etl"),
            Self::Generator => f.pad("generator"),
        }
    }
}
