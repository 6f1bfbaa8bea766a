use std::path::Path;

use config::{Flag, Folders, Settings, Sources};

use super::{Membership, MembershipFile};

fn folders(data: &Path) -> Folders {
    let data = Flag {
        flag: "--data".to_owned(),
        path: "data_folder".to_owned(),
        text: data.display().to_string(),
    };
    let sources = Sources {
        flags: vec![data],
        ..Sources::default()
    };
    Settings::load(sources).expect("good settings").folders
}

fn ids(membership: &Membership) -> (Vec<u32>, Vec<u32>) {
    let of = |ids: &std::collections::BTreeSet<u32>| ids.iter().copied().collect();
    (of(&membership.voters), of(&membership.brokers))
}

#[test]
fn who_votes_is_settled_when_the_cluster_is_founded() {
    for (count, voters) in [(1, vec![1]), (2, vec![1]), (3, vec![1, 2, 3]), (5, vec![1, 2, 3])] {
        let data = tempfile::tempdir().expect("a temporary folder");
        let file = MembershipFile::new(&folders(data.path()));
        assert_eq!(file.read().expect("no file"), None);
        let founded = file.found("c", count).expect("it can be written");
        assert_eq!(ids(&founded), (voters, (1..).take(count).collect()));
        // Another count later on changes nothing by itself.
        assert_eq!(file.found("c", 7).expect("it is there"), founded);
    }
}

#[test]
fn brokers_come_and_go_and_ids_are_used_again() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let file = MembershipFile::new(&folders(data.path()));
    let mut membership = file.found("c", 3).expect("it can be written");
    assert_eq!(membership.missing(3), [0; 0]);
    assert_eq!(membership.missing(5), [4, 5]);
    membership.brokers.extend([4, 5]);
    membership.brokers.remove(&4);
    file.write(&membership).expect("it can be written");
    let again = file.read().expect("it can be read").expect("it is there");
    assert_eq!(ids(&again), (vec![1, 2, 3], vec![1, 2, 3, 5]));
    assert_eq!(again.missing(5), [4]);
}

#[test]
fn folders_of_before_are_voters_and_folders_of_others_are_refused() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let folders = folders(data.path());
    let file = MembershipFile::new(&folders);
    for id in [1, 2] {
        let log = folders.broker(id).join("__cluster_metadata-0");
        std::fs::create_dir_all(log).expect("room");
    }
    let founded = file.found("c", 3).expect("it can be written");
    assert_eq!(ids(&founded), (vec![1, 2], vec![1, 2]));
    let error = file.found("other", 3).expect_err("another cluster").to_string();
    assert!(error.contains("it is of cluster c, and this is other"), "{error}");

    std::fs::create_dir_all(folders.broker(4).join("__cluster_metadata-0")).expect("room");
    std::fs::remove_file(folders.brokers().join("cluster.json")).expect("it was there");
    let error = file.found("c", 3).expect_err("who votes?").to_string();
    assert!(error.contains("it is missing"), "{error}");
}
