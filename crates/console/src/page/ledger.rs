use maud::{Markup, html};

use super::figure::figure;
use super::panel;
use crate::figures;
use crate::overview::{Ledger, LedgerTable, Overview, Windows};

/// What was sent beside what became of it.
pub(super) fn ledger(overview: &Overview) -> Markup {
    let part = &overview.ledger;
    let about = match part.value() {
        Some(ledger) if !ledger.balances() => html! { b.wrong { "does not balance" } },
        Some(ledger) if ledger.settled => {
            html! { span.good { "balanced" } ", everything that was sent was read" }
        }
        Some(_) => html! { span.good { "balanced" } " so far, records are on their way" },
        None => html! {},
    };
    html! {
        (panel::head("Ledger", about))
        (panel::part(part, overview.at, tables))
    }
}

fn tables(ledger: &Ledger) -> Markup {
    html! {
        @if ledger.tables.is_empty() { p.empty { "Nothing was read yet." } }
        @for (place, table) in ledger.tables.iter().enumerate() { (one(place, table)) }
        @for (place, windows) in ledger.windows.iter().enumerate() { (derived(place, windows)) }
    }
}

fn one(place: usize, table: &LedgerTable) -> Markup {
    let at = |pointer: &str| format!("/ledger/value/tables/{place}/{pointer}");
    let number = |pointer: &str, value: u64| figure(at(pointer), Some(value), figures::count);
    let (sent, read) = (&table.sent, &table.read);
    html! {
        div.ledger data-key=(table.table) {
            h3 { (table.table) span { "from " (table.topic) }
                @if table.from_others > 0 {
                    span.end { (number("from_others", table.from_others)) " of other producers" }
                }
            }
            (bar(&[
                (read.written, "p1"), (read.duplicates, "p3"), (read.late + read.future, "p5"),
                (read.malformed, "p4"), (read.filtered, "p2"),
            ]))
            div.scroll tabindex="0" role="region" aria-label={ "Ledger of " (table.table) } {
                table.sums {
                    thead { tr {
                        th { span.away { "side" } }
                        th.number { "records" } th.number { "to tables" } th.number { "duplicates" }
                        th.number { "malformed" } th.number { "late" } th.number { "future" } th.number { "on the way" }
                    } }
                    tbody {
                        tr {
                            th scope="row" { "sent" }
                            td.number { (number("sent/records", sent.records)) }
                            td.number { (number("sent/written", sent.written)) }
                            td.number { (number("sent/duplicates", sent.duplicates)) }
                            td.number { (number("sent/malformed", sent.malformed)) }
                            td.number { (number("sent/late", sent.late)) }
                            td.number { (number("sent/future", sent.future)) }
                            td.number { (number("sent/on_the_way", sent.on_the_way)) }
                        }
                        tr {
                            th scope="row" { "read" }
                            td.number { (number("read/read", read.read)) }
                            td.number { (number("read/written", read.written)) }
                            td.number { (number("read/duplicates", read.duplicates)) }
                            td.number { (number("read/malformed", read.malformed)) }
                            td.number { (number("read/late", read.late)) }
                            td.number { (number("read/future", read.future)) }
                            td.number {}
                        }
                    }
                }
            }
        }
    }
}

fn derived(place: usize, windows: &Windows) -> Markup {
    let at = |pointer: &str| format!("/ledger/value/windows/{place}/{pointer}");
    html! {
        div.ledger data-key=(windows.table) {
            h3 { (windows.table) span { "windows over " (windows.source) } span.end {
                (figure(at("closed"), Some(windows.closed), figures::count)) " rows in closed windows, "
                (figure(at("open"), Some(windows.open), figures::count)) " in open ones"
            } }
        }
    }
}

/// Shares of a whole as a bar.
pub(super) fn bar(shares: &[(u64, &str)]) -> Markup {
    let whole: u64 = shares.iter().map(|(share, _)| share).sum();
    let place = |share: u64| share as f64 / whole.max(1) as f64 * 1000.0;
    let mut left = 0;
    let mut parts = Vec::new();
    for &(share, class) in shares.iter().filter(|(share, _)| *share > 0) {
        parts.push((class, place(left), place(share)));
        left += share;
    }
    html! {
        svg.balance viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true" {
            @for (class, x, width) in parts {
                rect class=(class) x=(format!("{x:.1}")) width=(format!("{width:.1}")) height="1" {}
            }
        }
    }
}
