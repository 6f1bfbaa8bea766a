use std::io::ErrorKind;

use crate::{Disk, Entry, File, Kind, OpenMode, RealDisk};

#[test]
fn writes_links_renames_exchanges_and_removes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let disk = RealDisk;
    disk.create_dir(&at("d")).unwrap();
    let file = disk.open(&at("a"), OpenMode::CreateNew).unwrap();
    file.write_all_at(b"hello", 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir(folder.path()).unwrap();

    disk.hard_link(&at("a"), &at("b")).unwrap();
    assert_eq!(
        disk.metadata(&at("a")).unwrap().inode,
        disk.metadata(&at("b")).unwrap().inode
    );
    let taken = disk.hard_link(&at("a"), &at("b")).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);

    disk.exchange(&at("b"), &at("d")).unwrap();
    assert_eq!(disk.metadata(&at("b")).unwrap().kind, Kind::Dir);
    assert_eq!(disk.read(&at("d")).unwrap(), b"hello");

    disk.rename(&at("d"), &at("b").join("e")).unwrap();
    disk.remove_file(&at("a")).unwrap();
    let b = Entry {
        name: "b".into(),
        kind: Kind::Dir,
    };
    assert_eq!(disk.read_dir(folder.path()).unwrap(), vec![b]);
    disk.remove_file(&at("b").join("e")).unwrap();
    disk.remove_dir(&at("b")).unwrap();
    assert!(!disk.exists(&at("b")).unwrap());
}

#[test]
fn open_never_truncates_and_refuses_folders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let file = RealDisk.open(&path, OpenMode::Create).unwrap();
    file.write_all_at(b"kept", 0).unwrap();
    let again = RealDisk.open(&path, OpenMode::Create).unwrap();
    assert_eq!(again.len().unwrap(), 4);
    again.set_len(2).unwrap();
    assert_eq!(RealDisk.read(&path).unwrap(), b"ke");
    let taken = RealDisk.open(&path, OpenMode::CreateNew).unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists);
    let refused = RealDisk.open(folder.path(), OpenMode::Read).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::IsADirectory);
}

#[test]
fn a_name_that_was_removed_while_its_folder_was_listed_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |name: &str| super::unless_gone(std::fs::symlink_metadata(folder.path().join(name)));
    assert!(ask("gone").unwrap().is_none());
    assert!(ask(".").unwrap().is_some());
    assert!(ask("\0").is_err());
    let absent = RealDisk.read_dir(&folder.path().join("gone")).unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

/// One test for both: a child that another test has forked, but that has not yet called `exec`,
/// would hold the lock for a moment.
#[test]
fn a_lock_excludes_others_until_it_is_dropped_and_children_do_not_keep_it() {
    let folder = tempfile::tempdir().unwrap();
    let lock = RealDisk.lock_dir(folder.path()).unwrap();
    let refused = RealDisk.lock_dir(folder.path()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    let mut child = std::process::Command::new("cat")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(lock);
    RealDisk.lock_dir(folder.path()).unwrap();
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn a_lock_says_whether_its_folder_was_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, link) = (folder.path().join("d"), folder.path().join("link"));
    RealDisk.create_dir(&dir).unwrap();
    std::os::unix::fs::symlink(&dir, &link).unwrap();
    let lock = RealDisk.lock_dir(&link).unwrap();
    for path in [&dir, &link] {
        assert!(RealDisk.still_locks(&lock, path).unwrap());
    }
    RealDisk.remove_dir(&dir).unwrap();
    assert!(!RealDisk.still_locks(&lock, &link).unwrap());
    RealDisk.create_dir(&dir).unwrap();
    assert!(!RealDisk.still_locks(&lock, &link).unwrap());
}

#[test]
fn a_temporary_folder_is_local_and_has_space() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(RealDisk.network_file_system(folder.path()).unwrap(), None);
    assert!(RealDisk.available_space(folder.path()).unwrap() > 0);
}
