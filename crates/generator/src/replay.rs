//! The lines of a file, sent again with the file's own timing.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use serde_json::Value;

use crate::{
    GeneratorError,
    engine::{Pool, Window},
    faults::Batch,
    feed::Replay,
    kind::Kind,
};

/// Lines of a window, at most, and how many windows are read ahead.
const LINES: usize = 4_096;
const BYTES: usize = 4 << 20;
const AHEAD: usize = 2;

/// Reads the file in a thread of its own. The first line with a time is sent at `start_us`, the others as
/// much later as their times are; a line without one, or with an earlier one, together with the line before
/// it. The first `skip` lines are left out.
pub(crate) fn start(replay: &Replay, start_us: i64, skip: u64) -> Result<Receiver<Window>, GeneratorError> {
    let file = File::open(&replay.file).map_err(|error| GeneratorError::File {
        what: format!("cannot replay {}", replay.file.display()),
        error,
    })?;
    let (read, windows) = sync_channel(AHEAD);
    let mut lines = Lines {
        replay: replay.clone(),
        first_us: None,
        start_us,
        at_us: start_us,
    };
    thread::spawn(move || {
        if let Err(error) = lines.send_all(BufReader::new(file), skip, &read) {
            tracing::error!(%error, file = %lines.replay.file.display(), "the replay ends early");
        }
    });
    Ok(windows)
}

struct Lines {
    replay: Replay,
    first_us: Option<i64>,
    start_us: i64,
    /// When the last line is sent.
    at_us: i64,
}

impl Lines {
    fn send_all(&mut self, mut file: impl BufRead, skip: u64, read: &SyncSender<Window>) -> io::Result<()> {
        let (mut batch, mut line) = (Batch::default(), Vec::new());
        for number in 0.. {
            line.clear();
            let is_last = file.read_until(b'\n', &mut line)? == 0;
            if !is_last {
                let value = line.strip_suffix(b"\n").unwrap_or(&line);
                let key = self.take(value);
                if number >= skip {
                    batch.push(self.at_us, Kind::Replayed, key.as_bytes(), Some(value));
                }
            }
            if is_last || batch.entries.len() >= LINES || batch.bytes.len() >= BYTES {
                let full = std::mem::take(&mut batch);
                let window = Window::merge(self.at_us + 1, vec![(0, full)], Pool::default());
                // Whoever took the lines may have enough of them.
                let is_taken = window.len() == 0 || read.send(window).is_ok();
                if is_last || !is_taken {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Moves the time on to that of a line; gives its key.
    fn take(&mut self, line: &[u8]) -> String {
        let event: Value = serde_json::from_slice(line).unwrap_or_default();
        let time = event.get(&self.replay.time).and_then(Value::as_str);
        if let Some(time) = time.and_then(|text| text.parse::<jiff::Timestamp>().ok()) {
            let time_us = time.as_microsecond();
            let first_us = *self.first_us.get_or_insert(time_us);
            self.at_us = self.at_us.max(self.start_us + (time_us - first_us));
        }
        let key = self.replay.key.as_ref().and_then(|key| event.get(key));
        match key {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
