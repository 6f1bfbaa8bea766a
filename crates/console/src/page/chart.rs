use maud::{Markup, html};

use super::sparkline::{area, highest, stroke};

/// Height of the coordinates.
const HEIGHT: f32 = 100.0;

/// A line of a chart.
pub(super) struct Line<'a> {
    /// Its name in the legend.
    pub(super) name: &'a str,
    /// Its values, the latest last.
    pub(super) steps: Vec<Option<f32>>,
}

/// Lines over time, from zero to the highest of all.
pub(super) fn lines(lines: &[Line<'_>], ends: (&str, &str), show: impl Fn(f64) -> String) -> Markup {
    let highest = lines.iter().map(|line| highest(&line.steps)).fold(0.0, f32::max);
    let steps = lines
        .iter()
        .map(|line| line.steps.len())
        .max()
        .unwrap_or_default();
    let names: Vec<&str> = lines.iter().map(|line| line.name).collect();
    html! {
        div.chart {
            svg viewBox={ "0 0 " (steps.saturating_sub(1).max(1)) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(names.join(", ")) {
                path.grid d={ "M0 1.5H" (steps) "M0 50H" (steps) } {}
                @if highest > 0.0 {
                    @for (number, line) in lines.iter().enumerate() {
                        @if number == 0 { path.area-1 d=(area(&line.steps, highest, HEIGHT)) {} }
                        path class={ "line-" (number + 1) } d=(stroke(&line.steps, highest, HEIGHT)) {}
                    }
                }
            }
            @if highest > 0.0 { span.top { (show(f64::from(highest))) } }
            span.from { (ends.0) } span.to { (ends.1) }
        }
        @if lines.len() > 1 {
            ul.legend { @for (number, line) in lines.iter().enumerate() {
                li { i class=(if number == 0 { "p1" } else { "p4" }) {} (line.name) }
            } }
        }
    }
}

/// One bar: its parts from below, each with the class of its colour.
pub(super) type Bar<'a> = Vec<(u64, &'a str)>;

/// Bars over time, from zero to the highest.
pub(super) fn bars(
    bars: &[Bar<'_>],
    room: usize,
    what: &str,
    ends: (&str, &str),
    show: impl Fn(u64) -> String,
) -> Markup {
    let whole = |bar: &Bar<'_>| bar.iter().map(|(part, _)| part).sum::<u64>();
    let highest = bars.iter().map(whole).max().unwrap_or_default();
    let room = room.max(bars.len()).max(1);
    html! {
        div.chart {
            svg viewBox={ "0 0 " (room) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(what) {
                path.grid d={ "M0 1.5H" (room) "M0 50H" (room) } {}
                @if highest > 0 { @for (place, bar) in bars.iter().enumerate() { (column(bar, room - bars.len() + place, highest)) } }
            }
            @if highest > 0 { span.top { (show(highest)) } }
            span.from { (ends.0) } span.to { (ends.1) }
        }
    }
}

fn column(bar: &Bar<'_>, place: usize, highest: u64) -> Markup {
    let level = |part: u64| part as f32 / highest as f32 * (HEIGHT - 1.5);
    let mut below = 0;
    let mut parts = Vec::new();
    for &(part, class) in bar.iter().filter(|(part, _)| *part > 0) {
        below += part;
        parts.push((class, HEIGHT - level(below), level(part)));
    }
    let left = format!("{:.2}", place as f32 + 0.12);
    html! {
        @for (class, top, height) in parts {
            rect class=(class) x=(left) width="0.76" y=(format!("{top:.1}")) height=(format!("{height:.1}")) {}
        }
    }
}
