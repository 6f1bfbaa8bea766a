//! Into files, or to the standard output: no brokers needed.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Counts, Format, GeneratorError, Progress, Settings, Summary,
    engine::Window,
    feed::Feed,
    pace::Pace,
    progress::{Meters, Times},
    stream::{self, Beginning},
};

const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether to stop, while nothing is due.
const NAP: Duration = Duration::from_millis(50);
/// Bytes that are written at once.
const CHUNK: usize = 256 << 10;
/// Stands for the topic in the name of a file.
const TOPIC: &str = "{topic}";

/// Where to write; a line a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The standard output.
    Stdout,
    /// This file, written anew; one for each topic where the name holds `{topic}`.
    File(PathBuf),
}

/// Generates into files until `stop` is set or the settings' end is reached; `progress` is called each
/// second.
///
/// # Errors
/// Where the settings make no sense, or a file can't be written. A reader that went away is no error.
pub fn write(
    settings: &Settings,
    output: &Output,
    stop: &AtomicBool,
    mut progress: impl FnMut(&Progress),
) -> Result<Summary, GeneratorError> {
    let streams = settings.check()?;
    let now = jiff::Timestamp::now();
    let beginning = Beginning {
        run: 0,
        start_us: settings.start_us(now),
    };
    let backfill = i64::try_from(settings.backfill.as_micros()).unwrap_or(i64::MAX);
    let mut files = Files::open(output, streams.iter().map(|stream| stream.topic.as_str()))?;
    for (index, stream) in streams.iter().enumerate() {
        files.begin(index, &stream::header(settings, stream), stream.format);
    }
    let topics: Vec<String> = streams.iter().map(|stream| stream.topic.clone()).collect();
    let feed = Feed::Streams(streams);
    let mut writing = Writing {
        settings,
        start_us: beginning.start_us,
        per_second: feed.per_second(),
        pace: Pace::new(
            Instant::now(),
            beginning.start_us.saturating_add(backfill),
            settings.speed,
            stream::stalls(settings, beginning),
        ),
        meters: Meters::new(topics.iter().cloned()),
        counts: topics
            .into_iter()
            .map(|topic| (topic, Counts::default()))
            .collect(),
        left: settings.end.records.unwrap_or(u64::MAX),
        told: Instant::now(),
        end_us: i64::MIN,
        is_cut_short: false,
    };
    let windows = feed.blocking_windows(settings, beginning, 0)?;
    let ended = writing.write_all(&windows, &mut files, stop, &mut progress);
    match ended.and_then(|()| files.flush_all()) {
        // Whoever read it has enough.
        Err(Broken { error, .. }) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(Broken { what, error }) => return Err(GeneratorError::File { what, error }),
        Ok(()) if writing.is_cut_short => return Err(GeneratorError::Maker),
        Ok(()) => {}
    }
    Ok(writing.progress(None))
}

struct Broken {
    what: String,
    error: io::Error,
}

struct Writing<'a> {
    settings: &'a Settings,
    start_us: i64,
    per_second: Option<f64>,
    pace: Pace,
    meters: Meters,
    /// By stream, with its topic.
    counts: Vec<(String, Counts)>,
    left: u64,
    told: Instant,
    /// Of the last window.
    end_us: i64,
    /// The windows ended before they should: a thread failed.
    is_cut_short: bool,
}

