use jiff::Timestamp;
use maud::{Markup, html};

use crate::figures;
use crate::overview::{Part, State};

/// The head of a panel.
pub(super) fn head(title: &str, about: Markup) -> Markup {
    html! { header { h2 { (title) } p { (about) } } }
}

/// What a panel shows of a part: its value, with a note where it is old, or why there is none.
pub(super) fn part<T>(part: &Part<T>, now: Timestamp, show: impl Fn(&T) -> Markup) -> Markup {
    match (&part.value, &part.problem) {
        (Some(value), None) => show(value),
        (Some(value), Some(problem)) => {
            let age = part.at.map(|at| figures::seconds_between(at, now));
            html! {
                p.stale role="note" {
                    b { "As of " (figures::span(age.unwrap_or_default())) " ago. " } (problem)
                }
                div.is-stale { (show(value)) }
            }
        }
        (None, Some(problem)) => html! { p.empty { (problem) } },
        (None, None) => html! { p.empty { "Looking …" } },
    }
}

/// The state of a service, in words and colour.
pub(super) fn badge(state: State, problem: Option<&str>) -> Markup {
    let (name, text) = look(state, problem);
    html! { span.badge data-state=(name) { (text) } }
}

/// What a state looks like: one that runs but doesn't answer is told from one that does.
pub(super) fn look(state: State, problem: Option<&str>) -> (&'static str, &'static str) {
    match (state, problem) {
        (State::Running, Some(_)) => ("silent", "no answer"),
        (state, _) => (state.name(), state.name()),
    }
}
