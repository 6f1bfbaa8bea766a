//! What a restart finds again, and what it must not do.

use std::io::ErrorKind;
use std::path::Path;

use disk::{Disk, File, OpenMode, SimDisk};
use kafka_protocol::messages::DeleteTopicsRequest;

use super::harness::Harness;
use crate::samples::{batch, create, idempotent_batch, topic_name};
use crate::{Left, Request, Serving};

#[test]
fn everything_is_there_after_a_clean_stop() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    let id = broker.create("t", &[("retention.ms", "60000")]);
    broker.produce("t", batch(&["a", "b"]));
    let epoch = broker.executor.metadata().topic("t").expect("exists").partitions[0].leader_epoch;
    broker.executor.close().expect("closes");

    let mut broker = Harness::start(&disk.after_power_loss(|_| 0), 2);
    assert_eq!(broker.executor.left(), Left::Closed);
    let topic = broker.executor.metadata().topic("t").expect("exists").clone();
    assert_eq!((topic.id, topic.configs["retention.ms"].as_str()), (id, "60000"));
    assert!(
        topic.partitions[0].leader_epoch > epoch,
        "leads under an epoch of its own"
    );
    assert_eq!(broker.values("t", 0), ["a", "b"]);
    assert_eq!(broker.produce("t", batch(&["c"])), (0, 2));
}

#[test]
fn a_folder_with_files_that_failed_is_not_called_clean() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("bad", &[]);
    broker.create("good", &[]);
    assert_eq!(broker.produce("good", batch(&["a"])), (0, 0));
    // The write fails, and so does cutting off what it left.
    let next = disk.steps() + 1;
    disk.fail_step(next, ErrorKind::Other);
    disk.fail_step(next + 1, ErrorKind::Other);
    assert_ne!(broker.produce("bad", batch(&["b"])).0, 0);
    broker.executor.close().expect("closes the others");

    let mut broker = Harness::start(&disk, 2);
    assert_eq!(broker.executor.left(), Left::SameBoot);
    assert_eq!(broker.values("good", 0), ["a"]);
    assert_eq!(broker.produce("bad", batch(&["b"])), (0, 0));
}

/// It would take the word out of the mouth of the next one, which has to say that records may be gone.
#[test]
fn a_process_that_was_never_registered_leaves_a_folder_as_it_was() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    drop(broker);

    for (disk, boot, left) in [
        (disk.after_kill(), "boot", Left::SameBoot),
        (disk.after_power_loss(|_| 0), "another boot", Left::OtherBoot),
    ] {
        let short = Harness::open(&disk, 2, boot, Serving::default());
        assert_eq!(short.executor.left(), left);
        short.executor.close().expect("closes");
        let again = Harness::open(&disk, 3, boot, Serving::default());
        assert_eq!(again.executor.left(), left);
    }

    let broker = Harness::start(&disk.after_kill(), 2);
    broker.executor.close().expect("closes");
    let short = Harness::open(&disk, 3, "boot", Serving::default());
    let left = short.executor.left();
    short.executor.close().expect("closes");
    let again = Harness::open(&disk, 4, "boot", Serving::default());
    assert_eq!(
        left,
        again.executor.left(),
        "nothing has happened since it was closed"
    );
}

#[test]
fn acknowledged_records_survive_a_kill() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    for n in 0..20 {
        assert_eq!(
            broker.produce("t", idempotent_batch(&["x"], 1_000, 0, n)),
            (0, i64::from(n))
        );
    }
    let mut broker = Harness::start(&disk.after_kill(), 2);
    assert_eq!(broker.executor.left(), Left::SameBoot);
    assert_eq!(broker.values("t", 0).len(), 20);
    // The retry of a batch that was acknowledged just before the kill.
    assert_eq!(
        broker.produce("t", idempotent_batch(&["x"], 1_000, 0, 19)),
        (0, 19)
    );
    assert_eq!(
        broker.produce("t", idempotent_batch(&["x"], 1_000, 0, 20)),
        (0, 20)
    );
}

#[test]
fn a_power_loss_keeps_the_metadata_and_a_readable_log() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    let id = broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    let lost = disk.after_power_loss(|_| 0);
    let mut broker = Harness::start_serving(&lost, 2, "next boot", Serving::default());
    assert_eq!(broker.executor.left(), Left::OtherBoot);
    assert_eq!(
        broker.executor.metadata().topic("t").map(|topic| topic.id),
        Some(id)
    );
    let there = broker.values("t", 0);
    assert!(there.is_empty() || there == ["a"], "{there:?}");
    assert_eq!(broker.produce("t", batch(&["b"])).0, 0);
}

