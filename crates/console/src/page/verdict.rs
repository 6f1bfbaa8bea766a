use maud::{Markup, html};

use crate::figures;
use crate::overview::{Health, Level, Overview};

/// How it goes, in one sentence, and what is wrong.
pub(super) fn verdict(overview: &Overview) -> Markup {
    let Health { level, reasons } = &overview.health;
    let sentence = match level {
        Level::Ok => "Everything runs".to_owned(),
        Level::Starting => "Starting".to_owned(),
        Level::Degraded if reasons.len() == 1 => "One thing needs attention".to_owned(),
        Level::Degraded => format!("{} things need attention", reasons.len()),
        Level::Down => "Nothing runs".to_owned(),
    };
    let up = overview
        .supervisor
        .if_fresh()
        .map(|supervisor| figures::seconds_between(supervisor.since, overview.at));
    let cluster = overview
        .cluster
        .value()
        .map(|cluster| cluster.id.as_str())
        .filter(|id| !id.is_empty());
    html! {
        h1 data-level=(level.name()) { (sentence) }
        p.facts {
            @if let Some(up) = up { span { "up " (figures::span(up)) } }
            span { "data in " code { (overview.data.display()) } }
            @if let Some(cluster) = cluster { span { "cluster " code { (cluster) } } }
            @if let Some(accounted) = accounted(overview) { span { (accounted) } }
        }
        @if !reasons.is_empty() {
            ul.reasons role="status" data-level=(level.name()) {
                @for reason in reasons { li { (reason) } }
            }
        }
    }
}

fn accounted(overview: &Overview) -> Option<Markup> {
    let ledger = overview.ledger.value().filter(|ledger| ledger.balances())?;
    let records = overview.totals.accounted.filter(|_| !ledger.tables.is_empty());
    Some(html! {
        "every one of "
        (super::figure::counted("/totals/accounted", records, "record", "records"))
        " accounted for"
    })
}
