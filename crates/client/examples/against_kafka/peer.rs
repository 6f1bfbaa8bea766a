//! Apache Kafka as a peer, through its script.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::Outcome;

/// Three nodes that this process started; dropping it stops them.
pub(crate) struct Peer {
    script: String,
    ports: Vec<u16>,
    folder: std::path::PathBuf,
}

impl Peer {
    /// `None` where the peer can't run here; the reason was printed.
    pub(crate) fn start(script: &str) -> Outcome<Option<Self>> {
        if !Path::new(script).exists() {
            println!("SKIP: {script} is not there");
            return Ok(None);
        }
        let folder = std::env::temp_dir().join(format!("against-kafka-{}", std::process::id()));
        let peer = Self {
            script: script.to_owned(),
            ports: free_ports()?,
            folder,
        };
        let output = peer.call(&["start", "--fresh"])?;
        print!("{}", String::from_utf8_lossy(&output.stderr));
        if output.status.code() == Some(77) {
            return Ok(None);
        }
        crate::ensure(output.status.success(), || "the peer didn't start".to_owned())?;
        Ok(Some(peer))
    }

    pub(crate) fn bootstrap(&self) -> Vec<String> {
        self.ports
            .iter()
            .map(|port| format!("127.0.0.1:{port}"))
            .collect()
    }

    /// `kill -9`.
    pub(crate) fn kill(&self, node: usize) -> Outcome {
        let pid = self.call(&["pid", &node.to_string()])?;
        let pid = String::from_utf8(pid.stdout)?;
        let status = Command::new("kill").args(["-9", pid.trim()]).status()?;
        crate::ensure(status.success(), || format!("kill -9 {pid} failed"))
    }

    /// `SIGSTOP`, or `SIGCONT` to wake it again.
    pub(crate) fn pause(&self, node: usize, pause: bool) -> Outcome {
        let pid = String::from_utf8(self.call(&["pid", &node.to_string()])?.stdout)?;
        let signal = if pause { "-STOP" } else { "-CONT" };
        let status = Command::new("kill").args([signal, pid.trim()]).status()?;
        crate::ensure(status.success(), || format!("kill {signal} {pid} failed"))
    }

    /// Kafka's own tool copies a partition in transactions, some of them aborted and done again.
    pub(crate) fn copy_in_transactions(&self, from: &str, to: &str) -> Outcome {
        let output = self.call(&[
            "transactional-message-copier",
            "--broker-list",
            &self.bootstrap().join(","),
            "--input-topic",
            from,
            "--input-partition",
            "0",
            "--output-topic",
            to,
            "--transactional-id",
            "copier",
            "--consumer-group",
            "copier",
            "--transaction-size",
            "37",
            "--enable-random-aborts",
        ])?;
        crate::ensure(output.status.success(), || {
            String::from_utf8_lossy(&output.stderr).into_owned()
        })
    }

    pub(crate) fn restart(&self, node: usize) -> Outcome {
        let output = self.call(&["restart", &node.to_string()])?;
        crate::ensure(output.status.success(), || {
            String::from_utf8_lossy(&output.stderr).into_owned()
        })
    }

    fn call(&self, arguments: &[&str]) -> Outcome<Output> {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        // The nodes outlive the script: they must not hold its pipes.
        let (out, err) = (
            self.folder.with_extension("out"),
            self.folder.with_extension("err"),
        );
        let mut child = Command::new(&self.script)
            .args(arguments)
            .env("KAFKA_PORTS", ports.join(" "))
            .env("KAFKA_DATA", &self.folder)
            .env("KAFKA_HEAP_OPTS", "-Xms256m -Xmx512m")
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&out)?)
            .stderr(std::fs::File::create(&err)?)
            .spawn()?;
        let status = child.wait()?;
        Ok(Output {
            status,
            stdout: std::fs::read(&out)?,
            stderr: std::fs::read(&err)?,
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Err(error) = self.call(&["stop"]) {
            eprintln!("the peer didn't stop: {error}");
        }
        for leftover in ["out", "err"] {
            drop(std::fs::remove_file(self.folder.with_extension(leftover)));
        }
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Each with the next one free too: Kafka's controllers listen there.
fn free_ports() -> Outcome<Vec<u16>> {
    let mut held = Vec::new();
    let mut ports = Vec::new();
    while ports.len() < 3 {
        let first = TcpListener::bind("127.0.0.1:0")?;
        let port = first.local_addr()?.port();
        if let Some(Ok(next)) = port
            .checked_add(1)
            .map(|next| TcpListener::bind(("127.0.0.1", next)))
        {
            ports.push(port);
            held.push(next);
        }
        held.push(first);
    }
    Ok(ports)
}
