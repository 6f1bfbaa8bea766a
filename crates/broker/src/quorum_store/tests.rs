//! What Raft was promised to be remembered is remembered.

use std::path::PathBuf;

use bytes::Bytes;
use cluster::{Entry, HardState, Index, Restored, Term};
use disk::{Disk, File, OpenMode, SimDisk};
use log::Trust;
use record::{BrokerId, Timestamp};

use super::{PersistError, QuorumStore};
use crate::BrokerError;
use crate::folder::Folder;

mod snapshots;

const NOW: Timestamp = Timestamp(1);

/// Bytes between snapshots, and so of a segment: two or three entries.
const BETWEEN: u64 = 200;

fn folder(disk: &SimDisk) -> Folder<SimDisk> {
    Folder::open(
        disk.clone(),
        PathBuf::from("/data"),
        "c",
        BrokerId(1),
        "boot",
        crate::Durability::ProcessCrash,
    )
    .expect("opens")
    .0
}

fn open(folder: &Folder<SimDisk>) -> (QuorumStore<SimDisk>, Restored) {
    QuorumStore::open(folder, BETWEEN, NOW, Trust::Nothing).expect("opens")
}

fn entry(index: u64, term: u64, data: &'static str) -> Entry {
    Entry {
        index: Index(index),
        term: Term(term),
        data: Bytes::from_static(data.as_bytes()),
    }
}

#[test]
fn what_was_persisted_survives_a_power_loss() {
    let disk = SimDisk::new();
    let state = HardState {
        term: Term(3),
        vote: Some(BrokerId(2)),
    };
    let first = folder(&disk);
    let (mut store, restored) = open(&first);
    assert_eq!(restored, Restored::default());
    let entries = [entry(1, 1, ""), entry(2, 1, "[1]"), entry(3, 3, "[2]")];
    store
        .persist(&first, None, &entries, Some(state), NOW)
        .expect("persists");

    let lost = folder(&disk.after_power_loss(|_| 0));
    assert_eq!(
        open(&lost).1,
        Restored {
            hard_state: Some(state),
            snapshot: None,
            entries: entries.to_vec()
        }
    );
}

#[test]
fn what_a_killed_process_left_is_durable_before_it_is_relied_on() {
    let state = |term| HardState {
        term: Term(term),
        vote: Some(BrokerId(2)),
    };
    let disk = SimDisk::new();
    let first = folder(&disk);
    let (mut store, _) = open(&first);
    store
        .persist(&first, None, &[entry(1, 1, "a")], Some(state(1)), NOW)
        .expect("persists");
    disk.keep_images();
    let more = [entry(2, 2, "b"), entry(3, 2, "c")];
    store
        .persist(&first, None, &more, Some(state(2)), NOW)
        .expect("persists");
    for image in disk.take_images() {
        for room in [None, Some(0)] {
            let killed = image.after_kill();
            killed.set_capacity(room);
            let again = folder(&killed);
            let seen = match QuorumStore::open(&again, BETWEEN, NOW, Trust::SameBoot) {
                Ok((_, seen)) => seen,
                // It relies on nothing without space for what it must write to begin with.
                Err(BrokerError::DiskFull { .. }) if room.is_some() => continue,
                Err(e) => panic!("{e}"),
            };
            let lost = folder(&killed.after_power_loss(|_| 0));
            let before = image.before();
            assert_eq!(open(&lost).1, seen, "killed before {before:?}, room {room:?}");
        }
    }
}

#[test]
fn a_new_leader_replaces_the_tail() {
    let disk = SimDisk::new();
    let first = folder(&disk);
    let (mut store, _) = open(&first);
    store
        .persist(
            &first,
            None,
            &[entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c")],
            None,
            NOW,
        )
        .expect("ok");
    store
        .persist(&first, Some(Index(2)), &[entry(2, 2, "d")], None, NOW)
        .expect("ok");
    let after = folder(&disk.after_power_loss(|_| 0));
    assert_eq!(open(&after).1.entries, [entry(1, 1, "a"), entry(2, 2, "d")]);
}

#[test]
fn a_full_disk_is_told_apart_and_the_same_can_be_tried_again() {
    let disk = SimDisk::new();
    let first = folder(&disk);
    let (mut store, _) = open(&first);
    let entries = [entry(1, 1, "a"), entry(2, 1, "b")];
    disk.set_capacity(Some(0));
    let full = store.persist(&first, None, &entries, None, NOW);
    assert!(matches!(full, Err(PersistError::NotNow(_))), "{full:?}");
    disk.set_capacity(None);
    store
        .persist(&first, None, &entries, None, NOW)
        .expect("there is space");
    let after = folder(&disk.after_power_loss(|_| 0));
    assert_eq!(open(&after).1.entries, entries);
}

#[test]
fn a_damaged_state_is_refused() {
    let disk = SimDisk::new();
    let first = folder(&disk);
    let (mut store, _) = open(&first);
    let state = HardState {
        term: Term(3),
        vote: None,
    };
    store
        .persist(&first, None, &[], Some(state), NOW)
        .expect("persists");
    drop(store);
    let path = PathBuf::from("/data/quorum-state");
    let text = String::from_utf8(disk.read(&path).expect("reads")).expect("text");
    let file = disk.open(&path, OpenMode::Write).expect("opens");
    file.write_all_at(text.replace(":3,", ":4,").as_bytes(), 0)
        .expect("writes");
    let refused = QuorumStore::open(&first, BETWEEN, NOW, Trust::Nothing)
        .err()
        .expect("refused");
    assert!(matches!(&refused, BrokerError::Damaged { reason, .. } if reason == "its checksum is wrong"));
}

#[test]
fn too_many_open_files_are_told_from_a_disk_that_failed() {
    let of = |errno: rustix::io::Errno| {
        let error = std::io::Error::from_raw_os_error(errno.raw_os_error());
        BrokerError::disk(&PathBuf::from("/data/quorum-state"), error)
    };
    for errno in [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE] {
        assert!(matches!(of(errno), BrokerError::TooManyFiles { .. }));
    }
    assert!(matches!(of(rustix::io::Errno::IO), BrokerError::Disk { .. }));
}

#[test]
fn durable_entries_that_cannot_be_read_are_not_cut_off() {
    let disk = SimDisk::new();
    let first = folder(&disk);
    let (mut store, _) = open(&first);
    let entries = [entry(1, 1, "[records]"), entry(2, 1, "[records]")];
    store
        .persist(&first, None, &entries, None, NOW)
        .expect("persists");
    drop((first, store));
    let path = PathBuf::from("/data/__cluster_metadata-0/00000000000000000001.log");
    let bytes = disk.read(&path).expect("reads");
    let file = disk.open(&path, OpenMode::Write).expect("opens");
    file.write_all_at(&[bytes[40] ^ 1], 40).expect("writes");
    for trust in [Trust::SameBoot, Trust::CleanStop] {
        let again = disk.after_kill();
        // It is forgotten neither by the next start.
        for start in 1..=2 {
            let refused = QuorumStore::open(&folder(&again), BETWEEN, NOW, trust).err();
            assert!(
                matches!(refused, Some(BrokerError::MetadataLog { .. })),
                "{trust:?}, start {start}: {refused:?}"
            );
        }
    }
}
