//! How a platform is started, watched and poked by people and by scripts.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::platform::{Platform, ours, signal, within};

/// What `status` must tell within.
const TOLD: Duration = Duration::from_secs(3);

/// A shell that is killed when the test is over, or has failed.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_ephemeral_platform_ends_with_the_shell_that_started_it_and_leaves_nothing() {
    let program = env!("CARGO_BIN_EXE_minicluster");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(folder.path()).env("TMPDIR", folder.path());
        command.args(arguments);
        command
    };
    // The shell stays: it has something to do afterwards.
    let script = format!("{program} up --ephemeral --brokers 1 --ports auto --wait -o json; read line");
    let shell = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut shell = Shell(shell.expect("a shell"));
    let mut line = String::new();
    let stdout = shell.0.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let told: Value = serde_json::from_str(&line).expect("JSON");
    let data = PathBuf::from(told["data"].as_str().expect("a folder"));
    assert!(data.starts_with(folder.path()), "{told}");

    // Whoever has the folder finds the rest.
    let place = data.display().to_string();
    let topics = command(&["--data", &place, "topics", "list"])
        .output()
        .expect("it ends");
    assert!(topics.status.success(), "{topics:?}");
    // Once more is harmless.
    let again = command(&["--data", &place, "up", "--wait", "-o", "json"])
        .output()
        .expect("it ends");
    assert!(again.status.success(), "{again:?}");
    assert_eq!(
        serde_json::from_slice::<Value>(&again.stdout).expect("JSON"),
        told
    );

    drop(shell);
    within("nothing is left", || {
        (ours(&data).is_empty() && !data.exists()).then_some(())
    });
}

#[test]
fn whatever_is_stopped_by_hand_is_told_at_once_and_comes_back() {
    let mut platform = Platform::new(&["etl.trigger_ms=200"]);
    let ready = platform.up_in_background();
    assert!(ready.stderr.contains("generator  ready"), "{ready:?}");
    for service in ["broker-2", "etl", "generator"] {
        let before = platform.service(service);
        let killed = platform.run(&["kill", service]);
        assert_eq!(killed.code, 0, "{killed:?}");
        let began = Instant::now();
        within("status tells", || {
            let now = platform.service(service);
            (now["pid"] != before["pid"]).then_some(())
        });
        assert!(began.elapsed() < TOLD, "{service}");
        within("it is back", || {
            let now = platform.service(service);
            let is_new = now["restarts"].as_u64() > before["restarts"].as_u64();
            (is_new && now["state"] == "running").then_some(())
        });
    }
    for (command, state) in [("pause", "paused"), ("resume", "running")] {
        assert_eq!(platform.run(&[command, "generator"]).code, 0);
        let began = Instant::now();
        within("status tells", || {
            (platform.service("generator")["state"] == state).then_some(())
        });
        assert!(began.elapsed() < TOLD);
    }
    let before = platform.pid("etl");
    let restarted = platform.run(&["restart", "etl"]);
    assert_eq!(restarted.code, 0, "{restarted:?}");
    assert_ne!(platform.pid("etl"), before);
    let unknown = platform.run(&["restart", "brokr-1"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(unknown.stderr.contains("did you mean `broker-1`?"), "{unknown:?}");

    let logs = platform.ask(&["logs", "--lines", "1000"]);
    for line in [
        "supervisor | ",
        "etl died: killed by SIGKILL; starting again in 0.5 s",
        "generator is paused: `minicluster resume generator` lets it go on",
        "etl        | ",
        "broker-3   | ",
    ] {
        assert!(logs.contains(line), "{line}: {logs}");
    }

    // A supervisor that was killed leaves services behind; the next one begins anew.
    let supervisor = platform.supervisor_pid();
    signal(supervisor, Signal::KILL);
    within("it is gone", || {
        (platform.run(&["status"]).code == 4).then_some(())
    });
    let again = platform.up_in_background();
    assert!(again.stderr.contains("left by an earlier `up`"), "{again:?}");
    assert_ne!(platform.supervisor_pid(), supervisor);
    let down = platform.run(&["down"]);
    assert_eq!(down.code, 0, "{down:?}");
    assert_eq!(
        platform
            .run(&["logs", "etl", "--lines", "1"])
            .stdout
            .lines()
            .count(),
        1
    );
}
