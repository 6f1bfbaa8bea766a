//! What pages, JSON and metrics say, and that they say the same.

use minicluster_console::{Cluster, Part, State};
use serde_json::Value;

use crate::browser::Site;
use crate::sample::{self, HOSTILE};

/// Every number of a page: what it says, and the JSON pointer that it names.
fn numbers(html: &str) -> Vec<(String, f64)> {
    let quoted = |text: &str| text.split('"').next().unwrap_or_default().to_owned();
    let number = |tag: &str| {
        let value = quoted(tag.split_once("value=\"")?.1).parse().ok()?;
        Some((quoted(tag.split_once("data-of=\"")?.1), value))
    };
    let tags = html.split("<data ").skip(1);
    tags.map(|tag| number(tag).unwrap_or_else(|| panic!("{}", &tag[..80.min(tag.len())])))
        .collect()
}

fn check_numbers(html: &str, overview: &Value, jobs: &Value) -> usize {
    let numbers = numbers(html);
    for (pointer, shown) in &numbers {
        let document = if pointer.starts_with("/jobs/") {
            jobs
        } else {
            overview
        };
        let given = document.pointer(pointer).and_then(Value::as_f64);
        assert_eq!(given, Some(*shown), "{pointer}");
    }
    numbers.len()
}

#[tokio::test]
async fn every_number_of_a_page_is_in_the_json() {
    let site = Site::open().await;
    let overview = site.get("/api/overview").await.json();
    let jobs = site.get("/api/jobs").await.json();
    let page = site.get("/").await;
    assert!(check_numbers(&page.body, &overview, &jobs) > 80);
    let page = site.send(site.jobs, "GET", "/", "Accept: text/html").await;
    assert!(check_numbers(&page.body, &overview, &jobs) > 200);
    assert_eq!(
        site.send(site.jobs, "GET", "/api/overview", "").await.json(),
        overview
    );
}

#[tokio::test]
async fn what_wants_to_be_markup_stays_text() {
    let site = Site::open().await;
    for address in [site.console, site.jobs] {
        let body = site.send(address, "GET", "/", "").await.body;
        for wanted in ["<script>alert", "<img", "onerror=alert(2)>&amp;amp;<"] {
            assert!(!body.contains(wanted), "{wanted}");
        }
        assert!(body.contains("&lt;script&gt;alert(&quot;1&quot;)"), "it is shown");
    }
    let metrics = site.get("/metrics").await.body;
    let quoted = HOSTILE.replace('"', "\\\"");
    assert!(
        metrics.contains(&format!("minicluster_topic_records{{topic=\"{quoted}\"}} 1000\n")),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_reader_gets_all_regions_first_and_then_what_changed() {
    let site = Site::open().await;
    let mut events = site.events(site.console).await;
    let first = events.next().await;
    let regions = first["regions"].as_object().expect("an object");
    assert_eq!(regions.len(), 8);
    let page = site.get("/").await.body;
    for (id, html) in regions {
        assert!(page.contains(html.as_str().expect("HTML")), "{id}");
    }
    let mut later = sample::view(0);
    later.overview.totals.to_read = Some(4711);
    site.show(later);
    let second = events.next().await;
    let changed: Vec<&String> = second["regions"].as_object().expect("an object").keys().collect();
    assert_eq!(changed, ["figures", "pipeline"]);
    let overview = site.get("/api/overview").await.json();
    let figures = second["regions"]["figures"].as_str().expect("HTML");
    assert_eq!(check_numbers(figures, &overview, &Value::Null), 5);
}

#[tokio::test]
async fn health_is_a_status_with_reasons() {
    let site = Site::open().await;
    let answer = site.get("/healthz").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"level":"ok","reasons":[]}"#)
    );
    let mut later = sample::view(1);
    later.overview.services[3].state = State::Paused;
    later.overview.health = minicluster_console::Health::of(&later.overview);
    site.show(later);
    let answer = site.get("/healthz").await;
    let reasons = r#"["etl is paused: `minicluster resume etl` lets it go on"]"#;
    assert_eq!(answer.status, 503);
    assert_eq!(
        answer.body,
        format!(r#"{{"level":"degraded","reasons":{reasons}}}"#)
    );
    let page = site.get("/").await.body;
    assert!(page.contains("One thing needs attention"), "{page}");
    assert!(page.contains("<title>degraded: Overview"), "{page}");
}

#[tokio::test]
async fn metrics_are_typed_and_stale_ones_are_left_out() {
    let site = Site::open().await;
    let text = site.get("/metrics").await.body;
    for line in [
        "# HELP minicluster_service_up 1 while the service runs and answers.",
        "# TYPE minicluster_service_up gauge",
        "minicluster_service_up{service=\"broker-1\"} 1",
        "minicluster_service_restarts_total{service=\"broker-2\"} 1",
        "minicluster_topic_records_per_second{topic=\"iot\"} 150",
        "minicluster_etl_watermark_gap_seconds{table=\"iot\"} 123",
        "minicluster_ledger_balanced 1",
        "minicluster_part_fresh{part=\"cluster\"} 1",
    ] {
        assert!(
            text.lines().any(|other| other == line),
            "{line} is not in\n{text}"
        );
    }
    // Each name is declared once, before its samples.
    let declared: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        assert_eq!(
            declared.iter().filter(|other| **other == name).count(),
            1,
            "{line}"
        );
    }
    let mut later = sample::view(1);
    later.overview.cluster.problem = Some("no broker answers".to_owned());
    site.show(later);
    let text = site.get("/metrics").await.body;
    assert!(
        text.contains("minicluster_part_fresh{part=\"cluster\"} 0\n"),
        "{text}"
    );
    assert!(!text.contains("minicluster_topic_records"), "{text}");
}

