//! The truth log on disk.
//!
//! A line an entry: CRC-32C of the JSON in eight hex digits, a space, the JSON. Entries are appended with
//! one `write` each, before what they announce is done: a `kill -9` loses none. They aren't synced: a power
//! loss may lose the last seconds of them, as it may lose the last records of the brokers. A last line that is cut off
//! was announced to nobody and is dropped. When a generator starts, and whenever the log has grown much, it
//! writes the log anew with only what still matters, beside it, and renames it into place.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{GeneratorError, counts::Counts};

/// The version of the truth log's format.
pub const FORMAT: u32 = 2;

/// A log that isn't longer isn't worth writing anew.
const REWRITE_BYTES: u64 = 1 << 20;

const LOG: &str = "truth.log";
const NEW_LOG: &str = "truth.log.new";
const LOCK: &str = "truth.lock";

/// All that stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The first line.
    Format {
        version: u32,
    },
    Run(Run),
    /// Records below `to` may be sent from now on.
    Intent {
        topic: String,
        run: u64,
        to: u64,
        until_ms: i64,
    },
    Done(Done),
}

/// A run begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The first is 0; the bytes of the events depend on it.
    pub(crate) number: u64,
    /// Random; in the header of each record.
    pub(crate) id: u64,
    /// Its records are sent under it.
    pub(crate) identity: Identity,
    /// Its fences are: the producer id of the run before it, at a higher epoch.
    pub(crate) fencing: Option<Identity>,
}

/// A producer id and its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
}

/// What a topic holds for certain. Of the run only records from `to` on can come behind `next`, of runs
/// before it none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) topic: String,
    pub(crate) topic_id: String,
    pub(crate) run: u64,
    pub(crate) to: u64,
    /// Of all runs.
    pub(crate) counts: Counts,
    /// By partition: records that aren't counted lie at or behind this offset.
    pub(crate) next: Vec<i64>,
    /// Nothing of the run comes any more.
    pub(crate) closed: bool,
}

/// What the entries together say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) run: Option<Run>,
    pub(crate) topics: BTreeMap<String, TopicState>,
    /// The latest time on the virtual clock that an event may have.
    pub(crate) until_ms: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TopicState {
    pub(crate) done: Option<Done>,
    /// Runs that may have sent more than is counted, with the end of their intents.
    pub(crate) intents: BTreeMap<u64, u64>,
}

impl TopicState {
    /// Records of this run below it are counted.
    pub(crate) fn done_to(&self, run: u64) -> u64 {
        self.done
            .as_ref()
            .filter(|done| done.run == run)
            .map_or(0, |done| done.to)
    }

    /// Records that may or may not be in the topic, at most.
    pub(crate) fn open(&self) -> u64 {
        self.intents
            .iter()
            .map(|(run, to)| to.saturating_sub(self.done_to(*run)))
            .sum()
    }
}

impl State {
    /// Whether the last run had settled what those before it left open: its records may be on the way then.
    pub(crate) fn has_begun(&self) -> bool {
        let of_last = |done: &Done| self.run.as_ref().is_some_and(|run| run.id == done.run);
        self.topics
            .values()
            .filter_map(|topic| topic.done.as_ref())
            .any(of_last)
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Format { .. } => {}
            Entry::Run(run) => self.run = Some(run),
            Entry::Intent {
                topic,
                run,
                to,
                until_ms,
            } => {
                self.until_ms = self.until_ms.max(Some(until_ms));
                self.topics.entry(topic).or_default().intents.insert(run, to);
            }
            Entry::Done(done) => {
                let topic = self.topics.entry(done.topic.clone()).or_default();
                topic.intents.retain(|run, _| *run == done.run && !done.closed);
                topic.done = Some(done);
            }
        }
    }

    /// The shortest log that says the same.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![Entry::Format { version: FORMAT }];
        entries.extend(self.run.clone().map(Entry::Run));
        for (name, topic) in &self.topics {
            entries.extend(topic.done.clone().map(Entry::Done));
            for (run, to) in &topic.intents {
                let until_ms = self.until_ms.unwrap_or_default();
                entries.push(Entry::Intent {
                    topic: name.clone(),
                    run: *run,
                    to: *to,
                    until_ms,
                });
            }
        }
        if let (Some(until_ms), Some(run)) = (self.until_ms, &self.run) {
            // Keeps the time where no intent is open: an intent of nothing, closed at once.
            entries.push(Entry::Intent {
                topic: CLOCK.to_owned(),
                run: run.id,
                to: 0,
                until_ms,
            });
        }
        entries
    }
}

/// Not a name that a topic can have.
const CLOCK: &str = "<clock>";

/// The log of the generator that runs.
#[derive(Debug)]
pub(crate) struct TruthLog {
    path: PathBuf,
    file: File,
    /// Of the whole lines in it.
    length: u64,
    /// Beyond this length it is written anew.
    longest: u64,
    /// A write failed: what the file holds at its end isn't known for certain.
    broken: bool,
    state: State,
    _lock: File,
}

