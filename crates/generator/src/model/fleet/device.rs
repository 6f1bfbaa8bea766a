//! One device: what it measures, and when it fails.

use super::{
    DEVICES_PER_SITE,
    battery::{self, Battery},
    climate::{Climate, relative_humidity},
};
use crate::{
    format::write_padded,
    model::{Row, Value, noise::wander},
    random::{Purpose, Random, splitmix},
};

const MINUTE_US: i64 = 60_000_000;
const DAY_US: i64 = 86_400_000_000;

/// A device can fail once in such a time, which begins at another moment for each.
const TERM_US: i64 = 8 * 60 * MINUTE_US;
/// Shares of terms with a failure: the device is away, or its temperature is stuck.
const AWAY: f64 = 0.03;
const STUCK: f64 = 0.02;
/// How long a failure takes: minutes, shortest and longest.
const AWAY_MINUTES: (f64, f64) = (5.0, 60.0);
const STUCK_MINUTES: (f64, f64) = (30.0, 240.0);

/// The share of the readings that devices are able to send.
pub(super) fn availability() -> f64 {
    let away = AWAY * (AWAY_MINUTES.0 + AWAY_MINUTES.1) / 2.0 * MINUTE_US as f64 / TERM_US as f64;
    (1.0 - away) * battery::availability()
}

/// What a device is made of. Made anew for each reading: it holds nothing that changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device {
    number: u64,
    site: u64,
    key: u64,
    climate: Climate,
    battery: Battery,
    /// Degrees: where it hangs, and how it was calibrated.
    offset: f64,
    /// The signal's strength without its wandering, in dBm.
    signal: f64,
}

/// What is wrong with a device.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Failure {
    Away,
    /// The temperature is what it was then.
    Stuck {
        since_us: i64,
    },
}

impl Device {
    pub(super) fn new(lasting: u128, number: u64) -> Self {
        let site = number / DEVICES_PER_SITE;
        let mut place = Random::new(lasting, Purpose::Reception, site);
        let mut random = Random::new(lasting, Purpose::Device, number);
        let key = random.next();
        Self {
            number,
            site,
            key,
            climate: Climate::new(lasting, site),
            battery: Battery::new(splitmix(key ^ 4), random.unit(), random.unit()),
            offset: 0.8 * random.normal(),
            signal: -60.0 - 20.0 * place.unit() + 5.0 * random.normal(),
        }
    }

    /// Whether it is able to report.
    pub(super) fn reports(&self, at_us: i64) -> bool {
        self.failure(at_us) != Some(Failure::Away) && self.battery.level(at_us).is_some()
    }

    /// Its reading.
    pub(super) fn read(&self, at_us: i64, random: &mut Random, row: &mut Row) {
        let (air, dew_point) = self.climate.at(at_us);
        let temperature = match self.failure(at_us) {
            Some(Failure::Stuck { since_us }) => self.temperature(self.climate.at(since_us).0, since_us),
            _ => self.temperature(air, at_us) + 0.1 * random.normal(),
        };
        let humidity = relative_humidity(air + self.offset, dew_point) + 0.5 * random.normal();
        let fading = 3.0 * wander(splitmix(self.key ^ 3), 20 * MINUTE_US, at_us);
        let signal = self.signal + fading + random.normal();
        let battery = self.battery.level(at_us).unwrap_or_default();

        row.push_plain(|out| {
            out.extend_from_slice(b"device-");
            write_padded(self.number, 5, out);
        });
        row.push_plain(|out| {
            out.extend_from_slice(b"site-");
            write_padded(self.site, 3, out);
        });
        row.push(Value::decimal(temperature, 2));
        row.push(Value::decimal(humidity.clamp(5.0, 100.0), 1));
        row.push(Value::Integer(libm::ceil(battery) as i64));
        row.push(Value::Integer(libm::round(signal.clamp(-120.0, -30.0)) as i64));
        row.push(Value::Time(at_us));
    }

    /// What it takes for the temperature: it hangs somewhere, and its calibration drifts over months.
    fn temperature(&self, air: f64, at_us: i64) -> f64 {
        air + self.offset + 0.4 * wander(splitmix(self.key ^ 2), 30 * DAY_US, at_us)
    }

    fn failure(&self, at_us: i64) -> Option<Failure> {
        let shifted = at_us + (self.key % TERM_US as u64) as i64;
        let (term, since) = (shifted.div_euclid(TERM_US), shifted.rem_euclid(TERM_US));
        let bits = splitmix(splitmix(self.key ^ 1) ^ term as u64);
        let share = (bits >> 40) as f64 / f64::from(1 << 24);
        let (shortest, longest) = match share {
            share if share < AWAY => AWAY_MINUTES,
            share if share < AWAY + STUCK => STUCK_MINUTES,
            _ => return None,
        };
        // The lower bits say for how long, and when in the term.
        let (how_long, when) = ((bits & 0xf_ffff) as f64, (bits >> 20 & 0xf_ffff) as f64);
        let scale = f64::from(1 << 20);
        let minutes = shortest + (longest - shortest) * how_long / scale;
        let length = (minutes * MINUTE_US as f64) as i64;
        let from = ((TERM_US - length) as f64 * when / scale) as i64;
        if !(from..from + length).contains(&since) {
            return None;
        }
        Some(if share < AWAY {
            Failure::Away
        } else {
            Failure::Stuck {
                since_us: at_us - (since - from),
            }
        })
    }
}
