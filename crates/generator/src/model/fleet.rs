//! Readings of devices at sites.
//!
//! Each device reports every ten seconds, on a phase of its own. What it reports is a function of the seed,
//! the device and the time: a run can start at any time and knows the state of every device. Nothing is
//! accumulated. Numbers and units are in `docs/generator.md`.

mod battery;
mod climate;
mod device;

use std::sync::Arc;

use self::device::Device;
use super::{Field, FieldKind, LANES, Row, Schema, Scope};
use crate::random::{Purpose, Random};

/// Between two readings of a device. The rate decides how many devices there are.
const SECONDS_PER_READING: f64 = 10.0;
const DEVICES_PER_SITE: u64 = 25;
/// A reading comes later than its turn by so much at most.
const JITTER_US: f64 = 200_000.0;
/// A prime, so that no number of devices shares a factor with it.
const STRIDE: u64 = 2_654_435_761;

/// `{device_id, site, temp_c, humidity, battery, signal_strength, ts}`, keyed by device.
pub(super) fn schema() -> Schema {
    let field = Field::new;
    Schema {
        fields: vec![
            field("device_id", FieldKind::Text),
            field("site", FieldKind::Text),
            field("temp_c", FieldKind::Decimal),
            field("humidity", FieldKind::Decimal),
            field("battery", FieldKind::Integer),
            field("signal_strength", FieldKind::Integer),
            field("ts", FieldKind::Time),
        ],
        key: 0,
        id: 0,
        time: 6,
    }
}

/// All devices of a stream.
#[derive(Debug)]
pub(crate) struct Fleet {
    scope: Scope,
    lasting: u128,
    devices: u64,
    /// Between two readings of a device, in microseconds.
    period_us: f64,
}

impl Fleet {
    pub(super) fn new(scope: Scope) -> Self {
        let reporting = device::availability();
        let devices = libm::round(scope.per_second * SECONDS_PER_READING / reporting).max(1.0);
        Self {
            lasting: scope.lasting_root(),
            devices: devices as u64,
            period_us: devices * reporting / scope.per_second * 1e6,
            scope,
        }
    }

    /// How many devices a lane has: those whose number, divided by [`LANES`], leaves the lane's.
    fn devices_of(&self, lane: u32) -> u64 {
        (self.devices + u64::from(LANES) - 1 - u64::from(lane)) / u64::from(LANES)
    }
}

/// The devices of one lane, in turn.
#[derive(Debug)]
pub(crate) struct FleetLane {
    fleet: Arc<Fleet>,
    lane: u32,
    devices: u64,
    random: Random,
    /// Turns since 1970: each device of the lane has one in a period.
    turn: u64,
    turn_us: f64,
    at_us: i64,
    device: Option<Device>,
}

impl FleetLane {
    pub(super) fn new(fleet: Arc<Fleet>, lane: u32) -> Self {
        let devices = fleet.devices_of(lane);
        let start_us = fleet.scope.start_us;
        let turn_us = fleet.period_us / devices.max(1) as f64;
        let mut this = Self {
            random: Random::new(fleet.scope.run_root(), Purpose::Lane, u64::from(lane)),
            devices,
            turn_us,
            // Somewhat too early: the loop below finds the first turn that isn't before the start.
            turn: (start_us as f64 / turn_us - 3.0).max(0.0) as u64,
            at_us: 0,
            device: None,
            fleet,
            lane,
        };
        this.advance();
        while this.at_us < start_us {
            this.advance();
        }
        this
    }

    pub(super) fn next_at_us(&self) -> i64 {
        self.at_us
    }

    pub(super) fn make(&mut self, row: &mut Row) {
        if let Some(device) = &self.device {
            device.read(self.at_us, &mut self.random, row);
            self.advance();
        }
    }

    /// Goes on to the next turn whose device is able to report.
    fn advance(&mut self) {
        if self.devices == 0 {
            self.at_us = i64::MAX;
            return;
        }
        loop {
            self.turn += 1;
            // The order of the devices within a period isn't that of their numbers.
            let place = self.turn % self.devices * STRIDE % self.devices;
            let number = place * u64::from(LANES) + u64::from(self.lane);
            // Lanes take their turns one after the other, and clocks of devices aren't exact.
            let shift = f64::from(self.lane) / f64::from(LANES);
            let jitter_us = self.random.unit() * self.turn_us.min(JITTER_US);
            let at_us = (self.turn as f64 + shift) * self.turn_us + jitter_us;
            self.at_us = self.at_us.max(at_us as i64);
            let device = Device::new(self.fleet.lasting, number);
            if device.reports(self.at_us) {
                self.device = Some(device);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
