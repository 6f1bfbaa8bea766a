//! Runs the client against a real cluster: Apache Kafka as much as ours.
//!
//!     cargo run -p minicluster-client --example against_kafka -- --peer ../shared/peers/kafka/kafka
//!     cargo run -p minicluster-client --example against_kafka -- --bootstrap 127.0.0.1:19092
//!
//! With `--peer` it starts three nodes of Apache Kafka in a temporary folder, runs everything, kills nodes
//! with `kill -9` under load, and stops them. With `--bootstrap` it runs what needs no killing against a
//! cluster that runs already; `--replication N` says how many replicas its topics get (default -1, the
//! cluster's own). Where the peer is missing it says `SKIP:` and exits with 77.

#![expect(clippy::print_stdout, reason = "it is a command that reports to a terminal")]
#![expect(clippy::print_stderr, reason = "it is a command that reports to a terminal")]

// By the name that the workspace uses.
extern crate minicluster_client as client;

mod administration;
mod kills;
mod peer;
mod proxy;
mod steps;

use std::{error::Error, process::ExitCode};

use peer::Peer;

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Fails the step, with a message.
fn ensure(holds: bool, message: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(message().into()) }
}

struct Arguments {
    bootstrap: Vec<String>,
    peer: Option<String>,
    replication: i16,
}

fn arguments() -> Outcome<Arguments> {
    let mut parsed = Arguments {
        bootstrap: Vec::new(),
        peer: None,
        replication: -1,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        match word.as_str() {
            "--bootstrap" => parsed.bootstrap = value.split(',').map(str::to_owned).collect(),
            "--peer" => parsed.peer = Some(value),
            "--replication" => parsed.replication = value.parse()?,
            _ => return Err(format!("unknown option {word}: --peer, --bootstrap or --replication").into()),
        }
    }
    Ok(parsed)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let result = match &arguments.peer {
        Some(script) => match Peer::start(script) {
            Ok(Some(peer)) => with_peer(&peer).await,
            Ok(None) => return ExitCode::from(77),
            Err(error) => Err(error),
        },
        None if arguments.bootstrap.is_empty() => {
            Err("give --peer SCRIPT or --bootstrap HOST:PORT,...".into())
        }
        None => steps::run_all(&arguments.bootstrap, arguments.replication).await,
    };
    match result {
        Ok(()) => {
            println!("all well");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn with_peer(peer: &Peer) -> Outcome {
    steps::run_all(&peer.bootstrap(), 3).await?;
    kills::transactions(peer).await?;
    kills::survive(peer).await?;
    kills::survive_a_pause(peer).await
}
