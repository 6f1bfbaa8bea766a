//! Removing records from both ends, and the whole partition.

use super::*;

fn filled(options: Options, count: i64) -> (SimDisk, Partition<SimDisk>) {
    let (disk, mut partition) = fresh(options);
    for i in 0..count {
        partition
            .append_as_leader(&mut batch(&format!("{i:02}"), &[i * 100]), LeaderEpoch(0), NOW)
            .unwrap();
    }
    (disk, partition)
}

fn first(partition: &Partition<SimDisk>) -> SegmentView {
    partition.segments().swap_remove(0)
}

#[test]
fn old_segments_go_by_time() {
    let (_, mut partition) = filled(
        Options {
            retention_ms: Some(1000),
            ..small()
        },
        40,
    );
    let segments = partition.segments();
    let now = Timestamp(segments[1].max_timestamp.0 + 1000);
    assert_eq!(
        partition.apply_retention(now, Offset(40)).unwrap(),
        segments[0].size_bytes
    );
    assert_eq!(partition.segments(), segments[1..]);
    assert_eq!(partition.start_offset(), segments[1].base_offset);
    let error = partition.read(Offset(0), 10, Offset(40)).unwrap_err();
    assert!(matches!(error, ReadError::OutOfRange { .. }));

    // All of them, the active one too; the next record continues.
    partition
        .apply_retention(Timestamp(1_000_000), Offset(40))
        .unwrap();
    assert_eq!(
        (partition.start_offset(), partition.size_bytes()),
        (Offset(40), 0)
    );
    assert_eq!(append(&mut partition, "next", 0).unwrap(), Offset(40));
}

#[test]
fn excess_segments_go_by_size() {
    let (_, mut partition) = filled(
        Options {
            retention_bytes: Some(1000),
            ..small()
        },
        40,
    );
    partition.apply_retention(NOW, Offset(40)).unwrap();
    assert!(partition.size_bytes() >= 1000, "never below the limit");
    assert!(partition.size_bytes() - first(&partition).size_bytes < 1000);
    assert_eq!(partition.apply_retention(NOW, Offset(40)).unwrap(), 0);
}

#[test]
fn nothing_above_the_high_watermark_goes() {
    let (_, mut partition) = filled(
        Options {
            retention_ms: Some(0),
            ..small()
        },
        40,
    );
    let segments = partition.segments();
    partition
        .apply_retention(Timestamp(1_000_000), Offset(segments[1].next_offset.0 - 1))
        .unwrap();
    assert_eq!(partition.start_offset(), segments[0].next_offset);
}

#[test]
fn deleted_records_are_not_served_and_their_segments_go() {
    let (disk, mut partition) = filled(small(), 40);
    let segments = partition.segments();
    let inside = segments[2].base_offset.plus(1);
    partition.set_start_offset(inside).unwrap();
    partition.set_start_offset(Offset(3)).unwrap();
    assert_eq!(partition.start_offset(), inside, "it never goes back");
    assert!(partition.set_start_offset(Offset(41)).is_err());
    partition.apply_retention(NOW, Offset(40)).unwrap();
    assert_eq!(first(&partition).base_offset, segments[2].base_offset);
    drop(partition);
    let (partition, _) = open(&disk, small(), Trust::SameBoot);
    assert_eq!(partition.start_offset(), inside);
    assert_eq!(values(&partition).len() as i64, 40 - inside.0);
    assert!(
        names(&disk, &dir())
            .iter()
            .all(|name| !name.starts_with("00000000000000000000"))
    );
}

#[test]
fn segments_are_sealed_when_their_time_is_over() {
    let (_, partition) = filled(
        Options {
            segment_ms: 450,
            ..Options::default()
        },
        12,
    );
    let spans: Vec<_> = partition
        .segments()
        .iter()
        .map(|s| s.next_offset.0 - s.base_offset.0)
        .collect();
    assert_eq!(spans, [5, 5, 2]);
}