#[test]
fn sealed_segments_survive_a_power_loss() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    let size = batch(&["a"]).len();
    broker.create("t", &[("segment.bytes", &(size * 4).to_string())]);
    for n in 0..10 {
        assert_eq!(broker.produce("t", batch(&["a"])), (0, n));
    }
    broker.pass(100);
    let lost = disk.after_power_loss(|_| 0);
    let mut broker = Harness::start_serving(&lost, 2, "next boot", Serving::default());
    let (error, next) = broker.produce("t", batch(&["b"]));
    assert_eq!(error, 0);
    assert!(
        next >= 8,
        "the two sealed segments hold 8 records, {next} are left"
    );
}

#[test]
fn killed_at_any_step_of_its_life_a_broker_comes_back() {
    let whole = SimDisk::new();
    let live = |disk: &SimDisk| {
        let mut broker = Harness::start(disk, 1);
        broker.create("t", &[]);
        broker.produce("t", batch(&["a"]));
    };
    live(&whole);
    let steps = whole.steps();
    for step in 1..steps {
        let disk = SimDisk::new();
        disk.stop_before(step);
        // The broker may end with an error or a panic of the harness: its world has stopped.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| live(&disk)));
        assert!(ended.is_err() || disk.is_stopped(), "step {step} of {steps}");
        let after = disk.after_kill();
        let mut broker = Harness::start(&after, 2);
        if broker.executor.metadata().topic("t").is_none() {
            broker.create("t", &[]);
        }
        // Where the folder wasn't made yet it might as well be lost: that is a recovery.
        broker.pass(1_000);
        let next = broker.values("t", 0).len();
        let expected = i64::try_from(next).expect("small");
        assert_eq!(
            broker.produce("t", batch(&["b"])),
            (0, expected),
            "step {step} of {steps}"
        );
    }
}

#[test]
fn a_topic_of_the_same_name_begins_anew() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    let first = broker.create("t", &[]);
    broker.produce("t", batch(&["old"]));
    let delete = DeleteTopicsRequest::default()
        .with_timeout_ms(1_000)
        .with_topic_names(vec![topic_name("t")]);
    broker.ask(5, Request::DeleteTopics(delete));
    broker.pass(100);
    let second = broker.create("t", &[]);
    assert_ne!(first, second);
    assert_eq!(broker.values("t", 0), [""; 0]);
    assert_eq!(broker.produce("t", batch(&["new"])), (0, 0));
    let mut broker = Harness::start(&disk.after_kill(), 2);
    assert_eq!(broker.values("t", 0), ["new"]);
}

#[test]
fn a_name_is_free_again_though_the_files_of_the_deleted_topic_had_failed() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    broker.produce("t", batch(&["old"]));
    let disk = disk.after_kill();
    let path = Path::new("/data/1/t-0/partition.metadata");
    let whole = disk.read(path).expect("reads");
    let write = |content: &[u8]| {
        let file = disk.open(path, OpenMode::Write).expect("opens");
        file.write_all_at(content, 0).expect("writes");
    };
    write(b"damaged");
    let mut broker = Harness::start(&disk, 2);
    let delete = DeleteTopicsRequest::default()
        .with_timeout_ms(1_000)
        .with_topic_names(vec![topic_name("t")]);
    broker.ask(5, Request::DeleteTopics(delete));
    broker.pass(100);
    write(&whole);
    broker.create("t", &[]);
    assert_eq!(broker.values("t", 0), [""; 0]);
    assert_eq!(broker.produce("t", batch(&["new"])), (0, 0));
}

#[test]
fn many_partitions_are_opened_a_few_for_each_input() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    let created = Request::CreateTopics(create("many", 100, &[]));
    let steps = disk.steps();
    broker.ask(7, created);
    let first = disk.steps() - steps;
    broker.pass(1_000);
    let all = disk.steps() - steps;
    assert!(first * 4 < all, "{first} of {all} steps in one go");
    assert_eq!(broker.executor.next_deadline(), None);
    broker.produce("many", batch(&["a"]));
    broker.executor.close().expect("closes");

    // All are found again, and only then is the next boot noted.
    let lost = disk.after_power_loss(|_| 0);
    let mut broker = Harness::start_serving(&lost, 2, "next boot", Serving::default());
    broker.pass(1_000);
    assert_eq!(broker.values("many", 0), ["a"]);
    let broker = Harness::start_serving(&lost.after_kill(), 3, "next boot", Serving::default());
    assert_eq!(broker.executor.left(), Left::SameBoot);
}
