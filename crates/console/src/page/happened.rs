use maud::{Markup, html};

use super::panel;
use crate::figures;
use crate::overview::Overview;

/// Events that the page shows; the JSON has them all.
const SHOWN: usize = 50;

/// What happened lately, the latest first.
pub(super) fn happened(overview: &Overview) -> Markup {
    html! {
        (panel::head("What happened lately", html! { "UTC" }))
        @if overview.happened.is_empty() {
            p.empty { "Nothing so far." }
        } @else {
            ol.lately tabindex="0" aria-label="What happened lately" {
                @for happening in overview.happened.iter().take(SHOWN) {
                    li {
                        time datetime=(happening.at) title=(happening.at) { (figures::clock(happening.at)) }
                        span { (happening.line) }
                    }
                }
            }
        }
    }
}
