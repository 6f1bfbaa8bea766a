//! Who visits: Zipf's law, and what stays the same about a user.

use super::{Scope, agent};
use crate::{
    format::write_integer,
    model::LANES,
    random::{Purpose, Random},
};

/// So many users for each page view a second, so that hardly anybody has two sessions at once.
const USERS_PER_RATE: f64 = 10_000.0;
/// The law of Zipf and Mandelbrot: the k-th user's share is in proportion to 1 / (k + users / 200).
const FLAT: f64 = 200.0;
/// The first twentieth of the users are regulars: they come directly more often.
const REGULAR: u64 = 20;
/// A crawler for so many users.
const USERS_PER_BOT: u64 = 10_000;
/// A prime, so that no number of users shares a factor with it.
const STRIDE: u64 = 2_654_435_761;

/// The users of a shop. Nothing is kept of them: all follows from a user's number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Users {
    lasting: u128,
    /// In each lane.
    people: u64,
    bots: u64,
}

/// A user, from the first visit to the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct User {
    pub(super) number: u64,
    /// Comes often.
    pub(super) regular: bool,
    /// Index of the browser.
    pub(super) agent: u8,
}

impl Users {
    pub(super) fn new(scope: &Scope) -> Self {
        let people = scope.per_second * USERS_PER_RATE / f64::from(LANES);
        let people = (libm::ceil(people) as u64).max(64);
        Self {
            lasting: scope.lasting_root(),
            people,
            bots: people / USERS_PER_BOT + 1,
        }
    }

    /// Who comes next to this lane: of people, some far more often than others.
    pub(super) fn draw(&self, lane: u32, random: &mut Random) -> User {
        let people = self.people as f64;
        let rank = people / FLAT * (libm::exp(random.unit() * libm::log(1.0 + FLAT)) - 1.0);
        let rank = (rank as u64).min(self.people - 1);
        // The number doesn't tell the rank.
        let place = rank * STRIDE % self.people;
        let number = place * u64::from(LANES) + u64::from(lane);
        User {
            number,
            regular: rank < self.people / REGULAR,
            agent: agent::of_people(&mut Random::new(self.lasting, Purpose::User, number)),
        }
    }

    pub(super) fn draw_bot(&self, lane: u32, random: &mut Random) -> User {
        let place = self.people + random.below(self.bots);
        let number = place * u64::from(LANES) + u64::from(lane);
        User {
            number,
            regular: false,
            agent: agent::of_bots(&mut Random::new(self.lasting, Purpose::User, number)),
        }
    }
}

/// The regulars' share of the sessions.
pub(super) fn regulars() -> f64 {
    libm::log(1.0 + FLAT / REGULAR as f64) / libm::log(1.0 + FLAT)
}

pub(super) fn write(user: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"user-");
    write_integer(user.cast_signed(), out);
}
