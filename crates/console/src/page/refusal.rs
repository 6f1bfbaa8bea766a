use maud::{Markup, html};

/// Why a request gets no page.
pub(crate) fn refusal(title: &str, reason: &str, home: &str) -> Markup {
    html! {
        div.refusal {
            h1 { (title) }
            p { (reason) }
            p { a href=(home) { "To the overview" } }
        }
    }
}
