//! The pipeline as a living drawing: stations from left to right, or from top to bottom where the page
//! is narrow, and between them ribbons as wide and as fast as what flows.
//!
//! Stations are HTML, so that names are clipped, read and selected like any text; only the ribbons are
//! SVG. Both know the heights of nodes and gaps, as does the style sheet.

use std::fmt::Display;

use maud::{Markup, html};

use super::figure::{counted, figure};
use super::panel;
use crate::figures;
use crate::overview::{Broker, Overview, Service, State, Topic};

/// Nodes of a station that are drawn; of more the last one says how many there are.
const SHOWN: usize = 5;
/// Height of a node, and distance from one to the next, in CSS pixels.
const NODE: usize = 60;
const PITCH: usize = 72;

/// Nodes one above the other.
struct Station {
    title: &'static str,
    nodes: Vec<Markup>,
    /// Whether its one node is as high as two and the gap between them.
    tall: bool,
}

/// What leads from one station to the next.
struct Arrow {
    /// Where its number comes from.
    of: &'static str,
    /// What flows.
    what: &'static str,
    per_second: Option<f64>,
    ribbons: Vec<Ribbon>,
}

/// From a node of one station to a node of the next.
struct Ribbon {
    from: usize,
    to: usize,
    per_second: f64,
}

pub(super) fn pipeline(overview: &Overview) -> Markup {
    let stations = [
        generator(overview),
        brokers(overview),
        topics(overview),
        etl(overview),
        tables(overview),
    ];
    let rows = stations.iter().map(Station::rows).max().unwrap_or(1);
    let totals = &overview.totals;
    let arrow = |of, what, per_second, ribbons| Arrow {
        of,
        what,
        per_second,
        ribbons,
    };
    let arrows = [
        arrow(
            "/totals/sent_per_second",
            "records sent",
            totals.sent_per_second,
            sent(overview),
        ),
        arrow(
            "/totals/appended_per_second",
            "records appended",
            totals.appended_per_second,
            led(overview),
        ),
        arrow(
            "/totals/read_per_second",
            "records read",
            totals.read_per_second,
            read(overview),
        ),
        arrow(
            "/totals/written_per_second",
            "rows written",
            totals.written_per_second,
            written(overview),
        ),
    ];
    html! {
        (panel::head("Pipeline", html! { "records and rows a second" }))
        div class={ "pipeline rows-" (rows) } {
            @for (place, station) in stations.iter().enumerate() {
                (station.show())
                @if let (Some(arrow), Some(next)) = (arrows.get(place), stations.get(place + 1)) {
                    (arrow.show(station, next, rows))
                }
            }
        }
        (gauges(overview))
    }
}

impl Station {
    fn rows(&self) -> usize {
        if self.tall { 2 } else { self.nodes.len().max(1) }
    }

    /// The centre of a node, in pixels from the top of the drawing.
    fn centre(&self, node: usize, rows: usize) -> usize {
        let height = rows * PITCH - (PITCH - NODE);
        if self.tall {
            return height / 2;
        }
        let own = self.nodes.len() * PITCH - (PITCH - NODE);
        (height - own) / 2 + node * PITCH + NODE / 2
    }

    fn show(&self) -> Markup {
        html! {
            div.station {
                h3 { (self.title) }
                div.nodes {
                    @if self.nodes.is_empty() { div.node.more { p { "not known" } } }
                    @for node in &self.nodes { (node) }
                }
            }
        }
    }
}

impl Arrow {
    fn show(&self, from: &Station, to: &Station, rows: usize) -> Markup {
        let height = rows * PITCH - (PITCH - NODE);
        let curve = |ribbon: &Ribbon| {
            let (from, to) = (from.centre(ribbon.from, rows), to.centre(ribbon.to, rows));
            format!("M0 {from}C50 {from} 50 {to} 100 {to}")
        };
        let drawn = |ribbon: &&Ribbon| ribbon.from < from.nodes.len() && ribbon.to < to.nodes.len();
        html! {
            div.arrow {
                p aria-label={ (self.what) " a second" } {
                    (figure(self.of, self.per_second, figures::rate)) small { "/s" }
                }
                svg.across viewBox={ "0 0 100 " (height) } height=(height) preserveAspectRatio="none" aria-hidden="true" {
                    @for ribbon in self.ribbons.iter().filter(drawn) {
                        (strokes(&curve(ribbon), ribbon.per_second))
                    }
                }
                svg.down viewBox="0 0 10 40" aria-hidden="true" {
                    (strokes("M5 0V40", self.per_second.unwrap_or_default()))
                }
            }
        }
    }
}

fn strokes(path: &str, per_second: f64) -> Markup {
    match weight(per_second) {
        None => html! { path.ribbon.idle d=(path) {} },
        Some(weight) => html! {
            path class={ "ribbon bed " (weight) } d=(path) {}
            path class={ "ribbon flow " (weight) } d=(path) {}
        },
    }
}

