use std::path::Path;

use clap::{Args, FromArgMatches};
use config::{Flag, Settings, Sources};
use disk::{Disk, RealDisk};
use lake::Locks;
use run::{RunFolder, Service};

use super::{Options, chosen, consequence, gone_afterwards, lake_options, run, state_folder};

fn options(line: &[&str]) -> Options {
    let command = Options::augment_args(clap::Command::new("clean").no_binary_name(true));
    Options::from_arg_matches(&command.get_matches_from(line)).expect("known flags")
}

/// A platform that has run, and has a file of the operator beside its tables.
fn platform() -> (tempfile::TempDir, Settings) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let flag = Flag {
        flag: "--data".to_owned(),
        path: "data_folder".to_owned(),
        text: folder.path().join("data").display().to_string(),
    };
    let sources = Sources {
        flags: vec![flag],
        ..Sources::default()
    };
    let settings = Settings::load(sources).expect("the defaults are fine");
    let lake = settings.folders.lake();
    for file in [
        lake.join("format.json"),
        lake.join("tables/iot/dt=2025-06-01/part.parquet"),
        lake.join("mine.txt"),
        state_folder(&settings).join("format.json"),
        settings.folders.broker(1).join("iot-0/0.log"),
        settings.folders.data().join("minicluster.json"),
    ] {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("room");
        std::fs::write(file, "12345").expect("room");
    }
    (folder, settings)
}

fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}

#[tokio::test]
async fn what_was_sent_to_other_clusters_goes_only_with_everything() {
    let (_folder, settings) = platform();
    let generator = settings.folders.generator();
    let other = generator.join("clusters/other");
    std::fs::create_dir_all(&other).expect("room");
    for folder in [&generator, &other] {
        std::fs::write(folder.join("truth.log"), "12345").expect("room");
    }
    run(&settings, &options(&["--brokers", "--yes"]))
        .await
        .expect("deleted");
    assert!(exists(other.join("truth.log")) && !exists(generator.join("truth.log")));
    let lock = std::fs::File::create(other.join("truth.lock")).expect("room");
    lock.try_lock().expect("nobody has it");
    let failure = run(&settings, &options(&["--all", "--yes"])).await;
    let message = failure.expect_err("it is in use").to_string();
    assert!(message.contains("clusters/other"), "{message}");
    drop(lock);
    run(&settings, &options(&["--all", "--yes"]))
        .await
        .expect("deleted");
    assert!(!exists(other));
}

#[tokio::test]
async fn what_was_chosen_goes_and_all_else_stays() {
    let (_folder, settings) = platform();
    let lake = settings.folders.lake();
    run(&settings, &options(&["--all", "--dry-run"]))
        .await
        .expect("shown");
    assert!(exists(lake.join("tables")) && exists(settings.folders.brokers()));
    run(&settings, &options(&["--lake", "--checkpoints", "--yes"]))
        .await
        .expect("deleted");
    assert!(!exists(lake.join("tables")) && !exists(lake.join("format.json")));
    assert!(exists(lake.join("mine.txt")), "a file of the operator");
    assert!(!exists(settings.folders.checkpoints()));
    assert!(exists(settings.folders.broker(1)));
    run(&settings, &options(&["--all", "--yes"]))
        .await
        .expect("deleted");
    assert!(!exists(settings.folders.brokers()));
    assert!(!exists(settings.folders.data().join("minicluster.json")));
}

#[tokio::test]
async fn nothing_goes_without_a_choice_a_yes_or_while_something_runs() {
    let (_folder, settings) = platform();
    let refused = async |line: &[&str]| {
        let failure = run(&settings, &options(line)).await.expect_err("refused");
        (format!("{:?}", failure.exit_code()), failure.to_string())
    };
    let code = |code: u8| format!("{:?}", std::process::ExitCode::from(code));
    assert_eq!(refused(&[]).await.0, code(2));

    let other = Locks::take(RealDisk, lake_options(&settings)).expect("nobody else");
    let (conflict, _) = refused(&["--checkpoints", "--yes"]).await;
    assert_eq!(conflict, code(5));
    drop(other);

    let folder = RunFolder::new(&settings.folders);
    let supervisor = folder.lock().expect("nobody else");
    assert_eq!(refused(&["--brokers", "--yes"]).await.0, code(5));
    drop(supervisor);

    let broker = RealDisk
        .lock_dir(&settings.folders.broker(1))
        .expect("nobody else");
    let (conflict, message) = refused(&["--brokers", "--yes"]).await;
    assert_eq!(conflict, code(5));
    assert!(
        message.starts_with("a broker that was started by hand uses"),
        "{message}"
    );
    drop(broker);

    std::fs::create_dir_all(settings.folders.generator()).expect("room");
    let lock = std::fs::File::create(settings.folders.generator().join("truth.lock")).expect("room");
    lock.lock().expect("nobody else");
    let (conflict, message) = refused(&["--all", "--yes"]).await;
    assert_eq!(conflict, code(5));
    assert!(
        message.starts_with("a generator that was started by hand uses"),
        "{message}"
    );
    drop(lock);

    folder.record_service(Service::Etl, None, None).expect("room");
    let (conflict, message) = refused(&["--brokers", "--yes"]).await;
    assert_eq!(conflict, code(5));
    assert!(message.contains("etl (pid"), "{message}");
    assert!(exists(settings.folders.broker(1)) && exists(settings.folders.lake().join("tables")));
}

#[test]
fn what_happens_next_depends_on_what_is_left() {
    let (_folder, settings) = platform();
    let next = |line: &[&str]| {
        let gone = gone_afterwards(&settings, &chosen(&options(line))).expect("readable");
        consequence(&gone)
    };
    let refusing = "the ETL's state stays without its tables";
    assert!(next(&["--lake"]).starts_with(refusing));
    assert_eq!(next(&["--all"]), "the next `up` starts from nothing");
    std::fs::remove_dir_all(settings.folders.checkpoints()).expect("it is there");
    assert!(next(&["--lake"]).starts_with("the next `up` fills the tables anew"));
    std::fs::remove_dir_all(settings.folders.brokers()).expect("it is there");
    assert_eq!(next(&["--lake"]), "the next `up` starts from nothing");
}
