//! Page views of a shop's visitors, in sessions.
//!
//! Sessions begin at random (a Poisson process), more of them in the evening than at night. A session is a
//! walk on the pages of the shop: a Markov chain whose steps take log-normal think times. Who it is, what
//! brought them and which browser they use fits together, and users come back. Numbers and units are in
//! `docs/generator.md`.

mod agent;
mod catalog;
mod funnel;
mod referrer;
mod session;
mod users;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    sync::Arc,
};

use self::{
    funnel::Step,
    session::{Origin, Page, Session},
    users::Users,
};
use super::{Field, FieldKind, LANES, Row, Schema, Scope, Value};
use crate::random::{Purpose, Random};

const SECOND_US: f64 = 1e6;
const MINUTE_US: i64 = 60_000_000;

/// `{event_id, user_id, url, referrer, ua, session_id, ts}`, keyed by user.
pub(super) fn schema() -> Schema {
    let text = |name| Field::new(name, FieldKind::Text);
    Schema {
        fields: vec![
            text("event_id"),
            text("user_id"),
            text("url"),
            text("referrer"),
            text("ua"),
            text("session_id"),
            Field::new("ts", FieldKind::Time),
        ],
        key: 1,
        id: 0,
        time: 6,
    }
}

/// A shop and its visitors.
#[derive(Debug)]
pub(crate) struct Site {
    scope: Scope,
    users: Users,
    /// Sessions that begin in a second in one lane, in the mean over a week.
    sessions_per_second: f64,
}

impl Site {
    pub(super) fn new(scope: Scope) -> Self {
        let pages = funnel::expected().iter().sum::<f64>();
        Self {
            users: Users::new(&scope),
            sessions_per_second: scope.per_second / pages / f64::from(LANES),
            scope,
        }
    }

    /// Sessions that begin in a microsecond in one lane, around this time.
    fn intensity(&self, at_us: i64) -> f64 {
        self.sessions_per_second * self.scope.curve.at(at_us) / SECOND_US
    }
}

/// The sessions of one lane's users.
#[derive(Debug)]
pub(crate) struct SiteLane {
    site: Arc<Site>,
    lane: u32,
    random: Random,
    /// Those that go on, the one with the next page view on top.
    sessions: BinaryHeap<Reverse<Session>>,
    /// When the next session begins.
    arrival_us: i64,
}

impl SiteLane {
    pub(super) fn new(site: Arc<Site>, lane: u32) -> Self {
        let mut this = Self {
            random: Random::new(site.scope.run_root(), Purpose::Lane, u64::from(lane)),
            sessions: BinaryHeap::new(),
            arrival_us: site.scope.start_us,
            site,
            lane,
        };
        this.find_sessions_under_way();
        this.await_arrival();
        this
    }

    /// Those that are there at the start, as if the shop had been open for ever: so many as there are on
    /// average at that hour, each between two pages.
    fn find_sessions_under_way(&mut self) {
        let start_us = self.site.scope.start_us;
        let waiting = funnel::waiting();
        let seconds = waiting.iter().sum::<f64>();
        let expected = self.site.intensity(start_us) * SECOND_US * seconds;
        let count = libm::floor(expected + self.random.unit()) as usize;
        self.sessions.reserve(count);
        for _ in 0..count {
            let step = Step::pick(&waiting, &mut self.random).unwrap_or(Step::Home);
            let mut session = Session::new(&self.site.users, self.lane, step.is_bot(), &mut self.random);
            session.page = Page::draw(step, session.category, &mut self.random);
            session.go_on(&mut self.random);
            session.at_us = start_us + (step.rest_of_think(&mut self.random) * SECOND_US) as i64;
            self.sessions.push(Reverse(session));
        }
    }

    /// Draws when the next session begins. The intensity is taken as constant for a minute.
    fn await_arrival(&mut self) {
        let mut wait = self.random.exponential();
        loop {
            let minute_us = (self.arrival_us.div_euclid(MINUTE_US) + 1) * MINUTE_US;
            let intensity = self.site.intensity(minute_us - MINUTE_US / 2);
            let in_minute = intensity * (minute_us - self.arrival_us) as f64;
            if wait < in_minute {
                self.arrival_us += (wait / intensity) as i64;
                return;
            }
            wait -= in_minute;
            self.arrival_us = minute_us;
        }
    }

    pub(super) fn next_at_us(&self) -> i64 {
        let next = self.sessions.peek();
        next.map_or(self.arrival_us, |next| next.0.at_us.min(self.arrival_us))
    }

    pub(super) fn make(&mut self, row: &mut Row) {
        if self
            .sessions
            .peek()
            .is_none_or(|next| self.arrival_us < next.0.at_us)
        {
            let mut session = Session::arrive(&self.site.users, self.lane, &mut self.random);
            session.at_us = self.arrival_us;
            self.view(&session, row);
            if session.goes_on(&mut self.random) {
                self.sessions.push(Reverse(session));
            }
            self.await_arrival();
        } else if let Some(next) = self.sessions.peek() {
            let mut session = next.0;
            self.view(&session, row);
            let goes_on = session.goes_on(&mut self.random);
            if let Some(mut top) = self.sessions.peek_mut() {
                if goes_on {
                    top.0 = session;
                } else {
                    PeekMut::pop(top);
                }
            }
        }
    }

    /// One page view.
    fn view(&mut self, session: &Session, row: &mut Row) {
        let event_id = self.random.wide();
        row.push_plain(|out| write_uuid(event_id, out));
        row.push_plain(|out| users::write(session.user, out));
        row.push_plain(|out| session.page.write(out));
        match session.origin {
            Origin::Page(page) => row.push_plain(|out| page.write(out)),
            Origin::Outside(referrer) => row.push(Value::Static(referrer.url())),
        }
        row.push(Value::Static(agent::text(session.agent)));
        row.push_plain(|out| write_uuid(session.id(), out));
        row.push(Value::Time(session.at_us));
    }
}

/// As a UUID of version 4.
fn write_uuid(bits: u128, out: &mut Vec<u8>) {
    let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    out.extend_from_slice(uuid.hyphenated().encode_lower(&mut text).as_bytes());
}

#[cfg(test)]
mod tests;
