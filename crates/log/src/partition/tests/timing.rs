//! Finding records by time.

use rand_core::{RngCore, SeedableRng};
use rand_pcg::Pcg32;

use super::*;

/// A partition of random batches with timestamps that are out of order, and all their records.
fn random(seed: u64, batches: usize) -> (SimDisk, Partition<SimDisk>, Vec<TimestampAndOffset>) {
    let mut random = Pcg32::seed_from_u64(seed);
    let (disk, mut partition) = fresh(small());
    let mut records = Vec::new();
    for i in 0..batches {
        let timestamps: Vec<i64> = (0..1 + random.next_u32() % 4)
            .map(|_| i as i64 * 3 + i64::from(random.next_u32() % 40))
            .collect();
        let epoch = LeaderEpoch(i as i32 / 20);
        for timestamp in &timestamps {
            records.push(TimestampAndOffset {
                timestamp: Timestamp(*timestamp),
                offset: Offset(records.len() as i64),
                leader_epoch: epoch,
            });
        }
        partition
            .append_as_leader(&mut batch("x", &timestamps), epoch, NOW)
            .unwrap();
    }
    (disk, partition, records)
}

fn assert_times(partition: &Partition<SimDisk>, records: &[TimestampAndOffset], story: &str) {
    let served = &records[partition.start_offset().0 as usize..];
    let highest = served.iter().map(|record| record.timestamp.0).max().unwrap();
    for timestamp in -2..highest + 3 {
        let expected = served
            .iter()
            .find(|record| record.timestamp.0 >= timestamp)
            .copied();
        assert_eq!(
            partition.find_timestamp(Timestamp(timestamp)).unwrap(),
            expected,
            "{story}: {timestamp}"
        );
    }
    let expected = served
        .iter()
        .find(|record| record.timestamp.0 == highest)
        .copied();
    assert_eq!(partition.max_timestamp().unwrap(), expected, "{story}");
}

#[test]
fn lookups_agree_with_a_scan_of_everything() {
    for seed in 0..3 {
        let (disk, mut partition, mut records) = random(seed, 80);
        assert!(partition.segments().len() > 5);
        assert_times(&partition, &records, &format!("seed {seed}"));
        for trust in [Trust::SameBoot, Trust::Nothing] {
            let (again, _) = open(&disk.after_kill(), small(), trust);
            assert_times(&again, &records, &format!("seed {seed}, {trust:?}"));
        }
        let start = Offset(records.len() as i64 / 3);
        partition.set_start_offset(start).unwrap();
        assert_times(&partition, &records, &format!("seed {seed}, from {start}"));
        let end = partition
            .truncate_to(Offset(records.len() as i64 * 2 / 3))
            .unwrap();
        records.truncate(end.0 as usize);
        assert_times(&partition, &records, &format!("seed {seed}, to {end}"));
        partition.close().unwrap();
        let (again, recovery) = open(&disk, small(), Trust::CleanStop);
        assert_eq!(recovery.scanned_bytes, 0);
        assert_times(&again, &records, &format!("seed {seed}, clean stop"));
    }
}

#[test]
fn an_empty_partition_has_no_times() {
    let (_, partition) = fresh(Options::default());
    assert_eq!(partition.find_timestamp(Timestamp(0)).unwrap(), None);
    assert_eq!(partition.max_timestamp().unwrap(), None);
}

#[test]
fn records_without_a_timestamp_are_no_obstacle() {
    let (_, mut partition) = fresh(Options::default());
    partition
        .append_as_leader(&mut batch("a", &[-1, -1]), LeaderEpoch(0), NOW)
        .unwrap();
    assert_eq!(partition.find_timestamp(Timestamp(0)).unwrap(), None);
    assert_eq!(partition.max_timestamp().unwrap(), None);
    partition
        .append_as_leader(&mut batch("b", &[-1, 7]), LeaderEpoch(0), NOW)
        .unwrap();
    assert_eq!(
        partition.find_timestamp(Timestamp(0)).unwrap().unwrap().offset,
        Offset(3)
    );
}

#[test]
fn timestamps_may_be_limited() {
    let fault = |before, after, timestamps: &[i64]| {
        let (_, mut partition) = fresh(Options {
            timestamp_before_max_ms: before,
            timestamp_after_max_ms: after,
            ..Options::default()
        });
        let mut bytes = batch("x", timestamps);
        match partition.append_as_leader(&mut bytes, LeaderEpoch(0), Timestamp(1_000)) {
            Ok(_) => None,
            Err(AppendError::InvalidRecord(fault)) => Some(fault),
            Err(other) => panic!("{other}"),
        }
    };
    let refused = |timestamp, setting, limit_ms| {
        Some(InvalidRecord::Timestamp {
            timestamp: Timestamp(timestamp),
            now: Timestamp(1_000),
            setting,
            limit_ms,
        })
    };
    let far = 4_070_908_800_000;
    assert_eq!(fault(i64::MAX, i64::MAX, &[0, far]), None);
    assert_eq!(fault(100, 50, &[900, 1_050, -1]), None);
    assert_eq!(
        fault(100, 50, &[950, 899, 1_000]),
        refused(899, "message.timestamp.before.max.ms", 100)
    );
    assert_eq!(
        fault(100, 50, &[950, 1_051, 1_000]),
        refused(1_051, "message.timestamp.after.max.ms", 50)
    );
}
