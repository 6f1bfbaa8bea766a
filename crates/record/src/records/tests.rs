use super::*;
use crate::{Batch, BatchBuilder};

fn batch_of(payload: &[u8], count: i32) -> Batch {
    let mut builder = BatchBuilder::new(Compression::None);
    for _ in 0..count {
        builder.push(Timestamp(1), None, None, &[]).unwrap();
    }
    let mut bytes = builder.build().unwrap()[..BATCH_OVERHEAD].to_vec();
    bytes.extend_from_slice(payload);
    let length = (bytes.len() - crate::LENGTH_PREFIX) as i32;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    crate::header::seal_crc(&mut bytes);
    Batch::parse(Bytes::from(bytes)).unwrap()
}

/// Records of a payload, each as text.
fn read(payload: &[u8], count: i32) -> Vec<String> {
    let records = batch_of(payload, count).records().unwrap();
    records
        .iter()
        .map(|record| record.map_or_else(|e| e.to_string(), |r| format!("{}", r.offset)))
        .collect()
}

#[test]
fn malformed_records_are_errors_that_end_the_walk() {
    // length, attributes, timestamp delta, offset delta, key, value, headers
    let good: &[u8] = &[12, 0, 0, 0, 1, 1, 0];
    assert_eq!(read(good, 1), ["0"]);
    let broken: [(&[u8], &str); 12] = [
        (&[], "its length is cut off"),
        (&[0x80], "its length is cut off"),
        (&[1], "its length is negative"),
        (&[0], "it is empty"),
        (&[12, 0, 0, 0, 1, 1], "it is longer than the batch"),
        (&[2, 0], "its timestamp is cut off"),
        (&[4, 0, 0], "its offset is cut off"),
        (&[12, 0, 0, 2, 1, 1, 0], "its offset lies outside the batch"),
        (&[12, 0, 0, 1, 1, 1, 0], "its offset lies outside the batch"),
        (&[12, 0, 0, 0, 20, 1, 0], "its key is longer than the record"),
        (&[12, 0, 0, 0, 1, 20, 0], "its value is longer than the record"),
        (&[14, 0, 0, 0, 1, 1, 0, 0], "bytes follow its headers"),
    ];
    for (payload, reason) in broken {
        assert_eq!(
            read(payload, 1),
            [format!("record 0 of the batch is invalid: {reason}")],
            "{payload:?}"
        );
    }
    let headers: [(&[u8], &str); 4] = [
        (&[10, 0, 0, 0, 1, 1], "its number of headers is cut off"),
        (&[12, 0, 0, 0, 1, 1, 1], "its number of headers is negative"),
        (&[14, 0, 0, 0, 1, 1, 2, 1], "a header is malformed"),
        (
            &[20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f],
            "a header is malformed",
        ),
    ];
    for (payload, reason) in headers {
        assert_eq!(
            read(payload, 1),
            [format!("record 0 of the batch is invalid: {reason}")],
            "{payload:?}"
        );
    }
}

#[test]
fn the_count_must_be_true() {
    let good: &[u8] = &[12, 0, 0, 0, 1, 1, 0];
    assert_eq!(
        read(good, 2),
        ["0", "record 1 of the batch is invalid: its length is cut off"]
    );
    let two = [good, good].concat();
    assert_eq!(
        read(&two, 1),
        [
            "0",
            "record 1 of the batch is invalid: it is beyond the batch's count"
        ]
    );
}

#[test]
fn sizes_are_hinted_without_trusting_the_count() {
    let records = batch_of(&[12, 0, 0, 0, 1, 1, 0], 1).records().unwrap();
    let (least, most) = records.iter().size_hint();
    assert!(least == 0 && most.unwrap() >= 1 && most.unwrap() < 5);
}
