//! Sockets, threads, clock and randomness around an [`Executor`](crate::Executor).

mod client_listener;
mod connection;
mod executor_thread;
mod frame;
mod handshake;
mod memory;
mod open_files;
mod peer_link;
mod peer_listener;
#[cfg(test)]
mod tests;
mod untaken;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Mutex;

use cluster::Listener;
use disk::RealDisk;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

pub use handshake::ClusterSecret;

use crate::{
    BrokerError, BrokerOptions, CLIENT_LISTENER, Executor, ExecutorOptions, ListenOn, PEER_LISTENER, Ready,
};
use client_listener::ClientListener;
use executor_thread::{ExecutorThread, Queues, Submission, SystemClock};
use peer_link::{LinkStates, PeerLinks};
use peer_listener::PeerListener;
use untaken::Untaken;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Runs a broker until `shutdown` is done, then closes its logs cleanly. Must be called in a
/// multi-threaded tokio runtime with time and I/O.
///
/// # Errors
/// What keeps the broker from starting, or makes it stop.
pub async fn run(
    mut options: BrokerOptions,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), BrokerError> {
    if !options.brokers().any(|peer| peer.id == options.id) {
        return Err(BrokerError::NotAmongPeers { id: options.id });
    }
    options.limits.connections = open_files::room_for(options.limits.connections);
    let clients = listen(&mut options.clients).await?;
    let peers = listen(&mut options.peers).await?;
    let addresses = Ready {
        clients: local(&clients, &options.clients)?,
        peers: local(&peers, &options.peers)?,
    };
    let clock = SystemClock::new();
    let mut executor = Executor::open(
        RealDisk,
        executor_options(&options, addresses),
        clock.now(),
        Box::new(|| u128::from_ne_bytes(random_bytes())),
    )?;
    executor
        .flush_on_a_thread()
        .map_err(|_| BrokerError::Died { part: "flusher" })?;
    executor.sync_in_groups();

    let (queues, urgent, requests) = Queues::new();
    let others = options.brokers().filter(|peer| peer.id != options.id).cloned();
    let (links, tasks) = PeerLinks::new(others, options.id, &options.cluster_id, &options.secret, &urgent);
    let states: LinkStates = tasks
        .iter()
        .map(|link| (link.peer.id, link.state.clone()))
        .collect();
    let (tell_ready, is_ready) = oneshot::channel();
    let thread = ExecutorThread {
        executor,
        clock,
        queues,
        links,
        untaken: Untaken::new(options.limits.response_bytes),
        ready: Some(tell_ready),
    };
    let mut ended = spawn(thread)?;

    let mut background = JoinSet::new();
    for link in tasks {
        background.spawn(link.run());
    }
    let listener = PeerListener {
        me: options.id,
        cluster_id: options.cluster_id,
        secret: options.secret,
        submissions: urgent.clone(),
        links: states,
        proven: Mutex::default(),
    };
    background.spawn(listener.run(peers));
    let listener = ClientListener {
        limits: options.limits,
        submissions: requests,
    };
    background.spawn(listener.run(clients));
    let ready = options.ready.take();
    background.spawn(async move {
        if let (Ok(()), Some(ready)) = (is_ready.await, ready) {
            // Nobody needs to listen for it.
            let _ = ready.send(addresses);
        }
    });

    tokio::select! {
        result = &mut ended => return result.unwrap_or(Err(BrokerError::Died { part: "executor" })),
        () = shutdown => {}
    }
    // Were the thread gone already, its result would say why.
    let _ = urgent.send(Submission::Stop).await;
    let result = ended.await.unwrap_or(Err(BrokerError::Died { part: "executor" }));
    background.shutdown().await;
    result
}

fn spawn(
    thread: ExecutorThread<RealDisk>,
) -> Result<oneshot::Receiver<Result<(), BrokerError>>, BrokerError> {
    let (tell, ended) = oneshot::channel();
    let runtime = Handle::current();
    std::thread::Builder::new()
        .name("executor".to_owned())
        .spawn(move || {
            // Whoever ran the broker may have given up on it.
            let _ = tell.send(thread.run(&runtime));
        })
        .map_err(|_| BrokerError::Died { part: "executor" })?;
    Ok(ended)
}

fn executor_options(options: &BrokerOptions, addresses: Ready) -> ExecutorOptions {
    let voters = options.voters.iter().map(|peer| peer.id).collect();
    let incarnation = Uuid::from_bytes(random_bytes());
    let mut node = cluster::Options::new(options.id, options.cluster_id.clone(), voters, incarnation);
    let (host, port) = options
        .advertised
        .clone()
        .unwrap_or_else(|| (options.clients.host.clone(), addresses.clients.port()));
    let clients = Listener {
        name: CLIENT_LISTENER.to_owned(),
        host,
        port,
    };
    let peers = Listener {
        name: PEER_LISTENER.to_owned(),
        host: options.peers.host.clone(),
        port: addresses.peers.port(),
    };
    node.listeners = vec![clients, peers];
    node.default_partitions = options.default_partitions;
    node.default_replication = options.default_replication;
    node.observers = options.observers.iter().map(|peer| peer.id).collect();
    node.max_replication = i16::try_from(options.brokers().count()).unwrap_or(i16::MAX);
    // Without it every start counts as one after a power loss, which is safe and slow.
    let boot_id = std::fs::read_to_string(BOOT_ID).unwrap_or_else(|_| format!("unknown {incarnation}"));
    ExecutorOptions {
        folder: options.folder.clone(),
        node,
        boot_id: boot_id.trim().to_owned(),
        serving: options.serving.clone(),
    }
}

async fn listen(on: &mut ListenOn) -> Result<TcpListener, BrokerError> {
    let bound = match on.bound.take() {
        Some(listener) => listener
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(listener)),
        None => TcpListener::bind((on.host.as_str(), on.port)).await,
    };
    let (host, port, key) = (on.host.clone(), on.port, on.key.clone());
    bound.map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => BrokerError::PortTaken { host, port, key },
        _ => BrokerError::Listen {
            host,
            port,
            key,
            source,
        },
    })
}

fn local(listener: &TcpListener, on: &ListenOn) -> Result<SocketAddr, BrokerError> {
    listener.local_addr().map_err(|source| BrokerError::Listen {
        host: on.host.clone(),
        port: on.port,
        key: on.key.clone(),
        source,
    })
}

/// Bytes that nobody can guess.
fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a source of randomness");
    bytes
}
