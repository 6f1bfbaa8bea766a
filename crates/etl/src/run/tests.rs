//! Stories of whole runs.

use arrow::array::RecordBatch;
use disk::{File, SimDisk};
use lake::Snapshot;
use record::{LeaderEpoch, Offset, PartitionIndex};

use self::rig::{Random, Rig, START, iso};
use super::*;
use crate::Refusal;
use crate::fail_point::FailPoints;
use crate::memory::{MemoryPartition, MemorySource, MemoryTopic, Sent};

mod reference;
mod rig;

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

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_back_is_waited_for_no_more_though_nothing_comes() {
    let rig = Rig::new(3, 60);
    let (drained, _read) = watch::channel(false);
    let mut source = MemorySource::new(rig.topics.clone(), 3, Arc::new(drained));
    source.silent = 2;
    let (_stop, stopped) = watch::channel(false);
    let (report, mut reported) = watch::channel((0, crate::Report::default()));
    let tell = move |event: Event| {
        report.send_modify(|(waits, report)| {
            *waits += u32::from(matches!(event, Event::Waiting { .. }));
            report.take(&event);
        });
    };
    let driven = drive(
        rig.disk.clone(),
        rig.settings.clone(),
        source,
        rig.world(),
        stopped,
        tell,
    );
    let back = reported.wait_for(|(waits, report)| *waits == 2 && report.waiting.is_none());
    let seen = tokio::select! {
        ended = driven => panic!("it ended: {ended:?}"),
        seen = tokio::time::timeout(Duration::from_secs(300), back) => seen,
    };
    assert!(seen.is_ok(), "it still says that it waits");
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
