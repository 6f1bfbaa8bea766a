use std::ffi::OsString;
use std::path::PathBuf;

use config::{Flag, Settings, Sources};

use super::{Event, Service, Supervisor};
use crate::run_folder::RunFolder;

fn settings(data: &std::path::Path) -> Settings {
    let flag = Flag {
        flag: "--data".to_owned(),
        path: "data_folder".to_owned(),
        text: data.display().to_string(),
    };
    let sources = Sources {
        file: None,
        flags: vec![flag],
    };
    Settings::load(sources).expect("the defaults are fine")
}

#[tokio::test]
async fn a_disk_that_takes_no_record_does_not_end_the_supervisor() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let settings = settings(data.path());
    let run = RunFolder::new(&settings.folders);
    run.create().expect("room");
    let record = settings.folders.run().join("supervisor.json");
    let flags = vec![OsString::from("-c"), OsString::from("exit 0")];
    let mut supervisor =
        Supervisor::new(settings, run, PathBuf::from("/bin/sh"), flags, String::new()).expect("room");
    std::fs::remove_file(&record).expect("it was written");
    std::fs::create_dir(&record).expect("room");
    // The second start is written down, and can't be.
    assert_eq!(supervisor.start(Service::Etl), None::<Event>);
    assert_eq!(supervisor.start(Service::Etl), None::<Event>);
    assert_eq!(supervisor.record.restarts["etl"], 1);
}
