//! A generated day against what `docs/generator.md` says.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::{
    model::{
        Curve, Model,
        tests::{HOUR_US, MONDAY_US, SECOND_US as ONE_SECOND_US, each, near, scope, slope, text},
    },
    settings::StreamKind,
};

/// What is kept of a page view.
#[derive(Debug, Clone, Copy)]
struct View {
    at_us: i64,
    step: &'static str,
    user: u64,
    agent: &'static str,
    outside: Option<&'static str>,
}

fn step_of(url: &str) -> &'static str {
    match url.split(['/', '?']).nth(1) {
        Some("") => "home",
        Some("search") => "search",
        Some("category") => "category",
        Some("product") => "product",
        Some("cart") => "cart",
        Some("checkout") => "checkout",
        Some("order") => "order",
        _ => panic!("no page of the shop: {url}"),
    }
}

fn is_bot(agent: &str) -> bool {
    agent.contains("compatible;")
}

/// The sessions that began in a day of 10 page views a second, with all that they do until a few hours later.
struct Day {
    sessions: Vec<Vec<View>>,
    /// Page views of the day, by hour, with those of sessions under way at its start.
    views_by_hour: [u32; 24],
}

const PER_SECOND: f64 = 10.0;
/// Page views a session, crawlers included.
const PAGES: f64 = 4.12;

fn day() -> Day {
    let model = Model::new(StreamKind::Clickstream, scope(PER_SECOND));
    let mut sessions: HashMap<u128, Vec<View>> = HashMap::new();
    let mut views_by_hour = [0; 24];
    each(&model, MONDAY_US + 25 * HOUR_US, |at_us, _, row| {
        if at_us < MONDAY_US + 24 * HOUR_US {
            views_by_hour[((at_us - MONDAY_US) / HOUR_US) as usize] += 1;
        }
        let Value::Static(agent) = row.values()[4] else {
            panic!()
        };
        let outside = match row.values()[3] {
            Value::Static(referrer) => Some(referrer),
            _ => None,
        };
        let session = uuid::Uuid::parse_str(text(row, 5)).unwrap().as_u128();
        sessions.entry(session).or_default().push(View {
            at_us,
            step: step_of(text(row, 2)),
            user: text(row, 1)["user-".len()..].parse().unwrap(),
            agent,
            outside,
        });
    });
    // Sessions under way at the start have no first page.
    let began = |views: &Vec<View>| {
        views[0].outside.is_some() && !is_bot(views[0].agent)
            || is_bot(views[0].agent) && views[0].at_us > MONDAY_US + 10 * 60 * ONE_SECOND_US
    };
    let in_day = |views: &Vec<View>| views[0].at_us < MONDAY_US + 24 * HOUR_US;
    let sessions = sessions
        .into_values()
        .filter(|views| began(views) && in_day(views))
        .collect();
    Day {
        sessions,
        views_by_hour,
    }
}

/// All that needs a whole day, in one test, for the day is made once.
#[test]
fn a_day_is_as_documented() {
    let day = day();
    let people: Vec<&Vec<View>> = day
        .sessions
        .iter()
        .filter(|views| !is_bot(views[0].agent))
        .collect();

    rates_follow_the_curve(&day);
    lengths_and_shares(&day, &people);
    the_funnel_is_the_chain(&people);
    landings_are_those_of_their_channels(&people);
    think_times_are_log_normal(&people);
    users_follow_zipfs_law(&people);
    users_keep_their_browser(&day);
    referrers_fit_browsers(&people);
}

fn rates_follow_the_curve(day: &Day) {
    let mut sessions_by_hour = [0_u32; 24];
    for views in &day.sessions {
        sessions_by_hour[((views[0].at_us - MONDAY_US) / HOUR_US) as usize] += 1;
    }
    let by_hour = day.views_by_hour.iter().zip(sessions_by_hour).enumerate();
    for (hour, (views, sessions)) in by_hour.skip(1) {
        let middle_us = MONDAY_US + hour as i64 * HOUR_US + HOUR_US / 2;
        let expected = 3_600.0 * PER_SECOND * Curve::Weekly.at(middle_us);
        // Four deviations. Views come in sessions: their variance is 12.4 times that of single ones (the
        // mean of the squared length over that of the length).
        let within = |count: f64, variance: f64| 4.0 * libm::sqrt(variance / count);
        let views = f64::from(*views) / expected;
        near(&format!("views at {hour} h"), views, 1.0, within(expected, 12.4));
        let expected = expected / PAGES;
        let sessions = f64::from(sessions) / expected;
        near(
            &format!("sessions at {hour} h"),
            sessions,
            1.0,
            within(expected, 1.0),
        );
    }
    let views: u32 = day.views_by_hour.iter().sum();
    near(
        "on a Monday",
        f64::from(views) / 86_400.0 / PER_SECOND,
        1.06,
        0.02,
    );
    // Three hours at night and three in the evening.
    let rate = |from: usize| {
        let views = &day.views_by_hour[from..from + 3];
        f64::from(views.iter().sum::<u32>()) / 3.0 / 3_600.0 / PER_SECOND
    };
    near("at night", rate(3), 0.27, 0.03);
    near("in the evening", rate(19), 1.78, 0.1);
}

