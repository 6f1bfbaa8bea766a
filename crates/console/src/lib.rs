//! The console: what the platform is doing, in one value, and the pages that show it.
//!
//! [`Overview`] is everything that `minicluster status`, the live view of `up`, the pages, the JSON API
//! and the metrics show. It is the same value everywhere, so a number can't differ between two places.
//! A part of it that can't be had right now says why ([`Part`]); the other parts are not held up by it.

mod account;
mod collector;
pub mod figures;
mod history;
mod in_topic;
mod jobs;
mod meter;
mod overview;
mod page;
mod prometheus;
mod server;
mod view;
mod watch;

pub use account::{Account, Newest, NewestError};
pub use collector::{Collector, Options, look_once};
pub use in_topic::InTopic;
pub use jobs::{Derived, Job, Jobs, Query, Told};
pub use overview::{
    Broker, Cluster, Etl, Generator, Happening, Health, Lake, Ledger, LedgerTable, Level, Overview, Part,
    Sent, Service, Source, State, Supervisor, Table, Topic, TopicSent, Totals, Troubled, Windows,
};
pub use prometheus::{MetricKind, Metrics};
pub use server::Server;
pub use view::View;
pub use watch::{ClusterSight, ClusterWatch};
