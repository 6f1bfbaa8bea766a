use std::io::ErrorKind;
use std::path::Path;

use crate::{Disk, Entry, File, Kind, OpenMode, SimDisk, is_stopped};

fn path(text: &str) -> &Path {
    Path::new(text)
}

fn write(disk: &SimDisk, name: &str, content: &[u8]) {
    let file = disk.open(path(name), OpenMode::Create).unwrap();
    file.write_all_at(content, 0).unwrap();
}

fn write_synced(disk: &SimDisk, name: &str, content: &[u8]) {
    write(disk, name, content);
    disk.open(path(name), OpenMode::Read)
        .unwrap()
        .sync_data()
        .unwrap();
}

fn names(disk: &SimDisk, dir: &str) -> Vec<String> {
    let entries = disk.read_dir(path(dir)).unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

/// Each outcome as one line: names and contents of the root folder.
fn outcomes(disk: &SimDisk) -> Vec<String> {
    let losses = disk.image().power_losses(10_000, 0);
    assert!(losses.complete);
    let line = |disk: &SimDisk| {
        let entry = |name: &String| {
            let content = disk.read(Path::new(&format!("/{name}"))).unwrap();
            format!("{name}={}", String::from_utf8_lossy(&content).replace('\0', "0"))
        };
        names(disk, "/").iter().map(entry).collect::<Vec<_>>().join(" ")
    };
    let mut lines: Vec<String> = losses.disks.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn behaves_like_a_file_system() {
    let disk = SimDisk::new();
    disk.create_dir(path("/d")).unwrap();
    write(&disk, "/a", b"hello");
    disk.hard_link(path("/a"), path("/b")).unwrap();
    let taken = disk.hard_link(path("/a"), path("/b")).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    let a = disk.metadata(path("/a")).unwrap();
    assert_eq!(a, disk.metadata(path("/b")).unwrap());
    assert_eq!((a.kind, a.len), (Kind::File, 5));

    disk.exchange(path("/b"), path("/d")).unwrap();
    disk.rename(path("/d"), path("/b/e")).unwrap();
    disk.remove_file(path("/a")).unwrap();
    let b = Entry {
        name: "b".into(),
        kind: Kind::Dir,
    };
    assert_eq!(disk.read_dir(path("/")).unwrap(), vec![b]);
    assert_eq!(disk.read(path("/b/e")).unwrap(), b"hello");
    let full = disk.remove_dir(path("/b")).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::DirectoryNotEmpty);
    let refused = disk.open(path("/b"), OpenMode::Read).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::IsADirectory);
    let absent = disk.open(path("/c/f"), OpenMode::Create).err().unwrap();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

#[test]
fn an_open_file_outlives_its_name() {
    let disk = SimDisk::new();
    write(&disk, "/a", b"still here");
    let file = disk.open(path("/a"), OpenMode::Read).unwrap();
    disk.remove_file(path("/a")).unwrap();
    let mut content = [0; 10];
    file.read_exact_at(&mut content, 0).unwrap();
    assert_eq!(&content, b"still here");
}

#[test]
fn a_lock_is_exclusive_until_dropped_or_killed() {
    let disk = SimDisk::new();
    disk.create_dir(path("/d")).unwrap();
    let lock = disk.lock_dir(path("/d")).unwrap();
    let refused = disk.clone().lock_dir(path("/d")).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    assert!(disk.after_kill().lock_dir(path("/d")).is_ok());
    drop(lock);
    assert!(disk.lock_dir(path("/d")).is_ok());
}

#[test]
fn a_lock_says_whether_its_folder_was_replaced() {
    let disk = SimDisk::new();
    disk.create_dir(path("/d")).unwrap();
    let lock = disk.lock_dir(path("/d")).unwrap();
    assert!(disk.still_locks(&lock, path("/d")).unwrap());
    disk.remove_dir(path("/d")).unwrap();
    assert!(!disk.still_locks(&lock, path("/d")).unwrap());
    disk.create_dir(path("/d")).unwrap();
    assert!(!disk.still_locks(&lock, path("/d")).unwrap());
}

#[test]
fn stops_before_a_step_and_stays_stopped() {
    let disk = SimDisk::new();
    disk.stop_before(2);
    let file = disk.open(path("/a"), OpenMode::Create).unwrap();
    assert!(is_stopped(&file.write_at(b"xy", 0).unwrap_err()));
    assert!(is_stopped(&disk.read_dir(path("/")).unwrap_err()));
    let restarted = disk.after_kill();
    assert_eq!(restarted.read(path("/a")).unwrap(), b"");
}

#[test]
fn stops_within_a_write() {
    let disk = SimDisk::new();
    disk.stop_within(2);
    let file = disk.open(path("/a"), OpenMode::Create).unwrap();
    assert!(is_stopped(&file.write_at(b"abcd", 0).unwrap_err()));
    assert_eq!(disk.after_kill().read(path("/a")).unwrap(), b"ab");
}

#[test]
fn a_kill_keeps_everything_but_it_is_still_not_durable() {
    let disk = SimDisk::new();
    write_synced(&disk, "/a", b"1");
    let restarted = disk.after_kill();
    assert_eq!(names(&restarted, "/"), ["a"]);
    assert_eq!(names(&restarted.after_power_loss(|_| 0), "/"), [""; 0]);
    restarted.sync_dir(path("/")).unwrap();
    assert_eq!(names(&restarted.after_power_loss(|_| 0), "/"), ["a"]);
}

#[test]
fn a_power_loss_keeps_or_loses_each_name_by_itself() {
    let disk = SimDisk::new();
    write_synced(&disk, "/a", b"1");
    write_synced(&disk, "/b", b"2");
    assert_eq!(outcomes(&disk), ["", "a=1", "a=1 b=2", "b=2"]);
    disk.sync_dir(path("/")).unwrap();
    disk.remove_file(path("/a")).unwrap();
    assert_eq!(outcomes(&disk), ["a=1 b=2", "b=2"]);
}

#[test]
fn a_power_loss_keeps_loses_or_tears_content() {
    let disk = SimDisk::new();
    write(&disk, "/a", b"abcd");
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(outcomes(&disk), ["a=", "a=0000", "a=ab", "a=abcd"]);
    let file = disk.open(path("/a"), OpenMode::Write).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(b"x", 4).unwrap();
    assert_eq!(outcomes(&disk), ["a=abcd", "a=abcd0", "a=abcdx"]);
    file.set_len(4).unwrap();
    file.sync_data().unwrap();
    assert_eq!(outcomes(&disk), ["a=abcd"]);
}

#[test]
fn a_rename_is_whole_or_not_at_all() {
    let disk = SimDisk::new();
    write_synced(&disk, "/old", b"1");
    write_synced(&disk, "/new", b"2");
    disk.sync_dir(path("/")).unwrap();
    disk.rename(path("/new"), path("/old")).unwrap();
    assert_eq!(outcomes(&disk), ["new=2 old=1", "old=2"]);
}

#[test]
fn an_exchange_across_folders_is_whole_whichever_folder_is_synced() {
    let disk = SimDisk::new();
    for dir in ["/a", "/b"] {
        disk.create_dir(path(dir)).unwrap();
    }
    write_synced(&disk, "/a/x", b"1");
    write_synced(&disk, "/b/x", b"2");
    for dir in ["/", "/a", "/b"] {
        disk.sync_dir(path(dir)).unwrap();
    }
    disk.exchange(path("/a/x"), path("/b/x")).unwrap();
    let contents =
        |disk: &SimDisk| [disk.read(path("/a/x")).unwrap(), disk.read(path("/b/x")).unwrap()].concat();
    let losses = disk.image().power_losses(100, 0);
    let left: Vec<_> = losses.disks.iter().map(contents).collect();
    assert_eq!(left, [b"12", b"21"]);
    disk.sync_dir(path("/b")).unwrap();
    let losses = disk.image().power_losses(100, 0);
    let left: Vec<_> = losses.disks.iter().map(contents).collect();
    assert_eq!(left, [b"21"]);
}

#[test]
fn what_lies_in_a_lost_folder_is_lost() {
    let disk = SimDisk::new();
    disk.create_dir(path("/d")).unwrap();
    write_synced(&disk, "/d/a", b"1");
    disk.sync_dir(path("/d")).unwrap();
    let losses = disk.image().power_losses(100, 0);
    let left: Vec<_> = losses.disks.iter().map(|disk| names(disk, "/")).collect();
    assert_eq!(left, [vec![], vec!["d".to_owned()]]);
    assert_eq!(names(&losses.disks[1], "/d"), ["a"]);
}

#[test]
fn too_many_outcomes_are_sampled_by_seed() {
    let disk = SimDisk::new();
    for i in 0..20 {
        write_synced(&disk, &format!("/{i}"), b"");
    }
    let losses = disk.image().power_losses(50, 7);
    assert!(!losses.complete);
    let counts = |losses: &crate::PowerLosses| -> Vec<usize> {
        losses.disks.iter().map(|disk| names(disk, "/").len()).collect()
    };
    assert_eq!(counts(&losses)[..2], [0, 20]);
    assert_eq!(counts(&losses), counts(&disk.image().power_losses(50, 7)));
    assert!(losses.disks.len() > 40);
}

#[test]
fn a_full_disk_writes_short_then_fails_and_reading_goes_on() {
    let disk = SimDisk::new();
    disk.set_capacity(Some(6));
    write(&disk, "/a", b"1234");
    let file = disk.open(path("/b"), OpenMode::Create).unwrap();
    assert_eq!(file.write_at(b"abcd", 0).unwrap(), 2);
    let full = file.write_at(b"cd", 2).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    assert_eq!(disk.available_space(path("/")).unwrap(), 0);
    disk.remove_file(path("/a")).unwrap();
    assert_eq!(file.write_at(b"cd", 2).unwrap(), 2);
    assert_eq!(disk.read(path("/b")).unwrap(), b"abcd");
}

#[test]
fn write_all_survives_short_writes() {
    let disk = SimDisk::new();
    disk.set_max_write(Some(3));
    write(&disk, "/a", b"0123456789");
    assert_eq!(disk.read(path("/a")).unwrap(), b"0123456789");
}

#[test]
fn a_failed_sync_leaves_content_in_doubt_for_good() {
    let disk = SimDisk::new();
    write(&disk, "/a", b"x");
    disk.sync_dir(path("/")).unwrap();
    let file = disk.open(path("/a"), OpenMode::Write).unwrap();
    disk.fail_step(disk.steps() + 1, ErrorKind::Other);
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert_eq!(outcomes(&disk), ["a=", "a=0", "a=x"]);
}

#[test]
fn a_failed_sync_of_a_folder_leaves_names_in_doubt_until_one_succeeds() {
    let disk = SimDisk::new();
    write_synced(&disk, "/a", b"x");
    disk.fail_step(disk.steps() + 1, ErrorKind::Other);
    assert!(disk.sync_dir(path("/")).is_err());
    assert_eq!(outcomes(&disk), ["", "a=x"]);
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(outcomes(&disk), ["a=x"]);
}

#[test]
fn a_read_only_disk_refuses_changes() {
    let disk = SimDisk::new();
    write(&disk, "/a", b"x");
    disk.set_read_only(true);
    let refused = disk.create_dir(path("/d")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ReadOnlyFilesystem);
    assert!(disk.open(path("/a"), OpenMode::Write).is_err());
    assert_eq!(disk.read(path("/a")).unwrap(), b"x");
    disk.sync_dir(path("/")).unwrap();
}

#[test]
fn a_lie_about_a_sync_costs_what_was_not_synced() {
    let disk = SimDisk::new();
    disk.lie_about_sync(|path| path == Path::new("/"));
    write_synced(&disk, "/a", b"x");
    disk.sync_dir(path("/")).unwrap();
    assert_eq!(outcomes(&disk), ["", "a=x"]);
}

#[test]
fn fingerprints_ignore_inode_numbers_and_tell_durability_apart() {
    let one = SimDisk::new();
    write_synced(&one, "/a", b"x");
    let two = SimDisk::new();
    write(&two, "/gone", b"");
    two.remove_file(path("/gone")).unwrap();
    two.sync_dir(path("/")).unwrap();
    write_synced(&two, "/a", b"x");
    assert_eq!(one.image().fingerprint(), two.image().fingerprint());
    two.sync_dir(path("/")).unwrap();
    assert_ne!(one.image().fingerprint(), two.image().fingerprint());
}

#[test]
fn images_are_kept_before_every_step_and_within_writes() {
    let disk = SimDisk::new();
    disk.keep_images();
    write_synced(&disk, "/a", b"xyz");
    let images = disk.take_images();
    let before: Vec<&str> = images.iter().map(super::Image::before).collect();
    let within = "the second half of a write to /a";
    assert_eq!(before, ["create /a", "write to /a", within, "sync /a"]);
    assert_eq!(names(&images[0].after_kill(), "/"), [""; 0]);
    assert_eq!(images[2].after_kill().read(path("/a")).unwrap(), b"x");
    assert_eq!(images[3].after_kill().read(path("/a")).unwrap(), b"xyz");
    assert!(disk.take_images().is_empty());
}

#[test]
fn broken_paths_can_be_read_only() {
    let disk = SimDisk::new();
    disk.create_dir(path("/d")).unwrap();
    write(&disk, "/d/a", b"hello");
    write(&disk, "/b", b"there");
    disk.break_paths(|path| path.starts_with("/d"));
    let file = disk.open(path("/d/a"), OpenMode::Write).unwrap();
    file.write_all_at(b"other", 0).unwrap_err();
    file.set_len(0).unwrap_err();
    file.sync_data().unwrap_err();
    disk.remove_file(path("/d/a")).unwrap_err();
    assert_eq!(disk.read(path("/d/a")).unwrap(), b"hello");
    write_synced(&disk, "/b", b"where");
    disk.mend_paths();
    write(&disk, "/d/a", b"other");
    assert_eq!(disk.read(path("/d/a")).unwrap(), b"other");
}
