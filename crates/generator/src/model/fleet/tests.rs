//! Generated readings against what `docs/generator.md` says.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{battery::Battery, device::Device, *};
use crate::{
    model::{
        Curve, Model, Value,
        tests::{HOUR_US, MONDAY_US, SECOND_US, each, near, scope, slope, text},
    },
    random::splitmix,
    settings::StreamKind,
};

const DAY_US: i64 = 24 * HOUR_US;

struct Reading {
    device: u64,
    site: u64,
    at_us: i64,
    temp: f64,
    humidity: f64,
    battery: i64,
    signal: i64,
}

fn number(row: &Row, field: usize) -> u64 {
    text(row, field)
        .rsplit('-')
        .next()
        .and_then(|digits| digits.parse().ok())
        .unwrap()
}

fn reading(at_us: i64, row: &Row) -> Reading {
    let decimal = |field: usize| match row.values()[field] {
        Value::Decimal { unscaled, places } => unscaled as f64 / libm::pow(10.0, f64::from(places)),
        _ => panic!(),
    };
    let integer = |field: usize| match row.values()[field] {
        Value::Integer(number) => number,
        _ => panic!(),
    };
    Reading {
        device: number(row, 0),
        site: number(row, 1),
        at_us,
        temp: decimal(2),
        humidity: decimal(3),
        battery: integer(4),
        signal: integer(5),
    }
}

fn readings(scope: Scope, until_us: i64) -> Vec<Reading> {
    let mut readings = Vec::new();
    each(&Model::new(StreamKind::Iot, scope), until_us, |at_us, _, row| {
        readings.push(reading(at_us, row))
    });
    readings
}

#[test]
fn devices_report_every_ten_seconds_and_never_twice_at_a_time() {
    for per_second in [0.02, 0.7, 1.7, 150.0, 20_000.0] {
        let seconds = 40_000.0 / per_second;
        let readings = readings(scope(per_second), MONDAY_US + (seconds * 1e6) as i64);
        near(
            "readings",
            readings.len() as f64 / 40_000.0,
            1.0,
            if per_second < 10.0 { 0.1 } else { 0.005 },
        );
        let mut last: HashMap<u64, i64> = HashMap::new();
        let mut times = HashSet::new();
        let mut steady = 0;
        for reading in &readings {
            assert!(
                times.insert((reading.device, reading.at_us / 1_000)),
                "{per_second}/s"
            );
            let before = last.insert(reading.device, reading.at_us);
            if let Some(before) = before
                && ((9_500_000..10_500_000).contains(&(reading.at_us - before)))
            {
                steady += 1;
            }
            assert_eq!(reading.site, reading.device / 25);
        }
        // Long enough for every device to report again and again.
        if per_second == 150.0 {
            let again = readings.len() - last.len();
            near(
                "ten seconds between two readings",
                f64::from(steady) / again as f64,
                1.0,
                0.01,
            );
            near("devices", last.len() as f64, per_second * 10.0, per_second * 0.05);
        }
    }
}

/// A run that starts later finds the devices as they are then.
#[test]
fn a_devices_state_does_not_depend_on_the_start() {
    let from_monday = readings(scope(20.0), MONDAY_US + 2 * HOUR_US);
    let later = Scope {
        start_us: MONDAY_US + HOUR_US,
        run: 7,
        ..scope(20.0)
    };
    let mut compared = 0;
    let known: HashMap<(u64, i64), &Reading> = from_monday
        .iter()
        .map(|reading| ((reading.device, reading.at_us / (10 * SECOND_US)), reading))
        .collect();
    for reading in readings(later, MONDAY_US + 2 * HOUR_US) {
        let Some(known) = known.get(&(reading.device, reading.at_us / (10 * SECOND_US))) else {
            continue;
        };
        compared += 1;
        assert!(
            (reading.temp - known.temp).abs() < 1.2,
            "{} and {}",
            reading.temp,
            known.temp
        );
        assert!((reading.battery - known.battery).abs() <= 1);
        assert!((reading.signal - known.signal).abs() <= 10);
    }
    assert!(compared > 60_000, "{compared}");
}

/// 500 devices, each read once in some minutes for a week.
#[test]
fn a_week_is_as_documented() {
    let lasting = scope(50.0).lasting_root();
    let mut random = Random::new(1, Purpose::Lane, 0);
    let mut row = Row::default();
    let mut by_hour: [Vec<f64>; 24] = Default::default();
    let mut sites: BTreeMap<u64, Vec<Reading>> = BTreeMap::new();
    let (mut asked, mut away) = (0_u32, 0_u32);
    for device in 0..500 {
        let made = Device::new(lasting, device);
        for sample in 0..7 * 24 * 6 {
            let at_us = MONDAY_US + sample * 600 * SECOND_US;
            asked += 1;
            if !made.reports(at_us) {
                away += 1;
                continue;
            }
            row.clear();
            made.read(at_us, &mut random, &mut row);
            let reading = reading(at_us, &row);
            by_hour[(at_us / HOUR_US % 24) as usize].push(reading.temp);
            sites.entry(reading.site).or_default().push(reading);
        }
    }
    near(
        "share of readings that fail",
        f64::from(away) / f64::from(asked),
        1.0 - device::availability(),
        0.001,
    );

    // The day: warmest at 15 h, coldest twelve hours before, 4.5 degrees up and down.
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let hours: Vec<f64> = by_hour.iter().map(|temps| mean(temps)).collect();
    let warmest = (0..24).max_by(|a, b| hours[*a].total_cmp(&hours[*b])).unwrap();
    let coldest = (0..24).min_by(|a, b| hours[*a].total_cmp(&hours[*b])).unwrap();
    assert!(
        (14..=16).contains(&warmest) && (2..=4).contains(&coldest),
        "{warmest} {coldest}"
    );
    near(
        "degrees between day and night",
        hours[warmest] - hours[coldest],
        9.0,
        1.0,
    );

    let mut strengths = Vec::new();
    for readings in sites.values() {
        // Humidity falls when it is warmer: the air holds as much water as before.
        let points: Vec<(f64, f64)> = readings
            .iter()
            .map(|reading| (reading.temp, reading.humidity))
            .collect();
        assert!(slope(&points) < -0.5, "{}", slope(&points));
        assert!(
            readings
                .iter()
                .all(|reading| (5.0..=100.0).contains(&reading.humidity))
        );
        assert!(
            readings
                .iter()
                .all(|reading| (0..=100).contains(&reading.battery))
        );
        let site = mean(
            &readings
                .iter()
                .map(|reading| reading.signal as f64)
                .collect::<Vec<_>>(),
        );
        assert!((-83.0..=-57.0).contains(&site), "{site}");
        strengths.push(site);
    }
    let spread =
        strengths.iter().fold(f64::MIN, |a, b| a.max(*b)) - strengths.iter().fold(f64::MAX, |a, b| a.min(*b));
    assert!(
        spread > 10.0,
        "the signal follows the site: {spread} dB between the best and the worst"
    );
}

