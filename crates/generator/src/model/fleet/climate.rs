//! The weather at a site.

use std::f64::consts::TAU;

use crate::{
    model::noise::wander,
    random::{Purpose, Random},
};

const HOUR_US: i64 = 3_600_000_000;
const DAY_US: f64 = 86_400_000_000.0;
const YEAR_DAYS: f64 = 365.2425;
/// Warmest day of the year, counted from the first of January, and hour of the day.
const WARMEST_DAY: f64 = 200.0;
const WARMEST_HOUR: f64 = 15.0;

/// What the weather at a site is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Climate {
    key: u64,
    /// Degrees Celsius: the mean of a year, and by how much summer and afternoon are above it.
    mean: f64,
    season: f64,
    day: f64,
    /// The dew point lies so many degrees below the mean of the day.
    dryness: f64,
}

impl Climate {
    pub(super) fn new(lasting: u128, site: u64) -> Self {
        let mut random = Random::new(lasting, Purpose::Site, site);
        Self {
            key: random.next(),
            mean: 8.0 + 8.0 * random.unit(),
            season: 6.0 + 4.0 * random.unit(),
            day: 3.0 + 3.0 * random.unit(),
            dryness: 4.0 + 4.0 * random.unit(),
        }
    }

    /// Temperature and dew point in degrees Celsius.
    pub(super) fn at(&self, at_us: i64) -> (f64, f64) {
        let day = at_us as f64 / DAY_US;
        let season = libm::cos(TAU * (day - WARMEST_DAY) / YEAR_DAYS);
        let hour = libm::cos(TAU * (day - WARMEST_HOUR / 24.0));
        // Fronts pass in days, clouds in hours.
        let fronts = 2.5 * wander(self.key, 48 * HOUR_US, at_us);
        let clouds = 0.8 * wander(self.key ^ 1, 3 * HOUR_US, at_us);
        let of_day = self.mean + self.season * season + fronts;
        let wetness = 1.5 * wander(self.key ^ 2, 24 * HOUR_US, at_us);
        (of_day + self.day * hour + clouds, of_day - self.dryness + wetness)
    }
}

/// Relative humidity in percent, by Magnus's formula.
pub(super) fn relative_humidity(temperature: f64, dew_point: f64) -> f64 {
    let exponent = |celsius: f64| 17.625 * celsius / (243.04 + celsius);
    100.0 * libm::exp(exponent(dew_point) - exponent(temperature))
}
