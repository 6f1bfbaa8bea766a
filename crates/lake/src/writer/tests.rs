//! Stories of one writer, and of those who get in its way. What crashes do to it is explored in
//! `explore`.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use disk::{Disk, File, OpenMode, RealDisk, SimDisk};
use jiff::Timestamp;
use jiff::civil::date;

use crate::{
    AttemptId, Collected, CommitNumber, LakeError, Locks, Mismatch, Options, Payload, Snapshot, StagedFile,
    Staging, TableName, Writer,
};

mod refusals;

const SECOND_MS: i64 = 1000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_767_225_600_000 + ms).unwrap()
}

fn options() -> Options {
    Options::new("/lake", "/checkpoints", "etl")
}

fn open(disk: &SimDisk) -> Result<Writer<SimDisk>, LakeError> {
    Writer::open(disk.clone(), options(), at(0), 7)
}

fn table(name: &str) -> TableName {
    TableName::new(name).unwrap()
}

fn order() -> Vec<TableName> {
    vec![table("clicks"), table("views")]
}

/// Stages a row for each table, and the number as state.
fn stage<D: Disk>(writer: &mut Writer<D>, n: u64) -> Result<Staging<D>, LakeError> {
    let mut staging = writer.begin(AttemptId(n.into()))?;
    for name in ["clicks", "views"] {
        let file = staging.data_file(&table(name), date(2026, 1, 1))?;
        write(file, &format!("{name} {n}"))?;
    }
    write(staging.state_file("count")?, &n.to_string())?;
    Ok(staging)
}

fn write<D: Disk>(mut file: StagedFile<D>, content: &str) -> Result<(), LakeError> {
    let path = PathBuf::from(content);
    file.write_all(content.as_bytes())
        .map_err(|source| LakeError::Io {
            action: "write",
            path,
            source,
        })?;
    file.finish(1)
}

fn commit<D: Disk>(writer: &mut Writer<D>, n: u64, ms: i64) -> Result<CommitNumber, LakeError> {
    let staging = stage(writer, n)?;
    let number = writer.commit(staging, &order(), Payload::new(&n).unwrap(), at(ms))?;
    writer.publish()?;
    Ok(number)
}

/// A lake with this many commits after the first, whose writer is gone.
fn lake_with(commits: u64) -> SimDisk {
    let disk = SimDisk::new();
    let mut writer = open(&disk).unwrap();
    for n in 1..=commits {
        commit(&mut writer, n, 0).unwrap();
    }
    drop(writer);
    disk
}

fn contents<D: Disk>(snapshot: &Snapshot<D>) -> Vec<String> {
    let mut rows = Vec::new();
    for table in snapshot.tables() {
        for file in snapshot.files(table) {
            let opened = snapshot.open_file(table, file).unwrap();
            let mut content = vec![0; usize::try_from(opened.len().unwrap()).unwrap()];
            opened.read_exact_at(&mut content, 0).unwrap();
            rows.push(String::from_utf8(content).unwrap());
        }
    }
    rows
}

