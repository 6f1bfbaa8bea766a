//! How busy people are in the course of a week.

use std::sync::LazyLock;

/// How the rate of a stream of people's doings changes with the hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Curve {
    /// Always the same.
    #[default]
    Flat,
    /// By the hour of the day and the day of the week, in UTC; the mean over a week is the rate.
    Weekly,
}

/// By the hour of the day, from 0 to 23 o'clock; the mean is 1.
pub(super) const HOURS: [f64; 24] = [
    0.57, 0.37, 0.26, 0.21, 0.20, 0.25, 0.42, 0.69, 0.94, 1.11, 1.22, 1.27, 1.29, 1.28, 1.24, 1.23, 1.25,
    1.32, 1.44, 1.64, 1.79, 1.75, 1.37, 0.89,
];
/// By the day of the week, from Monday; the mean is 1.
pub(super) const DAYS: [f64; 7] = [1.06, 1.02, 1.00, 0.98, 0.91, 0.94, 1.09];

const HOUR_US: i64 = 3_600_000_000;
const WEEK_HOURS: usize = 168;
/// 1970 began on a Thursday.
const FIRST_HOUR: i64 = 3 * 24;

/// What each hour of the week begins with; the mean is 1.
static WEEK: LazyLock<[f64; WEEK_HOURS]> = LazyLock::new(|| {
    let mut week = [0.0; WEEK_HOURS];
    for (hour, factor) in week.iter_mut().enumerate() {
        *factor = HOURS[hour % 24] * DAYS[hour / 24];
    }
    let mean = week.iter().sum::<f64>() / WEEK_HOURS as f64;
    week.map(|factor| factor / mean)
});

impl Curve {
    /// How many times the mean rate it is now; linear between whole hours.
    pub(crate) fn at(self, at_us: i64) -> f64 {
        match self {
            Self::Flat => 1.0,
            Self::Weekly => {
                let hour = at_us.div_euclid(HOUR_US);
                let part = at_us.rem_euclid(HOUR_US) as f64 / HOUR_US as f64;
                let of_week = (hour + FIRST_HOUR).rem_euclid(WEEK_HOURS as i64) as usize;
                let (from, to) = (WEEK[of_week], WEEK[(of_week + 1) % WEEK_HOURS]);
                from + (to - from) * part
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-05T00:00:00Z, a Monday.
    const MONDAY_US: i64 = 1_767_571_200_000_000;

    #[test]
    fn the_mean_of_a_week_is_one_and_the_peak_is_in_the_evening() {
        let minutes = (0..7 * 24 * 60).map(|minute| Curve::Weekly.at(MONDAY_US + minute * 60_000_000));
        let mean = minutes.sum::<f64>() / f64::from(7 * 24 * 60);
        assert!((mean - 1.0).abs() < 1e-9, "{mean}");
        let at = |hour: i64| Curve::Weekly.at(MONDAY_US + hour * HOUR_US);
        assert!((0..24).all(|hour| at(hour) <= at(20) && at(hour) >= at(4)));
        assert!((at(20 + 6 * 24) / at(20 + 4 * 24) - DAYS[6] / DAYS[4]).abs() < 1e-9);
        assert!((Curve::Flat.at(MONDAY_US) - 1.0).abs() < f64::EPSILON);
    }
}
