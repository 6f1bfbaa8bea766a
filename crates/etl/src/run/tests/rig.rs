//! Topics with every kind of fault in their events, and the ETL run on them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::atomic::{AtomicI64, AtomicU64};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use disk::{File, SimDisk};
use lake::{Snapshot, TableName};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use record::{LeaderEpoch, PartitionIndex};

use super::super::*;
use super::reference::{Expected, expect};
use crate::Ledger;
use crate::fail_point::FailPoints;
use crate::memory::{MemorySource, MemoryTopics, Sent};

/// A small generator of numbers (SplitMix64).
#[derive(Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// 2025-05-31T23:50:00Z in milliseconds: the events cross midnight.
pub(super) const START: i64 = 1_748_735_400_000;

pub(super) fn iso(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

/// The events of one partition with every kind of fault.
pub(super) fn events(random: &mut Random, partition: usize, count: usize, device: bool) -> Vec<Sent> {
    let mut sent: Vec<Sent> = Vec::new();
    let mut now = START;
    for n in 0..count {
        now += random.below(9_000) as i64;
        let timestamp = Timestamp(now);
        let value = match random.below(100) {
            0..8 if n > 0 => sent[n - 1 - random.below(n.min(10) as u64) as usize]
                .value
                .clone(),
            8 => None,
            9 => Some(b"{\"event_id\":\"x\"".to_vec()),
            10 => Some(b"\xff\xfe".to_vec()),
            11 => Some(br#"{"event_id":"no time","device_id":"d"}"#.to_vec()),
            12 => Some(br#"{"ts":"2025-06-01T00:00:00Z"}"#.to_vec()),
            13 => Some(br#"{"event_id":"e","device_id":"d","battery":"full","ts":"soon"}"#.to_vec()),
            14 => Some(event(
                random,
                device,
                format!("f{partition}-{n}"),
                now + 4_000_000,
            )),
            15 => Some(event(random, device, format!("l{partition}-{n}"), now - 400_000)),
            // A key that was there before, at another time.
            16..19 if n > 0 => Some(event(
                random,
                device,
                format!("e{partition}-{}", random.clone().below(n as u64)),
                now,
            )),
            _ => {
                let jitter = random.below(100_000) as i64;
                Some(event(random, device, format!("e{partition}-{n}"), now - jitter))
            }
        };
        sent.push(Sent { timestamp, value });
    }
    sent
}

pub(super) fn event(random: &mut Random, device: bool, id: String, ms: i64) -> Vec<u8> {
    let ts = iso(ms);
    let text = if device {
        let battery = if random.chance(5) {
            "12.0".to_owned()
        } else {
            random.below(100).to_string()
        };
        format!(
            r#"{{"device_id":"{id}","site":"s","temp_c":{},"battery":{battery},"ts":"{ts}"}}"#,
            random.below(40)
        )
    } else {
        let url = match random.below(8) {
            0 => "null".to_owned(),
            1 => r#""/\u00e4\"""#.to_owned(),
            n => format!(r#""/page/{n}""#),
        };
        format!(r#"{{"event_id":"{id}","user_id":7,"url":{url},"extra":[1,{{}}],"ts":"{ts}"}}"#)
    };
    text.into_bytes()
}

/// Topics, a disk, and the settings with which the ETL runs on them.
pub(super) struct Rig {
    pub(super) disk: SimDisk,
    pub(super) topics: MemoryTopics,
    pub(super) clickstream: Vec<Vec<Sent>>,
    pub(super) iot: Vec<Vec<Sent>>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<AtomicI64>,
    pub(super) numbers: Arc<AtomicU64>,
}

impl Rig {
    pub(super) fn new(seed: u64, count: usize) -> Self {
        let mut random = Random(seed);
        let clickstream: Vec<_> = (0..3).map(|p| events(&mut random, p, count, false)).collect();
        let iot: Vec<_> = (0..2).map(|p| events(&mut random, p, count, true)).collect();
        Self::of(seed, clickstream, iot)
    }

    /// Topics of these records, by partition.
    pub(super) fn of(seed: u64, clickstream: Vec<Vec<Sent>>, iot: Vec<Vec<Sent>>) -> Self {
        let mut random = Random(seed.wrapping_add(1_000));
        let mut topics = MemoryTopics {
            id: "memory".into(),
            topics: BTreeMap::new(),
        };
        for (name, partitions) in [("clickstream", &clickstream), ("iot", &iot)] {
            let topic = topics.topics.entry(name.to_owned()).or_default();
            topic.id = format!("id-of-{name}");
            for (index, records) in partitions.iter().enumerate() {
                let partition = topic.partitions.entry(PartitionIndex(index as i32)).or_default();
                let (mut rest, mut epoch) = (records.as_slice(), 0);
                while !rest.is_empty() {
                    let (batch, later) = rest.split_at(rest.len().min(1 + random.below(9) as usize));
                    // Leaders change.
                    epoch += (random.below(5) == 0) as i32;
                    partition.append(batch, LeaderEpoch(epoch));
                    rest = later;
                }
            }
        }
        let disk = SimDisk::new();
        let mut settings = Settings::new("/lake".into(), "/state".into());
        settings.trigger = Duration::ZERO;
        settings.threads = 2;
        settings.epoch_records = 30;
        let clock = Arc::new(AtomicI64::new(START));
        Self {
            disk,
            topics,
            clickstream,
            iot,
            settings,
            clock,
            numbers: Arc::new(AtomicU64::new(seed)),
        }
    }

    pub(super) fn world(&self) -> World {
        let (clock, numbers) = (Arc::clone(&self.clock), Arc::clone(&self.numbers));
        World {
            now: Arc::new(move || Timestamp(clock.fetch_add(1_000, Ordering::Relaxed))),
            random: Arc::new(move || Ok(u128::from(Random(numbers.fetch_add(1, Ordering::Relaxed)).next()))),
        }
    }

    /// Runs until all is read, or the fail point comes.
    pub(super) async fn run(&self, points: FailPoints) -> Result<Vec<Progress>, EtlError> {
        self.run_growing(points, None).await
    }

    /// Runs until all is read, also of what the topics become after a silence.
    pub(super) async fn run_growing(
        &self,
        points: FailPoints,
        grows: Option<MemoryTopics>,
    ) -> Result<Vec<Progress>, EtlError> {
        let (drained, stop) = watch::channel(false);
        let mut source = MemorySource::new(self.topics.clone(), 3, Arc::new(drained));
        source.grows = grows;
        let mut settings = self.settings.clone();
        settings.fail_points = points;
        let mut progress = Vec::new();
        let tell = |event| {
            if let Event::Progress(told) = event {
                progress.push(*told);
            }
        };
        drive(self.disk.clone(), settings, source, self.world(), stop, tell).await?;
        Ok(progress)
    }

    pub(super) fn ledger(&self) -> Ledger {
        let snapshot = Snapshot::open(self.disk.clone(), "/lake").unwrap();
        Ledger::from_payload(snapshot.application().as_str()).unwrap()
    }

    pub(super) fn rows(&self, table: &str) -> Vec<RecordBatch> {
        let snapshot = Snapshot::open(self.disk.clone(), "/lake").unwrap();
        let table = TableName::new(table).unwrap();
        let mut batches = Vec::new();
        for file in snapshot.files(&table).cloned().collect::<Vec<_>>() {
            let open = snapshot.open_file(&table, &file).unwrap();
            let mut bytes = vec![0; open.len().unwrap() as usize];
            open.read_exact_at(&mut bytes, 0).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))
                .unwrap()
                .build()
                .unwrap();
            let of_file: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
            assert_eq!(
                of_file.iter().map(|b| b.num_rows() as u64).sum::<u64>(),
                file.rows
            );
            check_dates(&of_file, file.dt);
            batches.extend(of_file);
        }
        batches
    }

    /// What the lake holds of one source table, in the words of the reference.
    pub(super) fn found(&self, table: &str, key: &str) -> Expected {
        let mut found = Expected::default();
        for batch in self.rows(table) {
            let [event_ts, timestamp] = ["event_ts", "timestamp"].map(|name| {
                batch
                    .column_by_name(name)
                    .unwrap()
                    .as_primitive::<TimestampMicrosecondType>()
                    .clone()
            });
            let keys = batch.column_by_name(key).unwrap().as_string::<i32>();
            for row in 0..batch.num_rows() {
                found.rows.push((
                    keys.value(row).to_owned(),
                    event_ts.value(row),
                    timestamp.value(row),
                ));
            }
        }
        for batch in self.rows("quarantine") {
            let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
            let (tables, verdicts) = (text("source_table"), text("verdict"));
            let partitions = batch
                .column_by_name("partition")
                .unwrap()
                .as_primitive::<Int32Type>();
            let offsets = batch
                .column_by_name("offset")
                .unwrap()
                .as_primitive::<Int64Type>();
            for row in (0..batch.num_rows()).filter(|&row| tables.value(row) == table) {
                found.quarantined.push((
                    partitions.value(row),
                    offsets.value(row),
                    verdicts.value(row).to_owned(),
                ));
            }
        }
        for (key, c) in self
            .ledger()
            .partitions
            .iter()
            .filter(|(key, _)| key.table == table)
        {
            assert_eq!(c.late_after_idle, 0);
            found.counts.insert(
                key.partition.0,
                [c.read, c.written, c.duplicates, c.late, c.future, c.malformed],
            );
        }
        found.rows.sort();
        found.quarantined.sort();
        found
    }

    pub(super) fn page_views(&self) -> BTreeMap<(i64, Option<String>), i64> {
        let mut views = BTreeMap::new();
        for batch in self.rows("clickstream_agg") {
            let start = batch
                .column_by_name("minute_start")
                .unwrap()
                .as_primitive::<TimestampMicrosecondType>();
            let urls = batch.column_by_name("url").unwrap().as_string::<i32>();
            let pv = batch.column_by_name("pv").unwrap().as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let url = urls.is_valid(row).then(|| urls.value(row).to_owned());
                let twice = views.insert((start.value(row), url), pv.value(row));
                assert_eq!(twice, None, "a closed window came out twice");
            }
        }
        views
    }

    /// Compares the lake with the reference.
    pub(super) fn check(&self, told: &str) {
        let mut clickstream = self.found("clickstream", "event_id");
        clickstream.closed = self.page_views();
        assert_eq!(
            clickstream,
            expect(&self.clickstream, false),
            "clickstream, {told}"
        );
        assert_eq!(
            self.found("iot", "device_id"),
            Expected {
                closed: BTreeMap::new(),
                ..expect(&self.iot, true)
            },
            "iot, {told}"
        );
        assert_eq!(self.ledger().imbalances(), Vec::<String>::new(), "{told}");
    }
}

/// Every row lies in the folder of its date.
pub(super) fn check_dates(batches: &[RecordBatch], dt: jiff::civil::Date) {
    for batch in batches {
        let by = ["event_ts", "minute_start", "ingest_ts"]
            .iter()
            .find_map(|name| batch.column_by_name(name));
        for &at in by.unwrap().as_primitive::<TimestampMicrosecondType>().values() {
            assert!(crate::EventTime(at).to_string().starts_with(&dt.to_string()));
        }
    }
}
