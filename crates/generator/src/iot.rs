//! Readings of devices at sites.
//!
//! So many devices as report every ten seconds at the stream's rate, in turn: no two readings of a device
//! share a time. Temperature follows the hour of the day, humidity the temperature; batteries run down over
//! weeks and are changed; the signal is the site's, with noise.

use std::{f64::consts::TAU, io::Write};

use crate::{
    clickstream::timestamp,
    clock::Clock,
    random::{Purpose, Random},
};

const SECONDS_PER_READING: f64 = 10.0;
const DEVICES_PER_SITE: u64 = 25;
const DAY_MS: f64 = 86_400_000.0;
const BATTERY_DAYS: f64 = 30.0;

/// Key (the device) and value of a reading.
pub(crate) fn event(root: u128, clock: &Clock, sequence: u64, at_ms: i64) -> (Vec<u8>, Vec<u8>) {
    let devices = clock.sequences_in_virtual(SECONDS_PER_READING).max(1);
    let number = sequence % devices;
    let site = number / DEVICES_PER_SITE;
    // Devices and sites are the same in all runs: they don't depend on the root.
    let mut device = Random::new(0, Purpose::Device, number);
    let mut place = Random::new(1, Purpose::Device, site);
    let mut random = Random::new(root, Purpose::Content, sequence);

    let day = at_ms as f64 / DAY_MS;
    let warmest_at_three = libm::sin(TAU * (day - 0.375));
    let mean = 14.0 + 10.0 * place.unit();
    let temp_c = mean + device.normal() * 0.5 + 5.0 * warmest_at_three + random.normal() * 0.2;
    let humidity = (60.0 - 1.5 * (temp_c - mean) + random.normal()).clamp(5.0, 100.0);
    let battery = 100.0 - 90.0 * libm::fmod(day / BATTERY_DAYS + device.unit(), 1.0);
    let signal = (-55.0 - 30.0 * place.unit() + random.normal() * 2.0).clamp(-120.0, -20.0);

    let key = format!("device-{number:05}");
    let mut value = Vec::with_capacity(200);
    // Writing to a Vec doesn't fail; none of the texts needs escaping.
    drop(write!(
        value,
        r#"{{"device_id":"{key}","site":"site-{site:03}","temp_c":{temp_c:.2},"humidity":{humidity:.1},"battery":{},"signal_strength":{},"ts":"{}"}}"#,
        battery as i32,
        signal as i32,
        timestamp(at_ms)
    ));
    (key.into_bytes(), value)
}
