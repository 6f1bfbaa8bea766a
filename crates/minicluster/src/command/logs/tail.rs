//! The end of one log file, and what comes after it.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::log_file::{is_time, take_lines};

/// What a line may have on average when the last lines of a file are looked for.
const BYTES_A_LINE: u64 = 1 << 10;

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// The service.
    pub(super) name: String,
    /// When it was logged, as it stands in front; that of the line before where none does.
    pub(super) time: String,
    /// All of it.
    pub(super) text: String,
}

/// A log file, read up to a place.
#[derive(Debug)]
pub(super) struct Tail {
    name: String,
    path: PathBuf,
    offset: u64,
    /// The beginning of a line whose end was not written yet.
    rest: Vec<u8>,
    time: String,
}

impl Tail {
    pub(super) fn new(name: String, path: PathBuf) -> Self {
        Self {
            name,
            path,
            offset: 0,
            rest: Vec::new(),
            time: String::new(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn exists(&self) -> bool {
        self.path.exists()
    }

    /// The last lines of the file, as many as these or a few less where they are long.
    pub(super) fn last(&mut self, lines: usize) -> std::io::Result<Vec<Line>> {
        let wanted = (lines as u64 + 64).saturating_mul(BYTES_A_LINE);
        let length = std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        self.offset = length.saturating_sub(wanted);
        let cut = self.offset > 0;
        let mut read = self.new_lines()?;
        if cut && !read.is_empty() {
            read.remove(0);
        }
        let surplus = read.len().saturating_sub(lines);
        read.drain(..surplus);
        Ok(read)
    }

    /// The lines since the last look.
    pub(super) fn new_lines(&mut self) -> std::io::Result<Vec<Line>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < self.offset {
            // It was rotated: emptied, and written anew.
            self.offset = 0;
            self.rest.clear();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let read = file.read_to_end(&mut self.rest)?;
        self.offset += read as u64;
        let lines = take_lines(&mut self.rest);
        Ok(lines.iter().map(|line| self.line(line)).collect())
    }

    fn line(&mut self, text: &str) -> Line {
        if let Some(time) = time_of(text) {
            time.clone_into(&mut self.time);
        }
        Line {
            name: self.name.clone(),
            time: self.time.clone(),
            text: text.to_owned(),
        }
    }
}

/// The time that a line begins with: `2025-06-01T12:00:00.123456Z`.
fn time_of(line: &str) -> Option<&str> {
    let (time, _) = line.split_once(' ')?;
    is_time(time).then_some(time)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::Tail;

    #[test]
    fn a_file_is_followed_through_unfinished_lines_and_rotation() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("etl.log");
        let mut tail = Tail::new("etl".to_owned(), path.clone());
        let texts =
            |lines: Vec<super::Line>| -> Vec<String> { lines.into_iter().map(|line| line.text).collect() };
        assert_eq!(
            texts(tail.last(2).expect("no file is no error")),
            Vec::<String>::new()
        );
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .expect("room");
        let first = "2025-06-01T12:00:00.000001Z  INFO a\n  more\n2025-06-01T12:00:00.000002Z";
        log.write_all(first.as_bytes()).expect("room");
        let lines = tail.last(1).expect("readable");
        assert_eq!(lines[0].time, "2025-06-01T12:00:00.000001Z");
        assert_eq!(texts(lines), ["  more"]);
        log.write_all(b"  INFO b\n").expect("room");
        let lines = tail.new_lines().expect("readable");
        assert_eq!(lines[0].time, "2025-06-01T12:00:00.000002Z");
        log.set_len(0).expect("emptied");
        log.write_all(b"new\n").expect("room");
        assert_eq!(texts(tail.new_lines().expect("readable")), ["new"]);
        assert_eq!(texts(tail.new_lines().expect("readable")), Vec::<String>::new());
    }
}