fn names(disk: &SimDisk, folder: &str) -> Vec<String> {
    let entries = disk.read_dir(Path::new(folder)).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

fn remove_all(disk: &SimDisk, path: &str) {
    crate::folders::remove_tree(disk, Path::new(path), disk::Kind::Dir).unwrap();
}

/// Flips a bit in the middle of a file.
fn damage(disk: &SimDisk, path: &str) {
    let content = disk.read(Path::new(path)).unwrap();
    let middle = content.len() / 2;
    let file = disk.open(Path::new(path), OpenMode::Write).unwrap();
    file.write_all_at(&[content[middle] ^ 1], middle as u64).unwrap();
}

fn state(attempt: u128) -> String {
    format!("/checkpoints/etl/{}-count", AttemptId(attempt))
}

#[test]
fn a_new_lake_begins_with_an_empty_commit() {
    let disk = SimDisk::new();
    let writer = open(&disk).unwrap();
    let newest = writer.newest();
    assert_eq!(newest.number, CommitNumber::FIRST);
    assert!(newest.application.is_null() && newest.tables.is_empty());
    assert!(writer.is_published());
    let log = ["00000000000000000001.json", "00000000000000000001.published"];
    assert_eq!(names(&disk, "/lake/log"), log);
    assert_eq!(names(&disk, "/lake"), ["format.json", "log", "staging", "tables"]);
    assert_eq!(names(&disk, "/checkpoints/etl"), ["format.json", "newest.json"]);
}

#[test]
fn folders_are_made_with_their_parents_also_from_relative_paths() {
    let disk = SimDisk::new();
    let options = Options::new("data/lake", "data/checkpoints", "etl");
    drop(Writer::open(disk.clone(), options, at(0), 7).unwrap());
    assert_eq!(names(&disk, "/data"), ["checkpoints", "lake"]);
    assert_eq!(
        names(&disk.after_power_loss(|_| 0), "/data"),
        ["checkpoints", "lake"]
    );
}

#[test]
fn what_is_committed_is_there_for_readers_and_for_the_next_writer() {
    let folder = tempfile::tempdir().unwrap();
    let (root, checkpoints) = (folder.path().join("lake"), folder.path().join("state"));
    let options = Options::new(&root, &checkpoints, "etl");
    let mut writer = Writer::open(RealDisk, options.clone(), at(0), 7).unwrap();
    let staging = stage(&mut writer, 1).unwrap();
    let payload = Payload::new(&1).unwrap();
    assert_eq!(
        writer.commit(staging, &order(), payload, at(5)).unwrap(),
        CommitNumber(2)
    );

    // Committed, not published: in a snapshot, not in the folders.
    let snapshot = Snapshot::open(RealDisk, &root).unwrap();
    assert_eq!(contents(&snapshot), ["clicks 1", "views 1"]);
    assert!(!root.join("tables/clicks").exists());

    // The next writer publishes it. The snapshot stays good.
    drop(writer);
    let writer = Writer::open(RealDisk, options, at(10), 8).unwrap();
    assert_eq!(contents(&snapshot), ["clicks 1", "views 1"]);
    let file = root.join(format!(
        "tables/views/dt=2026-01-01/part-{}-1.parquet",
        AttemptId(1)
    ));
    assert_eq!(RealDisk.read(&file).unwrap(), b"views 1");
    assert_eq!(RealDisk.read_dir(&root.join("staging")).unwrap(), []);

    let newest = writer.newest();
    assert_eq!((newest.number, newest.at), (CommitNumber(2), at(5)));
    assert_eq!(newest.application.read::<u64>().unwrap(), 1);
    let state = writer.state("count").unwrap();
    let mut content = [0];
    state.read_exact_at(&mut content, 0).unwrap();
    assert_eq!(&content, b"1");

    // A linked copy doesn't change any more.
    let copy = folder.path().join("copy");
    snapshot.hard_link_to(&copy).unwrap();
    let linked = copy.join(file.strip_prefix(root.join("tables")).unwrap());
    assert_eq!(
        RealDisk.metadata(&linked).unwrap(),
        RealDisk.metadata(&file).unwrap()
    );
    let again = snapshot.hard_link_to(&copy).unwrap_err();
    assert!(again.to_string().contains("is not empty"), "{again}");
}

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let disk = SimDisk::new();
    let first = open(&disk).unwrap();
    let refused = open(&disk).err().unwrap();
    assert!(matches!(&refused, LakeError::Locked { path } if path == Path::new("/lake")));
    assert!(refused.to_string().contains("minicluster down"), "{refused}");
    // Also one that shares only the state folder.
    let elsewhere = Options::new("/other", "/checkpoints", "etl");
    let refused = Writer::open(disk.clone(), elsewhere, at(0), 8).err().unwrap();
    assert!(matches!(&refused, LakeError::Locked { path } if path.ends_with("etl")));
    drop(first);
    open(&disk).unwrap();
}

