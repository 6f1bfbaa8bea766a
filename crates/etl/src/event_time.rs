//! Event time: microseconds since 1970-01-01T00:00:00Z, and the texts that stand for it.

use std::fmt;

use jiff::Span;
use jiff::civil::Date;

/// When an event happened, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub(crate) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

impl EventTime {
    /// The event time `micros` earlier.
    #[must_use]
    pub fn minus(self, micros: i64) -> Self {
        Self(self.0.saturating_sub(micros))
    }

    /// The start of the span of `width` microseconds that holds this time, counted from 1970.
    #[must_use]
    pub fn floor(self, width: i64) -> i64 {
        self.0.div_euclid(width) * width
    }

    /// The date in UTC, counted in days from 1970-01-01.
    #[must_use]
    pub fn day(self) -> i64 {
        self.0.div_euclid(MICROS_PER_DAY)
    }

    /// The date in UTC; every time that was parsed has one.
    #[must_use]
    pub fn date(self) -> Option<Date> {
        let days = Span::new().try_days(self.day()).ok()?;
        Date::constant(1970, 1, 1).checked_add(days).ok()
    }

    /// Parses ISO 8601 as Spark's `to_timestamp` does, with the differences that the crate's page
    /// of leniencies declares. `None` for everything else.
    ///
    /// Accepted: `Y-M-D`, or `Y-M-D` followed by `T` or a space and `h:m`, `h:m:s` or
    /// `h:m:s.fraction`, then nothing (UTC), `Z`, `UTC`, `GMT`, `+hh`, `+hh:mm` or `+hhmm`. Year of
    /// four digits from 0001, the other fields of one or two digits; digits beyond the microsecond are cut.
    /// What lies before 0001-01-01T00:00:00Z or after 9999-12-31T23:59:59.999999Z, by its offset, has
    /// no date of four digits and is none either.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        fixed(bytes).or_else(|| lenient(bytes))
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_midnight = Span::new().microseconds(self.0.rem_euclid(MICROS_PER_DAY));
        // By the civil calendar: jiff's timestamps end a day before the year 9999 does.
        let civil = self
            .date()
            .and_then(|date| date.at(0, 0, 0, 0).checked_add(since_midnight).ok());
        match civil {
            Some(civil) => write!(f, "{civil}Z"),
            None => write!(f, "{} us", self.0),
        }
    }
}

/// The layout that machines write: `2025-06-01T01:02:03`, a fraction or none, and `Z`.
fn fixed(b: &[u8]) -> Option<EventTime> {
    if b.len() < 20 || b[b.len() - 1] != b'Z' {
        return None;
    }
    if b[4] != b'-' || b[7] != b'-' || b[10] != b'T' || b[13] != b':' || b[16] != b':' {
        return None;
    }
    let two = |at: usize| {
        let (tens, ones) = (b[at].wrapping_sub(b'0'), b[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
    };
    let year = two(0)? * 100 + two(2)?;
    let micros = match &b[19..b.len() - 1] {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() => fraction(digits)?,
        _ => return None,
    };
    assemble([year, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?], micros, 0)
}

/// Digits after the decimal point as microseconds; what is finer is cut.
fn fraction(digits: &[u8]) -> Option<i64> {
    let mut micros = 0;
    for (i, digit) in digits.iter().enumerate() {
        if !digit.is_ascii_digit() {
            return None;
        }
        if i < 6 {
            micros = micros * 10 + i64::from(digit - b'0');
        }
    }
    let missing = 6_usize.saturating_sub(digits.len());
    Some(micros * 10_i64.pow(missing as u32))
}

fn lenient(bytes: &[u8]) -> Option<EventTime> {
    let mut rest = Rest(bytes.trim_ascii());
    let year = rest.number(4, 4)?;
    rest.literal(b'-')?;
    let month = rest.number(1, 2)?;
    rest.literal(b'-')?;
    let day = rest.number(1, 2)?;
    if rest.0.is_empty() {
        return assemble([year, month, day, 0, 0, 0], 0, 0);
    }
    rest.literal(b'T').or_else(|| rest.literal(b' '))?;
    let hour = rest.number(1, 2)?;
    rest.literal(b':')?;
    let minute = rest.number(1, 2)?;
    let (mut second, mut micros) = (0, 0);
    if rest.literal(b':').is_some() {
        second = rest.number(1, 2)?;
        if rest.literal(b'.').is_some() {
            let digits = rest.0.iter().take_while(|b| b.is_ascii_digit()).count();
            micros = fraction(&rest.0[..digits])?;
            rest.0 = &rest.0[digits..];
        }
    }
    let offset = rest.zone()?;
    assemble([year, month, day, hour, minute, second], micros, offset)
}

/// What is left of the text.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn literal(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let digits = self.0.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
        if digits < min {
            return None;
        }
        let value = self.0[..digits]
            .iter()
            .fold(0, |n, b| n * 10 + i64::from(b - b'0'));
        self.0 = &self.0[digits..];
        Some(value)
    }

    /// Seconds east of UTC; consumes everything.
    fn zone(&mut self) -> Option<i64> {
        match self.0 {
            b"" | b"Z" | b"UTC" | b"GMT" => return Some(0),
            _ => {}
        }
        let sign = match self.0.split_first()? {
            (b'+', rest) => {
                self.0 = rest;
                1
            }
            (b'-', rest) => {
                self.0 = rest;
                -1
            }
            _ => return None,
        };
        let hours = self.number(1, 2)?;
        let minutes = match self.0 {
            b"" => 0,
            _ => {
                let _ = self.literal(b':');
                self.number(2, 2)?
            }
        };
        (self.0.is_empty() && hours <= 18 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn assemble(fields: [i64; 6], micros: i64, offset: i64) -> Option<EventTime> {
    let [year, month, day, hour, minute, second] = fields;
    if year < 1 || hour > 23 || minute > 59 || second > 59 || day < 1 || day > days_in_month(year, month)? {
        return None;
    }
    let seconds = days_from_epoch(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    if !(FIRST_SECOND..=LAST_SECOND).contains(&seconds) {
        return None;
    }
    Some(EventTime(seconds * MICROS_PER_SECOND + micros))
}

fn days_in_month(year: i64, month: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// Howard Hinnant's `days_from_civil`: the year begins in March, so that the leap day comes last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests;