#[test]
fn the_season_is_that_of_the_northern_half() {
    let lasting = scope(50.0).lasting_root();
    let mean = |day: i64| {
        let mut sum = 0.0;
        for site in 0..100 {
            let climate = climate::Climate::new(lasting, site);
            for sample in 0..48 {
                sum += climate.at(MONDAY_US + day * DAY_US + sample * HOUR_US).0;
            }
        }
        sum / 4_800.0
    };
    let (january, july) = (mean(13), mean(196));
    near("mean of a year", (january + july) / 2.0, 12.0, 1.0);
    near("July over January", july - january, 16.0, 1.0);
}

#[test]
fn humidity_is_that_of_the_dew_point() {
    near(
        "at the dew point",
        climate::relative_humidity(10.0, 10.0),
        100.0,
        1e-9,
    );
    // Tables give 52.5 % for 20 degrees and a dew point of 10.
    near(
        "ten degrees above",
        climate::relative_humidity(20.0, 10.0),
        52.5,
        0.3,
    );
}

#[test]
fn batteries_run_down_for_weeks_and_are_changed() {
    let (mut lives, mut ends, mut silences) = (Vec::new(), Vec::new(), Vec::new());
    for device in 0..400_u64 {
        let (life, used) = (device as f64 / 400.0, splitmix(device) as f64 / u64::MAX as f64);
        let battery = Battery::new(splitmix(device + 1_000), life, used);
        let (mut before, mut changed_us, mut empty_us) = (None::<f64>, None, None);
        for sample in 0..150 * 24 * 4 {
            let at_us = MONDAY_US + sample * HOUR_US / 4;
            let level = battery.level(at_us);
            match (before, level) {
                (Some(old), Some(new)) if new > old => {
                    ends.push(old);
                    if let Some(changed_us) = changed_us {
                        lives.push((at_us - changed_us) as f64 / DAY_US as f64);
                    }
                    changed_us = Some(at_us);
                }
                (Some(_), None) => empty_us = Some(at_us),
                (None, Some(new)) if sample > 0 => {
                    assert!(new > 99.0);
                    if let Some(empty_us) = empty_us {
                        silences.push((at_us - empty_us) as f64 / HOUR_US as f64);
                    }
                    changed_us = None;
                }
                _ => {}
            }
            before = level;
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    assert!(lives.iter().all(|days| (19.9..40.1).contains(days)));
    near("days of a battery", mean(&lives), 29.0, 1.0);
    // One that ran empty shortly before it was changed may have been seen with its last charge.
    let usual = ends.iter().filter(|level| (2.9..15.2).contains(*level)).count();
    near(
        "batteries changed in time",
        usual as f64 / ends.len() as f64,
        1.0,
        0.005,
    );
    near(
        "share of batteries that run empty",
        silences.len() as f64 / (ends.len() + silences.len()) as f64,
        0.04,
        0.015,
    );
    assert!(silences.iter().all(|hours| *hours <= 12.3));
    near("hours without a battery", mean(&silences), 6.0, 1.5);
}

#[test]
fn sensors_get_stuck_and_come_back() {
    let lasting = scope(50.0).lasting_root();
    let mut random = Random::new(1, Purpose::Lane, 0);
    let mut row = Row::default();
    let (mut pairs, mut equal) = (0_u32, 0_u32);
    for device in 0..600 {
        let made = Device::new(lasting, device);
        let mut before = None;
        for sample in 0..7 * 24 * 4 {
            let at_us = MONDAY_US + sample * HOUR_US / 4;
            row.clear();
            made.read(at_us, &mut random, &mut row);
            let temp = reading(at_us, &row).temp;
            pairs += 1;
            equal += u32::from(before == Some(temp));
            before = Some(temp);
        }
    }
    // 2 % of eight hours' terms, for 135 minutes on average, seen every 15 minutes; and now and then the
    // hundredths are equal by chance.
    let documented = 0.02 * (135.0 - 15.0) / 480.0;
    near(
        "readings equal to the one before",
        f64::from(equal) / f64::from(pairs),
        documented + 0.01,
        0.008,
    );
}

#[test]
fn the_curve_of_people_does_not_matter_to_devices() {
    let flat = Scope {
        curve: Curve::Flat,
        ..scope(50.0)
    };
    let counts = [flat, scope(50.0)].map(|scope| readings(scope, MONDAY_US + 60 * SECOND_US).len());
    assert_eq!(counts[0], counts[1]);
}
