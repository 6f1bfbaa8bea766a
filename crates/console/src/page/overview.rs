//! The page of everything.

use maud::{Markup, html};

use super::figure::figure;
use super::sparkline::{STEPS, sparkline};
use super::{Region, happened, ledger, pipeline, services, tables, topics, verdict};
use crate::View;
use crate::figures;
use crate::history::Series;

pub(super) fn regions(view: &View) -> Vec<Region> {
    let overview = &view.overview;
    let region = |id, class, label, content| Region {
        id,
        class,
        label,
        content,
    };
    vec![
        region("verdict", "verdict", "How it goes", verdict::verdict(overview)),
        region("figures", "", "In numbers", numbers(view)),
        region("pipeline", "panel", "Pipeline", pipeline::pipeline(overview)),
        region("ledger", "panel two-thirds", "Ledger", ledger::ledger(overview)),
        region(
            "lately",
            "panel third",
            "What happened lately",
            happened::happened(overview),
        ),
        region("topics", "panel half", "Topics", topics::topics(view)),
        region("tables", "panel half", "Tables", tables::tables(view)),
        region("services", "panel", "Services", services::services(view)),
    ]
}

fn numbers(view: &View) -> Markup {
    let totals = &view.overview.totals;
    let chart = |series: Series, what: &str| sparkline(&view.history.steps(&series, STEPS), what);
    html! {
        dl.figures {
            div {
                dt { "Sent" }
                dd { (figure("/totals/sent_per_second", totals.sent_per_second, figures::rate)) small { "records/s" } }
                (chart(Series::Sent, "Records sent a second"))
            }
            div {
                dt { "Written to tables" }
                dd { (figure("/totals/written_per_second", totals.written_per_second, figures::rate)) small { "rows/s" } }
                (chart(Series::Written, "Rows written a second"))
            }
            div {
                dt { "To read" }
                dd { (figure("/totals/to_read", totals.to_read, figures::count)) small { "records" } }
                (chart(Series::ToRead, "Records to read"))
            }
            div {
                dt { "Watermark behind" }
                dd { (figure("/totals/watermark_gap_ms", totals.watermark_gap_ms, figures::span_ms)) }
                (chart(Series::WatermarkGap, "Watermark behind now"))
            }
            div {
                dt { "Memory" }
                dd { (figure("/totals/memory_bytes", totals.memory_bytes, figures::bytes)) }
                (chart(Series::Memory, "Memory of all services"))
            }
        }
    }
}
