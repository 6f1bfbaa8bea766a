//! Where reading begins.

use jiff::SignedDuration;
use record::Timestamp;

use crate::failure::{Code, Failure, Outcome};

/// Where to begin in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begin {
    Earliest,
    Latest,
    At(i64),
    /// So many records before the end.
    Last(i64),
    /// The first record of this time or later.
    Since(Timestamp),
}

impl Begin {
    /// What `--offset` says.
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let number = text.parse::<i64>().ok();
        match (text, number) {
            ("earliest" | "oldest" | "beginning", _) => Ok(Self::Earliest),
            ("latest" | "newest" | "end", _) => Ok(Self::Latest),
            (_, Some(number)) if number < 0 => Ok(Self::Last(number.saturating_neg())),
            (_, Some(number)) => Ok(Self::At(number)),
            _ => Err(Failure::new(
                Code::Usage,
                format!(
                    "`--offset {text}` is none of earliest, latest, an offset, or -N for the last N records; \
                     a time goes with `--since`"
                ),
            )),
        }
    }

    /// What `--since` says: a time, or how long ago.
    pub(super) fn since(text: &str) -> Outcome<Self> {
        Self::since_at(text, jiff::Timestamp::now())
    }

    fn since_at(text: &str, now: jiff::Timestamp) -> Outcome<Self> {
        let age = || text.parse::<SignedDuration>().ok().map(SignedDuration::abs);
        let days = || {
            let days: i64 = text.strip_suffix('d')?.parse().ok()?;
            SignedDuration::try_from_hours(days.checked_mul(24)?)
        };
        let time = text.parse::<jiff::Timestamp>().ok();
        let time = time.or_else(|| now.checked_sub(age().or_else(days)?).ok());
        time.map(|time| Self::Since(Timestamp(time.as_millisecond())))
            .ok_or_else(|| {
                Failure::new(
                    Code::Usage,
                    format!("`--since {text}` is neither a time such as 2025-06-01T12:00:00Z nor an age such as 90s, 10m, 2h, 1d"),
                )
            })
    }

    /// The offset in a partition that holds `first..next`, and in which the time that is wanted begins at
    /// `at` (-1 if all records are older).
    pub(super) fn within(self, first: i64, next: i64, at: i64) -> i64 {
        match self {
            Self::Earliest => first,
            Self::Latest => next,
            Self::At(offset) => offset,
            Self::Last(count) => next.saturating_sub(count).max(first),
            Self::Since(_) if at < 0 => next,
            Self::Since(_) => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use record::Timestamp;

    use super::Begin;

    #[test]
    fn where_to_begin() {
        let begin = |text| Begin::parse(text).map(|begin| begin.within(10, 20, -1)).ok();
        assert_eq!(begin("earliest"), Some(10));
        assert_eq!(begin("latest"), Some(20));
        assert_eq!(begin("15"), Some(15));
        assert_eq!(begin("-3"), Some(17));
        assert_eq!(begin("-300"), Some(10));
        assert_eq!(begin("-9223372036854775808"), Some(10));
        assert_eq!(begin("tomorrow"), None);
    }

    #[test]
    fn a_time_is_absolute_or_an_age() {
        let now = "2026-01-02T00:00:00Z".parse().expect("a time");
        let at = |text: &str| Begin::since_at(text, now).ok();
        let time = |text: &str| {
            let time: jiff::Timestamp = text.parse().expect("a time");
            Some(Begin::Since(Timestamp(time.as_millisecond())))
        };
        assert_eq!(at("2025-06-01T12:00:00Z"), time("2025-06-01T12:00:00Z"));
        assert_eq!(at("2025-06-01T12:00:00+02:00"), time("2025-06-01T10:00:00Z"));
        assert_eq!(at("90s"), time("2026-01-01T23:58:30Z"));
        assert_eq!(at("10m"), time("2026-01-01T23:50:00Z"));
        assert_eq!(at("2h"), time("2026-01-01T22:00:00Z"));
        assert_eq!(at("1d"), time("2026-01-01T00:00:00Z"));
        assert_eq!(at("99999999999999d"), None);
        assert_eq!(at("yesterday"), None);
    }

    #[test]
    fn where_all_records_are_older_only_new_ones_are_read() {
        let begin = Begin::Since(Timestamp(5));
        assert_eq!((begin.within(10, 20, -1), begin.within(10, 20, 12)), (20, 12));
    }
}
