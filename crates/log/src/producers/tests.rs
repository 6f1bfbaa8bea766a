use record::{Batch, BatchBuilder, Compression};

use super::*;

/// The header of a batch of one producer, at an offset.
fn header(id: i64, epoch: i16, sequence: i32, records: i32, offset: i64) -> BatchHeader {
    let mut builder = BatchBuilder::new(Compression::None);
    builder
        .producer(ProducerId(id), ProducerEpoch(epoch), Sequence(sequence))
        .base_offset(Offset(offset));
    for _ in 0..records {
        builder.push(Timestamp(1), None, None, &[]).unwrap();
    }
    *Batch::parse(builder.build().unwrap()).unwrap().header()
}

fn some() -> Producers {
    let mut producers = Producers::default();
    for i in 0..7 {
        producers.replay(
            &header(1, 2, i * 2, 2, i64::from(i) * 10),
            Timestamp(1000 + i64::from(i)),
        );
    }
    producers.replay(&header(9, 0, 5, 1, 100), Timestamp(3000));
    producers
}

#[test]
fn a_snapshot_begins_as_kafkas_and_keeps_all_five_batches() {
    let producers = some();
    let bytes = producers.encode();
    // Version, CRC, two entries; the first: id 1, epoch 2, last sequence 13, last offset 61, delta 1.
    assert_eq!(bytes[..2], [0, 1]);
    assert_eq!(bytes[6..10], [0, 0, 0, 2]);
    assert_eq!(bytes[10..20], [0, 0, 0, 0, 0, 0, 0, 1, 0, 2]);
    assert_eq!(bytes[20..24], 13_i32.to_be_bytes());
    assert_eq!(bytes[24..32], 61_i64.to_be_bytes());
    assert_eq!(bytes[32..36], 1_i32.to_be_bytes());
    assert_eq!(bytes[36..44], 1006_i64.to_be_bytes());
    assert_eq!(bytes[44..56], [0xff; 12], "no coordinator, no transaction");
    assert_eq!(Producers::decode(&bytes), Some(producers.clone()));
    assert_eq!(producers.known[&ProducerId(1)].batches.len(), REMEMBERED);
}

#[test]
fn a_snapshot_of_kafka_is_read_too() {
    // Kafka ends behind its last entry.
    let entries = [&2_i32.to_be_bytes()[..], &some().encode()[10..102]].concat();
    let crc = crc32c::crc32c(&entries).to_be_bytes();
    let kafkas = [&[0, 1][..], &crc, &entries].concat();
    let read = Producers::decode(&kafkas).unwrap();
    assert_eq!(read.views(), some().views());
    assert_eq!(read.known[&ProducerId(1)].batches.len(), 1);
}

#[test]
fn damaged_snapshots_are_not_read() {
    let bytes = some().encode();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert_eq!(Producers::decode(&damaged), None, "bit {bit} of byte {at}");
        }
        assert_eq!(Producers::decode(&bytes[..at]), None, "{at}");
    }
    // A good CRC over nonsense.
    for body in [
        &[][..],
        &[0, 0, 0],
        &[0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0, 0, 0, 0, 0, 1, 5],
    ] {
        let nonsense = [&[0, 1][..], &crc32c::crc32c(body).to_be_bytes(), body].concat();
        assert_eq!(Producers::decode(&nonsense), None);
    }
}
