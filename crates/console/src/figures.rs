//! Numbers as people read them.

use jiff::Timestamp;

/// A count: `1,234,567`.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate without its unit: `0`, `4.2`, `350`, `12,400`, `1.25 M`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    // Negative and not-a-number rates don't exist; they would be a clock that was set back.
    let rate = per_second.max(0.0);
    if rate < 0.05 {
        "0".to_owned()
    } else if rate < 9.95 {
        format!("{rate:.1}")
    } else if rate < 999_999.5 {
        count(rate.round() as u64)
    } else {
        format!("{:.2} M", rate / 1e6)
    }
}

/// Bytes: `12.3 MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.into_iter().find(|(_, shift)| count >> shift > 0);
    unit.map_or_else(
        || format!("{count} B"),
        |(unit, shift)| format!("{:.1} {unit}", count as f64 / (1_u64 << shift) as f64),
    )
}

/// A span of time: `2 h 5 min`.
#[must_use]
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A short span of time: `340 ms`, `4.2 s`, `2 min 5 s`.
#[must_use]
pub fn span_ms(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..9950 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => span((ms + 500) / 1000),
    }
}

/// Cores: `0.07`.
#[must_use]
pub fn cores(cores: f64) -> String {
    format!("{cores:.2}")
}

/// Whole seconds from one time to a later one; none where the clock was set back.
#[must_use]
pub fn seconds_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or_default()
}

/// The time of day in UTC: `18:03:14`.
#[must_use]
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::{bytes, count, rate, span, span_ms};

    #[test]
    fn counts_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn rates_have_as_many_digits_as_they_deserve() {
        let rates = [
            -1.0,
            f64::NAN,
            0.01,
            4.23,
            9.96,
            350.4,
            12_400.0,
            999_999.0,
            1_250_000.0,
        ];
        let texts = ["0", "0", "0", "4.2", "10", "350", "12,400", "999,999", "1.25 M"];
        assert_eq!(rates.map(rate), texts);
    }

    #[test]
    fn bytes_and_spans() {
        assert_eq!(
            [999, 3 << 19, 5 << 40].map(bytes),
            ["999 B", "1.5 MiB", "5.0 TiB"]
        );
        assert_eq!([59, 7500, 90_000].map(span), ["59 s", "2 h 5 min", "1 d 1 h"]);
        assert_eq!(
            [340, 4200, 9949, 9950, 125_400].map(span_ms),
            ["340 ms", "4.2 s", "9.9 s", "10 s", "2 min 5 s"]
        );
    }
}
