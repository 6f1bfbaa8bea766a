use std::collections::BTreeSet;
use std::sync::Barrier;

use super::RunFolder;
use crate::error::RunError;
use crate::process::Process;
use crate::service::Service;

/// A fresh data folder; it goes with the first of the two.
fn folder() -> (tempfile::TempDir, RunFolder) {
    let data = tempfile::tempdir().expect("a temporary folder");
    let run = RunFolder {
        data: data.path().to_owned(),
        run: data.path().join("run"),
        logs: data.path().join("run/logs"),
    };
    run.create().expect("room");
    (data, run)
}

#[test]
fn services_that_start_at_once_agree_on_identity_and_secret() {
    for _ in 0..20 {
        let (_data, run) = folder();
        let together = Barrier::new(3);
        let start = || {
            together.wait();
            let identity = run.create_identity(None).expect("created, or found");
            run.create_secret().expect("created, or found");
            (identity.cluster_id, run.secret().expect("it is whole"))
        };
        let found: BTreeSet<_> = std::thread::scope(|scope| {
            let brokers = [0; 3].map(|_| scope.spawn(start));
            brokers.map(|broker| broker.join().expect("no panic")).into()
        });
        assert_eq!(found.len(), 1);
        let left = std::fs::read_dir(&run.run).expect("it is there").count();
        assert_eq!(left, 2, "the secret and the logs, no draft");
    }
}

#[test]
fn a_secret_that_is_empty_or_cut_is_refused() {
    let (_data, run) = folder();
    for text in ["", "c2hvcnQ=", "not base64!"] {
        std::fs::write(run.run.join("cluster-secret"), text).expect("room");
        let message = run.secret().expect_err("it is no secret").to_string();
        assert!(
            message.contains("cluster-secret is damaged (not 32 bytes in base64): remove it"),
            "{message}"
        );
    }
}

#[test]
fn a_service_records_itself_once_and_only_under_its_supervisor() {
    let (_data, run) = folder();
    assert_eq!(run.running_services().expect("readable"), []);
    // Our own id is not our parent's.
    let stranger = std::process::id();
    let refused = run.record_service(Service::Etl, Some(stranger), None);
    assert!(
        matches!(refused, Err(RunError::SupervisorGone { supervisor, .. }) if supervisor == stranger),
        "{refused:?}"
    );
    assert_eq!(run.running_services().expect("readable"), []);

    let api = "127.0.0.1:1".parse().ok();
    run.record_service(Service::Etl, None, api).expect("room");
    let again = run.record_service(Service::Etl, None, None);
    assert!(matches!(again, Err(RunError::ServiceRuns { .. })), "{again:?}");
    let running = run.running_services().expect("readable");
    let [(Service::Etl, record)] = running.as_slice() else {
        panic!("{running:?}");
    };
    assert_eq!(record.api, api);
    assert_eq!(record.process, Process::current().expect("/proc is there"));
}

#[test]
fn whoever_only_looks_waits_for_nobody() {
    let (_data, run) = folder();
    run.record_service(Service::Etl, None, None).expect("room");
    // A service that is paused while it records itself.
    let _paused = run.services_lock().expect("it is free");
    let (tell, told) = std::sync::mpsc::channel();
    let looker = run.clone();
    std::thread::spawn(move || tell.send(looker.running_services().map(|running| running.len())));
    let seen = told.recv_timeout(std::time::Duration::from_secs(5));
    assert_eq!(seen.expect("it should not wait").expect("readable"), 1);
}

#[test]
fn a_record_that_a_power_loss_emptied_is_none() {
    let (_data, run) = folder();
    std::fs::write(run.run.join("supervisor.json"), "").expect("room");
    assert_eq!(run.running_supervisor().expect("readable"), None);
}
