//! Opening after a stop that was not clean, and damaged files.

use super::*;

/// Three sealed segments and an active one, closed cleanly.
fn closed() -> (SimDisk, Vec<(i64, i32, String)>) {
    let (disk, mut partition) = fresh(small());
    let mut i = 0;
    while partition.segments().len() < 4 || partition.segments()[3].size_bytes < 300 {
        append(&mut partition, &format!("{i:02}"), i / 5).unwrap();
        i += 1;
    }
    let content = content(&partition);
    partition.close().unwrap();
    (disk, content)
}

fn segment(disk: &SimDisk, index: usize, extension: &str) -> String {
    let logs: Vec<_> = names(disk, &dir())
        .into_iter()
        .filter(|name| name.ends_with(".log"))
        .collect();
    logs[index].replace("log", extension)
}

#[test]
fn a_clean_stop_needs_no_scan() {
    let (disk, before) = closed();
    let (partition, recovery) = open(&disk, small(), Trust::CleanStop);
    assert_eq!(content(&partition), before);
    let end_offset = partition.end_offset();
    assert_eq!(
        recovery,
        Recovery {
            end_offset,
            last_unfinished_only: true,
            ..Recovery::default()
        }
    );
    assert_eq!(partition.flushed_offset(), end_offset);
}

#[test]
fn the_same_boot_scans_the_active_segment_only() {
    let (disk, before) = closed();
    let (partition, recovery) = open(&disk, small(), Trust::SameBoot);
    assert_eq!(content(&partition), before);
    let active = partition.segments().pop().unwrap();
    assert_eq!((recovery.scanned_bytes, recovery.cut), (active.size_bytes, None));
}

#[test]
fn without_trust_everything_behind_the_recovery_point_is_scanned() {
    let (disk, before) = closed();
    let (partition, recovery) = open(&disk, small(), Trust::Nothing);
    assert_eq!(content(&partition), before);
    assert_eq!(
        recovery.scanned_bytes,
        partition.segments().pop().unwrap().size_bytes
    );
    let all = partition.size_bytes();
    drop(partition);
    edit(&disk, "recovery-point-offset-checkpoint", |bytes| bytes.clear());
    let (_, recovery) = open(&disk, small(), Trust::Nothing);
    assert_eq!(recovery.scanned_bytes, all);
}

#[test]
fn a_torn_last_batch_is_the_last_unfinished_write() {
    let (clean, before) = closed();
    let log = segment(&clean, 3, "log");
    let size = clean.read(&dir().join(&log)).unwrap().len();
    let batch = batch("00", &[10]).len();
    for left in 1..batch {
        let disk = clean.after_kill();
        edit(&disk, &log, |bytes| bytes.truncate(size - batch + left));
        let (partition, recovery) = open(&disk, small(), Trust::SameBoot);
        assert_eq!(content(&partition), before[..before.len() - 1], "{left}");
        assert!(recovery.last_unfinished_only, "{left}: {recovery:?}");
        assert_eq!(recovery.truncated_bytes, left as u64);
    }
}

#[test]
fn anything_else_at_the_end_is_more_than_an_unfinished_write() {
    let (clean, before) = closed();
    let log = segment(&clean, 3, "log");
    let size = clean.read(&dir().join(&log)).unwrap().len();
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let changes: [(&str, Change); 5] = [
        ("zeros", Box::new(|bytes| bytes.extend([0; 40]))),
        (
            "zeros in the last batch",
            Box::new(move |bytes| bytes[size - 20..].fill(0)),
        ),
        ("one bit", Box::new(move |bytes| bytes[size - 1] ^= 1)),
        ("another offset", Box::new(|bytes| bytes.extend_from_within(..50))),
        (
            "a repeated batch",
            Box::new(|bytes| bytes.extend_from_within(..72)),
        ),
    ];
    for (what, change) in changes {
        let disk = clean.after_kill();
        edit(&disk, &log, change);
        let (partition, recovery) = open(&disk, small(), Trust::SameBoot);
        let found = content(&partition);
        assert!(
            before.starts_with(&found) && found.len() + 1 >= before.len(),
            "{what}"
        );
        assert!(!recovery.last_unfinished_only, "{what}: {recovery:?}");
        assert!(recovery.cut.is_some(), "{what}");
        assert!(partition.is_damaged(), "{what}");
        let disk = disk.after_kill();
        let (mut partition, recovery) = open(&disk, small(), Trust::SameBoot);
        assert_eq!(recovery.cut, None, "{what}");
        assert!(partition.is_damaged(), "{what}: it stays known");
        partition.forget_damage().unwrap();
        drop(partition);
        let (partition, _) = open(&disk, small(), Trust::SameBoot);
        assert!(!partition.is_damaged(), "{what}");
    }
}