#[test]
fn a_writer_that_starts_over_keeps_its_locks() {
    let disk = lake_with(1);
    let locks = Locks::take(disk.clone(), options()).unwrap();
    let mut writer = Writer::open_under(&locks, at(0), 7).unwrap();
    let refused = Writer::open_under(&locks, at(0), 7).err().unwrap();
    assert!(matches!(refused, LakeError::Misuse(_)), "{refused}");
    let staging = stage(&mut writer, 2).unwrap();
    disk.fail_step(disk.steps() + 1, ErrorKind::StorageFull);
    let full = writer.commit(staging, &order(), Payload::null(), at(0));
    assert!(full.unwrap_err().is_disk_full());
    assert!(matches!(writer.publish(), Err(LakeError::Stopped)));
    drop(writer);

    // Nobody gets in between, also not when starting over fails.
    assert!(matches!(open(&disk).err().unwrap(), LakeError::Locked { .. }));
    disk.fail_step(disk.steps() + 1, ErrorKind::StorageFull);
    assert!(Writer::open_under(&locks, at(0), 8).is_err());
    assert!(matches!(open(&disk).err().unwrap(), LakeError::Locked { .. }));
    let mut writer = Writer::open_under(&locks, at(0), 9).unwrap();
    assert_eq!(commit(&mut writer, 3, 0).unwrap(), CommitNumber(3));

    // The writer holds them, too.
    drop(locks);
    assert!(matches!(open(&disk).err().unwrap(), LakeError::Locked { .. }));
    drop(writer);
    open(&disk).unwrap();
}

#[test]
fn a_writer_whose_folders_were_replaced_stops_for_good() {
    for replaced in [&["/lake", "/checkpoints"][..], &["/lake"], &["/checkpoints"]] {
        let disk = lake_with(1);
        let locks = Locks::take(disk.clone(), options()).unwrap();
        let mut old = Writer::open_under(&locks, at(0), 8).unwrap();
        let staging = stage(&mut old, 2).unwrap();
        for folder in replaced {
            remove_all(&disk, folder);
        }
        let elsewhere = Options::new("/lake", "/checkpoints", "etl");
        let new = Writer::open(disk.clone(), elsewhere, at(0), 9);
        let steps = disk.steps();
        let refused = old.commit(staging, &order(), Payload::null(), at(0));
        let refused = refused.unwrap_err();
        assert!(matches!(refused, LakeError::Replaced { .. }), "{refused}");
        assert!(matches!(old.begin(AttemptId(3)), Err(LakeError::Stopped)));
        assert!(matches!(old.publish(), Err(LakeError::Stopped)));
        assert!(matches!(old.collect(at(0)), Err(LakeError::Stopped)));
        drop(old);
        let refused = Writer::open_under(&locks, at(0), 8).err().unwrap();
        assert!(matches!(refused, LakeError::Replaced { .. }), "{refused}");
        assert_eq!(disk.steps(), steps);
        if let Ok(mut new) = new {
            assert_eq!(commit(&mut new, 1, 0).unwrap(), CommitNumber(2));
        }
    }
}

#[test]
fn the_next_commit_waits_for_publishing_but_staging_does_not() {
    let disk = SimDisk::new();
    let mut writer = open(&disk).unwrap();
    let staging = stage(&mut writer, 1).unwrap();
    writer.commit(staging, &order(), Payload::null(), at(0)).unwrap();
    let next = stage(&mut writer, 2).unwrap();
    let refused = writer.commit(next, &order(), Payload::null(), at(0)).unwrap_err();
    assert!(matches!(
        refused,
        LakeError::NotPublished {
            number: CommitNumber(2)
        }
    ));
    assert!(matches!(
        writer.collect(at(0)).unwrap_err(),
        LakeError::NotPublished { .. }
    ));
    writer.publish().unwrap();
    let next = stage(&mut writer, 3).unwrap();
    writer.commit(next, &order(), Payload::null(), at(0)).unwrap();
}

#[test]
fn mistakes_of_the_caller_are_refused() {
    let mut writer = open(&SimDisk::new()).unwrap();
    let mut refuse = |staging, order: &[TableName], because: &str| {
        let refused = writer.commit(staging, order, Payload::null(), at(0)).unwrap_err();
        assert!(refused.to_string().contains(because), "{refused}");
        writer
            .begin(AttemptId(refused.to_string().len() as u128))
            .unwrap()
    };
    let disk = SimDisk::new();
    let mut other = open(&disk).unwrap();
    let stale = stage(&mut other, 1).unwrap();
    let mut staging = refuse(stale, &order(), "a newer attempt was begun");
    let unfinished = staging.data_file(&table("clicks"), date(2026, 1, 1)).unwrap();
    drop(unfinished);
    let mut staging = refuse(staging, &order(), "1 staged files were not finished");
    staging
        .data_file(&table("new"), date(2026, 1, 1))
        .unwrap()
        .finish(0)
        .unwrap();
    let mut staging = refuse(staging, &order(), "new has files but no place in the order");
    let refused = staging.keep_state("x").unwrap_err();
    assert!(refused.to_string().contains("no state file \"x\""), "{refused}");
    assert!(staging.state_file("../x").is_err());
    assert!(staging.data_file(&table("a"), date(-1, 1, 1)).is_err());
    refuse(staging, &[table("a"), table("a")], "ordered twice");
}

