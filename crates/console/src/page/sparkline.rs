use std::fmt::Write;

use maud::{Markup, html};

/// Steps of a small chart: ten seconds each.
pub(super) const STEPS: usize = 90;

/// The height of the coordinates; the width is one a step.
const HEIGHT: f32 = 20.0;

/// A small chart of the last 15 minutes, from zero to its highest value.
pub(super) fn sparkline(steps: &[Option<f32>], what: &str) -> Markup {
    let highest = highest(steps);
    let box_ = format!("0 0 {} {HEIGHT}", steps.len().saturating_sub(1).max(1));
    html! {
        svg.spark viewBox=(box_) preserveAspectRatio="none" role="img" aria-label={ (what) ", the last 15 minutes" } {
            @if highest > 0.0 {
                path.area d=(area(steps, highest, HEIGHT)) {}
                path.stroke d=(stroke(steps, highest, HEIGHT)) {}
            }
        }
    }
}

/// The highest value; 0 where there is none.
pub(super) fn highest(steps: &[Option<f32>]) -> f32 {
    steps.iter().flatten().copied().fold(0.0, f32::max)
}

/// A line through the values, broken where there is none.
pub(super) fn stroke(steps: &[Option<f32>], highest: f32, height: f32) -> String {
    let mut path = String::new();
    for (first, run) in runs(steps) {
        for (place, value) in run.iter().enumerate() {
            let pen = if place == 0 { 'M' } else { 'L' };
            // Writing to a String cannot fail.
            let _ = write!(
                path,
                "{pen}{} {:.1}",
                first + place,
                level(*value, highest, height)
            );
        }
        if run.len() == 1 {
            path.push_str("h.01");
        }
    }
    path
}

/// The areas below the line.
pub(super) fn area(steps: &[Option<f32>], highest: f32, height: f32) -> String {
    let mut path = String::new();
    for (first, run) in runs(steps) {
        let _ = write!(path, "M{first} {height}");
        for (place, value) in run.iter().enumerate() {
            let _ = write!(path, "L{} {:.1}", first + place, level(*value, highest, height));
        }
        let _ = write!(path, "V{height}Z");
    }
    path
}

/// Values without a gap, with the step of the first.
fn runs(steps: &[Option<f32>]) -> Vec<(usize, Vec<f32>)> {
    let mut runs: Vec<(usize, Vec<f32>)> = Vec::new();
    for (step, value) in steps.iter().enumerate() {
        let Some(value) = *value else { continue };
        match runs.last_mut() {
            Some((first, run)) if *first + run.len() == step => run.push(value),
            _ => runs.push((step, vec![value])),
        }
    }
    runs
}

fn level(value: f32, highest: f32, height: f32) -> f32 {
    // A little air above, so that the line isn't cut.
    height - value / highest * (height - 1.5)
}

#[cfg(test)]
mod tests {
    use super::{area, highest, sparkline, stroke};

    #[test]
    fn gaps_break_the_line() {
        let steps = [Some(1.0), Some(2.0), None, Some(2.0)];
        assert_eq!(highest(&steps), 2.0);
        assert_eq!(stroke(&steps, 2.0, 21.5), "M0 11.5L1 1.5M3 1.5h.01");
        assert_eq!(
            area(&steps, 2.0, 21.5),
            "M0 21.5L0 11.5L1 1.5V21.5ZM3 21.5L3 1.5V21.5Z"
        );
    }

    #[test]
    fn nothing_known_is_an_empty_chart() {
        let empty = sparkline(&[None; 3], "rate of <b>").into_string();
        assert!(!empty.contains("<path"), "{empty}");
        assert!(empty.contains("rate of &lt;b&gt;"), "{empty}");
    }
}
