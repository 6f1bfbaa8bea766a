//! The live view of `up` on a terminal: a few calm lines under what happens.

use std::io::IsTerminal;

use config::Settings;
use console::{Collector, Level, Overview, Service, State, Totals, figures};
use tokio::task::JoinHandle;

use crate::command::console as pages;
use crate::output;

/// The lines at the foot of the terminal, redrawn each second until this is dropped.
pub(super) struct LiveView {
    task: JoinHandle<()>,
}

impl LiveView {
    /// Begins, if there is somebody to look.
    pub(super) fn start(settings: &Settings) -> Option<Self> {
        if !std::io::stderr().is_terminal() {
            return None;
        }
        let colours = output::may_colour(&std::io::stderr());
        let collector = Collector::start(pages::options(settings));
        let task = tokio::spawn(async move {
            let mut views = collector.views();
            while views.changed().await.is_ok() {
                let view = views.borrow_and_update().clone();
                output::live::show(lines(&view.overview, colours));
            }
        });
        Some(Self { task })
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        self.task.abort();
        output::live::show(Vec::new());
    }
}

fn lines(overview: &Overview, colours: bool) -> Vec<String> {
    let services = overview.services.iter().map(|service| shown(service, colours));
    vec![
        String::new(),
        format!(" {}", services.collect::<Vec<_>>().join("  ")),
        format!(" {}", rates(overview)),
        format!(" {}", standing(overview)),
        format!(" {}", health(overview, colours)),
    ]
}

fn shown(service: &Service, colours: bool) -> String {
    let (mark, colour, state) = match service.state {
        State::Running => ('●', 32, ""),
        State::Starting => ('○', 33, " starting"),
        State::Paused => ('●', 33, " paused"),
        State::Down => ('●', 31, " down"),
    };
    // Without colours a state must be read from the words alone.
    let mark = match (colours, service.state) {
        (true, _) => format!("\x1b[{colour}m{mark}\x1b[0m"),
        (false, State::Running) => mark.to_string(),
        (false, _) => "○".to_owned(),
    };
    format!("{mark} {}{state}", service.name)
}

/// How fast it flows; what isn't known is a dash.
fn rates(overview: &Overview) -> String {
    let totals = Totals::of(overview);
    let rate = |rate: Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{}/s", figures::rate(rate)));
    let rows = totals.rows.map_or("-".to_owned(), figures::count);
    format!(
        "in {}   read {}   written {}   rows {rows}",
        rate(totals.appended_per_second),
        rate(totals.read_per_second),
        rate(totals.written_per_second),
    )
}

/// How far it is: lag, watermark, ledger.
fn standing(overview: &Overview) -> String {
    let totals = Totals::of(overview);
    let to_read = totals.to_read.map_or("-".to_owned(), figures::count);
    let gap = totals.watermark_gap_ms.map_or("-".to_owned(), figures::span_ms);
    let ledger = match overview.ledger.value() {
        None => "-",
        Some(ledger) if ledger.wrong.is_empty() => "balanced",
        Some(_) => "NOT balanced",
    };
    format!("to read {to_read}   watermark {gap} behind   ledger {ledger}")
}

fn health(overview: &Overview, colours: bool) -> String {
    let text = match overview.health.reasons.first() {
        None => "all is well".to_owned(),
        Some(reason) if overview.health.reasons.len() == 1 => reason.clone(),
        Some(reason) => format!("{reason} (and {} more)", overview.health.reasons.len() - 1),
    };
    let colour = match overview.health.level {
        Level::Ok => 32,
        Level::Starting | Level::Degraded => 33,
        Level::Down => 31,
    };
    match colours {
        true => format!("\x1b[{colour}m{text}\x1b[0m"),
        false => text,
    }
}
