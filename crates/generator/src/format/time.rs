//! Times as texts.

const DAY_US: i64 = 86_400_000_000;

/// `2026-01-01T00:00:00.123Z`: UTC, milliseconds, always 24 bytes between the years 0 and 9999.
pub(super) fn write_time(at_us: i64, out: &mut Vec<u8>) {
    let (day, of_day) = (at_us.div_euclid(DAY_US), at_us.rem_euclid(DAY_US));
    let (year, month, day) = civil(day);
    let ms = of_day / 1_000;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |at: usize, digits: usize, mut value: i64| {
        for place in (at..at + digits).rev() {
            text[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    put(0, 4, year.clamp(0, 9_999));
    put(5, 2, month);
    put(8, 2, day);
    put(11, 2, ms / 3_600_000);
    put(14, 2, ms / 60_000 % 60);
    put(17, 2, ms / 1_000 % 60);
    put(20, 3, ms % 1_000);
    out.extend_from_slice(&text);
}

/// Year, month and day of a day counted from 1970 (Howard Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::write_time;

    #[test]
    fn texts_are_those_of_the_calendar() {
        let mut days = vec![
            0_i64,
            -1,
            951_782_400,
            951_868_800,
            4_102_444_800,
            253_402_300_799,
            -62_135_596_800,
        ];
        days.extend((0..4_000).map(|n| n * 7_654_321 - 10_000_000_000));
        for second in days {
            for ms in [0, 7, 999] {
                let Ok(at) = Timestamp::from_millisecond(second * 1_000 + ms) else {
                    continue;
                };
                let mut text = Vec::new();
                write_time(at.as_microsecond() + 999, &mut text);
                assert_eq!(String::from_utf8(text).unwrap(), format!("{at:.3}"));
            }
        }
    }
}
