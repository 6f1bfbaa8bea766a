//! Page views of visitors in sessions.
//!
//! At any time so many visitors are on the site as a rate of one page in ten seconds each needs. A visitor's
//! place is taken by the next after some minutes: that is a session. Users are drawn by Zipf's law, so that
//! some come back often; a user keeps the browser.

use std::io::Write;

use jiff::Timestamp;
use uuid::Builder;

use crate::{
    clock::Clock,
    random::{Purpose, Random, mix},
};

const SECONDS_PER_PAGE: f64 = 10.0;
const SESSION_MS: i64 = 4 * 60_000;
const USERS: u64 = 20_000;
const PRODUCTS: u64 = 400;

const REFERRERS: [&str; 6] = [
    "https://www.google.com/",
    "https://www.bing.com/",
    "https://duckduckgo.com/",
    "https://news.ycombinator.com/",
    "https://www.reddit.com/",
    "",
];

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
];

/// Key (the user) and value of a page view.
pub(crate) fn event(root: u128, clock: &Clock, sequence: u64, at_ms: i64) -> (Vec<u8>, Vec<u8>) {
    let mut random = Random::new(root, Purpose::Content, sequence);
    let event_id = Builder::from_random_bytes(both(&mut random).to_be_bytes()).into_uuid();
    let visitors = clock.sequences_in_virtual(SECONDS_PER_PAGE).max(1);
    let place = random.below(visitors);
    // Sessions of different places change at different times.
    let shift = (mix(root ^ u128::from(place)) as u64 % SESSION_MS as u64) as i64;
    let turn = (at_ms + shift).div_euclid(SESSION_MS);
    let mut visit = Random::new(root ^ u128::from(place), Purpose::Visitor, turn as u64);
    let session_id = Builder::from_random_bytes(both(&mut visit).to_be_bytes()).into_uuid();
    let user = user(&mut visit);
    let agent = AGENTS[(mix(u128::from(user)) % AGENTS.len() as u128) as usize];
    let entry = visit.choose(&REFERRERS).copied().unwrap_or_default();
    let came_from = if random.unit() < 0.25 {
        entry.to_owned()
    } else {
        page(&mut random)
    };
    let url = page(&mut random);

    let key = format!("user-{user}");
    let mut value = Vec::with_capacity(420);
    // Writing to a Vec doesn't fail; none of the texts needs escaping.
    drop(write!(
        value,
        r#"{{"event_id":"{event_id}","user_id":"{key}","url":"{url}","referrer":"{came_from}","ua":"{agent}","session_id":"{session_id}","ts":"{}"}}"#,
        timestamp(at_ms)
    ));
    (key.into_bytes(), value)
}

/// By Zipf's law with exponent 1: the logarithm of the rank is even.
fn user(random: &mut Random) -> u64 {
    let rank = libm::exp(random.unit() * libm::log(USERS as f64));
    (rank as u64).clamp(1, USERS)
}

fn page(random: &mut Random) -> String {
    match random.unit() {
        share if share < 0.22 => "/".to_owned(),
        share if share < 0.40 => format!("/category/{}", 1 + random.below(20)),
        share if share < 0.78 => {
            let rank = libm::exp(random.unit() * libm::log(PRODUCTS as f64));
            format!("/product/{}", rank as u64)
        }
        share if share < 0.86 => "/search".to_owned(),
        share if share < 0.94 => "/cart".to_owned(),
        share if share < 0.97 => "/checkout".to_owned(),
        _ => "/order/thanks".to_owned(),
    }
}

fn both(random: &mut Random) -> u128 {
    u128::from(random.next()) << 64 | u128::from(random.next())
}

/// ISO 8601, UTC, milliseconds.
pub(crate) fn timestamp(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(|_| at_ms.to_string(), |at| format!("{at:.3}"))
}
