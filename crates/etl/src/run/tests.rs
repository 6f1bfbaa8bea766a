use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::atomic::{AtomicI64, AtomicU64};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use disk::{File, SimDisk};
use lake::{Snapshot, TableName};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use record::{LeaderEpoch, Offset, PartitionIndex};

use self::reference::{Expected, expect};
use super::*;
use crate::fail_point::FailPoints;
use crate::memory::{MemoryPartition, MemorySource, MemoryTopic, MemoryTopics, Sent};
use crate::{Ledger, Refusal};

#[path = "reference.rs"]
mod reference;

/// A small generator of numbers (SplitMix64).
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// 2025-05-31T23:50:00Z in milliseconds: the events cross midnight.
const START: i64 = 1_748_735_400_000;

fn iso(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

/// The events of one partition with every kind of fault.
fn events(random: &mut Random, partition: usize, count: usize, device: bool) -> Vec<Sent> {
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

fn event(random: &mut Random, device: bool, id: String, ms: i64) -> Vec<u8> {
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
struct Rig {
    disk: SimDisk,
    topics: MemoryTopics,
    clickstream: Vec<Vec<Sent>>,
    iot: Vec<Vec<Sent>>,
    settings: Settings,
    clock: Arc<AtomicI64>,
    numbers: Arc<AtomicU64>,
}

impl Rig {
    fn new(seed: u64, count: usize) -> Self {
        let mut random = Random(seed);
        let clickstream: Vec<_> = (0..3).map(|p| events(&mut random, p, count, false)).collect();
        let iot: Vec<_> = (0..2).map(|p| events(&mut random, p, count, true)).collect();
        Self::of(seed, clickstream, iot)
    }

    /// Topics of these records, by partition.
    fn of(seed: u64, clickstream: Vec<Vec<Sent>>, iot: Vec<Vec<Sent>>) -> Self {
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

    fn world(&self) -> World {
        let (clock, numbers) = (Arc::clone(&self.clock), Arc::clone(&self.numbers));
        World {
            now: Arc::new(move || Timestamp(clock.fetch_add(1_000, Ordering::Relaxed))),
            random: Arc::new(move || Ok(u128::from(Random(numbers.fetch_add(1, Ordering::Relaxed)).next()))),
        }
    }

    /// Runs until all is read, or the fail point comes.
    async fn run(&self, points: FailPoints) -> Result<Vec<Progress>, EtlError> {
        self.run_growing(points, None).await
    }

    /// Runs until all is read, also of what the topics become after a silence.
    async fn run_growing(
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

    fn ledger(&self) -> Ledger {
        let snapshot = Snapshot::open(self.disk.clone(), "/lake").unwrap();
        Ledger::from_payload(snapshot.application().as_str()).unwrap()
    }

    fn rows(&self, table: &str) -> Vec<RecordBatch> {
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
    fn found(&self, table: &str, key: &str) -> Expected {
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

    fn page_views(&self) -> BTreeMap<(i64, Option<String>), i64> {
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
    fn check(&self, told: &str) {
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
fn check_dates(batches: &[RecordBatch], dt: jiff::civil::Date) {
    for batch in batches {
        let by = ["event_ts", "minute_start", "ingest_ts"]
            .iter()
            .find_map(|name| batch.column_by_name(name));
        for &at in by.unwrap().as_primitive::<TimestampMicrosecondType>().values() {
            assert!(crate::EventTime(at).to_string().starts_with(&dt.to_string()));
        }
    }
}

#[tokio::test]
async fn agrees_with_the_slow_reference() {
    for seed in 1..=4 {
        let mut rig = Rig::new(seed, 250);
        rig.settings.threads = seed as usize % 4;
        rig.settings.epoch_records = [20, 77, 10_000][seed as usize % 3];
        let progress = rig.run(FailPoints::none()).await.unwrap();
        rig.check(&format!("seed {seed}"));
        let read: u64 = progress.iter().map(|p| p.num_input_rows).sum();
        assert_eq!(read, 5 * 250, "seed {seed}");
    }
}

#[tokio::test]
async fn a_restart_carries_on() {
    let rig = Rig::new(11, 150);
    let whole = rig.topics.clone();
    let mut half = Rig {
        topics: whole.clone(),
        ..Rig::new(11, 150)
    };
    for topic in half.topics.topics.values_mut() {
        for partition in topic.partitions.values_mut() {
            partition.batches.truncate(partition.batches.len() / 2);
        }
    }
    let before = half.run(FailPoints::none()).await.unwrap();
    half.topics = whole;
    let after = half.run(FailPoints::none()).await.unwrap();
    assert_eq!(after[0].batch_id, before.last().unwrap().batch_id + 1);
    half.check("in two halves");
    assert!(
        half.run(FailPoints::none()).await.unwrap().is_empty(),
        "nothing is left to do"
    );
    half.check("after a third run");
}

/// Wherever the process ends, the next one leaves every row exactly once and the ledger balanced.
#[tokio::test]
async fn killed_at_every_fail_point() {
    let mut reached = Vec::new();
    for point in FailPoints::names() {
        for passage in [1, 4] {
            let rig = Rig::new(23, 24);
            if rig.run(FailPoints::fail_at(point, passage)).await.is_err() {
                reached.push(point);
            }
            rig.run(FailPoints::none())
                .await
                .unwrap_or_else(|e| panic!("{point} {passage}: {e}"));
            rig.check(&format!("{point}, passage {passage}"));
        }
    }
    reached.dedup();
    for point in crate::fail_point::POINTS {
        assert!(reached.contains(&point), "{point} is never passed");
    }
    assert!(reached.len() > 25, "{reached:?}");
}

/// The process or the machine ends in the middle of an operation on the disk, once and again.
#[tokio::test]
async fn ended_at_steps_of_the_disk() {
    let steps = {
        let rig = Rig::new(5, 40);
        rig.run(FailPoints::none()).await.unwrap();
        rig.disk.steps()
    };
    for (seed, step) in (1..steps).step_by(61).enumerate() {
        let mut random = Random(seed as u64);
        let mut rig = Rig::new(5, 40);
        for more in [step, 31] {
            rig.disk.stop_within(rig.disk.steps() + more);
            let _ = rig.run(FailPoints::none()).await;
            rig.disk = if random.chance(50) {
                rig.disk.after_kill()
            } else {
                rig.disk
                    .after_power_loss(|choices| random.below(choices as u64) as usize)
            };
        }
        rig.run(FailPoints::none())
            .await
            .unwrap_or_else(|e| panic!("seed {seed}, step {step}: {e}"));
        rig.check(&format!("seed {seed}, step {step}"));
    }
}

/// Whoever else wants to write is refused.
fn assert_locked(rig: &Rig) {
    let locked = OpenLake::lock(rig.disk.clone(), &rig.settings);
    let message = locked.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("there can be only one"), "{message:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for() {
    let rig = Rig::new(3, 60);
    rig.disk.set_capacity(Some(30_000));
    let disk = rig.disk.clone();
    let began = Instant::now();
    let room = async {
        for _ in 0..20 {
            sleep(Duration::from_secs(3)).await;
            assert_locked(&rig);
        }
        disk.set_capacity(None);
    };
    let (ran, ()) = tokio::join!(rig.run(FailPoints::none()), room);
    ran.unwrap();
    assert!(
        began.elapsed() >= Duration::from_secs(60),
        "the disk was never full"
    );
    rig.check("after the disk was full");
}

#[tokio::test]
async fn a_second_etl_stops() {
    let rig = Rig::new(4, 20);
    rig.run(FailPoints::none()).await.unwrap();
    let lake = OpenLake::lock(rig.disk.clone(), &rig.settings).unwrap();
    let message = rig.run(FailPoints::none()).await.unwrap_err().to_string();
    assert!(message.contains("there can be only one"), "{message}");
    drop(lake);
    rig.run(FailPoints::none()).await.unwrap();
}

/// Also while the first one only waits for its topics.
#[tokio::test(start_paused = true)]
async fn a_waiting_etl_keeps_its_lake() {
    let mut rig = Rig::new(4, 20);
    let iot = rig.topics.topics.remove("iot").unwrap();
    let (told, mut waits) = watch::channel(0);
    let (drained, _) = watch::channel(false);
    let (_stop, stopped) = watch::channel(false);
    let source = MemorySource::new(rig.topics.clone(), 3, Arc::new(drained));
    let tell = move |event: Event| {
        if let Event::Waiting { reason, .. } = event {
            assert!(
                reason.contains("topic iot of table iot does not exist"),
                "{reason}"
            );
            told.send_modify(|count| *count += 1);
        }
    };
    let first = tokio::spawn(drive(
        rig.disk.clone(),
        rig.settings.clone(),
        source,
        rig.world(),
        stopped,
        tell,
    ));
    waits.wait_for(|count| *count == 2).await.unwrap();
    rig.topics.topics.insert("iot".into(), iot);
    let message = rig.run(FailPoints::none()).await.unwrap_err().to_string();
    assert!(message.contains("there can be only one"), "{message}");
    first.abort();
}

#[tokio::test]
async fn what_the_topics_lost_stops_the_etl() {
    type Case = (fn(&mut MemoryTopic), fn(&Refusal) -> bool);
    let cases: [Case; 4] = [
        (
            |topic| topic.id = "other".into(),
            |r| matches!(r, Refusal::TopicRecreated { .. }),
        ),
        (
            |topic| {
                topic
                    .partitions
                    .values_mut()
                    .for_each(|p| p.earliest = p.end().plus(1))
            },
            |r| matches!(r, Refusal::OffsetsGone { .. }),
        ),
        (
            |topic| {
                topic
                    .partitions
                    .values_mut()
                    .for_each(|p| p.epoch_end = Some((LeaderEpoch(0), Offset(3))))
            },
            |r| matches!(r, Refusal::TailLost { end: Offset(3), .. }),
        ),
        (
            |topic| drop(topic.partitions.pop_last()),
            |r| matches!(r, Refusal::PartitionGone { .. }),
        ),
    ];
    for (change, expected) in cases {
        let mut rig = Rig::new(9, 20);
        rig.run(FailPoints::none()).await.unwrap();
        change(rig.topics.topics.get_mut("iot").unwrap());
        match rig.run(FailPoints::none()).await {
            Err(EtlError::Refused(refusal)) if expected(&refusal) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn lost_or_damaged_state_is_refused() {
    use disk::{Disk as _, OpenMode};
    let state_files = |rig: &Rig| -> Vec<std::path::PathBuf> {
        let folder = std::path::Path::new("/state/etl");
        let entries = rig.disk.read_dir(folder).unwrap().into_iter();
        entries
            .map(|entry| folder.join(entry.name))
            .filter(|path| path.to_string_lossy().contains("dedup"))
            .collect()
    };
    for damage in [true, false] {
        let rig = Rig::new(9, 40);
        rig.run(FailPoints::none()).await.unwrap();
        let files = state_files(&rig);
        assert!(!files.is_empty());
        for path in files {
            if damage {
                rig.disk
                    .open(&path, OpenMode::Write)
                    .unwrap()
                    .write_all_at(b"?", 40)
                    .unwrap();
            } else {
                rig.disk.remove_file(&path).unwrap();
            }
        }
        let message = rig.run(FailPoints::none()).await.unwrap_err().to_string();
        assert!(message.contains("clean --lake --checkpoints"), "{message}");
    }
}

#[tokio::test]
async fn a_changed_declaration_is_refused() {
    let mut rig = Rig::new(9, 20);
    rig.run(FailPoints::none()).await.unwrap();
    if let TableDeclaration::Source(source) = &mut rig.settings.tables[0] {
        source.dedup_keys.clear();
    }
    let message = rig.run(FailPoints::none()).await.unwrap_err().to_string();
    assert!(
        message.contains("table clickstream: its deduplication keys changed"),
        "{message}"
    );
}

/// No clock of a producer may stop the ETL.
#[tokio::test]
async fn the_first_and_the_last_day_have_folders() {
    let at = |timestamp: i64, ts: &str| Sent {
        timestamp: Timestamp(timestamp),
        value: Some(format!(r#"{{"event_id":"{ts}","ts":"{ts}"}}"#).into_bytes()),
    };
    let ends = vec![
        at(0, "0001-01-01T00:00:00Z"),
        at(253_402_300_799_000, "9999-12-31T23:59:59.999999Z"),
        at(253_402_300_799_000, "9999-12-31T23:59:59-00:01"),
    ];
    let rig = Rig::of(1, vec![ends], vec![Vec::new()]);
    rig.run(FailPoints::none()).await.unwrap();
    let counts = rig.ledger().table("clickstream");
    assert_eq!((counts.written, counts.malformed), (2, 1));
    assert_eq!(
        rig.rows("clickstream")
            .iter()
            .map(RecordBatch::num_rows)
            .sum::<usize>(),
        2
    );
}

/// They are found in the plan of an epoch, or in the look around after a silence.
#[tokio::test(start_paused = true)]
async fn partitions_may_be_added_while_it_runs() {
    let mut rig = Rig::new(8, 40);
    let whole = rig.topics.clone();
    for topic in rig.topics.topics.values_mut() {
        topic.partitions.pop_last();
    }
    rig.run_growing(FailPoints::none(), Some(whole)).await.unwrap();
    let read = |rig: &Rig, table| rig.ledger().table(table).read;
    assert_eq!((read(&rig, "clickstream"), read(&rig, "iot")), (3 * 40, 2 * 40));
    assert_eq!(rig.ledger().imbalances(), Vec::<String>::new());
}

/// A page view with the id `id`, `after` milliseconds after the start.
fn view(id: &str, after: i64) -> Sent {
    let ts = iso(START + after);
    let value = format!(r#"{{"event_id":"{id}","url":"/","ts":"{ts}"}}"#);
    Sent {
        timestamp: Timestamp(START + after),
        value: Some(value.into_bytes()),
    }
}

/// A marker of a later leader epoch behind the last record must not look like a lost tail.
#[tokio::test]
async fn a_marker_may_be_the_last_of_its_epoch() {
    let mut rig = Rig::of(1, vec![Vec::new()], vec![Vec::new()]);
    let clickstream = |rig: &mut Rig, append: &dyn Fn(&mut MemoryPartition)| {
        let topic = rig.topics.topics.get_mut("clickstream").unwrap();
        append(topic.partitions.get_mut(&PartitionIndex(0)).unwrap());
    };
    clickstream(&mut rig, &|partition| {
        partition.append(&[view("a", 0), view("b", 1)], LeaderEpoch(3));
        partition.append_hidden(&[view("marker", 1)], LeaderEpoch(4));
    });
    rig.run(FailPoints::none()).await.unwrap();
    let snapshot = Snapshot::open(rig.disk.clone(), "/lake").unwrap();
    let payload = crate::payload::Payload::parse(snapshot.application().as_str()).unwrap();
    let committed = payload.sources["clickstream"].partitions[&0].position();
    let expected = Position {
        offset: Offset(3),
        leader_epoch: LeaderEpoch(4),
    };
    assert_eq!(committed, expected);
    clickstream(&mut rig, &|partition| {
        partition.append(&[view("c", 2)], LeaderEpoch(4));
        partition.append_hidden(&[view("aborted", 3)], LeaderEpoch(5));
        partition.append(&[view("d", 4)], LeaderEpoch(5));
    });
    rig.run(FailPoints::none()).await.unwrap();
    let counts = rig.ledger().table("clickstream");
    assert_eq!((counts.read, counts.written), (4, 4));
}

/// Events a day apart neither fill the memory with half-written files nor a commit with folders.
#[tokio::test]
async fn events_over_many_years() {
    let day = |n: i64| view(&format!("e{n}"), n * 86_400_000);
    let mut rig = Rig::of(2, vec![(0..450).map(day).collect()], vec![Vec::new()]);
    rig.settings.epoch_records = 10_000;
    let progress = rig.run(FailPoints::none()).await.unwrap();
    assert_eq!(rig.ledger().table("clickstream").written, 450);
    let rows: usize = rig.rows("clickstream").iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 450);
    let most = progress.iter().map(|p| p.num_input_rows).max();
    // The last batch may go beyond.
    assert!(most < Some(200 + 9), "{most:?} days in one epoch");
}

/// Nothing is read where all was aborted, but the next start need not pass it again.
#[tokio::test]
async fn positions_over_aborted_records_are_committed_after_a_while() {
    let mut rig = Rig::of(1, vec![Vec::new()], vec![Vec::new()]);
    let topic = rig.topics.topics.get_mut("clickstream").unwrap();
    let partition = topic.partitions.get_mut(&PartitionIndex(0)).unwrap();
    // A fetch takes three of them, and the clock goes on by a second at each.
    for n in 0..300 {
        partition.append_hidden(&[view("aborted", n)], LeaderEpoch(0));
    }
    let progress = rig.run(FailPoints::none()).await.unwrap();
    assert_eq!(progress.len(), 1, "once a minute");
    assert_eq!(progress[0].num_input_rows, 0);
    assert_eq!(progress[0].sources[0].end_offset[&0], 300);
}

/// Which of two equal keys comes first is open between partitions; that one of them is written is not.
#[tokio::test]
async fn equal_keys_in_two_partitions_are_written_once() {
    let partitions = vec![vec![view("a", 0), view("b", 1)], vec![view("b", 2), view("a", 3)]];
    let mut rig = Rig::of(3, partitions, vec![Vec::new()]);
    for epoch_records in [1, 100] {
        rig.disk = SimDisk::new();
        rig.settings.epoch_records = epoch_records;
        rig.run(FailPoints::none()).await.unwrap();
        let counts = rig.ledger().table("clickstream");
        assert_eq!((counts.read, counts.written, counts.duplicates), (4, 2, 2));
    }
}
