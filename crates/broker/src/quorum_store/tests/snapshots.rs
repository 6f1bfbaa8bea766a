//! The log is short, and nothing of what the metadata were is lost, wherever a crash comes between.

use disk::Kind;

use super::*;

/// A log of `count` entries of term 1, and a snapshot of each whose index divides by `every`, as the node asks
/// for them.
fn filled(disk: &SimDisk, count: u64, every: u64) -> (Folder<SimDisk>, QuorumStore<SimDisk>) {
    let folder = folder(disk);
    let (mut store, _) = open(&folder);
    let mut log_start = 1;
    for index in 1..=count {
        let state = (index == 1).then_some(STATE);
        store
            .persist(&folder, None, &[entry(index, 1, "[records]")], state, NOW)
            .expect("persists");
        if index % every == 0 {
            store
                .snapshot(&folder, &entry(index, 1, "[all]"), Index(log_start), NOW)
                .expect("makes a snapshot");
            log_start = index + 1;
        }
    }
    (folder, store)
}

const STATE: HardState = HardState {
    term: Term(1),
    vote: Some(BrokerId(2)),
};

fn files(disk: &SimDisk, suffix: &str) -> Vec<String> {
    let names = disk.read_dir(&PathBuf::from("/data/__cluster_metadata-0"));
    let names = names.expect("reads").into_iter().filter(|e| e.kind == Kind::File);
    names
        .map(|e| e.name)
        .filter(|name| name.ends_with(suffix))
        .collect()
}

fn restored(snapshot: Option<Entry>, entries: std::ops::RangeInclusive<u64>) -> Restored {
    Restored {
        hard_state: Some(STATE),
        snapshot,
        entries: entries.map(|index| entry(index, 1, "[records]")).collect(),
    }
}

/// What a process finds that starts after a crash at this image, killed or without power.
fn found_after(image: &disk::Image) -> Vec<Restored> {
    let disks = [
        image.after_kill(),
        image.after_power_loss(|_| 0),
        image.after_power_loss(|choices| choices - 1),
    ];
    let found = disks.into_iter().map(|crashed| {
        let again = folder(&crashed);
        let seen = open(&again).1;
        drop(again);
        // And what it relies on then is there after the next one, too.
        let lost = folder(&crashed.after_power_loss(|_| 0));
        assert_eq!(open(&lost).1, seen, "before {:?}", image.before());
        seen
    });
    found.collect()
}

#[test]
fn a_log_with_snapshots_is_short_and_starts_again_from_the_newest() {
    let disk = SimDisk::new();
    let (first, store) = filled(&disk, 1_000, 10);
    assert_eq!(
        files(&disk, ".checkpoint"),
        ["00000000000000001001-0000000001.checkpoint"]
    );
    assert!(files(&disk, ".log").len() < 12, "{:?}", files(&disk, ".log"));
    drop((first, store));
    let again = folder(&disk.after_power_loss(|_| 0));
    let (store, found) = open(&again);
    assert_eq!(found, restored(Some(entry(1_000, 1, "[all]")), 991..=1_000));
    store.close().expect("closes");
}

#[test]
fn a_crash_while_a_snapshot_is_made_loses_nothing() {
    let disk = SimDisk::new();
    let (first, mut store) = filled(&disk, 25, 10);
    disk.keep_images();
    let snapshot = entry(25, 1, "[all]");
    store
        .snapshot(&first, &snapshot, Index(21), NOW)
        .expect("makes a snapshot");
    let before = restored(Some(entry(20, 1, "[all]")), 11..=25);
    let between = restored(Some(snapshot.clone()), 11..=25);
    let after = restored(Some(snapshot), 21..=25);
    let mut seen = [false; 3];
    for image in disk.take_images() {
        for found in found_after(&image) {
            let known = [&before, &between, &after]
                .iter()
                .position(|known| **known == found);
            let known = known.unwrap_or_else(|| panic!("before {:?}: {found:?}", image.before()));
            seen[known] = true;
        }
    }
    assert_eq!(seen, [true; 3]);
}

