use super::*;
use crate::kind::Kind;

fn done(run: u64, to: u64, events: u64) -> Done {
    Done {
        topic: "iot".to_owned(),
        topic_id: "id".to_owned(),
        run,
        to,
        counts: [(Kind::Event, events)].into_iter().collect(),
        next: vec![events as i64, 0],
        closed: false,
    }
}

fn intent(run: u64, to: u64) -> Entry {
    Entry::Intent {
        topic: "iot".to_owned(),
        run,
        to,
        until_ms: to as i64 * 10,
    }
}

fn run(number: u64, id: u64) -> Entry {
    Entry::Run(Run {
        number,
        id,
        identity: Identity { id: 40, epoch: 0 },
        fencing: None,
    })
}

fn open(folder: &Path) -> u64 {
    read(folder).unwrap().topics["iot"].open()
}

#[test]
fn what_lies_between_intent_and_counts_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(run(0, 7)).unwrap();
    log.append(intent(7, 100)).unwrap();
    assert_eq!(open(folder.path()), 100, "readable while it is written");
    log.append(Entry::Done(done(7, 60, 60))).unwrap();
    assert_eq!(open(folder.path()), 40);
    log.append(Entry::Done(Done {
        closed: true,
        ..done(7, 90, 90)
    }))
    .unwrap();
    assert_eq!(open(folder.path()), 0);
}

#[test]
fn a_new_log_says_the_same_as_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    for entry in [
        run(0, 7),
        intent(7, 100),
        Entry::Done(done(7, 60, 60)),
        run(1, 8),
        intent(8, 4),
    ] {
        log.append(entry).unwrap();
    }
    let before = log.state().clone();
    assert_eq!(before.topics["iot"].open(), 44, "two runs are open");
    drop(log);
    let mut log = TruthLog::open(folder.path()).unwrap();
    assert_eq!(*log.state(), before);
    log.append(Entry::Done(Done {
        closed: true,
        ..done(8, 4, 81)
    }))
    .unwrap();
    assert_eq!(log.state().topics["iot"].open(), 0);
    drop(log);
    let log = TruthLog::open(folder.path()).unwrap();
    assert_eq!(log.state().until_ms, Some(1_000), "the time is kept");
    assert_eq!(log.state().topics.len(), 1);
}

#[test]
fn a_line_that_was_cut_off_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(run(0, 7)).unwrap();
    log.append(intent(7, 100)).unwrap();
    log.append(Entry::Done(done(7, 60, 60))).unwrap();
    drop(log);
    let path = folder.path().join(LOG);
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .unwrap()
        + 1;
    for end in last..whole.len() {
        fs::write(&path, &whole[..end]).unwrap();
        assert_eq!(open(folder.path()), 100, "cut at {end}");
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(run(0, 7)).unwrap();
    log.append(Entry::Done(done(7, 60, 60))).unwrap();
    let state = log.state().clone();
    drop(log);
    let path = folder.path().join(LOG);
    let whole = fs::read(&path).unwrap();
    for index in 0..whole.len() {
        let mut changed = whole.clone();
        changed[index] ^= 0x04;
        fs::write(&path, &changed).unwrap();
        // A lost last newline, or upper case in a checksum, says nothing else.
        assert!(
            read(folder.path()).is_err() || read(folder.path()).unwrap() == state || index + 1 == whole.len()
        );
    }
}

#[test]
fn another_format_is_refused() {
    for version in [FORMAT - 1, FORMAT + 1] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOG), line(&Entry::Format { version })).unwrap();
        let Err(GeneratorError::OtherFormat { found, .. }) = TruthLog::open(folder.path()) else {
            panic!("format {version} was taken");
        };
        assert_eq!(found, version);
    }
}

#[test]
fn a_topic_made_anew_is_counted_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(run(0, 7)).unwrap();
    log.append(intent(7, 100)).unwrap();
    log.append(Entry::Done(done(7, 60, 60))).unwrap();
    log.forget_counts("iot");
    let topic = &log.state().topics["iot"];
    assert_eq!((topic.done_to(7), topic.open()), (0, 100));
}

#[test]
fn a_second_generator_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = TruthLog::open(folder.path()).unwrap();
    assert!(matches!(
        TruthLog::open(folder.path()),
        Err(GeneratorError::Locked { .. })
    ));
}

#[test]
fn without_a_log_nothing_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        crate::Truth::read(folder.path()).unwrap(),
        crate::Truth::default()
    );
}

#[test]
fn a_write_that_failed_midway_leaves_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(run(0, 7)).unwrap();
    log.append(intent(7, 100)).unwrap();
    let full = |file: &mut File, line: &[u8]| {
        file.write_all(&line[..line.len() / 2])?;
        Err(io::Error::from(ErrorKind::StorageFull))
    };
    let error = log.append_by(intent(7, 200), full).unwrap_err();
    assert!(matches!(error, GeneratorError::Io { .. }), "{error}");
    assert_eq!(open(folder.path()), 100, "nothing of the line is left");
    log.append(Entry::Done(done(7, 60, 60)))
        .expect_err("another stream's line has no place behind it");
    drop(log);
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(Entry::Done(done(7, 60, 60))).unwrap();
    assert_eq!(open(folder.path()), 40);
}

#[test]
fn a_log_on_a_full_disk_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(run(0, 7)).unwrap();
    log.append(intent(7, 100)).unwrap();
    let full = |_: &mut File, _: &[u8]| Err(io::Error::from(ErrorKind::StorageFull));
    let error = log.append_by(intent(7, 200), full).unwrap_err();
    assert!(error.is_passing(), "{error}");
    log.mend().unwrap();
    log.append(Entry::Done(done(7, 60, 60))).unwrap();
    assert_eq!(open(folder.path()), 40);
    let damaged = GeneratorError::Io {
        path: folder.path().to_owned(),
        error: io::Error::from(ErrorKind::PermissionDenied),
    };
    assert!(!damaged.is_passing());
}

#[test]
fn a_log_that_grew_is_written_anew_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = TruthLog::open(folder.path()).unwrap();
    log.append(run(0, 7)).unwrap();
    for to in 1..20_000 {
        log.append(intent(7, to)).unwrap();
        log.append(Entry::Done(done(7, to / 2, to / 2))).unwrap();
    }
    let length = fs::metadata(folder.path().join(LOG)).unwrap().len();
    assert!(length <= REWRITE_BYTES, "{length} bytes");
    assert_eq!(open(folder.path()), 19_999 - 9_999);
    let before = log.state().clone();
    drop(log);
    assert_eq!(*TruthLog::open(folder.path()).unwrap().state(), before);
}
