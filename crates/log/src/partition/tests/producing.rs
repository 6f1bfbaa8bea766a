//! Idempotent producers, and batches that a leader refuses.

use super::*;

fn produce(partition: &mut Partition<SimDisk>, mut bytes: Vec<u8>) -> Result<(i64, i64, bool), AppendError> {
    let done = partition.append_as_leader(&mut bytes, LeaderEpoch(0), NOW)?;
    Ok((done.base_offset.0, done.last_offset.0, done.duplicate))
}

#[test]
fn the_last_five_batches_may_come_again() {
    let (_, mut partition) = fresh(Options::default());
    for i in 0..7 {
        assert_eq!(
            produce(&mut partition, produced(1, 0, i * 3, 3)).unwrap(),
            (i64::from(i) * 3, i64::from(i) * 3 + 2, false)
        );
    }
    for i in 2..7 {
        let first = (i64::from(i) * 3, i64::from(i) * 3 + 2, true);
        assert_eq!(produce(&mut partition, produced(1, 0, i * 3, 3)).unwrap(), first);
    }
    let error = produce(&mut partition, produced(1, 0, 3, 3)).unwrap_err();
    assert!(
        matches!(
            error,
            AppendError::OutOfOrderSequence {
                expected: Sequence(21),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(partition.end_offset(), Offset(21));
}

#[test]
fn sequences_must_follow_each_other() {
    let (_, mut partition) = fresh(Options::default());
    produce(&mut partition, produced(1, 0, 0, 2)).unwrap();
    for wrong in [0, 1, 3, 100] {
        let error = produce(&mut partition, produced(1, 0, wrong, 1)).unwrap_err();
        let expected = AppendError::OutOfOrderSequence {
            producer: ProducerId(1),
            expected: Sequence(2),
            got: Sequence(wrong),
        };
        assert_eq!(error.to_string(), expected.to_string());
    }
    produce(&mut partition, produced(1, 0, 2, 1)).unwrap();
    produce(&mut partition, produced(2, 0, 0, 1)).unwrap();
    assert_eq!(partition.end_offset(), Offset(4));
}

#[test]
fn sequences_wrap() {
    let (_, mut partition) = fresh(Options::default());
    produce(&mut partition, produced(1, 0, i32::MAX - 1, 3)).unwrap();
    assert_eq!(
        produce(&mut partition, produced(1, 0, i32::MAX - 1, 3)).unwrap(),
        (0, 2, true)
    );
    assert_eq!(
        produce(&mut partition, produced(1, 0, 1, 1)).unwrap(),
        (3, 3, false)
    );
}

#[test]
fn older_epochs_are_fenced_and_newer_ones_begin_at_zero() {
    let (_, mut partition) = fresh(Options::default());
    produce(&mut partition, produced(1, 3, 0, 1)).unwrap();
    let error = produce(&mut partition, produced(1, 4, 1, 1)).unwrap_err();
    assert!(
        matches!(
            error,
            AppendError::OutOfOrderSequence {
                expected: Sequence(0),
                ..
            }
        ),
        "{error}"
    );
    produce(&mut partition, produced(1, 4, 0, 1)).unwrap();
    let error = produce(&mut partition, produced(1, 3, 1, 1)).unwrap_err();
    assert!(
        matches!(
            error,
            AppendError::InvalidProducerEpoch {
                current: ProducerEpoch(4),
                got: ProducerEpoch(3),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn producers_that_are_unknown_may_begin_anywhere() {
    // Their records may have been removed by retention.
    let (_, mut partition) = fresh(Options::default());
    assert_eq!(
        produce(&mut partition, produced(1, 0, 50, 1)).unwrap(),
        (0, 0, false)
    );
}

#[test]
fn idle_producers_are_forgotten() {
    let (_, mut partition) = fresh(Options {
        producer_id_expiration_ms: 100,
        ..Options::default()
    });
    produce(&mut partition, produced(1, 0, 0, 1)).unwrap();
    partition.expire_producers(Timestamp(NOW.0 + 99));
    assert_eq!(partition.producers().len(), 1);
    partition.expire_producers(Timestamp(NOW.0 + 100));
    assert_eq!(partition.producers(), []);
}

#[test]
fn several_batches_of_a_producer_go_together_or_not_at_all() {
    let (_, mut partition) = fresh(Options::default());
    let three = [produced(1, 0, 0, 1), produced(2, 0, 0, 1), produced(1, 0, 1, 1)].concat();
    assert_eq!(produce(&mut partition, three).unwrap(), (0, 2, false));
    let gap = [produced(1, 0, 2, 1), produced(1, 0, 4, 1)].concat();
    assert!(matches!(
        produce(&mut partition, gap),
        Err(AppendError::OutOfOrderSequence { .. })
    ));
    let repeated = [produced(1, 0, 2, 1), produced(1, 0, 2, 1)].concat();
    assert!(matches!(
        produce(&mut partition, repeated),
        Err(AppendError::InvalidRecord(_))
    ));
    assert_eq!(
        produce(&mut partition, produced(1, 0, 2, 1)).unwrap(),
        (3, 3, false)
    );
}

#[test]
fn a_failed_append_leaves_the_producer_as_it_was() {
    let (disk, mut partition) = fresh(Options::default());
    produce(&mut partition, produced(1, 0, 0, 1)).unwrap();
    disk.fail_step(disk.steps() + 1, io::ErrorKind::StorageFull);
    assert!(produce(&mut partition, produced(1, 0, 1, 1)).is_err());
    assert_eq!(
        produce(&mut partition, produced(1, 0, 1, 1)).unwrap(),
        (1, 1, false)
    );
}

/// Retries find their first offsets after every kind of restart, and on a follower that took over.
#[test]
fn duplicates_are_known_after_a_restart() {
    let (disk, mut leader) = fresh(small());
    for i in 0..20 {
        produce(&mut leader, produced(1, 0, i, 1)).unwrap();
        produce(&mut leader, produced(i64::from(i) + 10, 0, 0, 1)).unwrap();
    }
    let retries = |partition: &mut Partition<SimDisk>, story: &str| {
        for i in 15..20 {
            let first = (i64::from(i) * 2, i64::from(i) * 2, true);
            assert_eq!(
                produce(partition, produced(1, 0, i, 1)).unwrap(),
                first,
                "{story}"
            );
        }
        for i in 0..20 {
            assert!(
                produce(partition, produced(i + 10, 0, 0, 1)).unwrap().2,
                "{story}"
            );
        }
        assert!(produce(partition, produced(1, 0, 21, 1)).is_err(), "{story}");
        assert_eq!(partition.end_offset(), Offset(40), "{story}");
    };
    retries(&mut leader, "before");

    let (_, mut follower) = fresh(small());
    while follower.end_offset() < leader.end_offset() {
        let bytes = leader
            .read(follower.end_offset(), 500, leader.end_offset())
            .unwrap();
        follower.append_as_follower(&bytes, NOW).unwrap();
    }
    retries(&mut follower, "follower");

    let killed = disk.after_kill();
    retries(&mut open(&killed, small(), Trust::SameBoot).0, "killed");
    let killed = disk.after_kill();
    retries(&mut open(&killed, small(), Trust::Nothing).0, "scanned");
    leader.close().unwrap();
    retries(&mut open(&disk, small(), Trust::CleanStop).0, "clean stop");
}

#[test]
fn truncation_takes_producers_back() {
    let (_, mut partition) = fresh(small());
    for i in 0..20 {
        produce(&mut partition, produced(1, 0, i, 1)).unwrap();
    }
    partition.truncate_to(Offset(11)).unwrap();
    assert_eq!(
        produce(&mut partition, produced(1, 0, 10, 1)).unwrap(),
        (10, 10, true)
    );
    assert_eq!(
        produce(&mut partition, produced(1, 0, 6, 1)).unwrap(),
        (6, 6, true)
    );
    assert_eq!(
        produce(&mut partition, produced(1, 0, 11, 1)).unwrap(),
        (11, 11, false)
    );
    assert!(produce(&mut partition, produced(1, 0, 13, 1)).is_err());
}

/// The CRC of a changed batch.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    bytes
}

fn compressed(codec: Compression, records: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    for i in 0..records {
        builder
            .push(
                Timestamp(i64::from(i)),
                None,
                Some(b"some value, some value"),
                &[],
            )
            .unwrap();
    }
    builder.build().unwrap().to_vec()
}

const CODECS: [Compression; 5] = [
    Compression::None,
    Compression::Gzip,
    Compression::Snappy,
    Compression::Lz4,
    Compression::Zstd,
];

/// What a leader says to a batch of three records in which these bytes were put at this place.
fn changed(codec: Compression, at: usize, bytes: &[u8], crc: bool) -> Result<(), AppendError> {
    let (_, mut partition) = fresh(Options::default());
    let mut batch = compressed(codec, 3);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    let mut batch = if crc { sealed(batch) } else { batch };
    let result = partition
        .append_as_leader(&mut batch, LeaderEpoch(0), NOW)
        .map(|_| ());
    if result.is_err() {
        assert_eq!(partition.end_offset(), Offset(0));
        assert_eq!(partition.size_bytes(), 0);
    }
    result
}

#[test]
fn broken_batches_are_refused() {
    for codec in CODECS {
        let refused = |at: usize, bytes: &[u8]| changed(codec, at, bytes, true).unwrap_err();
        assert!(
            matches!(changed(codec, 61, &[0xaa], false), Err(AppendError::Corrupt(_))),
            "wrong CRC"
        );
        assert!(
            matches!(refused(16, &[1]), AppendError::UnsupportedFormat(_)),
            "magic 1"
        );
        assert!(
            matches!(refused(16, &[0]), AppendError::UnsupportedFormat(_)),
            "magic 0"
        );
        assert!(
            matches!(refused(16, &[3]), AppendError::UnsupportedFormat(_)),
            "magic 3"
        );
        assert!(
            matches!(refused(8, &1000_i32.to_be_bytes()), AppendError::Corrupt(_)),
            "cut off"
        );
        assert!(
            matches!(refused(8, &(-1_i32).to_be_bytes()), AppendError::Corrupt(_)),
            "negative length"
        );
        for count in [0, 1, 2, 4, -1, i32::MAX] {
            let error = refused(57, &count.to_be_bytes());
            assert!(
                matches!(error, AppendError::InvalidRecord(_)),
                "count {count}: {error}"
            );
            let error = refused(23, &(count - 1).max(-1).to_be_bytes());
            assert!(
                matches!(error, AppendError::InvalidRecord(_)),
                "delta {count}: {error}"
            );
        }
        for both in [1, 2, 4, i32::MAX] {
            let (_, mut partition) = fresh(Options::default());
            let mut batch = compressed(codec, 3);
            batch[23..27].copy_from_slice(&(both - 1).to_be_bytes());
            batch[57..61].copy_from_slice(&both.to_be_bytes());
            let error = partition
                .append_as_leader(&mut sealed(batch), LeaderEpoch(0), NOW)
                .unwrap_err();
            assert!(
                matches!(error, AppendError::InvalidRecord(_)),
                "{codec} {both}: {error}"
            );
        }
        let attributes = |bits: i16| (codec.id() | bits).to_be_bytes();
        assert!(matches!(
            refused(21, &attributes(0x10)),
            AppendError::TransactionsUnsupported
        ));
        assert!(
            matches!(refused(21, &attributes(0x20)), AppendError::InvalidRecord(_)),
            "control"
        );
        assert!(
            matches!(refused(21, &attributes(0x08)), AppendError::InvalidRecord(_)),
            "append time"
        );
        assert!(matches!(
            refused(21, &[0, 5]),
            AppendError::UnsupportedCompression(_)
        ));
        assert!(
            matches!(refused(43, &7_i64.to_be_bytes()), AppendError::InvalidRecord(_)),
            "no sequence"
        );
        assert!(
            changed(codec, 0, &77_i64.to_be_bytes(), false).is_ok(),
            "base offsets are assigned"
        );
        assert!(
            changed(codec, 12, &77_i32.to_be_bytes(), false).is_ok(),
            "so are leader epochs"
        );
    }
}

#[test]
fn records_that_consumers_could_not_read_are_refused() {
    for codec in CODECS {
        let size = compressed(codec, 3).len();
        let mut refused = 0;
        for at in 61..size {
            for bit in 0..8 {
                let mut batch = compressed(codec, 3);
                batch[at] ^= 1 << bit;
                let (_, mut partition) = fresh(Options::default());
                let mut batch = sealed(batch);
                match partition.append_as_leader(&mut batch, LeaderEpoch(0), NOW) {
                    Ok(_) => assert_eq!(content(&partition).len(), 3, "{codec}: bit {bit} of {at}"),
                    Err(AppendError::InvalidRecord(_)) => refused += 1,
                    Err(error) => panic!("{codec}: bit {bit} of {at}: {error}"),
                }
            }
        }
        assert!(refused > 0, "{codec}");
    }
}

#[test]
fn offsets_inside_a_batch_must_be_consecutive() {
    let mut one = BatchBuilder::new(Compression::None);
    one.push(Timestamp(0), None, Some(b"a"), &[]).unwrap();
    one.push(Timestamp(0), None, Some(b"b"), &[]).unwrap();
    let mut bytes = one.build().unwrap().to_vec();
    // length, attributes, timestamp delta, offset delta: the second record says 0 again.
    let second = 61 + (bytes.len() - 61) / 2;
    assert_eq!(bytes[second + 3], 2);
    bytes[second + 3] = 0;
    let (_, mut partition) = fresh(Options::default());
    let error = partition
        .append_as_leader(&mut sealed(bytes), LeaderEpoch(0), NOW)
        .unwrap_err();
    assert!(error.to_string().contains("0, 1, 2"), "{error}");
}

#[test]
fn garbage_never_panics() {
    let (_, mut partition) = fresh(Options::default());
    let good = produced(1, 0, 0, 2);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            // Only base offset and leader epoch are not covered.
            let result = partition.append_as_leader(&mut bytes, LeaderEpoch(0), NOW);
            assert_eq!(
                result.is_ok(),
                at < 8 || (12..16).contains(&at),
                "bit {bit} of byte {at}"
            );
        }
        assert!(
            partition
                .append_as_leader(&mut good[..at].to_vec(), LeaderEpoch(0), NOW)
                .is_err()
        );
        assert!(partition.append_as_follower(&good[..at], NOW).is_err());
    }
}

#[test]
fn the_highest_timestamp_of_a_batch_is_made_true() {
    for codec in CODECS {
        let (_, mut partition) = fresh(Options::default());
        let mut bytes = compressed(codec, 3);
        bytes[35..43].copy_from_slice(&1_i64.to_be_bytes());
        partition
            .append_as_leader(&mut sealed(bytes), LeaderEpoch(0), NOW)
            .unwrap();
        let found = partition.find_timestamp(Timestamp(2)).unwrap().unwrap();
        assert_eq!(
            (found.offset, found.timestamp),
            (Offset(2), Timestamp(2)),
            "{codec}"
        );
        assert_eq!(content(&partition).len(), 3, "the CRC is right again");
    }
}

#[test]
fn a_topic_may_want_the_leaders_time() {
    let options = Options {
        timestamp_type: TimestampType::LogAppendTime,
        ..Options::default()
    };
    let (_, mut partition) = fresh(options);
    let mut bytes = batch("a", &[5, 6]);
    let done = partition
        .append_as_leader(&mut bytes, LeaderEpoch(0), NOW)
        .unwrap();
    assert_eq!(done.log_append_time, Some(NOW));
    let batch = Batch::parse(partition.read(Offset(0), 1, Offset(2)).unwrap()).unwrap();
    let times: Vec<_> = batch
        .records()
        .unwrap()
        .iter()
        .map(|record| record.unwrap().timestamp)
        .collect();
    assert_eq!(times, [NOW, NOW]);
}

#[test]
fn producers_of_removed_records_do_not_come_back() {
    let (_, mut partition) = fresh(small());
    for i in 0..40 {
        produce(&mut partition, produced(1, 0, i, 1)).unwrap();
    }
    let bases: Vec<Offset> = partition
        .segments()
        .iter()
        .map(|segment| segment.base_offset)
        .collect();
    partition.truncate_to(Offset(2)).unwrap();
    // Batches of another size: segments begin elsewhere, and snapshots lie elsewhere.
    for i in 0..20 {
        produce(&mut partition, produced(2, 0, i * 2, 2)).unwrap();
    }
    for base in bases.into_iter().rev().filter(|base| base.0 > 2) {
        partition.truncate_to(base).unwrap();
        assert_eq!(partition.producers()[0].last_sequence, Sequence(1), "at {base}");
    }
}

#[test]
fn what_one_append_decompresses_is_limited_in_all() {
    let mut one = BatchBuilder::new(Compression::Zstd);
    one.push(Timestamp(5), None, Some(&[0; 6_000]), &[]).unwrap();
    let one = one.build().unwrap().to_vec();
    let (_, mut partition) = fresh(Options {
        max_decompressed_bytes: 10_000,
        ..Options::default()
    });
    produce(&mut partition, one.clone()).unwrap();
    let error = produce(&mut partition, [one.clone(), one].concat()).unwrap_err();
    assert!(matches!(error, AppendError::InvalidRecord(_)), "{error}");
    assert_eq!(partition.end_offset(), Offset(1));
}
