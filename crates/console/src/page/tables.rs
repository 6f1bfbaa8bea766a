use maud::{Markup, html};

use super::figure::{counted, figure};
use super::panel;
use super::sparkline::{STEPS, sparkline};
use crate::View;
use crate::figures;
use crate::history::Series;
use crate::overview::Table;

/// All tables of the lake, a row each.
pub(super) fn tables(view: &View) -> Markup {
    let overview = &view.overview;
    let commit = overview.lake.value().map(|lake| {
        let age = figures::seconds_between(lake.committed_at, overview.at);
        html! { "commit " (figure("/lake/value/commit", Some(lake.commit), figures::count)) ", " (figures::span(age)) " ago" }
    });
    html! {
        (panel::head("Tables", commit.unwrap_or_default()))
        (panel::part(&overview.lake, overview.at, |lake| html! {
            @if lake.tables.is_empty() { p.empty { "Nothing was written yet." } } @else {
                div.scroll tabindex="0" role="region" aria-label="Tables" {
                    table {
                        thead { tr {
                            th { "table" } th.number { "rows" } th.number { "size" } th.number { "rows/s" }
                            th.wide { span.away { "rate, the last 15 minutes" } }
                        } }
                        tbody { @for (place, table) in lake.tables.iter().enumerate() { (row(view, place, table)) } }
                    }
                }
            }
        }))
    }
}

fn row(view: &View, place: usize, table: &Table) -> Markup {
    let at = |pointer: &str| format!("/lake/value/tables/{place}/{pointer}");
    let rates = view.history.steps(&Series::Table(table.name.clone()), STEPS);
    html! {
        tr data-key=(table.name) {
            th.clip scope="row" title=(table.name) { (table.name) br; small {
                (counted(at("files"), Some(table.files), "file", "files")) " in "
                (counted(at("days"), Some(table.days), "day", "days"))
            } }
            td.number { (figure(at("rows"), Some(table.rows), figures::count)) }
            td.number { (figure(at("bytes"), Some(table.bytes), figures::bytes)) }
            td.number { (figure(at("rows_per_second"), table.rows_per_second, figures::rate)) }
            td.wide { (sparkline(&rates, &format!("Rows a second of {}", table.name))) }
        }
    }
}