/// How wide and fast a flow is drawn: in steps of ten, so that it changes rarely.
fn weight(per_second: f64) -> Option<&'static str> {
    match per_second {
        rate if rate >= 10_000.0 => Some("w5"),
        rate if rate >= 1_000.0 => Some("w4"),
        rate if rate >= 100.0 => Some("w3"),
        rate if rate >= 10.0 => Some("w2"),
        rate if rate >= 0.05 => Some("w1"),
        _ => None,
    }
}

fn node(state: Option<&'static str>, name: &str, top: &Markup, below: &Markup) -> Markup {
    html! {
        div.node data-state=[state] data-key=(name) title=(name) {
            p { @if state.is_some() { span.dot {} } span.name { (name) } (top) }
            p { (below) }
        }
    }
}

fn tall(service: Option<&Service>, name: &str, facts: &[(&str, Markup)]) -> Station {
    let state = service.map_or(State::Down, |service| service.state);
    let (class, text) = panel::look(state, service.and_then(|service| service.problem.as_deref()));
    let content = html! {
        div.node.tall data-state=(class) {
            p { span.dot {} span.name { (text) } }
            dl { @for (what, value) in facts { dt { (what) } dd { (value) } } }
        }
    };
    let title = if name == "etl" { "ETL" } else { "Generator" };
    Station {
        title,
        nodes: vec![content],
        tall: true,
    }
}

fn more(hidden: usize, what: &str) -> Markup {
    html! { div.node.more { p { "and " (hidden) " more " (what) } } }
}

/// The first nodes, and a last one for the others.
fn cut<T>(all: &[T], what: &str, show: impl Fn(usize, &T) -> Markup) -> Vec<Markup> {
    let shown = if all.len() > SHOWN { SHOWN - 1 } else { all.len() };
    let mut nodes: Vec<Markup> = all
        .iter()
        .take(shown)
        .enumerate()
        .map(|(place, one)| show(place, one))
        .collect();
    if shown < all.len() {
        nodes.push(more(all.len() - shown, what));
    }
    nodes
}

fn generator(overview: &Overview) -> Station {
    let part = overview.generator.value();
    let number = |pointer: &str, value: Option<f64>| {
        figure(format_args!("/generator/value/{pointer}"), value, |rate| {
            format!("{}/s", figures::rate(rate))
        })
    };
    let facts = [
        (
            "asked for",
            number("wanted_per_second", part.and_then(|part| part.wanted_per_second)),
        ),
        (
            "late by",
            figure(
                "/generator/value/lateness_ms",
                part.and_then(|part| part.lateness_ms),
                figures::span_ms,
            ),
        ),
        (
            "interruptions",
            figure(
                "/generator/value/errors",
                part.and_then(|part| part.errors),
                figures::count,
            ),
        ),
    ];
    tall(overview.service("generator"), "generator", &facts)
}

fn brokers(overview: &Overview) -> Station {
    let cluster = overview.cluster.value();
    let all: &[Broker] = cluster
        .map(|cluster| cluster.brokers.as_slice())
        .unwrap_or_default();
    let nodes = cut(all, "brokers", |place, broker| {
        let name = format!("broker-{}", broker.id);
        let state = match overview.service(&name) {
            Some(service) => panel::look(service.state, service.problem.as_deref()).0,
            None if broker.problem.is_some() => "silent",
            None => "running",
        };
        let at = |pointer: &str| format!("/cluster/value/brokers/{place}/{pointer}");
        let rate = figure(at("records_per_second"), broker.records_per_second, figures::rate);
        let leads = html! {
            span { "leads " (figure(at("leaders"), Some(broker.leaders), |n| n.to_string())) }
            @if cluster.and_then(|cluster| cluster.controller) == Some(broker.id) { span { "controller" } }
        };
        node(Some(state), &name, &rate, &leads)
    });
    Station {
        title: "Brokers",
        nodes,
        tall: false,
    }
}

fn topics(overview: &Overview) -> Station {
    let cluster = overview.cluster.value();
    let all: &[Topic] = cluster
        .map(|cluster| cluster.topics.as_slice())
        .unwrap_or_default();
    let nodes = cut(all, "topics", |place, topic| {
        let at = |pointer: &str| format!("/cluster/value/topics/{place}/{pointer}");
        let rate = figure(at("records_per_second"), topic.records_per_second, figures::rate);
        let records = html! { span { (counted(at("records"), Some(topic.records), "record", "records")) } };
        let state = (topic.leaderless > 0).then_some("down");
        node(state, &topic.name, &rate, &records)
    });
    Station {
        title: "Topics",
        nodes,
        tall: false,
    }
}