impl TruthLog {
    pub(crate) fn open(folder: &Path) -> Result<Self, GeneratorError> {
        let at = io_error;
        fs::create_dir_all(folder).map_err(at(folder))?;
        let lock_path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&lock_path)
            .map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(GeneratorError::Locked {
                    folder: folder.to_owned(),
                });
            }
            Err(fs::TryLockError::Error(error)) => return Err(at(&lock_path)(error)),
        }
        let path = folder.join(LOG);
        let state = read(folder)?;
        let (file, length) = write_anew(&path, &state)?;
        Ok(Self {
            path,
            file,
            length,
            longest: longest_beside(length),
            broken: false,
            state,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// After an error it can be appended to again: nothing that was taken in is lost.
    pub(crate) fn mend(&mut self) -> Result<(), GeneratorError> {
        if self.broken {
            (self.file, self.length) = write_anew(&self.path, &self.state)?;
            self.longest = longest_beside(self.length);
            self.broken = false;
        }
        Ok(())
    }

    /// After an error nothing more can be appended until the log is mended.
    pub(crate) fn append(&mut self, entry: Entry) -> Result<(), GeneratorError> {
        self.append_by(entry, |file, line| file.write_all(line))
    }

    fn append_by(
        &mut self,
        entry: Entry,
        write: impl FnOnce(&mut File, &[u8]) -> io::Result<()>,
    ) -> Result<(), GeneratorError> {
        let failed = io_error(&self.path);
        if self.broken {
            return Err(failed(io::Error::other("a write before this one failed")));
        }
        let line = line(&entry);
        if let Err(error) = write(&mut self.file, &line) {
            // The start of the line may be there. Readers drop a last line that is cut off, but one that
            // another line follows would be damage.
            self.broken = true;
            if let Err(error) = self.file.set_len(self.length) {
                tracing::warn!(%error, "a line that is cut off stays at the end of the truth log");
            }
            return Err(failed(error));
        }
        self.length += line.len() as u64;
        self.state.apply(entry);
        if self.length > self.longest {
            // Where it fails, which of the two files is the log isn't known for certain.
            self.broken = true;
            (self.file, self.length) = write_anew(&self.path, &self.state)?;
            self.longest = longest_beside(self.length);
            self.broken = false;
        }
        Ok(())
    }

    /// What was counted of a topic is of another topic with the same name. Of this one nothing is counted
    /// yet, but what open runs sent may be in it, from its beginning.
    pub(crate) fn forget_counts(&mut self, topic: &str) {
        if let Some(topic) = self.state.topics.get_mut(topic) {
            topic.done = None;
        }
    }
}

/// Puts the shortest log that says this in the place of the one at `path`. Gives it, and its length.
fn write_anew(path: &Path, state: &State) -> Result<(File, u64), GeneratorError> {
    let at = io_error;
    let (new, folder) = (path.with_file_name(NEW_LOG), path.parent().unwrap_or(path));
    let lines: Vec<u8> = state.entries().iter().flat_map(line).collect();
    let mut file = File::create(&new).map_err(at(&new))?;
    file.write_all(&lines)
        .and_then(|()| file.sync_all())
        .map_err(at(&new))?;
    fs::rename(&new, path).map_err(at(path))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at(folder))?;
    Ok((file, lines.len() as u64))
}

/// How long a log may grow that was this long when all in it mattered.
fn longest_beside(length: u64) -> u64 {
    REWRITE_BYTES.max(2 * length)
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> GeneratorError + use<> {
    let path = path.to_owned();
    move |error| GeneratorError::Io {
        path: path.clone(),
        error,
    }
}

/// What the log of this folder says; nothing where there is none.
pub(crate) fn read(folder: &Path) -> Result<State, GeneratorError> {
    let path = folder.join(LOG);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(State::default()),
        Err(error) => return Err(GeneratorError::Io { path, error }),
    };
    let mut state = State::default();
    // What follows the last newline was cut off while it was written.
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    for (index, text) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = index + 1;
        let damaged = |reason: String| GeneratorError::Damaged {
            path: path.clone(),
            line,
            reason,
        };
        let entry = parse(text).map_err(damaged)?;
        if let Entry::Format { version } = entry
            && version != FORMAT
        {
            return Err(GeneratorError::OtherFormat {
                path,
                found: version,
                known: FORMAT,
            });
        }
        if index == 0 && !matches!(entry, Entry::Format { .. }) {
            return Err(damaged("it should name the format".to_owned()));
        }
        state.apply(entry);
    }
    state.topics.remove(CLOCK);
    Ok(state)
}

fn line(entry: &Entry) -> Vec<u8> {
    // An entry holds nothing that JSON can't: numbers, texts, maps with text keys.
    let json = serde_json::to_string(entry).unwrap_or_default();
    format!("{:08x} {json}\n", crc32c::crc32c(json.as_bytes())).into_bytes()
}

fn parse(line: &[u8]) -> Result<Entry, String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?;
    let (crc, json) = text.trim_end_matches('\n').split_once(' ').ok_or("no checksum")?;
    let crc = u32::from_str_radix(crc, 16).map_err(|error| error.to_string())?;
    if crc != crc32c::crc32c(json.as_bytes()) {
        return Err("its checksum is wrong".to_owned());
    }
    // The version of a newer format must be readable whatever else changed.
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
