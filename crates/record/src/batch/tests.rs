use super::*;
use crate::{BatchBuilder, Header};

/// Two records, written by Apache Kafka 3.7.2's console producer and taken from its segments.
pub(crate) const GOLDEN: [(Compression, &str); 5] = [
    (
        Compression::None,
        "00000000000000000000009a0000000002ec2934f9000000000001000001a203e7bd97000001a203e7bde5000000000000\
         0000000000000000000000026c0000000e6b65792d6f6e653e76616c7565206f6e652c2076616c7565206f6e652c207661\
         6c7565206f6e65040261023102620674776f62009c01020e6b65792d74776f3e76616c75652074776f2c2076616c756520\
         74776f2c2076616c75652074776f0202630233",
    ),
    (
        Compression::Gzip,
        "00000000000000000000007d0000000002b9a9bcc8000100000001000001a203e7e469000001a203e7e484000000000000\
         0001000000000000000000021f8b08000000000000ffcb616060e0cb4eadd4cdcf4bb52b4bcc294d5500b27414b0315998\
         12990c9992d84acaf31318cc98c0da806ca836200ba61695c9c494cc640c007f9c541d68000000",
    ),
    (
        Compression::Snappy,
        "00000000000000000000008b000000000271bdb855000200000001000001a203e801e8000001a203e8035d000000000000\
         00020000000000000000000282534e4150505900000000010000000100000046695c6c0000000e6b65792d6f6e653e7661\
         6c7565206f6e652c204e0b003c040261023102620674776f6200ea050205380874776f0d380c74776f2c0d38360b001002\
         02630233",
    ),
    (
        Compression::Lz4,
        "00000000000000000000008600000000021b17ba21000300000001000001a203e82b4c000001a203e82ca3000000000000\
         00030000000000000000000204224d1860408246000000ff096c0000000e6b65792d6f6e653e76616c7565206f6e652c20\
         0b0001f101040261023102620674776f6200ae050238003374776f38003474776f38000a0b0050020263023300000000",
    ),
    (
        Compression::Zstd,
        "0000000000000000000000800000000002e80eb1b6000400000001000001a203e84e4a000001a203e84f65000000000000\
         00040000000000000000000228b52ffd00581c020034036c0000000e6b65792d6f6e653e76616c7565206f6e652c200402\
         61023102620674776f6200b6040274776f74776f020263023305004002f00670c356c2c2741903010000",
    ),
];

pub(crate) fn bytes_of(hex: &str) -> Bytes {
    hex.as_bytes()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn header<'a>(key: &'a str, value: &'a str) -> Header<'a> {
    Header {
        key: key.as_bytes(),
        value: Some(value.as_bytes()),
    }
}

#[test]
fn batches_of_a_real_producer_are_read() {
    for (codec, hex) in GOLDEN {
        let batch = Batch::parse(bytes_of(hex)).unwrap();
        assert_eq!((batch.compression(), batch.record_count()), (codec, 2));
        assert_eq!(
            (batch.base_offset(), batch.last_offset(), batch.next_offset()),
            (Offset(0), Offset(1), Offset(2))
        );
        assert_eq!(
            (batch.leader_epoch(), batch.timestamp_type()),
            (LeaderEpoch(0), TimestampType::CreateTime)
        );
        assert_eq!(
            (batch.producer_epoch(), batch.base_sequence()),
            (ProducerEpoch(0), Sequence(0))
        );
        assert_eq!(batch.last_sequence(), Sequence(1));
        assert!(batch.producer_id().0 >= 0 && !batch.is_transactional() && !batch.is_control());

        let records = batch.records().unwrap();
        let read: Vec<_> = records.iter().map(|record| record.unwrap()).collect();
        assert_eq!(read.len(), 2, "{codec}");
        assert_eq!(
            (read[0].timestamp, read[1].timestamp),
            (batch.base_timestamp(), batch.max_timestamp())
        );
        assert_eq!(read[0].key, Some(&b"key-one"[..]));
        assert_eq!(read[1].key, Some(&b"key-two"[..]));
        assert_eq!(read[0].value, Some(&b"value one, value one, value one"[..]));
        assert_eq!(read[1].value, Some(&b"value two, value two, value two"[..]));
        assert_eq!(
            read[0].headers.iter().collect::<Vec<_>>(),
            [header("a", "1"), header("b", "two")]
        );
        assert_eq!(read[1].headers.iter().collect::<Vec<_>>(), [header("c", "3")]);
    }
}

#[test]
fn ours_is_theirs_to_the_byte() {
    let (_, hex) = GOLDEN[0];
    let golden = Batch::parse(bytes_of(hex)).unwrap();
    let mut builder = BatchBuilder::new(Compression::None);
    builder.producer(
        golden.producer_id(),
        golden.producer_epoch(),
        golden.base_sequence(),
    );
    builder.leader_epoch(LeaderEpoch(0));
    for record in &golden.records().unwrap() {
        let record = record.unwrap();
        let headers: Vec<_> = record.headers.iter().collect();
        builder
            .push(record.timestamp, record.key, record.value, &headers)
            .unwrap();
    }
    assert_eq!(builder.build().unwrap(), golden.as_bytes());
}

#[test]
fn every_flipped_bit_is_an_error_or_lies_outside_the_crc() {
    for (codec, hex) in GOLDEN {
        let golden = bytes_of(hex);
        for at in 0..golden.len() {
            for bit in 0..8 {
                let mut changed = golden.to_vec();
                changed[at] ^= 1 << bit;
                // Base offset and leader epoch are patched by leaders.
                let outside = at < 8 || (12..16).contains(&at);
                let parsed = Batch::parse(Bytes::from(changed));
                assert_eq!(parsed.is_ok(), outside, "{codec}: bit {bit} of byte {at}");
            }
        }
    }
}

/// The same, with a CRC that fits: then the records decide.
#[test]
fn no_byte_under_a_good_crc_makes_it_panic() {
    for (_, hex) in GOLDEN {
        let golden = bytes_of(hex);
        for at in 16..golden.len() {
            for value in 0..=255 {
                let mut changed = golden.to_vec();
                changed[at] = value;
                crate::header::seal_crc(&mut changed);
                read_all(Bytes::from(changed));
            }
        }
    }
}

#[test]
fn random_mutations_never_panic() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % limit
    };
    for _ in 0..20_000 {
        let mut changed = bytes_of(GOLDEN[below(5)].1).to_vec();
        for _ in 0..1 + below(8) {
            let at = 16 + below(changed.len() - 16);
            match below(4) {
                0 => changed[at] = below(256) as u8,
                1 => changed[at] = 0xff,
                2 => changed.truncate(at.max(61)),
                _ => changed.insert(at, below(256) as u8),
            }
        }
        let length = (changed.len() - 12) as i32;
        changed[8..12].copy_from_slice(&length.to_be_bytes());
        crate::header::seal_crc(&mut changed);
        read_all(Bytes::from(changed));
    }
}