#[test]
fn a_crash_while_a_leaders_snapshot_is_taken_leaves_the_old_log_or_the_new() {
    for (index, what) in [
        (40, "beyond the log"),
        (23, "in place of entries of leaders who have lost"),
    ] {
        let disk = SimDisk::new();
        let (first, mut store) = filled(&disk, 25, 10);
        disk.keep_images();
        let snapshot = entry(index, 3, "[theirs]");
        store
            .snapshot(&first, &snapshot, Index(index + 1), NOW)
            .expect("takes a snapshot");
        let behind = entry(index + 1, 3, "[records]");
        store
            .persist(&first, None, std::slice::from_ref(&behind), None, NOW)
            .expect("goes on");
        let before = restored(Some(entry(20, 1, "[all]")), 11..=25);
        let taken = Restored {
            entries: Vec::new(),
            ..restored(Some(snapshot), 1..=1)
        };
        let after = Restored {
            entries: vec![behind],
            ..taken.clone()
        };
        for image in disk.take_images() {
            for found in found_after(&image) {
                let known = [&before, &taken, &after].contains(&&found);
                assert!(known, "{what}, before {:?}: {found:?}", image.before());
            }
        }
        assert_eq!(open(&folder(&disk.after_kill())).1, after, "{what}");
    }
}

#[test]
fn without_space_a_snapshot_leaves_nothing_and_can_be_tried_again() {
    let disk = SimDisk::new();
    let (first, mut store) = filled(&disk, 5, 10);
    disk.set_capacity(Some(0));
    let snapshot = entry(5, 1, "[all]");
    let full = store.snapshot(&first, &snapshot, Index(1), NOW);
    assert!(matches!(full, Err(PersistError::NotNow(_))), "{full:?}");
    assert_eq!(files(&disk, "tmp"), Vec::<String>::new());
    disk.set_capacity(None);
    store
        .snapshot(&first, &snapshot, Index(1), NOW)
        .expect("there is space");
    assert_eq!(
        open(&folder(&disk.after_kill())).1,
        restored(Some(snapshot), 1..=5)
    );
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let disk = SimDisk::new();
    drop(filled(&disk, 20, 10));
    let path = PathBuf::from("/data/__cluster_metadata-0").join(&files(&disk, ".checkpoint")[0]);
    let sound = disk.read(&path).expect("reads");
    for (place, byte) in sound.iter().enumerate() {
        let changed = disk.after_kill();
        let file = changed.open(&path, OpenMode::Write).expect("opens");
        file.write_all_at(&[byte ^ 0x10], place as u64).expect("writes");
        let folder = folder(&changed);
        let refused = QuorumStore::open(&folder, BETWEEN, NOW, Trust::SameBoot).err();
        assert!(
            matches!(refused, Some(BrokerError::DamagedSnapshot { .. })),
            "byte {place}: {refused:?}"
        );
    }
    let cut = disk.after_kill();
    let file = cut.open(&path, OpenMode::Write).expect("opens");
    file.set_len(sound.len() as u64 - 1).expect("cuts");
    let refused = QuorumStore::open(&folder(&cut), BETWEEN, NOW, Trust::SameBoot).err();
    let message = refused.expect("refused").to_string();
    assert!(message.contains("the other brokers hold copies"), "{message}");
}

#[test]
fn a_lost_snapshot_is_noticed() {
    let disk = SimDisk::new();
    drop(filled(&disk, 20, 10));
    let name = &files(&disk, ".checkpoint")[0];
    disk.remove_file(&PathBuf::from("/data/__cluster_metadata-0").join(name))
        .expect("removes");
    let (_, restored) = open(&folder(&disk.after_kill()));
    let options = cluster::Options::new(BrokerId(1), "c", vec![BrokerId(1)], uuid::Uuid::from_u128(1));
    let refused = cluster::Node::new(options, restored).expect_err("refused");
    assert!(
        refused
            .to_string()
            .contains("it begins at entry 11, without a snapshot"),
        "{refused}"
    );
}

#[test]
fn whatever_a_power_loss_takes_was_not_needed() {
    for seed in 0..20_u64 {
        let mut state = seed;
        let mut choose = |choices: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % choices
        };
        let mut disk = SimDisk::new();
        let mut index = 0;
        let mut expected = Restored::default();
        for round in 0..6 {
            let first = folder(&disk);
            let (mut store, found) = open(&first);
            assert_eq!(found, expected, "seed {seed}, round {round}");
            for _ in 0..choose(12) {
                index += 1;
                let new = entry(index, 1, "[records]");
                let hard_state = (index == 1).then_some(STATE);
                store
                    .persist(&first, None, std::slice::from_ref(&new), hard_state, NOW)
                    .expect("persists");
                expected.persist(None, vec![new], hard_state);
                if choose(5) == 0 {
                    let log_start = expected.snapshot.as_ref().map_or(1, |s| s.index.0 + 1);
                    let snapshot = entry(index, 1, "[all]");
                    store
                        .snapshot(&first, &snapshot, Index(log_start), NOW)
                        .expect("makes a snapshot");
                    expected.keep(snapshot, Index(log_start));
                }
            }
            drop((first, store));
            disk = disk.after_power_loss(&mut choose);
        }
    }
}
