use std::ffi::OsString;
use std::path::PathBuf;

use config::{Flag, Settings, Sources};
use run::{RunFolder, Service};

use super::{Event, Start, Supervisor};

fn settings(data: &std::path::Path) -> Settings {
    let flag = Flag {
        flag: "--data".to_owned(),
        path: "data_folder".to_owned(),
        text: data.display().to_string(),
    };
    let sources = Sources {
        flags: vec![flag],
        ..Sources::default()
    };
    Settings::load(sources).expect("the defaults are fine")
}

/// One whose services are shells that end at once.
fn supervisor(settings: Settings, run: RunFolder) -> Supervisor {
    let start = Start {
        program: PathBuf::from("/bin/sh"),
        flags: vec![OsString::from("-c"), OsString::from("exit 0")],
        alone: false,
    };
    Supervisor::new(settings, run, start, String::new(), None).expect("room")
}

#[tokio::test]
async fn a_disk_that_takes_no_record_does_not_end_the_supervisor() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let settings = settings(data.path());
    let run = RunFolder::new(&settings.folders);
    run.create().expect("room");
    let record = settings.folders.run().join("supervisor.json");
    let mut supervisor = supervisor(settings, run);
    std::fs::create_dir(&record).expect("room");
    // What happens is written down, and can't be.
    assert_eq!(supervisor.take(Event::Begin), None);
    assert_eq!(supervisor.start(Service::Etl), None::<Event>);
    assert_eq!(supervisor.start(Service::Etl), None::<Event>);
    assert_eq!(supervisor.record.services[&Service::Etl].restarts, 1);
}

#[tokio::test]
async fn a_log_that_cannot_be_rotated_is_told_once() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let settings = settings(data.path());
    let run = RunFolder::new(&settings.folders);
    run.create().expect("room");
    let log = run.log_file(Service::Etl);
    let mut supervisor = supervisor(settings, run);
    assert_eq!(supervisor.start(Service::Etl), None::<Event>);
    // Larger than it may be, and a folder lies where an older copy goes.
    let file = std::fs::File::options()
        .write(true)
        .open(&log)
        .expect("it is there");
    file.set_len(16 << 20).expect("room");
    std::fs::write(log.with_extension("log.2"), "old").expect("room");
    std::fs::create_dir(log.with_extension("log.3")).expect("room");
    let lines = supervisor.launcher.rotate_logs();
    assert!(lines[0].contains("cannot be rotated"), "{lines:?}");
    assert_eq!(supervisor.launcher.rotate_logs(), Vec::<String>::new());
}
