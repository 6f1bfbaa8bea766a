//! The battery of a device: it runs down over weeks and is changed.

use crate::random::splitmix;

const DAY_US: f64 = 86_400_000_000.0;
const HOUR_US: f64 = 3_600_000_000.0;
/// A battery lasts so many days, by device.
const SHORTEST_DAYS: f64 = 20.0;
const LONGEST_DAYS: f64 = 40.0;
/// Of so many batteries one isn't changed in time: the device is silent until it is, for hours up to...
const FORGOTTEN_OF: u64 = 25;
const SILENT_HOURS: f64 = 12.0;
/// The others are changed at some percent from...
const LOWEST: f64 = 3.0;
/// ... to these.
const LOW: f64 = 15.0;

/// A device's batteries, one after the other since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Battery {
    key: u64,
    life_us: f64,
    /// How much of its first battery's life was over in 1970.
    used: f64,
}

impl Battery {
    /// `life` from the shortest, 0, to the longest, 1.
    pub(super) fn new(key: u64, life: f64, used: f64) -> Self {
        Self {
            key,
            life_us: (SHORTEST_DAYS + (LONGEST_DAYS - SHORTEST_DAYS) * life) * DAY_US,
            used,
        }
    }

    /// The charge in percent; `None`: it is empty, the device is off.
    pub(super) fn level(&self, at_us: i64) -> Option<f64> {
        let batteries = at_us as f64 / self.life_us + self.used;
        let number = libm::floor(batteries);
        let age = batteries - number;
        let bits = splitmix(self.key ^ number as u64);
        let part = (bits >> 32) as f64 / (1_u64 << 32) as f64;
        if bits.is_multiple_of(FORGOTTEN_OF) {
            let silent = SILENT_HOURS * HOUR_US * part / self.life_us;
            let level = 100.0 * (1.0 - discharge(age / (1.0 - silent)));
            return (level > 0.0).then_some(level);
        }
        let end = LOWEST + (LOW - LOWEST) * part;
        Some(100.0 - (100.0 - end) * discharge(age))
    }
}

/// Slowly at first, faster towards the end.
fn discharge(age: f64) -> f64 {
    age * (0.7 + 0.3 * age)
}

/// The share of the time in which a battery isn't empty.
pub(super) fn availability() -> f64 {
    // Lives are evenly spread: the mean of 1 / life.
    let batteries_a_day = libm::log(LONGEST_DAYS / SHORTEST_DAYS) / (LONGEST_DAYS - SHORTEST_DAYS);
    1.0 - SILENT_HOURS / 2.0 / 24.0 * batteries_a_day / FORGOTTEN_OF as f64
}
