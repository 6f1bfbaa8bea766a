use super::*;
use crate::Batch;

fn header<'a>(key: &'a [u8], value: Option<&'a [u8]>) -> Header<'a> {
    Header { key, value }
}

#[test]
fn what_is_built_is_read_back() {
    let headers = [
        header(b"h", Some(b"v")),
        header(b"null", None),
        header(b"h", Some(b"")),
    ];
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let mut builder = BatchBuilder::new(codec.parse().unwrap());
        builder
            .producer(ProducerId(7), ProducerEpoch(3), Sequence(i32::MAX))
            .transactional();
        builder.base_offset(Offset(100)).leader_epoch(LeaderEpoch(4));
        assert!(builder.is_empty());
        builder
            .push(Timestamp(50), Some(b"key"), Some(b"value"), &headers)
            .unwrap();
        builder.push(Timestamp(40), None, None, &[]).unwrap();
        builder
            .push(Timestamp(i64::MAX), Some(b""), Some(b""), &[])
            .unwrap();
        assert_eq!(builder.len(), 3);
        let batch = Batch::parse(builder.build().unwrap()).unwrap();
        assert_eq!(
            (batch.base_offset(), batch.last_offset(), batch.leader_epoch()),
            (Offset(100), Offset(102), LeaderEpoch(4))
        );
        assert_eq!(
            (batch.base_timestamp(), batch.max_timestamp()),
            (Timestamp(50), Timestamp(i64::MAX))
        );
        assert_eq!(
            (batch.producer_id(), batch.producer_epoch()),
            (ProducerId(7), ProducerEpoch(3))
        );
        assert_eq!(
            (batch.base_sequence(), batch.last_sequence()),
            (Sequence(i32::MAX), Sequence(1))
        );
        assert!(batch.is_transactional() && !batch.is_control());

        let records = batch.records().unwrap();
        let read: Vec<_> = records.iter().map(|record| record.unwrap()).collect();
        assert_eq!(
            read.iter().map(|r| r.offset.0).collect::<Vec<_>>(),
            [100, 101, 102]
        );
        assert_eq!(
            read.iter().map(|r| r.timestamp.0).collect::<Vec<_>>(),
            [50, 40, i64::MAX]
        );
        assert_eq!(
            read.iter().map(|r| r.key).collect::<Vec<_>>(),
            [Some(&b"key"[..]), None, Some(b"")]
        );
        assert_eq!(
            read.iter().map(|r| r.value).collect::<Vec<_>>(),
            [Some(&b"value"[..]), None, Some(b"")]
        );
        assert_eq!(read[0].headers.iter().collect::<Vec<_>>(), headers);
        assert_eq!(
            (read[0].headers.len(), read[0].headers.last(b"h")),
            (3, Some(headers[2]))
        );
        assert!(read[1].headers.is_empty());
    }
}

#[test]
fn sizes_are_foretold() {
    let headers = [header(b"h", Some(&[7; 200])), header(b"n", None)];
    let mut builder = BatchBuilder::new(Compression::None);
    for i in 0..300 {
        let before = builder.size();
        let value = vec![1; i];
        builder
            .push(Timestamp(i as i64 * 1000), Some(b"k"), Some(&value), &headers)
            .unwrap();
        let grown = builder.size() - before;
        let bound = record_size(Some(b"k"), Some(&value), &headers);
        assert!(grown <= bound && bound <= grown + 20, "{grown} {bound}");
    }
    let size = builder.size();
    assert_eq!(builder.build().unwrap().len(), size);
}

#[test]
fn an_empty_batch_and_a_control_batch_are_sound() {
    let empty = Batch::parse(BatchBuilder::new(Compression::Lz4).build().unwrap()).unwrap();
    assert_eq!(
        (empty.record_count(), empty.records().unwrap().iter().count()),
        (0, 0)
    );
    let mut builder = BatchBuilder::new(Compression::None);
    let marker = crate::ControlRecord {
        kind: crate::ControlType::Commit,
        coordinator_epoch: 5,
    };
    builder
        .control()
        .push(Timestamp(1), Some(&marker.key()), Some(&marker.value()), &[])
        .unwrap();
    let batch = Batch::parse(builder.build().unwrap()).unwrap();
    assert!(batch.is_control());
    let records = batch.records().unwrap();
    let record = records.iter().next().unwrap().unwrap();
    assert_eq!(
        crate::ControlRecord::parse(record.key.unwrap(), record.value.unwrap()),
        Some(marker)
    );
}
