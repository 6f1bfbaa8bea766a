//! Page views of a shop's visitors, in sessions.
//!
//! Sessions begin at random (a Poisson process), more of them in the evening than at night. A session is a
//! walk on the pages of the shop: a Markov chain whose steps take log-normal think times. Who it is, what
//! brought them and which browser they use fits together, and users come back. Numbers and units are in
//! `docs/generator.md`.

mod agenda;
mod agent;
mod catalog;
mod funnel;
mod referrer;
mod session;
mod users;

use std::sync::Arc;

use self::{
    agenda::Agenda,
    funnel::Step,
    session::{Origin, Page, Session},
    users::Users,
};
#[cfg(test)]
pub(super) use self::{
    funnel::{NEXT, THINK},
    referrer::Channel,
};
use super::{Field, FieldKind, LANES, Row, Schema, Scope, Value};
use crate::{
    format::write_uuid,
    random::{Purpose, Random},
};

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
    /// Sessions that go on.
    agenda: Agenda,
    /// When the next session begins.
    arrival_us: i64,
    /// When a session goes on, if that is before the next begins.
    page_us: Option<i64>,
}

impl SiteLane {
    pub(super) fn new(site: Arc<Site>, lane: u32) -> Self {
        let mut this = Self {
            random: Random::new(site.scope.run_root(), Purpose::Lane, u64::from(lane)),
            agenda: Agenda::new(site.scope.start_us),
            arrival_us: site.scope.start_us,
            page_us: None,
            site,
            lane,
        };
        this.find_sessions_under_way();
        this.await_arrival();
        this.find_page();
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
        for _ in 0..count {
            let step = Step::pick(&waiting, &mut self.random).unwrap_or(Step::Home);
            let mut session = Session::new(&self.site.users, self.lane, step.is_bot(), &mut self.random);
            session.page = Page::draw(step, session.category, &mut self.random);
            session.go_on(&mut self.random);
            session.at_us = start_us + (step.rest_of_think(&mut self.random) * SECOND_US) as i64;
            self.agenda.add(session);
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

    fn find_page(&mut self) {
        let next_us = self.agenda.next_at_us(self.arrival_us);
        self.page_us = next_us.filter(|at_us| *at_us <= self.arrival_us);
    }

    pub(super) fn next_at_us(&self) -> i64 {
        self.page_us.unwrap_or(self.arrival_us)
    }

    pub(super) fn make(&mut self, row: &mut Row) {
        let going_on = self.page_us.and_then(|_| self.agenda.take());
        let mut session = going_on.unwrap_or_else(|| {
            let mut session = Session::arrive(&self.site.users, self.lane, &mut self.random);
            session.at_us = self.arrival_us;
            self.await_arrival();
            session
        });
        self.view(&session, row);
        if session.goes_on(&mut self.random) {
            self.agenda.add(session);
        }
        self.find_page();
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

#[cfg(test)]
mod tests;