fn read_all(bytes: Bytes) {
    let Ok(batch) = Batch::parse(bytes) else { return };
    let Ok(records) = batch.records_within(1 << 20) else {
        return;
    };
    for record in records.iter().flatten() {
        assert!(record.headers.iter().count() <= records.size());
        let _ = record.headers.last(b"a");
    }
    assert!(
        records.iter().filter(Result::is_err).count() <= 1,
        "an error ends the iterator"
    );
}

#[test]
fn one_batch_is_exactly_one() {
    let golden = bytes_of(GOLDEN[0].1);
    for end in 0..golden.len() {
        let error = Batch::parse(golden.slice(..end)).unwrap_err();
        assert!(matches!(error, BatchError::Truncated { .. }), "{end}: {error}");
    }
    let two = Bytes::from([&golden[..], &golden[..]].concat());
    assert_eq!(
        Batch::parse(two),
        Err(BatchError::TrailingBytes { excess: golden.len() })
    );
    for magic in [0, 1, 3, -1] {
        let mut other = golden.to_vec();
        other[16] = magic as u8;
        assert_eq!(
            Batch::parse(Bytes::from(other)),
            Err(BatchError::UnsupportedMagic(magic))
        );
    }
}

#[test]
fn several_batches_are_split_and_a_cut_one_ends_them() {
    let golden = bytes_of(GOLDEN[3].1);
    let three = Bytes::from([&golden[..], &golden[..], &golden[..]].concat());
    for end in 0..=three.len() {
        let batches: Vec<_> = Batch::split(three.slice(..end)).collect();
        assert_eq!(batches.len(), end / golden.len());
        assert!(
            batches
                .iter()
                .all(|batch| batch.as_ref().unwrap().as_bytes() == &golden)
        );
    }
    let mut damaged = three.to_vec();
    damaged[golden.len() + 70] ^= 1;
    let batches: Vec<_> = Batch::split(Bytes::from(damaged)).collect();
    assert_eq!(batches.len(), 2);
    assert!(matches!(batches[1], Err(BatchError::CorruptCrc { .. })));
}

#[test]
fn the_crc_can_be_checked_in_pieces() {
    let golden = bytes_of(GOLDEN[1].1);
    let header = BatchHeader::parse(&golden).unwrap();
    for size in [1, 7, 20, 21, 22, 1000] {
        let mut check = crate::CrcCheck::new(&header);
        golden.chunks(size).for_each(|chunk| check.update(chunk));
        assert_eq!(check.finish(), Ok(()));
    }
    let mut check = crate::CrcCheck::new(&header);
    check.update(&golden[..100]);
    assert!(check.finish().is_err());
}

#[test]
fn leaders_patch_what_the_crc_does_not_cover() {
    let mut bytes = bytes_of(GOLDEN[2].1).to_vec();
    crate::set_base_offset(&mut bytes, Offset(i64::MAX - 5));
    crate::set_leader_epoch(&mut bytes, LeaderEpoch(77));
    let batch = Batch::parse(Bytes::from(bytes.clone())).unwrap();
    assert_eq!(
        (batch.base_offset(), batch.leader_epoch()),
        (Offset(i64::MAX - 5), LeaderEpoch(77))
    );
    let offsets: Vec<_> = batch
        .records()
        .unwrap()
        .iter()
        .map(|record| record.unwrap().offset.0)
        .collect();
    assert_eq!(offsets, [i64::MAX - 5, i64::MAX - 4]);

    crate::set_max_timestamp(&mut bytes, TimestampType::LogAppendTime, Timestamp(9));
    let batch = Batch::parse(Bytes::from(bytes)).unwrap();
    assert_eq!(
        (batch.timestamp_type(), batch.max_timestamp()),
        (TimestampType::LogAppendTime, Timestamp(9))
    );
    assert!(
        batch
            .records()
            .unwrap()
            .iter()
            .all(|record| record.unwrap().timestamp == Timestamp(9))
    );
}
