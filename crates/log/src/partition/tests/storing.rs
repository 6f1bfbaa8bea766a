//! Appending and reading.

use super::*;

#[test]
fn records_get_offsets_and_epochs_and_are_read_back() {
    let (_, mut partition) = fresh(Options::default());
    let mut two = batch("a", &[1, 2]);
    two.extend(batch("b", &[3]));
    let done = partition.append_as_leader(&mut two, LeaderEpoch(4), NOW).unwrap();
    assert_eq!(
        (done.base_offset, done.last_offset, done.duplicate),
        (Offset(0), Offset(2), false)
    );
    assert_eq!(append(&mut partition, "c", 5).unwrap(), Offset(3));
    let expected = [(0, 4, "a/0"), (1, 4, "a/1"), (2, 4, "b/0"), (3, 5, "c/0")];
    assert_eq!(
        content(&partition),
        expected.map(|(offset, epoch, value)| (offset, epoch, value.to_owned()))
    );
    assert_eq!(partition.end_offset(), Offset(4));
    assert_eq!(partition.last_epoch(), Some(LeaderEpoch(5)));
    assert_eq!(
        partition.end_offset_for_epoch(LeaderEpoch(4)),
        Some((LeaderEpoch(4), Offset(3)))
    );
}

#[test]
fn reads_give_whole_batches_within_their_limits() {
    let (_, mut partition) = fresh(small());
    for i in 0..40 {
        append(&mut partition, &format!("{i}"), 0).unwrap();
    }
    assert!(partition.segments().len() > 3);
    let end = partition.end_offset();
    for from in 0..40 {
        let one = partition.read(Offset(from), 0, end).unwrap();
        let batch = Batch::parse(one.clone()).expect("one batch even where the limit is 0");
        assert_eq!(batch.base_offset(), Offset(from));
        let some = partition.read(Offset(from), one.len() * 3, end).unwrap();
        assert!(some.len() <= one.len() * 3);
        assert!(some.starts_with(&one));
        let bounded = partition.read(Offset(from), 1 << 20, Offset(from + 2)).unwrap();
        assert!(Batch::split(bounded).all(|batch| batch.unwrap().next_offset() <= Offset(from + 2)));
    }
    assert_eq!(partition.read(Offset(40), 100, end).unwrap(), Bytes::new());
    assert_eq!(partition.read(Offset(7), 100, Offset(7)).unwrap(), Bytes::new());
    for outside in [-1, 41] {
        let error = partition.read(Offset(outside), 100, end).unwrap_err();
        assert!(
            matches!(
                error,
                ReadError::OutOfRange {
                    start: Offset(0),
                    end: Offset(40),
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn a_batch_is_given_for_an_offset_inside_it_and_when_larger_than_asked_for() {
    let (_, mut partition) = fresh(Options::default());
    let mut big = batch(&"x".repeat(50_000), &[1, 2, 3]);
    partition.append_as_leader(&mut big, LeaderEpoch(0), NOW).unwrap();
    let bytes = partition.read(Offset(2), 10, Offset(3)).unwrap();
    assert_eq!(bytes, big);
    // The high watermark never lies inside a batch; where it did, nothing is given.
    assert_eq!(partition.read(Offset(0), 10, Offset(2)).unwrap(), Bytes::new());
}

#[test]
fn an_append_is_one_write() {
    let (disk, mut partition) = fresh(Options::default());
    append(&mut partition, "first", 0).unwrap();
    let steps = disk.steps();
    let mut three = [batch("a", &[1]), batch("b", &[1]), batch("c", &[1])].concat();
    partition
        .append_as_leader(&mut three, LeaderEpoch(0), NOW)
        .unwrap();
    assert_eq!(disk.steps(), steps + 1);
}

#[test]
fn followers_copy_bytes() {
    let (_, mut leader) = fresh(small());
    for (i, epoch) in [(0, 1), (1, 1), (2, 3), (3, 3), (4, 7)] {
        append(&mut leader, &format!("{i}"), epoch).unwrap();
    }
    let (_, mut follower) = fresh(small());
    while follower.end_offset() < leader.end_offset() {
        let bytes = leader
            .read(follower.end_offset(), 1000, leader.end_offset())
            .unwrap();
        follower.append_as_follower(&bytes, NOW).unwrap();
    }
    assert_eq!(content(&follower), content(&leader));
    assert_eq!(follower.epochs, leader.epochs);
    assert_eq!(follower.segments(), leader.segments());

    let again = leader.read(Offset(1), 10, Offset(5)).unwrap();
    let error = follower.append_as_follower(&again, NOW).unwrap_err();
    assert!(
        matches!(
            error,
            AppendError::UnexpectedOffset {
                expected: Offset(5),
                got: Offset(1)
            }
        ),
        "{error}"
    );
}

#[test]
fn an_epoch_that_was_led_without_a_record_stands_in_nobodys_way() {
    let (_, mut leader) = fresh(Options::default());
    append(&mut leader, "a", 1).unwrap();
    let (_, mut follower) = fresh(Options::default());
    let bytes = leader.read(Offset(0), 1 << 20, Offset(1)).unwrap();
    follower.append_as_follower(&bytes, NOW).unwrap();
    // Elected, and deposed before anything was written; meanwhile the other had written more.
    follower.begin_epoch(LeaderEpoch(7)).unwrap();
    assert_eq!(follower.last_epoch(), Some(LeaderEpoch(7)));
    assert_eq!(follower.last_record_epoch(), Some(LeaderEpoch(1)));
    append(&mut leader, "b", 6).unwrap();
    append(&mut leader, "c", 8).unwrap();
    let bytes = leader.read(Offset(1), 1 << 20, Offset(3)).unwrap();
    follower.append_as_follower(&bytes, NOW).unwrap();
    assert_eq!(content(&follower), content(&leader));
    for epoch in 0..9 {
        let epoch = LeaderEpoch(epoch);
        assert_eq!(
            follower.end_offset_for_epoch(epoch),
            leader.end_offset_for_epoch(epoch)
        );
    }
}

#[test]
fn many_copied_batches_fill_several_segments() {
    let (_, mut leader) = fresh(Options::default());
    for i in 0..40 {
        append(&mut leader, &format!("{i}"), i / 10).unwrap();
    }
    let all = leader.read(Offset(0), 1 << 20, Offset(40)).unwrap();
    let (_, mut follower) = fresh(small());
    assert!(follower.append_as_follower(&all, NOW).unwrap().rolled);
    assert_eq!(content(&follower), content(&leader));
    assert!(
        follower
            .segments()
            .iter()
            .all(|segment| segment.size_bytes <= 600)
    );
}

#[test]
fn stale_leaders_are_refused() {
    let (_, mut partition) = fresh(Options::default());
    append(&mut partition, "a", 5).unwrap();
    let error = append(&mut partition, "b", 4).unwrap_err();
    let stale = AppendError::StaleLeaderEpoch {
        current: LeaderEpoch(5),
        got: LeaderEpoch(4),
    };
    assert_eq!(error.to_string(), stale.to_string());
    partition.begin_epoch(LeaderEpoch(6)).unwrap();
    assert!(append(&mut partition, "b", 5).is_err());
    assert_eq!(
        partition.end_offset_for_epoch(LeaderEpoch(6)),
        Some((LeaderEpoch(6), Offset(1)))
    );
}

#[test]
fn a_short_write_is_cut_away_and_the_next_append_succeeds() {
    let (disk, mut partition) = fresh(Options::default());
    append(&mut partition, "kept", 0).unwrap();
    let size = partition.size_bytes();
    disk.set_capacity(Some(used(&disk) + 30));
    for _ in 0..3 {
        let error = append(&mut partition, "refused", 0).unwrap_err();
        assert!(matches!(error, AppendError::DiskFull(_)), "{error}");
        assert_eq!(
            disk.metadata(&dir().join("00000000000000000000.log"))
                .unwrap()
                .len,
            size
        );
        assert_eq!(values(&partition), ["kept/0"], "reads go on");
    }
    disk.set_capacity(None);
    assert_eq!(append(&mut partition, "next", 0).unwrap(), Offset(1));
    assert_eq!(values(&partition), ["kept/0", "next/0"]);
}

#[test]
fn a_full_disk_refuses_to_roll_and_recovers_too() {
    let (disk, mut partition) = fresh(small());
    while partition.segments().len() < 2 {
        append(&mut partition, "x", 0).unwrap();
    }
    while partition.size_bytes() - partition.segments()[0].size_bytes < 500 {
        append(&mut partition, "x", 0).unwrap();
    }
    let before = content(&partition);
    disk.set_capacity(Some(used(&disk) + 5));
    for _ in 0..3 {
        let error = append(&mut partition, "refused", 0).unwrap_err();
        assert!(matches!(error, AppendError::DiskFull(_)), "{error}");
        assert_eq!(content(&partition), before);
    }
    disk.set_capacity(None);
    append(&mut partition, "y", 0).unwrap();
    drop(partition);
    let (partition, recovery) = open(&disk, small(), Trust::SameBoot);
    assert_eq!(partition.end_offset(), Offset(before.len() as i64 + 1));
    assert_eq!(recovery.cut, None);
}

#[test]
fn a_full_disk_does_not_keep_records_from_being_cut() {
    let (disk, mut partition) = fresh(Options::default());
    for (value, epoch) in [("a", 1), ("b", 2), ("c", 4)] {
        append(&mut partition, value, epoch).unwrap();
    }
    disk.set_capacity(Some(0));
    assert_eq!(partition.truncate_to(Offset(2)).unwrap(), Offset(2));
    let error = append(&mut partition, "d", 2).unwrap_err();
    assert!(matches!(error, AppendError::DiskFull(_)), "{error}");
    let (reopened, _) = open(&disk.after_kill(), Options::default(), Trust::SameBoot);
    assert_eq!(reopened.last_epoch(), Some(LeaderEpoch(2)));

    disk.set_capacity(None);
    append(&mut partition, "d", 2).unwrap();
    append(&mut partition, "e", 3).unwrap();
    let (reopened, _) = open(&disk.after_kill(), Options::default(), Trust::SameBoot);
    assert_eq!(values(&reopened), ["a/0", "b/0", "d/0", "e/0"]);
    let ends = [1, 2, 3, 4].map(|epoch| reopened.end_offset_for_epoch(LeaderEpoch(epoch)));
    let end = |epoch, offset| Some((LeaderEpoch(epoch), Offset(offset)));
    assert_eq!(ends, [end(1, 1), end(2, 3), end(3, 4), None]);
}

#[test]
fn a_short_write_that_cannot_be_cut_away_takes_the_partition_offline() {
    let (disk, mut partition) = fresh(Options::default());
    append(&mut partition, "kept", 0).unwrap();
    disk.set_max_write(Some(20));
    disk.fail_step(disk.steps() + 2, io::ErrorKind::StorageFull);
    disk.fail_step(disk.steps() + 3, io::ErrorKind::Other);
    let error = append(&mut partition, "torn", 0).unwrap_err();
    assert!(matches!(error, AppendError::Offline(_)), "{error}");
    disk.set_max_write(None);
    assert!(matches!(
        append(&mut partition, "later", 0),
        Err(AppendError::Offline(_))
    ));
    assert!(matches!(
        partition.read(Offset(0), 10, Offset(1)),
        Err(ReadError::Offline(_))
    ));
    assert!(matches!(partition.flush(), Err(LogError::Offline(_))));
    assert!(matches!(
        partition.truncate_to(Offset(0)),
        Err(LogError::Offline(_))
    ));
    assert!(partition.offline().is_some());
    assert!(matches!(partition.close(), Err(LogError::Offline(_))));

    let (partition, recovery) = open(&disk, Options::default(), Trust::SameBoot);
    assert_eq!(values(&partition), ["kept/0"]);
    assert!(recovery.last_unfinished_only);
    assert_eq!(recovery.truncated_bytes, 20);
}

#[test]
fn writes_in_pieces_are_whole() {
    let (disk, mut partition) = fresh(small());
    disk.set_max_write(Some(7));
    for i in 0..20 {
        append(&mut partition, &format!("{i}"), 0).unwrap();
    }
    assert_eq!(values(&partition).len(), 20);
    partition.close().unwrap();
    let (partition, recovery) = open(&disk, small(), Trust::CleanStop);
    assert_eq!((values(&partition).len(), recovery.scanned_bytes), (20, 0));
}

#[test]
fn a_failed_sync_takes_the_partition_offline() {
    let (disk, mut partition) = fresh(Options::default());
    append(&mut partition, "a", 0).unwrap();
    disk.fail_step(disk.steps() + 1, io::ErrorKind::Other);
    assert!(partition.flush().is_err());
    assert!(matches!(
        append(&mut partition, "b", 0),
        Err(AppendError::Offline(_))
    ));
}

#[test]
fn sizes_are_limited() {
    let options = Options {
        max_message_bytes: 100,
        segment_bytes: 200,
        ..Options::default()
    };
    let (_, mut partition) = fresh(options);
    let error = append(&mut partition, &"x".repeat(60), 0).unwrap_err();
    assert!(
        matches!(error, AppendError::MessageTooLarge { limit: 100, .. }),
        "{error}"
    );
    let mut many = batch("a", &[1]).repeat(3);
    let error = partition
        .append_as_leader(&mut many, LeaderEpoch(0), NOW)
        .unwrap_err();
    assert!(
        matches!(error, AppendError::RecordListTooLarge { limit: 200, .. }),
        "{error}"
    );
    let error = partition
        .append_as_leader(&mut [], LeaderEpoch(0), NOW)
        .unwrap_err();
    assert!(matches!(error, AppendError::InvalidRecord(_)), "{error}");
}

#[test]
fn a_partition_can_begin_anywhere() {
    let options = Options {
        first_offset: Offset(1),
        ..small()
    };
    let (disk, mut partition) = fresh(options.clone());
    assert_eq!(
        (partition.start_offset(), partition.end_offset()),
        (Offset(1), Offset(1))
    );
    assert_eq!(append(&mut partition, "a", 0).unwrap(), Offset(1));
    drop(partition);
    let (partition, _) = open(&disk, options, Trust::SameBoot);
    assert_eq!(content(&partition), [(1, 0, "a/0".to_owned())]);
}

#[test]
fn the_folder_knows_its_topic() {
    let id = |n| Some(TopicId(uuid(n)));
    let options = |n| Options {
        topic_id: id(n),
        ..Options::default()
    };
    let (disk, partition) = fresh(options(7));
    drop(partition);
    let text = disk.read(&dir().join("partition.metadata")).unwrap();
    assert_eq!(text, b"version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAABw\n");
    assert_eq!(Partition::read_topic_id(&disk, &dir()).unwrap(), id(7));
    let error = Partition::open(disk.clone(), dir(), options(8), NOW, Trust::Nothing).unwrap_err();
    assert!(matches!(error, LogError::OtherTopic { .. }), "{error}");
    let (partition, _) = open(&disk, Options::default(), Trust::Nothing);
    assert_eq!(partition.topic_id(), id(7));

    edit(&disk, "partition.metadata", |bytes| {
        *bytes = b"version: 1\n".to_vec()
    });
    let error = Partition::read_topic_id(&disk, &dir()).unwrap_err();
    assert!(error.to_string().contains("newer minicluster"), "{error}");
}

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

/// The leader's records were deleted up to the middle of a batch, which it gives whole.
#[test]
fn a_copy_begins_with_the_batch_that_holds_its_start_offset() {
    let (_, mut leader) = fresh(small());
    let mut ten = batch("a", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    leader.append_as_leader(&mut ten, LeaderEpoch(3), NOW).unwrap();
    leader.set_start_offset(Offset(5)).unwrap();
    append(&mut leader, "b", 4).unwrap();
    let bytes = leader.read(Offset(5), 1_000, leader.end_offset()).unwrap();

    for trust in [Trust::CleanStop, Trust::SameBoot, Trust::Nothing] {
        let (disk, mut follower) = fresh(small());
        follower.reset_to(Offset(5)).unwrap();
        follower.append_as_follower(&bytes, NOW).unwrap();
        assert_eq!(content(&follower), content(&leader));
        if trust == Trust::CleanStop {
            follower.close().unwrap();
        } else {
            follower.flush().unwrap();
        }
        let (mut follower, recovery) = open(&disk, small(), trust);
        assert_eq!(
            (follower.start_offset(), follower.end_offset(), recovery.cut),
            (Offset(5), Offset(11), None)
        );
        assert_eq!(content(&follower), content(&leader), "{trust:?}");
        assert_eq!(append(&mut follower, "c", 5).unwrap(), Offset(11));
    }

    // It must reach the end, and a log that has records is continued, not begun anew.
    let (_, mut follower) = fresh(small());
    follower.reset_to(Offset(10)).unwrap();
    let error = follower.append_as_follower(&ten, NOW).unwrap_err();
    assert!(matches!(error, AppendError::UnexpectedOffset { .. }), "{error}");
    follower.reset_to(Offset(5)).unwrap();
    follower.append_as_follower(&bytes, NOW).unwrap();
    let error = follower.append_as_follower(&ten, NOW).unwrap_err();
    assert!(matches!(error, AppendError::UnexpectedOffset { .. }), "{error}");
}