#[test]
fn damage_in_an_old_segment_cuts_all_that_follows() {
    let (disk, before) = closed();
    edit(&disk, "recovery-point-offset-checkpoint", |bytes| {
        *bytes = b"0\n0\n".to_vec()
    });
    let log = segment(&disk, 1, "log");
    edit(&disk, &log, |bytes| bytes[100] ^= 1);
    let (partition, recovery) = open(&disk, small(), Trust::Nothing);
    let found = content(&partition);
    assert!(before.starts_with(&found));
    assert_eq!(partition.segments().len(), 2);
    assert!(!recovery.last_unfinished_only);
    let cut = recovery.cut.unwrap();
    let one = batch("00", &[10]).len() as u64;
    assert_eq!(
        (cut.position, cut.segment),
        (one, partition.segments()[1].base_offset)
    );
    assert!(cut.reason.contains("corrupt"), "{}", cut.reason);
    assert!(partition.last_epoch().unwrap().0 < before.last().unwrap().1);
}

#[test]
fn a_missing_first_segment_leaves_nothing() {
    let (disk, mut partition) = fresh(small());
    for i in 0..40 {
        append(&mut partition, &format!("{i:02}"), 0).unwrap();
    }
    let start = partition.segments()[1].base_offset;
    partition.set_start_offset(start).unwrap();
    partition.apply_retention(NOW, Offset(40)).unwrap();
    drop(partition);
    disk.remove_file(&dir().join(segment(&disk, 0, "log"))).unwrap();
    let (partition, recovery) = open(&disk, small(), Trust::Nothing);
    assert_eq!((partition.start_offset(), partition.end_offset()), (start, start));
    assert!(!recovery.last_unfinished_only);
    assert!(recovery.truncated_bytes > 0);
}

#[test]
fn a_missing_segment_cuts_all_that_follows() {
    let (disk, before) = closed();
    edit(&disk, "recovery-point-offset-checkpoint", |bytes| bytes.clear());
    disk.remove_file(&dir().join(segment(&disk, 2, "log"))).unwrap();
    let (partition, recovery) = open(&disk, small(), Trust::Nothing);
    assert!(before.starts_with(&content(&partition)));
    assert_eq!(partition.segments().len(), 2);
    assert!(recovery.cut.unwrap().reason.contains("follows offset"));
}

/// Whatever is damaged besides the records, they are all there again.
#[test]
fn everything_but_the_records_can_be_lost() {
    let (clean, before) = closed();
    for name in names(&clean, &dir()) {
        if name.ends_with(".log") {
            continue;
        }
        for damage in ["removed", "emptied", "garbage", "cut", "flipped"] {
            for trust in [Trust::CleanStop, Trust::SameBoot, Trust::Nothing] {
                let disk = clean.after_kill();
                match damage {
                    "removed" => disk.remove_file(&dir().join(&name)).unwrap(),
                    "emptied" => edit(&disk, &name, Vec::clear),
                    "garbage" => edit(&disk, &name, |bytes| bytes.fill(0xff)),
                    "cut" => edit(&disk, &name, |bytes| bytes.truncate(bytes.len() / 2)),
                    _ => edit(&disk, &name, |bytes| {
                        if let Some(first) = bytes.first_mut() {
                            *first ^= 1;
                        }
                    }),
                }
                let opened = Partition::open(disk, dir(), small(), NOW, trust);
                if damage == "flipped" && name.ends_with("-offset-checkpoint") {
                    // "0" became "1": written by a newer version.
                    assert!(matches!(opened, Err(LogError::Format { .. })), "{opened:?}");
                    continue;
                }
                let (mut partition, recovery) = opened.unwrap();
                let story = format!("{name} {damage}, {trust:?}: {recovery:?}");
                assert_eq!(content(&partition), before, "{story}");
                assert_eq!(recovery.cut, None, "{story}");
                assert!(recovery.last_unfinished_only, "{story}");
                for (offset, epoch, _) in &before {
                    let (found, end) = partition.end_offset_for_epoch(LeaderEpoch(*epoch)).unwrap();
                    assert!(found.0 == *epoch && end.0 > *offset, "{story}");
                }
                append(&mut partition, "more", 77).unwrap();
            }
        }
    }
}