#[test]
fn a_table_is_there_from_its_first_file_on() {
    let disk = SimDisk::new();
    let mut writer = open(&disk).unwrap();
    let mut staging = writer.begin(AttemptId(1)).unwrap();
    write(
        staging.data_file(&table("clicks"), date(2026, 1, 1)).unwrap(),
        "a",
    )
    .unwrap();
    writer.commit(staging, &order(), Payload::null(), at(0)).unwrap();
    let snapshot = Snapshot::open(disk, "/lake").unwrap();
    assert_eq!(snapshot.tables().collect::<Vec<_>>(), [&table("clicks")]);
}

#[test]
fn state_files_are_kept_replaced_and_deleted() {
    let disk = SimDisk::new();
    let mut writer = open(&disk).unwrap();
    commit(&mut writer, 1, 0).unwrap();
    let kept = writer.newest().state[0].clone();
    let mut staging = writer.begin(AttemptId(2)).unwrap();
    staging.keep_state("count").unwrap();
    staging.state_file("other").unwrap().finish(0).unwrap();
    writer
        .commit(staging, &[], Payload::null(), at(SECOND_MS))
        .unwrap();
    writer.publish().unwrap();
    assert_eq!(writer.newest().state[0], kept);
    assert_eq!(writer.newest().state[1].name, "other");
    let staging = writer.begin(AttemptId(3)).unwrap();
    writer
        .commit(staging, &[], Payload::null(), at(2 * SECOND_MS))
        .unwrap();
    writer.publish().unwrap();

    // Retained for an hour after the commit that let go of them.
    let hour = 3600 * SECOND_MS;
    assert_eq!(
        writer.collect(at(2 * SECOND_MS + hour - 1)).unwrap().state_files,
        0
    );
    assert_eq!(writer.collect(at(2 * SECOND_MS + hour)).unwrap().state_files, 2);
    assert_eq!(names(&disk, "/checkpoints/etl"), ["format.json", "newest.json"]);
}

#[test]
fn old_commits_are_deleted_below_a_log_snapshot_and_nothing_is_missed() {
    let disk = SimDisk::new();
    let mut options = options();
    options.retain = Duration::from_secs(5);
    options.snapshot_every = 4;
    let mut writer = Writer::open(disk.clone(), options.clone(), at(0), 7).unwrap();
    let mut snapshots = Vec::new();
    for n in 1..=10 {
        let now = i64::try_from(n).unwrap() * SECOND_MS;
        commit(&mut writer, n, now).unwrap();
        snapshots.extend(writer.collect(at(now)).unwrap().snapshot);
    }
    assert_eq!(snapshots, [CommitNumber(4), CommitNumber(8)]);
    // Commit 6 was followed at second 6, so it is retained until 11; below it lies snapshot 4.
    assert_eq!(names(&disk, "/lake/log")[0], "00000000000000000004.json");
    drop(writer);
    let mut writer = Writer::open(disk.clone(), options, at(13 * SECOND_MS), 8).unwrap();
    let collected = writer.collect(at(13 * SECOND_MS)).unwrap();
    let deleted = Collected {
        snapshot: None,
        log_entries: 9,
        state_files: 0,
    };
    assert_eq!(collected, deleted);
    assert_eq!(names(&disk, "/lake/log")[0], "00000000000000000008.json");
    let snapshot = Snapshot::open(disk.clone(), "/lake").unwrap();
    assert_eq!(snapshot.commit().number, CommitNumber(11));
    assert_eq!(contents(&snapshot).len(), 20);
}

