use maud::{Markup, html};

use super::figure::figure;
use super::panel;
use super::sparkline::{STEPS, sparkline};
use crate::View;
use crate::figures;
use crate::history::Series;
use crate::overview::Topic;

/// Topics that the page shows; the JSON has them all.
const SHOWN: usize = 50;

/// All topics, a row each.
pub(super) fn topics(view: &View) -> Markup {
    let overview = &view.overview;
    html! {
        (panel::head("Topics", html! {}))
        (panel::part(&overview.cluster, overview.at, |cluster| html! {
            @if cluster.topics.is_empty() { p.empty { "There is no topic yet." } } @else {
                div.scroll tabindex="0" role="region" aria-label="Topics" {
                    table {
                        thead { tr {
                            th { "topic" } th.number { "records" } th.number.wide { "size" } th.number { "records/s" }
                            th.wide { span.away { "rate, the last 15 minutes" } }
                        } }
                        tbody {
                            @for (place, topic) in cluster.topics.iter().enumerate().take(SHOWN) { (row(view, place, topic)) }
                        }
                    }
                }
                @if cluster.topics.len() > SHOWN {
                    p.quiet { "and " (cluster.topics.len() - SHOWN) " more" }
                }
                (troubled(&cluster.topics))
            }
        }))
    }
}

fn row(view: &View, place: usize, topic: &Topic) -> Markup {
    let at = |pointer: &str| format!("/cluster/value/topics/{place}/{pointer}");
    let rates = view.history.steps(&Series::Topic(topic.name.clone()), STEPS);
    html! {
        tr data-key=(topic.name) {
            th.clip scope="row" title=(topic.name) { (topic.name) br; small { (copies(topic, &at)) } }
            td.number {
                @if topic.partial { span title="a leader does not answer: as of its last answer" { "≥ " } }
                (figure(at("records"), Some(topic.records), figures::count))
            }
            td.number.wide { (figure(at("bytes"), topic.bytes, figures::bytes)) }
            td.number { (figure(at("records_per_second"), topic.records_per_second, figures::rate)) }
            td.wide { (sparkline(&rates, &format!("Records a second of {}", topic.name))) }
        }
    }
}

/// Partitions in trouble that the page shows; the JSON has them all.
const TROUBLED: usize = 12;

/// Which partitions, and what is wrong with each.
fn troubled(topics: &[Topic]) -> Markup {
    let of = |topic: &'_ Topic| {
        topic
            .troubled
            .iter()
            .map(|p| (topic.name.clone(), p.clone()))
            .collect::<Vec<_>>()
    };
    let all: Vec<_> = topics.iter().flat_map(of).collect();
    html! {
        @for (topic, partition) in all.iter().take(TROUBLED) {
            p.quiet { (topic) "-" (partition.partition) ": " (partition.line()) }
        }
        @if all.len() > TROUBLED {
            p.quiet { "and " (all.len() - TROUBLED) " more partitions" }
        }
    }
}

/// Its partitions, and whether each has all its copies.
fn copies(topic: &Topic, at: &impl Fn(&str) -> String) -> Markup {
    let number = |pointer: &str, value: usize| figure(at(pointer), Some(value), |n| n.to_string());
    html! {
        (number("partitions", topic.partitions)) " partitions, "
        @if topic.leaderless > 0 {
            b.wrong { (number("leaderless", topic.leaderless)) " without leader" }
        } @else if topic.under_min_isr > 0 {
            b.wrong { (number("under_min_isr", topic.under_min_isr)) " below min.insync.replicas" }
        } @else if topic.under_replicated > 0 {
            b.wrong { (number("under_replicated", topic.under_replicated)) " under-replicated" }
        } @else if topic.replication_factor > 1 {
            (number("replication_factor", topic.replication_factor)) " copies in sync"
        } @else {
            "one copy"
        }
    }
}
