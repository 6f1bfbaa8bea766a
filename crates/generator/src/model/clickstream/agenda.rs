//! Which session views its next page when.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{funnel::LONGEST_THINK, session::Session};

const SECOND_US: i64 = 1_000_000;
/// More seconds than a visitor ever thinks.
const SECONDS: usize = 2_048;
const _: () = assert!(LONGEST_THINK + 2.0 < SECONDS as f64);

/// Sessions in the order of their next pages.
///
/// A wheel with a place for each second to come, and a heap for the second at hand: with millions of
/// sessions, a heap of all of them would spend its time waiting for memory.
#[derive(Debug)]
pub(super) struct Agenda {
    second: i64,
    now: BinaryHeap<Reverse<Session>>,
    /// Those of a later second, at its number modulo the length. None is further ahead than the length.
    later: Vec<Vec<Reverse<Session>>>,
    waiting: usize,
}

impl Agenda {
    /// Nothing comes before `start_us`.
    pub(super) fn new(start_us: i64) -> Self {
        Self {
            second: start_us.div_euclid(SECOND_US),
            now: BinaryHeap::new(),
            later: vec![Vec::new(); SECONDS],
            waiting: 0,
        }
    }

    /// Adds a session, no earlier than the last that was taken, and no later than it by [`SECONDS`].
    pub(super) fn add(&mut self, session: Session) {
        let second = session.at_us.div_euclid(SECOND_US);
        if second <= self.second {
            self.now.push(Reverse(session));
        } else {
            debug_assert!(second - self.second < SECONDS as i64, "a place is for one second");
            self.later[place(second)].push(Reverse(session));
            self.waiting += 1;
        }
    }

    /// When the next page is viewed, if before `until_us` or soon after it.
    pub(super) fn next_at_us(&mut self, until_us: i64) -> Option<i64> {
        let until = until_us.div_euclid(SECOND_US);
        if self.now.is_empty() && self.waiting == 0 {
            self.second = self.second.max(until);
        }
        while self.now.is_empty() && self.second < until {
            self.second += 1;
            let sessions = std::mem::take(&mut self.later[place(self.second)]);
            self.waiting -= sessions.len();
            self.now = BinaryHeap::from(sessions);
        }
        self.now.peek().map(|next| next.0.at_us)
    }

    /// Takes the session that [`Self::next_at_us`] has found.
    pub(super) fn take(&mut self) -> Option<Session> {
        self.now.pop().map(|next| next.0)
    }
}

fn place(second: i64) -> usize {
    second.rem_euclid(SECONDS as i64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clickstream::users::Users;
    use crate::{
        model::tests::{MONDAY_US, scope},
        random::{Purpose, Random},
    };

    #[test]
    fn sessions_come_out_in_the_order_of_time() {
        let mut random = Random::new(1, Purpose::Lane, 0);
        let users = Users::new(&scope(1.0));
        let mut agenda = Agenda::new(MONDAY_US);
        let mut expected = BinaryHeap::new();
        let session = |at_us, random: &mut Random| {
            let mut session = Session::new(&users, 0, false, random);
            session.at_us = at_us;
            session
        };
        for _ in 0..100 {
            let at_us = MONDAY_US + random.below(1_790_000_000) as i64;
            agenda.add(session(at_us, &mut random));
            expected.push(Reverse(at_us));
        }
        for _ in 0..5_000 {
            let at_us = agenda.next_at_us(i64::MAX).unwrap();
            assert_eq!(expected.pop(), Some(Reverse(at_us)));
            assert_eq!(agenda.take().map(|taken| taken.at_us), Some(at_us));
            let next_us = at_us + random.below(1_790_000_000) as i64;
            agenda.add(session(next_us, &mut random));
            expected.push(Reverse(next_us));
        }
    }

    #[test]
    fn beyond_a_time_nothing_is_looked_for() {
        let mut random = Random::new(1, Purpose::Lane, 0);
        let mut agenda = Agenda::new(MONDAY_US);
        assert_eq!(agenda.next_at_us(MONDAY_US), None);
        let mut later = Session::new(&Users::new(&scope(1.0)), 0, false, &mut random);
        later.at_us = MONDAY_US + 90 * SECOND_US;
        agenda.add(later);
        assert_eq!(agenda.next_at_us(MONDAY_US + 30 * SECOND_US), None);
        assert_eq!(agenda.next_at_us(MONDAY_US + 91 * SECOND_US), Some(later.at_us));
    }
}