#[test]
fn orphans_and_temporary_files_are_swept() {
    let (disk, before) = closed();
    for name in [
        "00000000000000099999.index",
        "00000000000000099999.timeindex",
        "00000000000000099999.snapshot",
    ] {
        disk.open(&dir().join(name), OpenMode::Create).unwrap();
    }
    let (partition, _) = open(&disk, small(), Trust::SameBoot);
    assert_eq!(content(&partition), before);
    assert!(
        names(&disk, &dir())
            .iter()
            .all(|name| !name.contains("99999") && !name.contains("tmp"))
    );
}

#[test]
fn a_log_that_ends_below_its_start_offset_begins_there() {
    let (disk, mut partition) = fresh(small());
    append(&mut partition, "a", 0).unwrap();
    append(&mut partition, "b", 0).unwrap();
    partition.set_start_offset(Offset(2)).unwrap();
    drop(partition);
    edit(&disk, "00000000000000000000.log", |bytes| bytes.truncate(73));
    let (mut partition, recovery) = open(&disk, small(), Trust::Nothing);
    assert_eq!(
        (partition.start_offset(), partition.end_offset()),
        (Offset(2), Offset(2))
    );
    assert!(!recovery.last_unfinished_only);
    assert_eq!(append(&mut partition, "c", 1).unwrap(), Offset(2));
}

#[test]
fn damaged_segments_are_errors_when_read() {
    let (disk, mut partition) = fresh(Options::default());
    append(&mut partition, "a", 0).unwrap();
    edit(&disk, "00000000000000000000.log", |bytes| bytes.fill(7));
    let error = partition.read(Offset(0), 100, Offset(1)).unwrap_err();
    assert!(matches!(error, ReadError::Corrupt { .. }), "{error}");
    assert!(partition.find_timestamp(Timestamp(0)).is_err());
}

/// A leader of epoch 5 that has written nothing copies what another one wrote in epoch 4: its own epoch never
/// was, also for who opens the log later.
#[test]
fn epochs_without_records_that_others_led_over_are_forgotten_for_good() {
    for trust in [Trust::CleanStop, Trust::SameBoot, Trust::Nothing] {
        let (_, mut leader) = fresh(tiny_segments());
        for i in 0..8 {
            append(&mut leader, &format!("{i}"), 4).unwrap();
        }
        let (disk, mut partition) = fresh(tiny_segments());
        let bytes = leader.read(Offset(0), 1, Offset(8)).unwrap();
        partition.append_as_follower(&bytes, NOW).unwrap();
        partition.begin_epoch(LeaderEpoch(5)).unwrap();
        while partition.end_offset() < leader.end_offset() {
            let bytes = leader.read(partition.end_offset(), 300, Offset(8)).unwrap();
            partition.append_as_follower(&bytes, NOW).unwrap();
        }
        let expected = content(&partition);
        if trust == Trust::CleanStop {
            partition.close().unwrap();
        } else {
            drop(partition);
        }
        let (partition, recovery) = open(&disk, tiny_segments(), trust);
        assert_eq!((content(&partition), recovery.cut), (expected, None), "{trust:?}");
        assert_eq!(partition.last_epoch(), Some(LeaderEpoch(4)), "{trust:?}");
        assert_eq!(
            partition.end_offset_for_epoch(LeaderEpoch(4)),
            Some((LeaderEpoch(4), Offset(8))),
            "{trust:?}"
        );
    }
}

fn tiny_segments() -> Options {
    Options {
        segment_bytes: 250,
        ..small()
    }
}
