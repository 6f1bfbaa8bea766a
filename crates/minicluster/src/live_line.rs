//! One line on the terminal that tells how far something is, and is gone afterwards.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Calm enough to be read.
const EVERY: Duration = Duration::from_millis(200);

/// The line. Where stderr is no terminal there is none.
#[derive(Debug)]
pub(crate) struct LiveLine {
    is_shown: bool,
    last: Option<Instant>,
}

impl LiveLine {
    pub(crate) fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            last: None,
        }
    }

    /// A line that never shows, for where it would disturb.
    pub(crate) fn none() -> Self {
        Self {
            is_shown: false,
            last: None,
        }
    }

    /// Whether there is somebody to read it.
    pub(crate) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Shows the text in place of the one before, but not more often than can be read.
    pub(crate) fn show(&mut self, text: impl FnOnce() -> String) {
        if self.is_shown && self.last.is_none_or(|last| last.elapsed() >= EVERY) {
            self.last = Some(Instant::now());
            write(&text());
        }
    }

    pub(crate) fn clear(&mut self) {
        if self.last.take().is_some() {
            write("");
        }
    }
}

fn write(text: &str) {
    // To the first column, and what stood there is erased. Nobody is there to tell that stderr is gone.
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
}
