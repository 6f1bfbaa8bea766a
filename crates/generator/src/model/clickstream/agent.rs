//! Browsers and crawlers, as they name themselves.

use crate::random::Random;

/// Browsers that share a search engine and a mail program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Chrome,
    Safari,
    Edge,
    Firefox,
    Bot,
}

/// A browser on a kind of device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agent {
    pub(super) family: Family,
    /// Of a phone or tablet.
    pub(super) mobile: bool,
    /// Its share of the users; of the crawlers, for those.
    share: f64,
    text: &'static str,
}

const fn agent(family: Family, mobile: bool, share: f64, text: &'static str) -> Agent {
    Agent {
        family,
        mobile,
        share,
        text,
    }
}

use Family::{Bot, Chrome, Edge, Firefox, Safari};

/// People's come first.
const PEOPLE: usize = 18;
#[rustfmt::skip]
const AGENTS: [Agent; 22] = [
    agent(Chrome, true, 0.24, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"),
    agent(Chrome, true, 0.06, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36"),
    agent(Chrome, true, 0.05, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"),
    agent(Safari, true, 0.15, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"),
    agent(Safari, true, 0.08, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1"),
    agent(Chrome, true, 0.02, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0.7444.46 Mobile/15E148 Safari/604.1"),
    agent(Firefox, true, 0.01, "Mozilla/5.0 (Android 15; Mobile; rv:144.0) Gecko/144.0 Firefox/144.0"),
    agent(Safari, true, 0.03, "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"),
    agent(Chrome, true, 0.01, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    agent(Chrome, false, 0.13, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    agent(Chrome, false, 0.03, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"),
    agent(Edge, false, 0.06, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"),
    agent(Firefox, false, 0.025, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    agent(Chrome, false, 0.04, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    agent(Safari, false, 0.045, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"),
    agent(Firefox, false, 0.005, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0"),
    agent(Firefox, false, 0.01, "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    agent(Chrome, false, 0.005, "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"),
    agent(Bot, false, 0.55, "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"),
    agent(Bot, false, 0.25, "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"),
    agent(Bot, false, 0.12, "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)"),
    agent(Bot, false, 0.08, "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)"),
];

/// Index of a browser, by share.
pub(super) fn of_people(random: &mut Random) -> u8 {
    of(0..PEOPLE, random)
}

/// Index of a crawler, by share.
pub(super) fn of_bots(random: &mut Random) -> u8 {
    of(PEOPLE..AGENTS.len(), random)
}

fn of(range: std::ops::Range<usize>, random: &mut Random) -> u8 {
    let mut left = random.unit();
    let last = range.end - 1;
    let found = range.into_iter().find(|index| {
        left -= AGENTS[*index].share;
        left < 0.0
    });
    found.unwrap_or(last) as u8
}

pub(super) fn get(index: u8) -> &'static Agent {
    &AGENTS[usize::from(index) % AGENTS.len()]
}

pub(super) fn text(index: u8) -> &'static str {
    get(index).text
}