fn lengths_and_shares(day: &Day, people: &[&Vec<View>]) {
    let pages: usize = people.iter().map(|views| views.len()).sum();
    near("pages a session", pages as f64 / people.len() as f64, 3.83, 0.05);
    let bots = day.sessions.len() - people.len();
    near(
        "sessions of crawlers",
        bots as f64 / day.sessions.len() as f64,
        0.01,
        0.001,
    );
    let with = |step| {
        people
            .iter()
            .filter(|views| views.iter().any(|view| view.step == step))
            .count()
    };
    for (step, documented) in [
        ("product", 0.783),
        ("cart", 0.160),
        ("checkout", 0.061),
        ("order", 0.033),
    ] {
        near(
            &format!("sessions with {step}"),
            with(step) as f64 / people.len() as f64,
            documented,
            0.004,
        );
    }
    let single = people.iter().filter(|views| views.len() == 1).count();
    near(
        "sessions of one page",
        single as f64 / people.len() as f64,
        0.252,
        0.005,
    );
    let mobile = people
        .iter()
        .filter(|views| views[0].agent.contains("Mobile") || views[0].agent.contains("Android"));
    near("mobile", mobile.count() as f64 / people.len() as f64, 0.65, 0.02);
}

fn the_funnel_is_the_chain(people: &[&Vec<View>]) {
    let mut from: HashMap<&str, f64> = HashMap::new();
    let mut steps: HashMap<(&str, &str), f64> = HashMap::new();
    for views in people {
        for view in *views {
            *from.entry(view.step).or_default() += 1.0;
        }
        for pair in views.windows(2) {
            *steps.entry((pair[0].step, pair[1].step)).or_default() += 1.0;
        }
    }
    let names = [
        "home", "search", "category", "product", "cart", "checkout", "order",
    ];
    for (row, step) in names.into_iter().enumerate() {
        for (column, next) in names.into_iter().enumerate() {
            let found = steps.get(&(step, next)).copied().unwrap_or_default() / from[step];
            let documented = funnel::NEXT[row][column];
            // Four deviations of a share of so many.
            let within = 4.0 * libm::sqrt(documented * (1.0 - documented) / from[step]);
            near(&format!("{step} to {next}"), found, documented, within);
        }
    }
}

fn landings_are_those_of_their_channels(people: &[&Vec<View>]) {
    let partner: Vec<&str> = people
        .iter()
        .filter(|views| views[0].outside.is_some_and(|url| url.contains(".example")))
        .map(|views| views[0].step)
        .collect();
    let on_product = partner.iter().filter(|step| **step == "product").count();
    near(
        "partners lead to products",
        on_product as f64 / partner.len() as f64,
        0.90,
        0.02,
    );
    let direct = people.iter().filter(|views| views[0].outside == Some("")).count();
    // Of those by mail, Apple's phones name no page before either.
    near(
        "without a page before",
        direct as f64 / people.len() as f64,
        0.383 + 0.107 * 0.26,
        0.015,
    );
}

fn think_times_are_log_normal(people: &[&Vec<View>]) {
    for (step, median) in [
        ("home", 8.0),
        ("search", 7.0),
        ("category", 12.0),
        ("product", 18.0),
        ("cart", 14.0),
        ("checkout", 45.0),
    ] {
        let mut logs: Vec<f64> = people
            .iter()
            .flat_map(|views| views.windows(2))
            .filter(|pair| pair[0].step == step)
            .map(|pair| libm::log((pair[1].at_us - pair[0].at_us).max(1) as f64 / 1e6))
            .collect();
        logs.sort_unstable_by(f64::total_cmp);
        let middle = logs[logs.len() / 2];
        near(
            &format!("median think time on {step}"),
            libm::exp(middle) / median,
            1.0,
            0.07,
        );
        let square: f64 = logs.iter().map(|log| (log - middle) * (log - middle)).sum();
        near(
            &format!("sigma on {step}"),
            libm::sqrt(square / logs.len() as f64),
            1.0,
            0.05,
        );
        assert!(*logs.last().unwrap() < libm::log(1_800.0));
    }
}