#[test]
fn segments_are_sealed_before_an_index_is_full() {
    let options = Options {
        index_interval_bytes: 0,
        segment_index_bytes: 36,
        ..Options::default()
    };
    let (_, partition) = filled(options, 12);
    assert!(partition.segments().len() > 3, "{:?}", partition.segments());
}

#[test]
fn truncation_inside_a_batch_takes_all_of_it() {
    let (_, mut partition) = fresh(Options::default());
    append(&mut partition, "a", 0).unwrap();
    partition
        .append_as_leader(&mut batch("b", &[1, 2, 3]), LeaderEpoch(1), NOW)
        .unwrap();
    assert_eq!(partition.truncate_to(Offset(9)).unwrap(), Offset(4));
    assert_eq!(partition.truncate_to(Offset(3)).unwrap(), Offset(1));
    assert_eq!(values(&partition), ["a/0"]);
    assert_eq!(partition.last_epoch(), Some(LeaderEpoch(0)));
    assert_eq!(append(&mut partition, "c", 3).unwrap(), Offset(1));
}

#[test]
fn truncation_below_the_start_is_refused() {
    let (_, mut partition) = filled(small(), 40);
    partition.set_start_offset(Offset(20)).unwrap();
    let error = partition.truncate_to(Offset(19)).unwrap_err();
    assert!(
        matches!(
            error,
            LogError::OutOfRange {
                start: Offset(20),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(partition.truncate_to(Offset(20)).unwrap(), Offset(20));
}

#[test]
fn a_flush_that_was_overtaken_by_a_truncation_proves_nothing() {
    let (_, mut partition) = filled(small(), 20);
    let mut flush = partition.begin_flush().unwrap();
    partition.truncate_to(Offset(5)).unwrap();
    for i in 0..15 {
        append(&mut partition, &format!("new {i}"), 1).unwrap();
    }
    let done = flush.run();
    partition.finish_flush(flush, done).unwrap();
    assert!(partition.flushed_offset() <= Offset(5));
    partition.flush().unwrap();
    assert_eq!(partition.flushed_offset(), Offset(20));
}

#[test]
fn appends_go_on_while_a_flush_runs() {
    let (_, mut partition) = filled(small(), 20);
    let mut flush = partition.begin_flush().unwrap();
    assert_eq!(flush.up_to(), Offset(20));
    append(&mut partition, "later", 0).unwrap();
    let done = std::thread::scope(|scope| scope.spawn(|| flush.run()).join().unwrap());
    partition.finish_flush(flush, done).unwrap();
    assert_eq!(partition.flushed_offset(), Offset(20));
}

#[test]
fn a_reset_begins_anew() {
    for offset in [0, 7, 40, 500] {
        let (disk, mut partition) = filled(small(), 40);
        partition.reset_to(Offset(offset)).unwrap();
        assert_eq!(
            (partition.start_offset(), partition.end_offset()),
            (Offset(offset), Offset(offset))
        );
        assert_eq!(append(&mut partition, "new", 5).unwrap(), Offset(offset));
        drop(partition);
        let (partition, recovery) = open(&disk, small(), Trust::Nothing);
        assert_eq!(content(&partition), [(offset, 5, "new/0".to_owned())]);
        assert_eq!(recovery.cut, None);
    }
}

#[test]
fn a_reset_survives_a_kill_and_a_power_loss_at_every_step() {
    for offset in [7, 40, 500] {
        let (disk, mut partition) = filled(small(), 40);
        partition.flush().unwrap();
        let before = content(&partition);
        disk.keep_images();
        partition.reset_to(Offset(offset)).unwrap();
        for image in disk.take_images() {
            let mut disks = image.power_losses(20, 1).disks;
            disks.push(image.after_kill());
            for (i, disk) in disks.iter().enumerate() {
                let trust = if i + 1 == disks.len() {
                    Trust::SameBoot
                } else {
                    Trust::Nothing
                };
                let (partition, recovery) = open(disk, small(), trust);
                let found = content(&partition);
                let first = found.first().map_or(0, |(offset, ..)| *offset as usize);
                assert!(before[first..].starts_with(&found), "{image:?}: {recovery:?}");
            }
        }
    }
}

#[test]
fn a_deleted_partition_is_gone_at_every_step() {
    let (disk, partition) = filled(
        Options {
            topic_id: Some(TopicId::default()),
            ..small()
        },
        20,
    );
    partition.delete().unwrap();
    assert!(names(&disk, Path::new("/")).is_empty());

    let (disk, partition) = filled(small(), 20);
    let before = content(&partition);
    disk.keep_images();
    partition.delete().unwrap();
    for image in disk.take_images() {
        for disk in image
            .power_losses(20, 1)
            .disks
            .into_iter()
            .chain([image.after_kill()])
        {
            Partition::remove_deleted(&disk, Path::new("/")).unwrap();
            match names(&disk, Path::new("/")).as_slice() {
                [] => {}
                [name] if name == "t-0" => {
                    let (partition, _) = open(&disk, small(), Trust::Nothing);
                    assert!(before.starts_with(&content(&partition)));
                }
                other => panic!("{other:?} is left: {image:?}"),
            }
        }
    }
}

#[test]
fn a_full_disk_does_not_keep_a_follower_from_truncating() {
    let (disk, mut partition) = filled(small(), 40);
    disk.set_capacity(Some(used(&disk)));
    let end = partition.truncate_to(Offset(11)).unwrap();
    assert_eq!(end, Offset(11));
    assert_eq!(values(&partition).len(), 11);
    // That freed some space.
    assert_eq!(append(&mut partition, "x", 0).unwrap(), Offset(11));
}

#[test]
fn the_longest_name_can_be_deleted_and_set_aside() {
    let disk = SimDisk::new();
    let id: TopicId = "AAAAAAAAAAAAAAAAAAAABw".parse().unwrap();
    let options = || Options {
        topic_id: Some(id),
        ..small()
    };
    let long = PathBuf::from("/").join(format!("{}-1999", "t".repeat(249)));
    let opened = |dir: &Path| {
        Partition::open(disk.clone(), dir.to_owned(), options(), NOW, Trust::SameBoot)
            .expect("the partition opens")
            .0
    };

    disk.keep_images();
    opened(&long).delete().unwrap();
    let mut longest = 0;
    for image in disk.take_images() {
        for name in names(&image.after_kill(), Path::new("/")) {
            longest = longest.max(name.len());
        }
    }
    assert_eq!(longest, 255);
    assert!(names(&disk, Path::new("/")).is_empty());

    drop(opened(&long));
    let aside = Partition::set_aside(&disk, &long).unwrap();
    let name = aside.file_name().unwrap().to_str().unwrap();
    assert_eq!(name.len(), 255);
    assert!(name.ends_with(&format!("-1999.{id}-stray")), "{name}");
    assert_eq!(names(&disk, Path::new("/")), [name]);
    assert_eq!(Partition::set_aside(&disk, &aside).unwrap(), aside);
    Partition::remove_deleted(&disk, Path::new("/")).unwrap();
    assert_eq!(Partition::read_topic_id(&disk, &aside).unwrap(), Some(id));
}

#[test]
fn a_flush_that_could_not_open_a_file_is_tried_again() {
    let (disk, mut partition) = filled(small(), 20);
    // A folder can't be opened as a file; too many open files look the same.
    let index = dir().join("00000000000000000000.index");
    disk.remove_file(&index).unwrap();
    disk.create_dir(&index).unwrap();
    let mut flush = partition.begin_flush().unwrap();
    let done = flush.run();
    assert!(matches!(done, Err(LogError::Unopened { .. })), "{done:?}");
    assert!(partition.finish_flush(flush, done).is_err());
    assert_eq!(partition.offline(), None);
    assert_eq!(partition.flushed_offset(), Offset(0));
    append(&mut partition, "more", 0).unwrap();
    disk.remove_dir(&index).unwrap();
    partition.flush().unwrap();
    assert_eq!(partition.flushed_offset(), Offset(21));
}
