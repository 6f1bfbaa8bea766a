//! Holds the tables of `docs/generator.md` against the constants that they repeat.

use super::{
    clickstream::{Channel, NEXT, THINK},
    curve::{DAYS, HOURS},
};

const PAGE: &str = include_str!("../../../../docs/generator.md");

/// The cells behind the first of all rows of tables that begin like this.
fn rows(first: &str) -> Vec<Vec<f64>> {
    let rows = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_prefix(first));
    rows.map(|row| {
        let cells = row.trim_start_matches(|letter| letter != '|').split('|').skip(1);
        let cells: Vec<&str> = cells.map(str::trim).collect();
        let numbers = cells[..cells.len() - 1].iter().map(|cell| {
            let digits = cell.trim_end_matches([' ', 's', '%']);
            if digits.is_empty() {
                0.0
            } else {
                digits.parse().unwrap_or(f64::NAN)
            }
        });
        numbers.collect()
    })
    .collect()
}

/// Of hundredths, without the last digits that adding up leaves.
fn percent(share: f64) -> f64 {
    libm::round(share * 1e4) / 100.0
}

#[test]
fn the_curve_is_the_documented_one() {
    assert_eq!(rows("times the mean").concat(), HOURS);
    assert_eq!(rows("times that").concat(), DAYS);
}

#[test]
fn the_funnel_is_the_documented_one() {
    let names = [
        "home `",
        "search `",
        "category `",
        "product `",
        "cart `",
        "checkout `",
        "order `",
    ];
    for (step, name) in names.into_iter().enumerate() {
        let mut expected: Vec<f64> = NEXT[step][..7].iter().map(|chance| percent(*chance)).collect();
        expected.push(percent(1.0 - NEXT[step].iter().sum::<f64>()));
        expected.push(THINK[step]);
        assert_eq!(rows(name), [expected], "{name}");
    }
}

#[test]
fn the_channels_are_the_documented_ones() {
    let names = ["directly", "search engine", "social network", "mail", "partner"];
    for (channel, name) in Channel::ALL.into_iter().zip(names) {
        let mut expected = vec![percent(channel.share(true)), percent(channel.share(false))];
        expected.extend(channel.landing()[..5].iter().map(|chance| percent(*chance)));
        assert_eq!(rows(name), [expected], "{name}");
    }
}
