//! The shop as a Markov chain: which page follows which, and after how long.

use std::sync::LazyLock;

use super::{referrer::Channel, users};
use crate::random::Random;

/// A kind of page, as a state of the chain. Crawlers have states of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    Home,
    Search,
    Category,
    Product,
    Cart,
    Checkout,
    Order,
    BotCategory,
    BotProduct,
}

pub(in crate::model) const STEPS: usize = 9;
pub(in crate::model) type BySteps = [f64; STEPS];

/// Of all sessions, so many are crawlers'.
pub(super) const BOTS: f64 = 0.01;

/// The chance of each step after each; what is missing to 1 is the chance that the session ends.
#[rustfmt::skip]
pub(in crate::model) const NEXT: [BySteps; STEPS] = [
    // home  search categ. produc cart  check. order  crawlers
    [0.02, 0.22, 0.33, 0.17, 0.02, 0.00, 0.00, 0.00, 0.00], // home
    [0.02, 0.16, 0.07, 0.54, 0.00, 0.00, 0.00, 0.00, 0.00], // search
    [0.03, 0.07, 0.16, 0.54, 0.00, 0.00, 0.00, 0.00, 0.00], // category
    [0.04, 0.08, 0.16, 0.35, 0.08, 0.00, 0.00, 0.00, 0.00], // product
    [0.03, 0.02, 0.08, 0.22, 0.00, 0.36, 0.00, 0.00, 0.00], // cart
    [0.00, 0.00, 0.00, 0.02, 0.12, 0.00, 0.52, 0.00, 0.00], // checkout
    [0.14, 0.00, 0.00, 0.04, 0.00, 0.00, 0.00, 0.00, 0.00], // order
    [0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.07, 0.90], // crawler's category
    [0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.00, 0.12, 0.85], // crawler's product
];

/// Think time on a page before the next, in seconds: the median of a log-normal distribution.
pub(in crate::model) const THINK: BySteps = [8.0, 7.0, 12.0, 18.0, 14.0, 45.0, 10.0, 3.0, 3.0];
/// And the deviation of its logarithm: of people, of crawlers.
const SIGMA: f64 = 1.0;
const BOT_SIGMA: f64 = 0.5;
/// Nobody thinks for longer: whoever is away for half an hour begins another session.
pub(super) const LONGEST_THINK: f64 = 1_790.0;

/// Where crawlers begin.
const BOT_LANDING: BySteps = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5];

impl Step {
    pub(super) const ALL: [Self; STEPS] = [
        Self::Home,
        Self::Search,
        Self::Category,
        Self::Product,
        Self::Cart,
        Self::Checkout,
        Self::Order,
        Self::BotCategory,
        Self::BotProduct,
    ];

    pub(super) fn is_bot(self) -> bool {
        matches!(self, Self::BotCategory | Self::BotProduct)
    }

    /// One by these weights; `None` for what is missing to 1, or beyond their sum if that is more.
    pub(super) fn pick(weights: &BySteps, random: &mut Random) -> Option<Self> {
        let sum = weights.iter().sum::<f64>().max(1.0);
        let mut left = random.unit() * sum;
        Self::ALL.into_iter().zip(weights).find_map(|(step, weight)| {
            left -= weight;
            (left < 0.0).then_some(step)
        })
    }

    /// A crawler's first step.
    pub(super) fn bot_landing(random: &mut Random) -> Self {
        Self::pick(&BOT_LANDING, random).unwrap_or(Self::BotProduct)
    }

    /// The step after this one; `None`: the session ends.
    pub(super) fn next(self, random: &mut Random) -> Option<Self> {
        Self::pick(&NEXT[self as usize], random)
    }

    /// The step after this one, where it is known that there is one.
    pub(super) fn next_surely(self, random: &mut Random) -> Self {
        loop {
            if let Some(next) = self.next(random) {
                return next;
            }
        }
    }

    fn sigma(self) -> f64 {
        if self.is_bot() { BOT_SIGMA } else { SIGMA }
    }

    /// Seconds until the next page.
    pub(super) fn think(self, random: &mut Random) -> f64 {
        random
            .log_normal(THINK[self as usize], self.sigma())
            .min(LONGEST_THINK)
    }

    /// Seconds until the next page, seen from any moment in between: a long wait is met more often than a
    /// short one (a log-normal time weighted by its length is log-normal too), and some of it is over.
    pub(super) fn rest_of_think(self, random: &mut Random) -> f64 {
        let sigma = self.sigma();
        let median = THINK[self as usize] * libm::exp(sigma * sigma);
        random.log_normal(median, sigma).min(LONGEST_THINK) * random.unit()
    }

    /// The mean of the think time in seconds.
    fn mean_think(self) -> f64 {
        let sigma = self.sigma();
        THINK[self as usize] * libm::exp(sigma * sigma / 2.0)
    }
}

/// How often a session comes to each step, on average.
pub(super) fn expected() -> BySteps {
    static EXPECTED: LazyLock<BySteps> = LazyLock::new(|| {
        let mut now = landing();
        let mut visits = now;
        // Each round is one step of all sessions: after a thousand nobody is left.
        for _ in 0..1_000 {
            let mut then = [0.0; STEPS];
            for (from, row) in now.iter().zip(&NEXT) {
                for (to, chance) in then.iter_mut().zip(row) {
                    *to += from * chance;
                }
            }
            now = then;
            for (visit, more) in visits.iter_mut().zip(now) {
                *visit += more;
            }
        }
        visits
    });
    *EXPECTED
}

/// Where sessions begin.
fn landing() -> BySteps {
    let mut landing = BOT_LANDING.map(|share| share * BOTS);
    let regulars = users::regulars();
    for (regular, of_sessions) in [(true, regulars), (false, 1.0 - regulars)] {
        for channel in Channel::ALL {
            let share = (1.0 - BOTS) * of_sessions * channel.share(regular);
            for (step, chance) in landing.iter_mut().zip(channel.landing()) {
                *step += share * chance;
            }
        }
    }
    landing
}

/// How many seconds a session waits on each step for its next page, on average: the shares of the sessions
/// that are under way at any moment.
pub(super) fn waiting() -> BySteps {
    let mut waiting = expected();
    for (step, visits) in Step::ALL.into_iter().zip(&mut waiting) {
        *visits *= NEXT[step as usize].iter().sum::<f64>() * step.mean_think();
    }
    waiting
}
