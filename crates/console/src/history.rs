//! The last 15 minutes of a few numbers, for small charts. Rebuilt from nothing at each start.

use std::collections::{BTreeMap, VecDeque};

/// Seconds that are kept.
const KEPT: usize = 15 * 60;

/// Series that are kept at most; with more topics than this the later ones have no chart.
const SERIES: usize = 1024;

/// What is charted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Series {
    /// Records a second that the generator sends.
    Sent,
    /// Records a second that the ETL reads.
    Read,
    /// Rows a second that come into the tables.
    Written,
    /// Records that the ETL has still to read.
    ToRead,
    /// How far the slowest watermark lies behind, in milliseconds.
    WatermarkGap,
    /// Memory of all services.
    Memory,
    /// Records a second that come into a topic.
    Topic(String),
    /// Rows a second that come into a table.
    Table(String),
    /// Memory of a service.
    Service(String),
}

/// One value a second for each series; a gap where it wasn't known.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// Seconds that have passed since the console began.
    seconds: usize,
    series: BTreeMap<Series, VecDeque<f32>>,
}

impl History {
    /// Takes the values of one more second. Series that are not named get a gap, and go when they
    /// have nothing but gaps.
    pub(crate) fn push(&mut self, values: Vec<(Series, Option<f64>)>) {
        for (series, value) in values {
            let is_new = !self.series.contains_key(&series);
            let Some(value) = value.filter(|_| !is_new || self.series.len() < SERIES) else {
                continue;
            };
            let before = self.seconds.min(KEPT);
            let points = self
                .series
                .entry(series)
                .or_insert_with(|| VecDeque::from(vec![f32::NAN; before]));
            points.push_back(value as f32);
        }
        self.seconds += 1;
        let wanted = self.seconds.min(KEPT);
        self.series.retain(|_, points| {
            // One short: nobody named it.
            if points.len() < self.seconds.min(KEPT + 1) {
                points.push_back(f32::NAN);
            }
            while points.len() > wanted {
                points.pop_front();
            }
            points.iter().any(|point| !point.is_nan())
        });
    }

    /// The last 15 minutes in so many steps, the latest last: means of what was known, none where
    /// nothing was.
    pub(crate) fn steps(&self, series: &Series, steps: usize) -> Vec<Option<f32>> {
        let Some(points) = self.series.get(series) else {
            return vec![None; steps];
        };
        // Steps are cut at full seconds since the start, so that they don't change their mean while
        // they move.
        let width = KEPT.div_ceil(steps);
        let last = self.seconds.div_ceil(width);
        let step = |back: usize| {
            let step = (last + back).checked_sub(steps)?;
            let (from, to) = (step * width, (step + 1) * width);
            let oldest = self.seconds - points.len();
            let known: Vec<f32> = (from.max(oldest)..to.min(self.seconds))
                .filter_map(|second| points.get(second - oldest))
                .copied()
                .filter(|point| !point.is_nan())
                .collect();
            (!known.is_empty()).then(|| known.iter().sum::<f32>() / known.len() as f32)
        };
        (0..steps).map(step).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{History, KEPT, Series};

    #[test]
    fn steps_are_means_and_gaps_stay_gaps() {
        let mut history = History::default();
        for second in 0..6 {
            let value = (second != 2 && second != 3).then_some(f64::from(second));
            history.push(vec![(Series::Sent, value)]);
        }
        let steps = history.steps(&Series::Sent, KEPT / 2);
        assert_eq!(steps.len(), KEPT / 2);
        assert_eq!(steps[KEPT / 2 - 3..], [Some(0.5), None, Some(4.5)]);
        assert!(steps[..KEPT / 2 - 3].iter().all(Option::is_none));
    }

    #[test]
    fn a_series_that_begins_late_or_ends_keeps_its_place() {
        let mut history = History::default();
        history.push(vec![(Series::Sent, Some(1.0))]);
        history.push(vec![(Series::Sent, Some(2.0)), (Series::Read, Some(3.0))]);
        history.push(vec![(Series::Read, Some(4.0))]);
        assert_eq!(
            history.steps(&Series::Sent, KEPT)[KEPT - 3..],
            [Some(1.0), Some(2.0), None]
        );
        assert_eq!(
            history.steps(&Series::Read, KEPT)[KEPT - 3..],
            [None, Some(3.0), Some(4.0)]
        );
    }

    #[test]
    fn memory_is_bounded_and_dead_series_go() {
        let mut history = History::default();
        history.push(vec![(Series::Topic("gone".to_owned()), Some(1.0))]);
        for _ in 0..2 * KEPT {
            history.push(vec![(Series::Sent, Some(1.0))]);
        }
        assert_eq!(history.series.len(), 1);
        assert!(history.series.values().all(|points| points.len() == KEPT));
        let many = (0..5000).map(|n| (Series::Topic(n.to_string()), Some(1.0)));
        history.push(many.collect());
        assert_eq!(history.series.len(), 1024);
    }
}
