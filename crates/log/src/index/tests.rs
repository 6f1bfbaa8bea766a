use disk::{Disk, SimDisk};

use super::*;

fn index(entries: &[(i64, u64)]) -> OffsetIndex {
    let mut index = OffsetIndex::new(Offset(100));
    entries
        .iter()
        .for_each(|(offset, position)| index.push(Offset(*offset), *position));
    index
}

fn max(timestamp: i64, offset: i64) -> MaxTimestamp {
    MaxTimestamp {
        timestamp: Timestamp(timestamp),
        offset: Offset(offset),
    }
}

#[test]
fn an_index_file_is_kafkas() {
    let index = index(&[(104, 4200), (110, 8500)]);
    assert_eq!(
        index.encode(),
        [0, 0, 0, 4, 0, 0, 0x10, 0x68, 0, 0, 0, 10, 0, 0, 0x21, 0x34]
    );
    assert_eq!(
        OffsetIndex::decode(Offset(100), &index.encode(), 9000),
        Some(index.clone())
    );
    assert_eq!(
        OffsetIndex::decode(Offset(100), &index.encode(), 8500),
        None,
        "beyond the segment"
    );
    assert_eq!(
        OffsetIndex::decode(Offset(100), &index.encode()[..15], 9000),
        None
    );
    let mut backwards = index.encode();
    backwards.rotate_left(8);
    assert_eq!(OffsetIndex::decode(Offset(100), &backwards, 9000), None);
}

#[test]
fn lookups_agree_in_memory_and_on_disk() {
    let entries: Vec<_> = (1..50).map(|i| (100 + i * 3, i as u64 * 5000)).collect();
    let index = index(&entries);
    let disk = SimDisk::new();
    let file = disk.open("/i".as_ref(), disk::OpenMode::Create).unwrap();
    file.write_all_at(&index.encode(), 0).unwrap();
    for target in 100..260 {
        let expected = entries.iter().rev().find(|(offset, _)| *offset <= target);
        let expected = expected.map(|(offset, position)| (Offset(*offset), *position));
        assert_eq!(index.lookup(Offset(target)), expected, "{target}");
        assert_eq!(
            lookup_in_file(&file, Offset(100), Offset(target)).unwrap(),
            expected,
            "{target}"
        );
    }
}

#[test]
fn a_time_index_grows_strictly_and_knows_the_maximum() {
    let mut times = TimeIndex::new(Offset(100));
    assert_eq!(times.max(), MaxTimestamp::NONE);
    times.push(MaxTimestamp::NONE);
    for (timestamp, offset) in [(50, 103), (50, 103), (70, 109), (70, 109)] {
        times.push(max(timestamp, offset));
    }
    assert_eq!(times.size(), 24);
    assert_eq!(times.encode()[..12], [0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0, 3]);
    assert_eq!(times.max(), max(70, 109));
    let lookup = |timestamp| times.lookup(Timestamp(timestamp)).0;
    assert_eq!([49, 50, 69, 70, 71].map(lookup), [100, 103, 103, 109, 109]);
    assert_eq!(
        TimeIndex::decode(Offset(100), &times.encode(), Offset(110)),
        Some(times.clone())
    );
    assert_eq!(
        TimeIndex::decode(Offset(100), &times.encode(), Offset(109)),
        None,
        "beyond the segment"
    );
    times.truncate(Offset(109));
    assert_eq!(times.max(), max(50, 103));
}
