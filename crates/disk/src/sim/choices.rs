//! Going through every sequence of choices, or a seeded sample of them.

/// An odometer over choices whose number is known only while they are made.
#[derive(Default)]
pub(super) struct Choices {
    made: Vec<Choice>,
    next: usize,
}

struct Choice {
    picked: usize,
    of: usize,
}

impl Choices {
    /// The next choice of this round.
    pub(super) fn choose(&mut self, of: usize) -> usize {
        if self.next == self.made.len() {
            self.made.push(Choice { picked: 0, of });
        }
        let choice = &self.made[self.next];
        assert_eq!(choice.of, of, "the same choices offer the same outcomes");
        self.next += 1;
        choice.picked
    }

    /// Turns to the next sequence; false when all were seen.
    pub(super) fn advance(&mut self) -> bool {
        self.next = 0;
        while let Some(last) = self.made.last_mut() {
            last.picked += 1;
            if last.picked < last.of {
                return true;
            }
            self.made.pop();
        }
        false
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, portable, the same on every machine.
pub(super) struct SplitMix(pub(super) u64);

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
