use std::fmt::Display;

use maud::{Markup, html};

/// A number: as people read it, as it is, and where it comes from, as a JSON pointer.
pub(super) fn figure<T: Display + Copy>(
    of: impl Display,
    value: Option<T>,
    show: impl Fn(T) -> String,
) -> Markup {
    html! {
        @match value {
            Some(value) => data value=(value) data-of=(of) { (show(value)) },
            None => span.none title="not known" { "–" },
        }
    }
}

/// The number, and what it counts.
pub(super) fn counted(of: impl Display, value: Option<u64>, one: &str, many: &str) -> Markup {
    let unit = if value == Some(1) { one } else { many };
    html! { (figure(of, value, crate::figures::count)) " " (unit) }
}
