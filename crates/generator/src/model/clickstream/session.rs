//! One session: where it is, and where it goes.

use std::cmp::Ordering;

use super::{
    agent,
    catalog::{self, CATEGORIES},
    funnel::{BOTS, Step},
    referrer::{Channel, Referrer},
    users::Users,
};
use crate::random::{Random, mix};

const SECOND_US: f64 = 1e6;
/// How often a visitor stays with the kind of things that the page before was about.
const FAITHFUL: f64 = 0.75;

/// A page of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    step: Step,
    /// Of its kind: the number of the search term, the category or the product.
    item: u16,
}

/// What led to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Page(Page),
    Outside(Referrer),
}

/// A visitor between two pages. Small, for at high rates there are millions of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    /// When the page is viewed.
    pub(super) at_us: i64,
    number: u64,
    pub(super) user: u64,
    pub(super) page: Page,
    pub(super) origin: Origin,
    pub(super) agent: u8,
    pub(super) category: u8,
}

impl Page {
    /// A page of this kind, about things of this category.
    pub(super) fn draw(step: Step, category: u8, random: &mut Random) -> Self {
        let category = u16::from(category);
        let item = match step {
            Step::Home | Step::Cart | Step::Checkout | Step::Order => 0,
            Step::Search => catalog::term(category, random),
            Step::Category | Step::BotCategory => category,
            Step::Product => catalog::product(category, random),
            Step::BotProduct => catalog::any_product(random),
        };
        Self { step, item }
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self.step {
            Step::Home => out.extend_from_slice(b"/"),
            Step::Search => catalog::write_search(self.item, out),
            Step::Category | Step::BotCategory => catalog::write_category(self.item, out),
            Step::Product | Step::BotProduct => catalog::write_product(self.item, out),
            Step::Cart => out.extend_from_slice(b"/cart"),
            Step::Checkout => out.extend_from_slice(b"/checkout"),
            Step::Order => out.extend_from_slice(b"/order/thanks"),
        }
    }
}

impl Session {
    /// Somebody's session, at home.
    pub(super) fn new(users: &Users, lane: u32, bot: bool, random: &mut Random) -> Self {
        Self::of(users, lane, bot, random).0
    }

    /// A session that begins, with its first page.
    pub(super) fn arrive(users: &Users, lane: u32, random: &mut Random) -> Self {
        let bot = random.unit() < BOTS;
        let (mut this, regular) = Self::of(users, lane, bot, random);
        let step = if bot {
            Step::bot_landing(random)
        } else {
            let channel = Channel::draw(regular, random);
            this.origin = Origin::Outside(channel.referrer(agent::get(this.agent), random));
            Step::pick(&channel.landing(), random).unwrap_or(Step::Home)
        };
        this.page = Page::draw(step, this.category, random);
        this
    }

    fn of(users: &Users, lane: u32, bot: bool, random: &mut Random) -> (Self, bool) {
        let user = if bot {
            users.draw_bot(lane, random)
        } else {
            users.draw(lane, random)
        };
        let this = Self {
            at_us: 0,
            number: random.next(),
            user: user.number,
            page: Page {
                step: Step::Home,
                item: 0,
            },
            origin: Origin::Outside(Referrer::None),
            agent: user.agent,
            category: catalog::category(random),
        };
        (this, user.regular)
    }

    /// What identifies it: 128 random bits.
    pub(super) fn id(&self) -> u128 {
        mix(u128::from(self.number))
    }

    /// Draws whether there is another page, which, and when.
    pub(super) fn goes_on(&mut self, random: &mut Random) -> bool {
        let Some(next) = self.page.step.next(random) else {
            return false;
        };
        self.at_us += (self.page.step.think(random) * SECOND_US) as i64;
        self.turn_to(next, random);
        true
    }

    /// Draws the next page, where it is known that there is one.
    pub(super) fn go_on(&mut self, random: &mut Random) {
        let next = self.page.step.next_surely(random);
        self.turn_to(next, random);
    }

    fn turn_to(&mut self, next: Step, random: &mut Random) {
        let from = self.page.step;
        let stays = match (from, next) {
            // Who looks at categories one after the other looks for something else.
            (Step::Home, _) | (Step::Category, Step::Category) => false,
            _ => random.unit() < FAITHFUL,
        };
        if next.is_bot() {
            self.category = random.below(CATEGORIES as u64) as u8;
        } else if !stays {
            self.category = catalog::category(random);
        }
        self.origin = if next.is_bot() {
            // Crawlers tell no page before.
            Origin::Outside(Referrer::None)
        } else {
            Origin::Page(self.page)
        };
        self.page = Page::draw(next, self.category, random);
    }

    fn order(&self) -> (i64, u64) {
        (self.at_us, self.number)
    }
}

impl Ord for Session {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Session {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Session {}