fn users_follow_zipfs_law(people: &[&Vec<View>]) {
    let mut visits: HashMap<u64, u32> = HashMap::new();
    for views in people {
        *visits.entry(views[0].user).or_default() += 1;
    }
    let mut counts: Vec<u32> = visits.values().copied().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    // Sums over ranks, from rank to rank 1.6 times as far: the share of a rank is in proportion to
    // 1 / (rank + users / 200), so the slope in logarithms is -1.
    let users = PER_SECOND * 10_000.0;
    let mut points = Vec::new();
    let mut rank = 100.0;
    while rank < users / 10.0 {
        let (from, to) = (rank as usize, (rank * 1.6) as usize);
        let mean = counts[from..to].iter().sum::<u32>() as f64 / (to - from) as f64;
        let middle = (from + to) as f64 / 2.0;
        points.push((libm::log(middle + users / 200.0), libm::log(mean)));
        rank *= 1.6;
    }
    near("exponent of Zipf's law", -slope(&points), 1.0, 0.06);
    // Returning visitors: at most one session in so many is somebody's first of the day.
    let first = visits.len() as f64 / people.len() as f64;
    assert!((0.1..0.5).contains(&first), "{first}");
    let regular = counts.iter().take((users / 20.0) as usize).sum::<u32>();
    near(
        "sessions of the first twentieth",
        f64::from(regular) / people.len() as f64,
        0.45,
        0.02,
    );
}

fn users_keep_their_browser(day: &Day) {
    let mut agents: HashMap<u64, &str> = HashMap::new();
    for view in day.sessions.iter().flatten() {
        assert_eq!(*agents.entry(view.user).or_insert(view.agent), view.agent);
    }
}

fn referrers_fit_browsers(people: &[&Vec<View>]) {
    let engines = |edge: bool| {
        let of = people
            .iter()
            .filter(|views| views[0].agent.contains("Edg/") == edge);
        let searches: Vec<&str> = of
            .filter_map(|views| views[0].outside)
            .filter(|url| {
                ["google.com/", "bing.com/", "duckduckgo.com/", "ecosia.org/"]
                    .iter()
                    .any(|engine| {
                        url.ends_with(engine) && url.contains("//www.") || url.contains("duckduckgo")
                    })
            })
            .collect();
        let bing = searches.iter().filter(|url| url.contains("bing")).count();
        bing as f64 / searches.len() as f64
    };
    near("Bing on Edge", engines(true), 0.55, 0.03);
    near("Bing elsewhere", engines(false), 0.04, 0.01);
    for views in people {
        let (agent, Some(from)) = (views[0].agent, views[0].outside) else {
            panic!("a session begins with a page before it")
        };
        let phone = agent.contains("Mobile") || agent.contains("Android");
        assert!(
            !from.starts_with("android-app") || (phone && !agent.contains("Version/")),
            "{from} {agent}"
        );
        assert!(!from.contains("m.facebook") || phone, "{from} {agent}");
    }
}

/// A run doesn't begin with an empty shop.
#[test]
fn the_rate_is_there_from_the_first_second() {
    let mut wanted = scope(2_000.0);
    wanted.curve = Curve::Flat;
    let model = Model::new(StreamKind::Clickstream, wanted);
    let mut by_twenty_seconds = [0_u32; 15];
    each(&model, MONDAY_US + 300 * ONE_SECOND_US, |at_us, _, _| {
        by_twenty_seconds[((at_us - MONDAY_US) / (20 * ONE_SECOND_US)) as usize] += 1;
    });
    for count in by_twenty_seconds {
        near("page views a second", f64::from(count) / 20.0, 2_000.0, 100.0);
    }
}

#[test]
fn event_ids_are_unique_and_sessions_belong_to_one_user() {
    let model = Model::new(StreamKind::Clickstream, scope(2_000.0));
    let mut ids = HashSet::new();
    let mut users: HashMap<String, String> = HashMap::new();
    each(&model, MONDAY_US + 60 * ONE_SECOND_US, |_, _, row| {
        assert!(ids.insert(text(row, 0).to_owned()));
        let user = users
            .entry(text(row, 5).to_owned())
            .or_insert_with(|| text(row, 1).to_owned());
        assert_eq!(user, text(row, 1));
    });
}

/// The next page's referrer is the page before.
#[test]
fn pages_follow_from_the_page_before() {
    let model = Model::new(StreamKind::Clickstream, scope(200.0));
    let mut pages: HashMap<String, String> = HashMap::new();
    let mut followed = 0;
    each(&model, MONDAY_US + 300 * ONE_SECOND_US, |_, _, row| {
        let before = pages.insert(text(row, 5).to_owned(), text(row, 2).to_owned());
        if let Some(before) = before
            && !is_bot(text(row, 4))
        {
            assert_eq!(text(row, 3), before);
            followed += 1;
        }
    });
    assert!(followed > 5_000, "{followed}");
}

/// So that JSON can hold them as they are.
#[test]
fn texts_need_no_escape() {
    let model = Model::new(StreamKind::Clickstream, scope(500.0));
    each(&model, MONDAY_US + 60 * ONE_SECOND_US, |_, _, row| {
        for field in 0..6 {
            assert!(
                text(row, field)
                    .bytes()
                    .all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"' && byte != b'\\')
            );
        }
    });
}
