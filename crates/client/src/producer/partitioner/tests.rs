use super::*;

/// The values of `UtilsTest.testMurmur2` in Apache Kafka.
#[test]
fn hashes_as_kafka_does() {
    let cases: [(&str, i32); 7] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
        ("", 275_646_681),
    ];
    for (key, expected) in cases {
        assert_eq!(murmur2(key.as_bytes()), expected as u32, "{key}");
    }
}

#[test]
fn every_partition_is_in_range() {
    for key in 0_u32..1_000 {
        let partition = partition_of_key(&key.to_be_bytes(), 7);
        assert!((0..7).contains(&partition.0), "{key} -> {partition}");
    }
}
