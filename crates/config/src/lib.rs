//! Settings of the platform: read in layers, then checked as a whole.
//!
//! A setting is declared once, in the list [`KEYS`], with its name in `config.yml`, what it takes,
//! its default, and the names that the Docker version of this platform has for it. Messages, `.env`,
//! JSON Schema and `config show` all come from that list. From there on a setting goes through three steps:
//!
//! 1. Each layer becomes texts with an [`Origin`]: `config.yml` and `.env` (by line), the environment
//!    (`MINICLUSTER_` and the key in capitals, and the names of the Docker version), flags. An unknown
//!    name, or one that stands twice, is a [`Problem`].
//! 2. The layers are laid over each other: flag > `MINICLUSTER_*` > names of the Docker version in the
//!    environment > `.env` > `config.yml` > default. That is the raw configuration.
//! 3. [`Settings`] is the checked configuration: numbers within bounds, ports that differ, paths
//!    resolved. Who holds a [`Settings`] need not check again.
//!
//! All problems are told at once, each with its place and what to do. What is no problem, but not what
//! somebody might expect (brokers of a container network, more memory than there is, a `.env` that hides
//! `config.yml`), becomes a note in [`Loaded`] for the caller to print.
//!
//! Nothing else in the workspace reads files, environment or flags for settings. The other crates
//! have small option structs of their own; the binary fills them from here.

mod assembly;
mod check;
mod dotenv;
mod error;
mod file;
mod folders;
mod key;
mod keys;
mod kind;
mod layers;
mod loaded;
mod machine;
mod origin;
mod raw;
mod render;
mod scalar;
mod schema;
mod settings;
mod show;
mod snapshot;
mod snippet;
mod streams;
mod suggestion;

pub use error::{ConfigError, Problem};
pub use folders::{Folders, named_folder};
pub use key::Key;
pub use keys::KEYS;
pub use kind::{Kind, span};
pub use layers::Sources;
pub use loaded::{Loaded, Value, data_folder, load};
pub use machine::Machine;
pub use origin::Origin;
pub use raw::Flag;
pub use render::{Rendered, render};
pub use schema::schema;
pub use settings::{Broker, Curve, Durability, Etl, Faults, Generator, Kafka, Settings, Sql, Topics, Ui};
pub use streams::{Field, FieldKind, Stream, StreamFormat};
pub use suggestion::nearest;

#[cfg(test)]
mod golden;