#[test]
fn a_clock_that_was_far_ahead_does_not_stop_collection() {
    let disk = SimDisk::new();
    let mut options = options();
    options.retain = Duration::from_secs(5);
    options.snapshot_every = 1;
    let mut writer = Writer::open(disk.clone(), options.clone(), at(0), 7).unwrap();
    let year = 365 * 24 * 3600 * SECOND_MS;
    commit(&mut writer, 1, year).unwrap();
    drop(writer);

    // Found at a start, it counts from there: once, not at every start.
    let mut writer = Writer::open(disk.clone(), options.clone(), at(0), 8).unwrap();
    assert_eq!(writer.collect(at(4 * SECOND_MS)).unwrap().log_entries, 0);
    commit(&mut writer, 2, 4 * SECOND_MS).unwrap();
    assert_eq!(writer.newest().at, at(4 * SECOND_MS));
    drop(writer);
    let mut writer = Writer::open(disk.clone(), options, at(8 * SECOND_MS), 9).unwrap();
    assert_eq!(writer.collect(at(8 * SECOND_MS)).unwrap().state_files, 0);
    let collected = writer.collect(at(9 * SECOND_MS)).unwrap();
    assert_eq!((collected.log_entries, collected.state_files), (5, 1));
    assert_eq!(names(&disk, "/lake/log")[0], "00000000000000000003.json");
}

#[test]
fn a_reader_that_listed_the_log_too_early_lists_again() {
    use crate::commit_log::{Listing, read_head};
    let disk = lake_with(3);
    let layout = crate::layout::Layout::new(Path::new("/lake"));
    let listing = Listing::read(&disk, &layout).unwrap();
    let mut options = options();
    options.retain = Duration::ZERO;
    options.snapshot_every = 1;
    let mut writer = Writer::open(disk.clone(), options, at(0), 8).unwrap();
    assert!(writer.collect(at(0)).unwrap().log_entries > 0);
    // This is the error on which `Snapshot::open` lists again.
    let early = read_head(&disk, &layout, writer.lake, &listing).unwrap_err();
    assert!(matches!(early, LakeError::MissingCommit { .. }), "{early}");
    assert_eq!(contents(&Snapshot::open(disk, "/lake").unwrap()).len(), 6);
}

#[test]
fn a_full_disk_while_staging_loses_nothing_and_the_same_writer_goes_on() {
    let disk = lake_with(1);
    let mut writer = open(&disk).unwrap();
    let before = names(&disk, "/checkpoints/etl");
    disk.set_capacity(Some(used(&disk) + 3));
    let full = stage(&mut writer, 2).err().unwrap();
    assert!(full.is_disk_full(), "{full}");
    assert!(full.to_string().contains("Nothing is lost"), "{full}");
    assert_eq!(contents(&Snapshot::open(disk.clone(), "/lake").unwrap()).len(), 2);
    disk.set_capacity(None);
    let staging = writer.begin(AttemptId(3)).unwrap();
    // What was staged in vain is gone.
    assert_eq!(names(&disk, "/lake/staging"), [AttemptId(3).to_string()]);
    assert_eq!(names(&disk, "/checkpoints/etl"), before);
    drop(staging);
    assert_eq!(commit(&mut writer, 4, 0).unwrap(), CommitNumber(3));
}

fn used(disk: &SimDisk) -> u64 {
    let all = disk.image().after_kill();
    all.set_capacity(Some(1 << 40));
    (1 << 40) - all.available_space(Path::new("/")).unwrap()
}

/// Fails each step of staging, committing, publishing and collecting once, with an error that
/// leaves nothing in doubt, and tries again with the same writer.
#[test]
fn a_step_that_fails_once_can_be_tried_again() {
    let tries = |writer: &mut Writer<SimDisk>, attempt: u64| -> Result<(), LakeError> {
        if writer.is_published() && writer.newest().number < CommitNumber(3) {
            let staging = stage(writer, attempt)?;
            writer.commit(staging, &order(), Payload::null(), at(0))?;
        }
        writer.publish()?;
        writer.collect(at(0)).map(|_| ())
    };
    let first = lake_with(1);
    let steps = {
        let disk = first.after_kill();
        let mut writer = open(&disk).unwrap();
        let before = disk.steps();
        tries(&mut writer, 2).unwrap();
        before + 1..=disk.steps()
    };
    for step in steps {
        let disk = first.after_kill();
        let mut writer = open(&disk).unwrap();
        disk.fail_step(step, ErrorKind::StorageFull);
        let failed = tries(&mut writer, 2);
        let snapshot = Snapshot::open(disk.clone(), "/lake").unwrap();
        assert!(
            [2, 4].contains(&contents(&snapshot).len()),
            "step {step}: {failed:?}"
        );
        match tries(&mut writer, 3) {
            Ok(()) => {}
            // A sync that failed leaves in doubt what is durable: only a new writer finds out.
            Err(LakeError::Stopped) => {
                assert!(
                    matches!(failed, Err(LakeError::Sync { .. })),
                    "step {step}: {failed:?}"
                );
                drop(writer);
                let mut writer = open(&disk).unwrap();
                tries(&mut writer, 4).unwrap();
            }
            Err(e) => panic!("step {step}: {failed:?}, then {e}"),
        }
        let snapshot = Snapshot::open(disk.clone(), "/lake").unwrap();
        assert_eq!(contents(&snapshot).len(), 4, "step {step}: {failed:?}");
    }
}