fn etl(overview: &Overview) -> Station {
    let part = overview.etl.value();
    let at = |pointer: &str| format!("/etl/value/{pointer}");
    let facts = [
        (
            "batch",
            figure(at("batch"), part.and_then(|etl| etl.batch), figures::count),
        ),
        (
            "took",
            figure(
                at("batch_ms"),
                part.and_then(|etl| etl.batch_ms),
                figures::span_ms,
            ),
        ),
        (
            "to read",
            figure("/totals/to_read", overview.totals.to_read, figures::count),
        ),
    ];
    tall(overview.service("etl"), "etl", &facts)
}

fn tables(overview: &Overview) -> Station {
    let lake = overview.lake.value();
    let all = lake.map(|lake| lake.tables.as_slice()).unwrap_or_default();
    let nodes = cut(all, "tables", |place, table| {
        let at = |pointer: &str| format!("/lake/value/tables/{place}/{pointer}");
        let rate = figure(at("rows_per_second"), table.rows_per_second, figures::rate);
        let rows = html! {
            span { (counted(at("rows"), Some(table.rows), "row", "rows")) }
            (figure(at("bytes"), Some(table.bytes), figures::bytes))
        };
        node(None, &table.name, &rate, &rows)
    });
    Station {
        title: "Tables",
        nodes,
        tall: false,
    }
}

fn sent(overview: &Overview) -> Vec<Ribbon> {
    let brokers = overview.cluster.value().map(|cluster| cluster.brokers.as_slice());
    let sends = overview.totals.sent_per_second.is_some_and(|rate| rate > 0.0);
    let ribbon = |(to, broker): (usize, &Broker)| Ribbon {
        from: 0,
        to,
        per_second: broker.records_per_second.filter(|_| sends).unwrap_or_default(),
    };
    brokers
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(ribbon)
        .collect()
}

fn led(overview: &Overview) -> Vec<Ribbon> {
    let Some(cluster) = overview.cluster.value() else {
        return Vec::new();
    };
    let mut ribbons = Vec::new();
    for (from, broker) in cluster.brokers.iter().enumerate() {
        for (to, topic) in cluster.topics.iter().enumerate().take(SHOWN) {
            let leads = topic
                .leaders
                .iter()
                .filter(|leader| **leader == Some(broker.id))
                .count();
            if leads > 0 {
                let share = leads as f64 / topic.leaders.len() as f64;
                ribbons.push(Ribbon {
                    from,
                    to,
                    per_second: topic.records_per_second.unwrap_or_default() * share,
                });
            }
        }
    }
    ribbons
}

fn read(overview: &Overview) -> Vec<Ribbon> {
    let cluster = overview.cluster.value();
    let place = |topic: &str| cluster?.topics.iter().position(|other| other.name == topic);
    let sources = overview
        .etl
        .value()
        .map(|etl| etl.sources.as_slice())
        .unwrap_or_default();
    let ribbon = |source: &crate::Source| {
        Some(Ribbon {
            from: place(&source.topic)?,
            to: 0,
            per_second: source.records_per_second.unwrap_or_default(),
        })
    };
    sources.iter().filter_map(ribbon).collect()
}

fn written(overview: &Overview) -> Vec<Ribbon> {
    let tables = overview
        .lake
        .value()
        .map(|lake| lake.tables.as_slice())
        .unwrap_or_default();
    let ribbon = |(to, table): (usize, &crate::Table)| Ribbon {
        from: 0,
        to,
        per_second: table.rows_per_second.unwrap_or_default(),
    };
    tables.iter().enumerate().map(ribbon).collect()
}

fn gauges(overview: &Overview) -> Markup {
    let sources = overview
        .etl
        .value()
        .map(|etl| etl.sources.as_slice())
        .unwrap_or_default();
    let at = |place: usize, pointer: &dyn Display| format!("/etl/value/sources/{place}/{pointer}");
    html! {
        @if !sources.is_empty() {
            dl.gauges {
                @for (place, source) in sources.iter().enumerate() {
                    div data-key=(source.table) {
                        dt { (source.table) }
                        dd {
                            (counted(at(place, &"to_read"), source.to_read, "record", "records")) " to read, watermark "
                            (figure(at(place, &"watermark_gap_ms"), source.watermark_gap_ms, figures::span_ms)) " behind"
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Station, weight};

    #[test]
    fn nodes_are_centred() {
        let station = |count: usize, tall| Station {
            title: "",
            nodes: vec![maud::html! {}; count],
            tall,
        };
        assert_eq!(
            [0, 1, 2].map(|node| station(3, false).centre(node, 3)),
            [30, 102, 174]
        );
        assert_eq!([0, 1].map(|node| station(2, false).centre(node, 3)), [66, 138]);
        assert_eq!(station(1, true).centre(0, 3), 102);
    }

    #[test]
    fn a_flow_is_drawn_by_its_order_of_magnitude() {
        assert_eq!(weight(0.0), None);
        assert_eq!(weight(f64::NAN), None);
        assert_eq!(
            [1.0, 99.0, 350.0, 1e6].map(weight).map(Option::unwrap_or_default),
            ["w1", "w2", "w3", "w5"]
        );
    }
}
