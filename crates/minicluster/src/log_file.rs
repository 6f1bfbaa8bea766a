//! The log files of services: appended through their stderr, kept short by the supervisor.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A log file grows to this size before it is rotated.
const ROTATE_AT: u64 = 16 << 20;
/// Rotated files that are kept.
const KEPT: u32 = 3;

/// Opens a log file for a service to append to.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Copies a log file that has grown large aside and empties it.
///
/// The service keeps its open file, which appends; lines between the copy and the cut get lost.
pub(crate) fn rotate(path: &Path) -> std::io::Result<()> {
    if std::fs::metadata(path).map_or(0, |metadata| metadata.len()) < ROTATE_AT {
        return Ok(());
    }
    let copy = path.with_extension("log.new");
    match std::fs::copy(path, &copy) {
        Ok(_) => keep(path, &copy)?,
        Err(error) => {
            // A part is of no use, and may fill the disk.
            let _ = std::fs::remove_file(&copy);
            let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
            if !is_full {
                return Err(error);
            }
            // Those that are kept stay: what was logged last tells nothing but that the disk is full.
        }
    }
    OpenOptions::new().write(true).open(path)?.set_len(0)
}

/// Makes a copy the newest of the files that are kept.
fn keep(path: &Path, copy: &Path) -> std::io::Result<()> {
    for older in (1..KEPT).rev() {
        let from = numbered(path, older);
        if from.exists() {
            std::fs::rename(from, numbered(path, older + 1))?;
        }
    }
    std::fs::rename(copy, numbered(path, 1))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    path.with_extension(format!("log.{number}"))
}

/// Takes the lines that are whole; the beginning of another one stays.
pub(crate) fn take_lines(read: &mut Vec<u8>) -> Vec<String> {
    let end = read
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let whole: Vec<u8> = read.drain(..end).collect();
    let text = String::from_utf8_lossy(&whole);
    text.lines().map(str::to_owned).collect()
}

/// A line of a log without the time that it may begin with: `2025-06-01T12:00:00.123456Z`.
pub(crate) fn without_time(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, rest)) if is_time(time) => rest,
        _ => line,
    }
}

/// Whether a word is a time as it stands in front of a logged line.
pub(crate) fn is_time(word: &str) -> bool {
    word.len() >= 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T'
}

/// The last error that a service logged in the lines after `from`, if there is one.
pub(crate) fn last_error(path: &Path, from: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    // A file that is shorter was rotated since then.
    let from = if length < from { 0 } else { from };
    file.seek(SeekFrom::Start(from.max(length.saturating_sub(16 << 10))))
        .ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let error = |line: &str| {
        let line = without_time(line);
        let panicked = line.contains("panicked at").then(|| line.trim().to_owned());
        line.strip_prefix("error: ").map(str::to_owned).or(panicked)
    };
    tail.lines().rev().find_map(error)
}

#[cfg(test)]
mod tests {
    use super::{ROTATE_AT, last_error, numbered, open, rotate, without_time};
    use std::io::Write;

    #[test]
    fn a_large_file_is_copied_aside_and_its_writer_goes_on() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("etl.log");
        let mut log = open(&path).expect("a new file");
        for round in 0..5_u8 {
            log.write_all(&vec![b'0' + round; ROTATE_AT as usize])
                .expect("room");
            rotate(&path).expect("rotated");
            assert_eq!(std::fs::metadata(&path).expect("it is there").len(), 0);
        }
        log.write_all(b"on").expect("room");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"on");
        for (number, round) in [(1, b'4'), (2, b'3'), (3, b'2')] {
            assert_eq!(
                std::fs::read(numbered(&path, number)).expect("it is kept")[0],
                round
            );
        }
        assert!(!numbered(&path, 4).exists());
    }

    #[test]
    fn on_a_full_disk_the_file_is_cut_and_what_was_kept_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("etl.log");
        let kept = |number| std::fs::read_to_string(numbered(&path, number)).unwrap_or_default();
        for number in 1..=3 {
            std::fs::write(numbered(&path, number), number.to_string()).expect("room");
        }
        let mut log = open(&path).expect("a new file");
        log.write_all(&vec![b'x'; ROTATE_AT as usize]).expect("room");
        // Nothing fits into this device.
        std::os::unix::fs::symlink("/dev/full", path.with_extension("log.new")).expect("room");
        rotate(&path).expect("cut");
        assert_eq!([kept(1), kept(2), kept(3)], ["1", "2", "3"]);
        assert_eq!(std::fs::metadata(&path).expect("it is there").len(), 0);
        assert!(std::fs::symlink_metadata(path.with_extension("log.new")).is_err());
    }

    #[test]
    fn a_line_is_told_without_its_time() {
        assert_eq!(
            without_time("2025-06-01T12:00:00.123456Z error: a b"),
            "error: a b"
        );
        assert_eq!(without_time("error: a b"), "error: a b");
    }

    #[test]
    fn the_last_error_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("etl.log");
        std::fs::write(&path, "error: old\nINFO a\nerror: new\nINFO b\n").expect("room");
        assert_eq!(last_error(&path, 0), Some("new".to_owned()));
        assert_eq!(last_error(&path, 11), Some("new".to_owned()));
        assert_eq!(last_error(&path, 30), None);
        // The file was rotated after the service had begun to log at that place.
        assert_eq!(last_error(&path, 1000), Some("new".to_owned()));
    }
}
