//! What a stream's events are: models on the virtual clock, cut into lanes.
//!
//! A model is a fixed number of *lanes*, [`LANES`], whatever the number of threads. A lane is a small
//! simulation with random numbers of its own: the next event of the lane follows from its past alone.
//! Merged in the order of time, lane and place in the lane, all lanes together are the stream. So its bytes
//! depend on the [`Scope`] and on nothing else. All events of a key are in one lane.

mod clickstream;
mod curve;
mod declared;
mod fleet;
mod noise;
mod row;
mod schema;

use std::sync::Arc;

pub use self::curve::Curve;
pub use self::declared::{Declaration, DeclaredField, DeclaredKind};
pub(crate) use self::row::{Row, Value};
pub(crate) use self::schema::{Field, FieldKind, Schema};
use self::{
    clickstream::{Site, SiteLane},
    declared::{Declared, DeclaredLane},
    fleet::{Fleet, FleetLane},
};
use crate::{random::mix, settings::StreamKind};

/// Into so many lanes a stream is cut. Changing it changes the events of every seed.
pub(crate) const LANES: u32 = 16;

/// What the events of a stream depend on, beside the kind of stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scope {
    /// Users, devices and their properties follow from it and `stream`: they are the same in all runs.
    pub(crate) seed: u64,
    /// Tells streams of equal seeds apart.
    pub(crate) stream: u64,
    /// Counts the runs: each has events of its own.
    pub(crate) run: u64,
    /// Where the run begins, in microseconds since 1970.
    pub(crate) start_us: i64,
    /// Events a second of the virtual clock, in the mean over a week.
    pub(crate) per_second: f64,
    /// How the rate changes with the hour of the week, for what people do.
    pub(crate) curve: Curve,
}

impl Scope {
    /// The root of what stays the same in all runs.
    pub(crate) fn lasting_root(&self) -> u128 {
        mix(u128::from(self.seed) << 64 | u128::from(self.stream))
    }

    /// The root of what happens in this run only.
    pub(crate) fn run_root(&self) -> u128 {
        mix(self.lasting_root() ^ u128::from(self.run) << 64 ^ u128::from(self.start_us as u64))
    }
}

/// A stream of one run: what its lanes share.
#[derive(Debug)]
pub(crate) enum Model {
    /// Page views.
    Clickstream(Arc<Site>),
    /// Readings of devices.
    Iot(Arc<Fleet>),
    /// What the operator declares.
    Declared(Arc<Declared>),
}

impl Model {
    pub(crate) fn new(kind: StreamKind, scope: Scope) -> Self {
        match kind {
            StreamKind::Clickstream => Self::Clickstream(Arc::new(Site::new(scope))),
            StreamKind::Iot => Self::Iot(Arc::new(Fleet::new(scope))),
        }
    }

    /// A stream that the operator declares.
    pub(crate) fn declared(declaration: &Declaration, scope: Scope) -> Self {
        Self::Declared(Arc::new(Declared::new(declaration, scope)))
    }

    /// The fields of its events.
    pub(crate) fn schema(&self) -> Schema {
        match self {
            Self::Clickstream(_) => clickstream::schema(),
            Self::Iot(_) => fleet::schema(),
            Self::Declared(declared) => declared.schema(),
        }
    }

    /// One of its lanes, from 0 to [`LANES`], from the start of the run.
    pub(crate) fn lane(&self, lane: u32) -> Lane {
        match self {
            Self::Clickstream(site) => Lane::Clickstream(SiteLane::new(Arc::clone(site), lane)),
            Self::Iot(fleet) => Lane::Iot(FleetLane::new(Arc::clone(fleet), lane)),
            Self::Declared(declared) => Lane::Declared(DeclaredLane::new(Arc::clone(declared), lane)),
        }
    }
}

/// One lane of a stream: its events in order of time.
#[derive(Debug)]
pub(crate) enum Lane {
    Clickstream(SiteLane),
    Iot(FleetLane),
    Declared(DeclaredLane),
}

impl Lane {
    /// When its next event happens, in microseconds since 1970. Never goes back; `i64::MAX`: never.
    pub(crate) fn next_at_us(&self) -> i64 {
        match self {
            Self::Clickstream(lane) => lane.next_at_us(),
            Self::Iot(lane) => lane.next_at_us(),
            Self::Declared(lane) => lane.next_at_us(),
        }
    }

    /// Makes its next event.
    pub(crate) fn make(&mut self, row: &mut Row) {
        row.clear();
        match self {
            Self::Clickstream(lane) => lane.make(row),
            Self::Iot(lane) => lane.make(row),
            Self::Declared(lane) => lane.make(row),
        }
    }
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests;
