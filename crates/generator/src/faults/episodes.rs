//! Times in which something is different: bursts and stalls.

use crate::random::mix;

/// There is one episode in each span of this length.
const SPAN_US: i64 = 600_000_000;
/// So many times as fast events come in a burst.
const BURST_FACTOR: f64 = 10.0;

/// One episode in each span, at a random place. A pure function of the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Episodes {
    root: u128,
    /// Spans are counted from here.
    start_us: i64,
    length_us: i64,
}

impl Episodes {
    /// Episodes that take this share of the time; none where it is 0.
    pub(crate) fn new(share: f64, root: u128, start_us: i64) -> Option<Self> {
        let length_us = (share * SPAN_US as f64) as i64;
        (length_us > 0).then_some(Self {
            root,
            start_us,
            length_us,
        })
    }

    /// The end of the episode that this time is in.
    pub(crate) fn end_of(&self, at_us: i64) -> Option<i64> {
        let (span, offset) = self.place(at_us);
        let begin = self.begin(span, SPAN_US - self.length_us);
        let inside = (begin..begin + self.length_us).contains(&offset);
        inside.then(|| self.start_us + span * SPAN_US + begin + self.length_us)
    }

    /// Shortens a tenfold share of each span to the episode, and stretches the rest. Monotone; the ends of
    /// spans stay. Gives the new time, and whether it is in the burst.
    pub(crate) fn compress(&self, at_us: i64) -> (i64, bool) {
        let (span, offset) = self.place(at_us);
        let long = (self.length_us as f64 * BURST_FACTOR) as i64;
        let begin = self.begin(span, SPAN_US - long);
        let stretch = (SPAN_US - self.length_us) as f64 / (SPAN_US - long) as f64;
        let stretched = |length: i64| libm::floor(length as f64 * stretch) as i64;
        let (offset, inside) = if offset < begin {
            (stretched(offset), false)
        } else if offset < begin + long {
            let into = libm::floor((offset - begin) as f64 / BURST_FACTOR) as i64;
            (stretched(begin) + into, true)
        } else {
            let behind = stretched(offset - begin - long);
            (stretched(begin) + self.length_us + behind, false)
        };
        (self.start_us + span * SPAN_US + offset, inside)
    }

    fn place(&self, at_us: i64) -> (i64, i64) {
        let since = at_us - self.start_us;
        (since.div_euclid(SPAN_US), since.rem_euclid(SPAN_US))
    }

    fn begin(&self, span: i64, room: i64) -> i64 {
        let drawn = mix(self.root ^ u128::from(span as u64)) as u64;
        ((u128::from(drawn) * room.max(0) as u128) >> 64) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_monotone_and_as_long_as_asked_for() {
        let share = 0.03;
        let bursts = Episodes::new(share, 7, 1_000).unwrap();
        let (mut last, mut inside, mut fastest) = (1_000, 0, 0);
        let step = 10_000;
        for n in 0..5 * SPAN_US / step {
            let (at, is_in_burst) = bursts.compress(1_000 + n * step);
            assert!(at >= last, "{at} after {last}");
            fastest += i64::from(at - last == step / 10);
            inside += i64::from(is_in_burst);
            last = at;
        }
        let all = (5 * SPAN_US / step) as f64;
        let tenfold = |count: i64| (count as f64 / all - 10.0 * share).abs() < 0.001;
        assert!(tenfold(inside) && tenfold(fastest), "{inside} {fastest} of {all}");
        for span in 0..5 {
            let border = 1_000 + span * SPAN_US;
            assert_eq!(bursts.compress(border).0, border);
        }
    }

    #[test]
    fn stalls_end_at_their_end_and_take_their_share() {
        let share = 0.1;
        let stalls = Episodes::new(share, 3, 0).unwrap();
        let mut stalled = 0;
        for at in (0..4 * SPAN_US).step_by(100_000) {
            if let Some(end) = stalls.end_of(at) {
                assert!(end > at && end - at <= SPAN_US / 10);
                assert_eq!(stalls.end_of(end), None);
                stalled += 1;
            }
        }
        assert!((f64::from(stalled) / 24_000.0 - share).abs() < 0.001, "{stalled}");
        assert!(Episodes::new(0.0, 3, 0).is_none());
    }
}
