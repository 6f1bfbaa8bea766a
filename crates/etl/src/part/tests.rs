use record::{Batch, BatchBuilder, Compression};

use super::*;
use crate::declaration::{TableDeclaration, default_tables};

fn clickstream() -> SourceDeclaration {
    match default_tables().remove(0) {
        TableDeclaration::Source(source) => source,
        TableDeclaration::Derived(_) => panic!("the first default table reads a topic"),
    }
}

fn batch(base: i64, values: &[&str]) -> Batch {
    let mut builder = BatchBuilder::new(Compression::Zstd);
    builder.base_offset(Offset(base)).leader_epoch(LeaderEpoch(4));
    for value in values {
        builder
            .push(Timestamp(1_748_739_723_000), None, Some(value.as_bytes()), &[])
            .unwrap();
    }
    Batch::parse(builder.build().unwrap()).unwrap()
}

fn good(n: u32) -> String {
    format!(r#"{{"event_id":"e{n}","ts":"2025-06-01T01:02:03Z"}}"#)
}

fn made(batches: Vec<Batch>, from: i64, max_records: usize) -> Part {
    let fetched = |batch| FetchedBatch {
        topic: Arc::from("clickstream"),
        topic_id: record::TopicId::default(),
        partition: PartitionIndex(2),
        batch,
        high_watermark: Offset(100),
    };
    let input = PartInput {
        table: 0,
        declaration: &clickstream(),
        limits: Limits {
            watermark_delay: 120_000_000,
            future_limit: 300_000_000,
            table_watermark: None,
        },
        partition: PartitionIndex(2),
        position: Position {
            offset: Offset(from),
            leader_epoch: LeaderEpoch(-1),
        },
        watermark: PartitionWatermark::default(),
        batches: batches.into_iter().map(fetched).collect(),
        now: Timestamp(0),
    };
    let budget = Budget {
        bytes: AtomicUsize::new(0),
        max_bytes: usize::MAX,
        records: AtomicUsize::new(0),
        max_records,
        files: Mutex::default(),
        max_files: 3,
    };
    make(input, &budget)
}

#[test]
fn records_before_the_position_were_read_before() {
    let values: Vec<String> = (0..5).map(good).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let part = made(vec![batch(10, &values), batch(15, &values[..1])], 13, 100);
    assert_eq!(part.event_times.len(), 3);
    assert_eq!(
        part.position,
        Position {
            offset: Offset(16),
            leader_epoch: LeaderEpoch(4)
        }
    );
    let part = made(vec![batch(10, &values)], 15, 100);
    assert_eq!((part.event_times.len(), part.position.offset), (0, Offset(15)));
}

#[test]
fn a_bad_record_leaves_its_neighbours_alone() {
    let (first, last) = (good(1), good(2));
    let part = made(vec![batch(0, &[&first, "{", &last])], 0, 100);
    assert_eq!(part.event_times.len(), 2);
    assert_eq!(part.columns[0].len(), 2);
    let rejected: Vec<_> = part
        .rejected
        .iter()
        .map(|r| (r.offset.0, r.verdict, r.value.as_deref()))
        .collect();
    assert_eq!(rejected, [(1, Verdict::Malformed, Some(&b"{"[..]))]);
    assert_eq!((part.counts.read, part.counts.malformed), (1, 1));
}

#[test]
fn what_is_beyond_the_budget_is_given_back() {
    let value = good(1);
    let batches = vec![
        batch(0, &[&value, &value]),
        batch(2, &[&value]),
        batch(3, &[&value]),
    ];
    let part = made(batches, 0, 3);
    assert_eq!((part.event_times.len(), part.position.offset), (3, Offset(3)));
    let left: Vec<Offset> = part
        .leftover
        .iter()
        .map(|left| left.batch.base_offset())
        .collect();
    assert_eq!(left, [Offset(3)]);
}

/// Each day becomes a file: a topic whose events spread over the years must not become thousands.
#[test]
fn days_beyond_the_budget_are_given_back() {
    let of_day = |day: u32| format!(r#"{{"event_id":"e{day}","ts":"2025-05-{day:02}T00:00:00Z"}}"#);
    let batches = (0..5).map(|n| {
        let days = [of_day(10 + n), of_day(11 + n)];
        batch(2 * i64::from(n), &[&days[0], &days[1]])
    });
    let part = made(batches.collect(), 0, 100);
    // The days 10 to 12: two batches.
    assert_eq!((part.event_times.len(), part.position.offset), (4, Offset(4)));
    assert_eq!(part.leftover.len(), 3);
}

/// Whoever sends a batch whose CRC fits and whose content does not must not stop the ETL.
#[test]
fn an_unreadable_batch_is_one_malformed_event() {
    let value = good(1);
    let mut bytes = batch(0, &[&value]).as_bytes().to_vec();
    let end = bytes.len();
    bytes[end - 20..].fill(0xa5);
    let crc = crc_of(&bytes);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    let part = made(
        vec![Batch::parse(bytes.into()).unwrap(), batch(1, &[&value])],
        0,
        100,
    );
    assert_eq!((part.counts.read, part.counts.malformed), (1, 1));
    assert!(
        part.rejected[0]
            .reason
            .starts_with("a batch of 1 records cannot be read: "),
        "{:?}",
        part.rejected[0].reason
    );
    assert_eq!((part.event_times.len(), part.position.offset), (1, Offset(2)));
}

/// CRC-32C, bit by bit, of what a batch covers.
fn crc_of(batch: &[u8]) -> u32 {
    !batch[21..].iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & 0_u32.wrapping_sub(crc & 1))
        })
    })
}
