//! Folders that a writer or a reader does not accept, and what they say.

use super::*;

#[test]
fn a_read_only_lake_can_be_read_but_not_written() {
    let disk = lake_with(1);
    disk.set_read_only(true);
    let refused = open(&disk).unwrap().begin(AttemptId(2)).err().unwrap();
    assert!(refused.to_string().contains("must be writable"), "{refused}");
    assert_eq!(contents(&Snapshot::open(disk, "/lake").unwrap()).len(), 2);
}

#[test]
fn network_file_systems_are_refused() {
    let disk = SimDisk::new();
    disk.set_network_file_system(Some("nfs"));
    let refused = open(&disk).err().unwrap();
    assert!(matches!(&refused, LakeError::NetworkFileSystem { kind, .. } if kind == "nfs"));
    assert!(refused.to_string().contains("on a local disk"), "{refused}");
}

#[test]
fn readers_without_a_lake_are_told_so() {
    let refused = Snapshot::open(SimDisk::new(), "/lake").err().unwrap();
    assert_eq!(
        refused.to_string(),
        "there is no lake in /lake yet: it appears when the ETL has started (`minicluster up`)"
    );
}

/// What is done to a lake of three commits while nobody writes it, and what the next writer says.
#[test]
fn lost_copied_and_damaged_folders_stop_the_writer() {
    type Harm = fn(&SimDisk);
    let cases: &[(&str, Harm, &str)] = &[
        (
            "the root is not mounted",
            |d| remove_all(d, "/lake"),
            "belongs to a lake that is not in",
        ),
        (
            "the state is lost",
            |d| remove_all(d, "/checkpoints"),
            "has lost the state",
        ),
        (
            "the log is lost",
            |d| remove_all(d, "/lake/log"),
            "are gone: mount or restore the log",
        ),
        (
            "the tables are lost",
            |d| remove_all(d, "/lake/tables"),
            "names files of tables",
        ),
        (
            "the identity is lost",
            |d| remove(d, "/lake/format.json"),
            "but not its format.json",
        ),
        ("a commit is lost", |d| remove(d, &log(2)), "commit 2 is missing"),
        (
            "the newest commit is lost",
            |d| remove(d, &log(4)),
            "has last seen another commit 4",
        ),
        ("a commit is damaged", |d| damage(d, &log(2)), "is damaged"),
        (
            "the identity is damaged",
            |d| damage(d, "/lake/format.json"),
            "is damaged",
        ),
        (
            "a state file is lost",
            |d| remove(d, &state(3)),
            "is missing, though commit 4 names it",
        ),
        (
            "a state file is cut",
            |d| truncate(d, &state(3)),
            "its length is not what",
        ),
    ];
    for (what, harm, says) in cases {
        let disk = lake_with(3);
        harm(&disk);
        let steps = disk.steps();
        let refused = open(&disk)
            .err()
            .unwrap_or_else(|| panic!("nobody noticed: {what}"));
        let message = refused.to_string();
        assert!(message.contains(says), "{what}: {message}");
        assert!(
            message.contains("minicluster clean --lake --checkpoints"),
            "{what}: {message}"
        );
        // Nothing but empty folders in place of lost ones was made, with the syncs of that.
        assert!(disk.steps() - steps <= 8, "{what}");
    }
}

fn remove(disk: &SimDisk, path: &str) {
    disk.remove_file(Path::new(path)).unwrap();
}

fn truncate(disk: &SimDisk, path: &str) {
    disk.open(Path::new(path), OpenMode::Write)
        .unwrap()
        .set_len(0)
        .unwrap();
}

fn log(number: u64) -> String {
    format!("/lake/log/{number:020}.json")
}

#[test]
fn readers_are_told_what_is_lost_or_damaged() {
    type Harm = fn(&SimDisk);
    let cases: &[(Harm, &str)] = &[
        (|d| remove_all(d, "/lake/log"), "mount or restore the log"),
        (|d| remove(d, &log(2)), "commit 2 is missing"),
        (|d| damage(d, &log(4)), "is damaged"),
        (|d| damage(d, "/lake/format.json"), "is damaged"),
    ];
    for (harm, says) in cases {
        let disk = lake_with(3);
        harm(&disk);
        let refused = Snapshot::open(disk, "/lake").err().unwrap().to_string();
        assert!(refused.contains(says), "{refused}");
    }
    let disk = lake_with(3);
    remove_all(&disk, "/lake/tables/views");
    let snapshot = Snapshot::open(disk, "/lake").unwrap();
    let file = snapshot.files(&table("views")).next().unwrap();
    let gone = snapshot.open_file(&table("views"), file).err().unwrap();
    assert!(
        matches!(
            gone,
            LakeError::Gone {
                number: CommitNumber(4),
                ..
            }
        ),
        "{gone}"
    );
}

#[test]
fn damaged_state_is_found_when_it_is_read() {
    let disk = lake_with(1);
    damage(&disk, &state(1));
    let writer = open(&disk).unwrap();
    let refused = writer.state("count").err().unwrap();
    assert!(matches!(refused, LakeError::Damaged { .. }), "{refused}");
    assert!(matches!(writer.state("x"), Err(LakeError::Misuse(_))));
}

#[test]
fn another_lakes_state_is_refused() {
    let disk = lake_with(1);
    let other = Options::new("/other", "/checkpoints-of-other", "etl");
    drop(Writer::open(disk.clone(), other, at(0), 8).unwrap());
    let mixed = Options::new("/lake", "/checkpoints-of-other", "etl");
    let refused = Writer::open(disk.clone(), mixed, at(0), 9).err().unwrap();
    assert!(
        matches!(refused, LakeError::Mismatch(Mismatch::ForeignState { .. })),
        "{refused}"
    );
}

#[test]
fn a_lake_from_a_backup_beside_newer_state_is_refused() {
    let disk = lake_with(2);
    // The log of an earlier time: commit 3 and its marker are not in it.
    for name in ["00000000000000000003.json", "00000000000000000003.published"] {
        remove(&disk, &format!("/lake/log/{name}"));
    }
    let refused = open(&disk).err().unwrap();
    let diverged = Mismatch::Diverged {
        log: PathBuf::from("/lake/log"),
        state: PathBuf::from("/checkpoints/etl"),
        newest: CommitNumber(2),
        seen: CommitNumber(3),
    };
    assert!(matches!(refused, LakeError::Mismatch(found) if found == diverged));
}

#[test]
fn a_newer_format_is_refused_by_writers_and_readers() {
    let disk = lake_with(1);
    let path = Path::new("/lake/format.json");
    let newer = String::from_utf8(disk.read(path).unwrap()).unwrap();
    let newer = newer.replace("\"format\":1", "\"format\":2");
    remove(&disk, "/lake/format.json");
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    file.write_all_at(newer.as_bytes(), 0).unwrap();
    assert!(matches!(
        open(&disk).err().unwrap(),
        LakeError::NewerFormat { found: 2, .. }
    ));
    let refused = Snapshot::open(disk, "/lake").err().unwrap();
    assert!(matches!(refused, LakeError::NewerFormat { found: 2, .. }));
}
