//! Settings of the platform: read in layers, then checked as a whole.
//!
//! A setting is declared once, in the list [`KEYS`], with its name in `config.yml`, what it takes
//! and its default. From there on it goes through three steps:
//!
//! 1. Each layer becomes texts with an [`Origin`]: `config.yml` (by line), the environment
//!    (`MINICLUSTER_` and the key in capitals), flags. An unknown name ends here.
//! 2. The layers are laid over each other: flag > environment > `config.yml` > default. That is
//!    the raw configuration.
//! 3. [`Settings`] is the checked configuration: numbers within bounds, ports that differ, paths
//!    resolved. Who holds a [`Settings`] need not check again.
//!
//! Nothing else in the workspace reads files, environment or flags for settings. The other crates
//! have small option structs of their own; the binary fills them from here.

mod check;
mod error;
mod file;
mod folders;
mod key;
mod raw;
mod settings;
mod suggestion;

pub use error::{ConfigError, Origin};
pub use folders::Folders;
pub use key::{KEYS, Key, Kind};
pub use raw::Flag;
pub use settings::{Broker, Etl, Generator, Kafka, Settings, Sources, Sql, Topics};