impl Writing<'_> {
    fn write_all(
        &mut self,
        windows: &std::sync::mpsc::Receiver<Window>,
        files: &mut Files,
        stop: &AtomicBool,
        progress: &mut impl FnMut(&Progress),
    ) -> Result<(), Broken> {
        let mut has_begun = false;
        while self.left > 0 && !stop.load(Ordering::Relaxed) {
            let Ok(window) = windows.recv() else {
                self.is_cut_short = self.end_us < stream::until_us(self.settings);
                break;
            };
            self.end_us = window.end_us;
            if !std::mem::replace(&mut has_begun, true) {
                self.pace.begin(Instant::now());
            }
            self.write_window(&window, files, stop)?;
            if self.told.elapsed() >= PROGRESS_EVERY {
                self.told = Instant::now();
                progress(&self.progress(Some(window.end_us)));
            }
        }
        Ok(())
    }

    fn write_window(&mut self, window: &Window, files: &mut Files, stop: &AtomicBool) -> Result<(), Broken> {
        let mut lateness = Times::new();
        let mut counts = vec![Counts::default(); self.counts.len()];
        let (mut records, mut bytes) = (0, 0);
        let mut now = Instant::now();
        for item in window.items(0) {
            if self.left == 0 {
                break;
            }
            if let Some(due) = self.pace.due(item.entry.at_us) {
                if due > now {
                    now = Instant::now();
                }
                while due > now && !stop.load(Ordering::Relaxed) {
                    files.flush_all()?;
                    thread::sleep((due - now).min(NAP));
                    now = Instant::now();
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                lateness.record(now.saturating_duration_since(due), 1);
            }
            let value = item.value.unwrap_or_default();
            files.push(item.stream, value)?;
            counts[item.stream].add(item.entry.kind, 1);
            records += 1;
            bytes += value.len() as u64;
            self.left -= 1;
        }
        self.meters.sent(records, bytes, &lateness);
        for ((topic, sum), counts) in self.counts.iter_mut().zip(&counts) {
            sum.add_all(counts);
            self.meters.acknowledged(topic, counts.records(), &Times::new());
        }
        Ok(())
    }

    fn progress(&self, clock_us: Option<i64>) -> Progress {
        let counts: BTreeMap<&str, &Counts> = self
            .counts
            .iter()
            .map(|(topic, counts)| (topic.as_str(), counts))
            .collect();
        let mut progress = self.meters.progress(|topic| {
            counts
                .get(topic)
                .map(|counts| (*counts).clone())
                .unwrap_or_default()
        });
        progress.show_course(self.settings, self.per_second, Some(self.start_us), clock_us);
        progress
    }
}

/// Open files, and which stream goes to which.
struct Files {
    open: Vec<OpenFile>,
    of_stream: Vec<usize>,
}

struct OpenFile {
    name: String,
    file: Box<dyn Write>,
    waiting: Vec<u8>,
}

impl Files {
    fn open<'a>(output: &Output, topics: impl Iterator<Item = &'a str>) -> Result<Self, GeneratorError> {
        let mut files = Self {
            open: Vec::new(),
            of_stream: Vec::new(),
        };
        for topic in topics {
            let name = match output {
                Output::Stdout => "the standard output".to_owned(),
                Output::File(path) => path.display().to_string().replace(TOPIC, topic),
            };
            let known = files.open.iter().position(|file| file.name == name);
            let place = match known {
                Some(place) => place,
                None => {
                    let file: Box<dyn Write> = match output {
                        Output::Stdout => Box::new(io::stdout()),
                        Output::File(_) => Box::new(create(Path::new(&name))?),
                    };
                    files.open.push(OpenFile {
                        name,
                        file,
                        waiting: Vec::with_capacity(CHUNK * 2),
                    });
                    files.open.len() - 1
                }
            };
            files.of_stream.push(place);
        }
        Ok(files)
    }

    /// Files that hold one stream begin with its names, where its format has them.
    fn begin(&mut self, stream: usize, header: &[u8], format: Format) {
        let place = self.of_stream[stream];
        let is_alone = self.of_stream.iter().filter(|other| **other == place).count() == 1;
        if is_alone && format == Format::Csv {
            self.open[place].waiting.extend_from_slice(header);
            self.open[place].waiting.push(b'\n');
        }
    }

    fn push(&mut self, stream: usize, value: &[u8]) -> Result<(), Broken> {
        let file = &mut self.open[self.of_stream[stream]];
        file.waiting.extend_from_slice(value);
        file.waiting.push(b'\n');
        if file.waiting.len() >= CHUNK {
            file.flush()
        } else {
            Ok(())
        }
    }

    fn flush_all(&mut self) -> Result<(), Broken> {
        self.open.iter_mut().try_for_each(OpenFile::flush)
    }
}

impl OpenFile {
    fn flush(&mut self) -> Result<(), Broken> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = self
            .file
            .write_all(&self.waiting)
            .and_then(|()| self.file.flush());
        self.waiting.clear();
        written.map_err(|error| Broken {
            what: format!("cannot write to {}", self.name),
            error,
        })
    }
}

fn create(path: &Path) -> Result<File, GeneratorError> {
    File::create(path).map_err(|error| GeneratorError::File {
        what: format!("cannot create {}", path.display()),
        error,
    })
}

#[cfg(test)]
mod tests;
