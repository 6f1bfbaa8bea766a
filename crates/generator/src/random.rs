//! Random numbers that are the same on every machine: PCG XSL 128/64.

use rand_core::RngCore;
use rand_pcg::Lcg128Xsl64;

/// What a number is for. Each purpose has its own row of numbers, so that a new use changes no other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// A device, in all runs.
    Device = 4,
    /// A lane of a stream, in one run.
    Lane = 5,
    /// A user, in all runs.
    User = 6,
    /// The weather at a site, in all runs.
    Site = 7,
    /// How well a site is reached by radio, in all runs.
    Reception = 8,
    /// The faults of a lane, in one run.
    Fault = 9,
}

/// Numbers for one thing: a lane, a user, a device.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    generator: Lcg128Xsl64,
    /// Normal numbers are made in pairs.
    spare: Option<f64>,
}

impl Random {
    /// `root` stands for the run and its stream, `of` for the thing.
    pub(crate) fn new(root: u128, purpose: Purpose, of: u64) -> Self {
        let state = mix(root ^ (u128::from(of) << 8) ^ purpose as u128);
        Self {
            generator: Lcg128Xsl64::new(state, root),
            spare: None,
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// From 0 to 1, 1 excluded, 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to `end`, `end` excluded; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// One of several; the first where there is none to choose.
    pub(crate) fn choose<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    /// Normal: mean 0, deviation 1 (Marsaglia's polar method).
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = libm::sqrt(-2.0 * libm::log(square) / square);
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Exponential with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -libm::log(1.0 - self.unit())
    }

    /// Log-normal: `sigma` is the deviation of its logarithm.
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * libm::exp(sigma * self.normal())
    }

    /// From 1 to `end` by Zipf's law with exponent 1: k in proportion to ln((k + 1) / k).
    pub(crate) fn zipf(&mut self, end: u64) -> u64 {
        let rank = libm::exp(self.unit() * libm::log(end as f64 + 1.0)) as u64;
        rank.clamp(1, end.max(1))
    }

    /// 128 random bits.
    pub(crate) fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }
}

/// Spreads the bits of a number over all of it (the finalizer of SplitMix, twice).
pub(crate) fn mix(value: u128) -> u128 {
    let low = splitmix(value as u64);
    let high = splitmix((value >> 64) as u64 ^ low);
    (u128::from(splitmix(high ^ low.rotate_left(32))) << 64) | u128::from(high)
}

/// Spreads the bits of a number over all of it (the finalizer of SplitMix).
pub(crate) fn splitmix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
