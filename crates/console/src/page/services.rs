use maud::{Markup, html};

use super::figure::figure;
use super::panel::{self, badge};
use super::sparkline::{STEPS, sparkline};
use crate::View;
use crate::figures;
use crate::history::Series;
use crate::overview::Service;

/// All services, a row each.
pub(super) fn services(view: &View) -> Markup {
    let overview = &view.overview;
    html! {
        (panel::head("Services", html! { "one process each" }))
        div.scroll tabindex="0" role="region" aria-label="Services" {
            table {
                thead { tr {
                    th { "service" } th { "state" } th.number.wide { "pid" } th.number.wide { "up" } th.number { "restarts" }
                    th.number.wide { "cores" } th.number { "memory" } th.wide { span.away { "memory, the last 15 minutes" } }
                    th.wide { "address" } th.wide { "last death" }
                } }
                tbody {
                    @for (place, service) in overview.services.iter().enumerate() {
                        (row(view, place, service))
                    }
                }
                tfoot { tr {
                    th scope="row" { "all" } td {} td.wide {} td.wide {} td {}
                    td.number.wide { (figure("/totals/cpu_cores", overview.totals.cpu_cores, figures::cores)) }
                    td.number { (figure("/totals/memory_bytes", overview.totals.memory_bytes, figures::bytes)) }
                    td.wide {} td.wide {} td.wide {}
                } }
            }
        }
    }
}

fn row(view: &View, place: usize, service: &Service) -> Markup {
    let at = |pointer: &str| format!("/services/{place}/{pointer}");
    let up = service
        .since
        .map(|since| figures::seconds_between(since, view.overview.at));
    let memory = view.history.steps(&Series::Service(service.name.clone()), STEPS);
    html! {
        tr data-key=(service.name) {
            th scope="row" { (service.name) }
            td { (badge(service.state, service.problem.as_deref())) }
            td.number.wide { (figure(at("pid"), service.pid, |pid| pid.to_string())) }
            td.number.wide { @if let Some(up) = up { (figures::span(up)) } @else { span.none { "–" } } }
            td.number { (figure(at("restarts"), Some(service.restarts), |n| n.to_string())) }
            td.number.wide { (figure(at("cpu_cores"), service.cpu_cores, figures::cores)) }
            td.number { (figure(at("memory_bytes"), service.memory_bytes, figures::bytes)) }
            td.wide { (sparkline(&memory, &format!("Memory of {}", service.name))) }
            td.wide.mono { (service.address.as_deref().unwrap_or_default()) }
            td.note.wide {
                @match (&service.problem, &service.last_death) {
                    (Some(problem), _) => (problem),
                    (None, Some(death)) => (death),
                    (None, None) => {},
                }
            }
        }
    }
}
