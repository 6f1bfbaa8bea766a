use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use disk::{Disk, File, OpenMode, SimDisk};
use record::{
    Batch, BatchBuilder, Compression, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp,
    TimestampType, TopicId,
};

use super::Partition;
use crate::{
    AppendError, InvalidRecord, LogError, Options, ReadError, Recovery, SegmentView, TimestampAndOffset,
    Trust,
};

mod crash;
mod model;
mod producing;
mod recovering;
mod retaining;
mod storing;
mod timing;

const NOW: Timestamp = Timestamp(1_000_000);

fn dir() -> PathBuf {
    PathBuf::from("/t-0")
}

/// Segments of a few batches, indexes of every second one.
fn small() -> Options {
    Options {
        segment_bytes: 600,
        index_interval_bytes: 100,
        ..Options::default()
    }
}

fn open(disk: &SimDisk, options: Options, trust: Trust) -> (Partition<SimDisk>, Recovery) {
    Partition::open(disk.clone(), dir(), options, NOW, trust).expect("the partition opens")
}

fn fresh(options: Options) -> (SimDisk, Partition<SimDisk>) {
    let disk = SimDisk::new();
    let (partition, _) = open(&disk, options, Trust::Nothing);
    (disk, partition)
}

/// A batch of records with these timestamps; the value names the record.
fn batch(value: &str, timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None);
    for (i, timestamp) in timestamps.iter().enumerate() {
        let value = format!("{value}/{i}");
        builder
            .push(Timestamp(*timestamp), None, Some(value.as_bytes()), &[])
            .unwrap();
    }
    builder.build().unwrap().to_vec()
}

/// A batch of one record of an idempotent producer.
fn produced(id: i64, epoch: i16, sequence: i32, records: i32) -> Vec<u8> {
    let mut builder = BatchBuilder::new(Compression::None);
    builder.producer(ProducerId(id), ProducerEpoch(epoch), Sequence(sequence));
    for i in 0..records {
        let value = format!("{id}/{epoch}/{sequence}+{i}");
        builder
            .push(Timestamp(5), None, Some(value.as_bytes()), &[])
            .unwrap();
    }
    builder.build().unwrap().to_vec()
}

fn append(partition: &mut Partition<SimDisk>, value: &str, epoch: i32) -> Result<Offset, AppendError> {
    let mut bytes = batch(value, &[10]);
    partition
        .append_as_leader(&mut bytes, LeaderEpoch(epoch), NOW)
        .map(|done| done.base_offset)
}

/// All records from the start offset on: offset, epoch, value.
fn content(partition: &Partition<SimDisk>) -> Vec<(i64, i32, String)> {
    let mut found = Vec::new();
    let mut from = partition.start_offset();
    while from < partition.end_offset() {
        let bytes = partition
            .read(from, 200, partition.end_offset())
            .expect("records are readable");
        assert!(
            !bytes.is_empty(),
            "nothing at {from}, end {}",
            partition.end_offset()
        );
        for batch in Batch::split(bytes) {
            let batch = batch.expect("batches are sound");
            for record in &batch.records().expect("records are sound") {
                let record = record.expect("a record is sound");
                if record.offset >= from {
                    let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
                    found.push((record.offset.0, batch.leader_epoch().0, value));
                }
            }
            from = batch.next_offset();
        }
    }
    found
}

fn values(partition: &Partition<SimDisk>) -> Vec<String> {
    content(partition)
        .into_iter()
        .map(|(_, _, value)| value)
        .collect()
}

/// Changes one file in place.
fn edit(disk: &SimDisk, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = dir().join(name);
    let mut bytes = disk.read(&path).unwrap();
    change(&mut bytes);
    let file = disk.open(&path, OpenMode::Write).unwrap();
    file.set_len(0).unwrap();
    file.write_all_at(&bytes, 0).unwrap();
}

fn names(disk: &SimDisk, dir: &Path) -> Vec<String> {
    disk.read_dir(dir)
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .collect()
}

/// Bytes of all files.
fn used(disk: &SimDisk) -> u64 {
    names(disk, &dir())
        .iter()
        .map(|name| disk.metadata(&dir().join(name)).unwrap().len)
        .sum()
}
