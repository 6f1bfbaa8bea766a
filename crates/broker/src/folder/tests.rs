//! Whose folder it is, and how it was left.

use std::path::{Path, PathBuf};

use disk::{Disk, File, OpenMode, SimDisk};
use record::BrokerId;

use super::{Folder, Left};
use crate::{BrokerError, Durability};

const BOOT: &str = "boot-1";

fn path() -> PathBuf {
    PathBuf::from("/data/brokers/1")
}

fn open(disk: &SimDisk, boot: &str) -> (Folder<SimDisk>, Left) {
    open_for(disk, boot, Durability::ProcessCrash)
}

fn open_for(disk: &SimDisk, boot: &str, durability: Durability) -> (Folder<SimDisk>, Left) {
    Folder::open(disk.clone(), path(), "c", BrokerId(1), boot, durability).expect("opens")
}

/// Why the folder can't be opened by this broker of this cluster.
fn refused(disk: &SimDisk, cluster: &str, node: i32) -> BrokerError {
    let (node, durability) = (BrokerId(node), Durability::ProcessCrash);
    let opened = Folder::open(disk.clone(), path(), cluster, node, BOOT, durability);
    opened.err().expect("refused")
}

fn left(disk: &SimDisk, boot: &str) -> Left {
    open(disk, boot).1
}

#[test]
fn a_folder_tells_how_it_was_left() {
    let disk = SimDisk::new();
    let (folder, first) = open(&disk, BOOT);
    assert_eq!(first, Left::New);
    folder.mark_closed().expect("marked");
    drop(folder);
    assert_eq!(left(&disk, BOOT), Left::Closed);
    assert_eq!(left(&disk.after_kill(), BOOT), Left::SameBoot);
    assert_eq!(left(&disk.after_kill(), "boot-2"), Left::OtherBoot);
}

#[test]
fn recovery_that_was_not_finished_is_needed_again() {
    let disk = SimDisk::new();
    drop(open(&disk, BOOT));
    let (folder, after_power_loss) = open(&disk, "boot-2");
    assert_eq!(after_power_loss, Left::OtherBoot);
    drop(folder);
    assert_eq!(left(&disk, "boot-2"), Left::OtherBoot);
    let (folder, _) = open(&disk, "boot-2");
    folder.note_boot("boot-2").expect("noted");
    drop(folder);
    assert_eq!(left(&disk, "boot-2"), Left::SameBoot);
}

#[test]
fn the_mark_of_a_clean_stop_survives_a_power_loss_and_is_gone_after_the_next_start() {
    let disk = SimDisk::new();
    open(&disk, BOOT).0.mark_closed().expect("marked");
    let lost = disk.after_power_loss(|_| 0);
    assert_eq!(left(&lost, "boot-2"), Left::Closed);
    let lost = lost.after_power_loss(|_| 0);
    assert_eq!(left(&lost, "boot-3"), Left::OtherBoot);
}

#[test]
fn one_process_at_a_time() {
    let disk = SimDisk::new();
    let _held = open(&disk, BOOT);
    assert_eq!(
        refused(&disk, "c", 1).to_string(),
        "/data/brokers/1 is in use by another broker process; stop that one first"
    );
}

#[test]
fn a_folder_of_another_cluster_or_broker_is_refused() {
    let disk = SimDisk::new();
    drop(open(&disk, BOOT));
    assert_eq!(
        refused(&disk, "d", 1).to_string(),
        "/data/brokers/1/meta.properties belongs to cluster.id c, this broker is of cluster.id d; \
         set the right data folder, or remove this one with `minicluster clean`"
    );
    let other_broker = refused(&disk, "c", 2).to_string();
    assert!(other_broker.contains("belongs to node.id 1, this broker is of node.id 2"));
}

#[test]
fn a_newer_format_and_a_damaged_file_are_refused() {
    let disk = SimDisk::new();
    drop(open(&disk, BOOT));
    let write = |text: &str| {
        let file = disk
            .open(&path().join("meta.properties"), OpenMode::Create)
            .expect("opens");
        file.set_len(0)
            .and_then(|()| file.write_all_at(text.as_bytes(), 0))
            .expect("writes");
    };
    write("version=2\ncluster.id=c\nnode.id=1\n");
    assert!(matches!(refused(&disk, "c", 1), BrokerError::NewerFormat { found, .. } if found == "2"));
    write("version=1\nnode.id=1\n");
    assert!(
        matches!(refused(&disk, "c", 1), BrokerError::Damaged { reason, .. } if reason == "cluster.id is missing")
    );
}

#[test]
fn a_folder_that_cannot_be_written_and_a_full_disk_say_so() {
    let disk = SimDisk::new();
    drop(open(&disk, BOOT));
    disk.set_read_only(true);
    let read_only = refused(&disk, "c", 1);
    assert!(matches!(read_only, BrokerError::ReadOnly { .. }), "{read_only}");
    disk.set_read_only(false);
    disk.set_capacity(Some(0));
    drop(open(&disk, BOOT));
    let full = SimDisk::new();
    full.create_dir(Path::new("/data")).expect("created");
    full.set_capacity(Some(0));
    let no_space = refused(&full, "c", 1);
    assert!(matches!(no_space, BrokerError::DiskFull { .. }), "{no_space}");
}

#[test]
fn a_folder_that_a_killed_process_has_made_survives_a_power_loss() {
    let disk = SimDisk::new();
    disk.keep_images();
    drop(open(&disk, BOOT));
    for image in disk.take_images() {
        let killed = image.after_kill();
        drop(open(&killed, BOOT));
        let left = left(&killed.after_power_loss(|_| 0), BOOT);
        assert_ne!(left, Left::New, "killed before {:?}", image.before());
    }
}

#[test]
fn what_was_flushed_before_it_counted_is_clean_after_a_power_loss() {
    let disk = SimDisk::new();
    drop(open_for(&disk, BOOT, Durability::PowerLoss));
    // It had not been said yet that all is flushed.
    let lost = disk.after_power_loss(|_| 0);
    let (folder, left) = open_for(&lost, "boot-2", Durability::PowerLoss);
    assert_eq!(left, Left::OtherBoot);
    folder.note_durability().expect("writes");
    drop(folder);
    let lost = lost.after_power_loss(|_| 0);
    assert_eq!(open_for(&lost, "boot-3", Durability::PowerLoss).1, Left::Flushed);
    // The next process doesn't flush: from its first append on the word is void.
    let lost = lost.after_power_loss(|_| 0);
    assert_eq!(
        open_for(&lost, "boot-4", Durability::ProcessCrash).1,
        Left::Flushed
    );
    let lost = lost.after_power_loss(|_| 0);
    assert_eq!(
        open_for(&lost, "boot-5", Durability::PowerLoss).1,
        Left::OtherBoot
    );
}
