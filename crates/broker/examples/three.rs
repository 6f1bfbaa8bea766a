//! Three brokers in one process, for trying clients against them:
//!
//!     cargo run -p minicluster-broker --example three -- /tmp/three 19092 29092 39092
//!
//! The ports between brokers are the next ones. Ctrl-C stops all three. With `MINICLUSTER_ONLY=2` in the
//! environment only the second is run, so that each can have a process of its own that may be killed; with
//! `ADDRESS:PORT` in place of a port each can have a network of its own that may be cut.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use minicluster_broker::{self as broker, BrokerOptions, ClusterSecret, ListenOn, Peer};
use record::BrokerId;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

#[global_allocator]
static ALLOCATOR: reserve::Reserve = reserve::Reserve;

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(std::io::stderr)
        .init();
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .unwrap_or_else(|| "/tmp/minicluster-three".to_owned());
    let mut addresses: Vec<(String, u16)> = arguments.map(|argument| address(&argument)).collect();
    if addresses.is_empty() {
        addresses = ["19092", "29092", "39092"].map(address).to_vec();
    }
    let id = |at: usize| BrokerId(i32::try_from(at + 1).expect("a handful"));
    let voters: Vec<Peer> = addresses
        .iter()
        .enumerate()
        .map(|(at, (host, port))| Peer {
            id: id(at),
            host: host.clone(),
            port: port + 1,
        })
        .collect();
    let only: Option<usize> = std::env::var("MINICLUSTER_ONLY")
        .ok()
        .and_then(|only| only.parse().ok());
    let (stop, stopping) = watch::channel(false);
    let mut brokers = JoinSet::new();
    let mut ready = Vec::new();
    for (at, (host, port)) in addresses.iter().enumerate() {
        if only.is_some_and(|only| only != at + 1) {
            continue;
        }
        let mut options = BrokerOptions::new(
            id(at),
            "three",
            format!("{folder}/brokers/{}", id(at)),
            voters.clone(),
            ClusterSecret::new("only for this example").expect("long enough"),
            ListenOn::new(host, *port, "the command line"),
            ListenOn::new(host, port + 1, "the command line"),
        );
        let (tell, is_ready) = oneshot::channel();
        options.ready = Some(tell);
        ready.push(is_ready);
        let mut stopping = stopping.clone();
        brokers.spawn(async move {
            broker::run(options, async move {
                // An error means that the sender is gone, which is a reason to stop as well.
                let _ = stopping.wait_for(|stop| *stop).await;
            })
            .await
        });
    }
    tokio::spawn(async move {
        for ready in ready {
            if let Ok(ready) = ready.await {
                println!("ready: clients on {}, brokers on {}", ready.clients, ready.peers);
            }
        }
    });
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        }
    });
    while let Some(ended) = brokers.join_next().await {
        match ended {
            Ok(Ok(())) => println!("stopped"),
            Ok(Err(e)) => eprintln!("error: {e}"),
            Err(e) => eprintln!("error: {e}"),
        }
    }
}

/// Where clients connect: a port of loopback, or an address with a port.
fn address(argument: &str) -> (String, u16) {
    let (host, port) = argument.rsplit_once(':').unwrap_or(("127.0.0.1", argument));
    let port = port.parse().expect("a port, or an address with a port");
    (host.to_owned(), port)
}