/// The writer itself stops after every sync of its own that fails; a staged file that can't be
/// synced is given up with its attempt, which leaves nothing in doubt.
#[test]
fn a_sync_that_fails_stops_the_writer_but_not_for_a_staged_file() {
    let failing = |what: fn(&mut Writer<SimDisk>) -> Result<(), LakeError>| {
        let disk = lake_with(2);
        let mut stopped_by = Vec::new();
        for step in 1.. {
            let disk = disk.after_kill();
            let mut options = options();
            options.retain = Duration::ZERO;
            options.snapshot_every = 1;
            let mut writer = Writer::open(disk.clone(), options, at(0), 8).unwrap();
            disk.fail_step(disk.steps() + step, ErrorKind::StorageFull);
            match what(&mut writer) {
                Ok(()) => return stopped_by,
                Err(LakeError::Sync { path, .. }) => {
                    let stopped = matches!(writer.publish(), Err(LakeError::Stopped));
                    stopped_by.push((path.to_string_lossy().into_owned(), stopped));
                }
                Err(e) => assert!(e.is_disk_full(), "{e}"),
            }
        }
        unreachable!("some step is the last one")
    };
    let begin = failing(|writer| writer.begin(AttemptId(9)).map(|_| ()));
    assert_eq!(begin, [("/lake/staging".to_owned(), true)]);
    let collect = failing(|writer| writer.collect(at(0)).map(|_| ()));
    let snapshot = "/lake/staging/00000000000000000003.snapshot.json";
    let log = "/lake/log";
    assert_eq!(collect, [snapshot, log, log].map(|path| (path.to_owned(), true)));
    let state_file = failing(|writer| {
        let mut staging = writer.begin(AttemptId(9))?;
        write(staging.state_file("count")?, "9")
    });
    assert_eq!(state_file[1..], [(state(9), false)]);
}

#[test]
fn a_commit_that_is_there_already_stops_the_writer_for_good() {
    let disk = lake_with(1);
    let mut writer = open(&disk).unwrap();
    let staging = stage(&mut writer, 2).unwrap();
    disk.open(
        Path::new("/lake/log/00000000000000000003.json"),
        OpenMode::CreateNew,
    )
    .unwrap();
    let refused = writer
        .commit(staging, &order(), Payload::null(), at(0))
        .unwrap_err();
    assert!(matches!(refused, LakeError::AnotherWriter { .. }), "{refused}");
    assert!(matches!(writer.begin(AttemptId(9)), Err(LakeError::Stopped)));
    assert!(matches!(writer.publish(), Err(LakeError::Stopped)));
}

#[test]
fn fail_points_are_passed_in_order() {
    let passed = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&passed);
    let mut options = options().with_fail_points(move |point| seen.lock().unwrap().push(point.name()));
    options.snapshot_every = 1;
    let mut writer = Writer::open(SimDisk::new(), options, at(0), 7).unwrap();
    passed.lock().unwrap().clear();
    commit(&mut writer, 1, 0).unwrap();
    writer.collect(at(0)).unwrap();
    let mut passed = passed.lock().unwrap().clone();
    passed.dedup();
    let expected = "staged-file-created staged-file-synced staged-file-created staged-file-synced \
        staged-file-created staged-file-synced staging-synced commit-written commit-linked \
        commit-synced commit-seen table-folders-synced file-linked partition-synced file-unstaged \
        table-folders-synced file-linked partition-synced file-unstaged files-published \
        commit-marked commit-published staging-removed snapshot-written snapshot-synced";
    assert_eq!(passed.join(" "), expected);
}