#[tokio::test]
async fn parts_that_cannot_be_had_say_so_in_their_place() {
    let site = Site::open().await;
    let mut later = sample::view(20);
    let old = sample::view(0).overview.at;
    later.overview.cluster = Part {
        at: Some(old),
        problem: Some("no broker can be reached".to_owned()),
        value: later.overview.cluster.value,
    };
    later.overview.lake = Part::missing("the lake's log is damaged");
    site.show(later);
    let page = site.get("/").await.body;
    assert!(
        page.contains("As of 20 s ago. </b>no broker can be reached"),
        "{page}"
    );
    assert!(
        page.contains(r#"<p class="empty">the lake's log is damaged"#),
        "{page}"
    );
    let mut nothing = sample::view(21);
    nothing.overview.cluster = Part::fresh(Cluster::default(), old);
    nothing.overview.etl = Part::default();
    nothing.overview.lake = Part::default();
    nothing.overview.ledger = Part::default();
    nothing.jobs.jobs.clear();
    site.show(nothing);
    let page = site.get("/").await.body;
    assert!(page.contains("There is no topic yet."), "{page}");
    assert!(page.contains("Looking …"), "{page}");
    assert_eq!(site.send(site.jobs, "GET", "/", "").await.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_readers_format() {
    let site = Site::open().await;
    let page = site.get("/no&thing").await;
    assert_eq!(page.status, 404);
    assert!(
        page.body.contains("There is nothing at /no&amp;thing."),
        "{}",
        page.body
    );
    let json = site.send(site.console, "GET", "/nothing", "").await;
    assert_eq!(
        (json.status, json.body.as_str()),
        (404, r#"{"error":"There is nothing at /nothing."}"#)
    );
    assert_eq!(site.get("/no<b>thing").await.status, 400);
    assert_eq!(site.get("/assets/../Cargo.toml").await.status, 404);
    assert_eq!(site.get("/assets/%2e%2e%2fCargo.toml").await.status, 404);
}

#[tokio::test]
async fn the_theme_is_the_readers() {
    let site = Site::open().await;
    let page = async |cookie: &str| site.send(site.console, "GET", "/", cookie).await.body;
    assert!(page("").await.contains(r#"data-theme="auto""#));
    assert!(
        page("Cookie: a=b; theme=dark")
            .await
            .contains(r#"data-theme="dark""#)
    );
    assert!(page("Cookie: theme=<b>").await.contains(r#"data-theme="auto""#));
}

#[tokio::test]
async fn each_page_links_to_the_other_by_the_name_that_the_reader_used() {
    let site = Site::open().await;
    let page = site
        .send(site.console, "GET", "/", "Host: localhost:1")
        .await
        .body;
    let jobs = format!(r#"href="http://localhost:{}/""#, site.jobs.port());
    assert!(page.contains(&jobs), "{page}");
    let page = site.send(site.jobs, "GET", "/", "Host: [::1]:1").await.body;
    let console = format!(r#"href="http://[::1]:{}/""#, site.console.port());
    assert!(page.contains(&console), "{page}");
}
