//! Brokers on free ports in a temporary folder, and a client that speaks frames.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::time::Duration;

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};
use record::BrokerId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::samples::frame;
use crate::{BrokerError, BrokerOptions, ClusterSecret, Limits, ListenOn, Peer, Ready, run};

/// A test that waits longer than this has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running broker.
pub(crate) struct Running {
    pub(crate) addresses: Ready,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), BrokerError>>,
}

impl Running {
    /// Stops it gracefully.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.expect("no panic").expect("a clean stop");
    }
}

/// The options of all brokers of a cluster of this size, on ports that are held for them.
pub(crate) fn cluster(folder: &Path, size: usize) -> Vec<BrokerOptions> {
    let listen = || StdListener::bind("127.0.0.1:0").expect("a free port");
    let sockets: Vec<_> = (0..size).map(|_| (listen(), listen())).collect();
    let port = |socket: &StdListener| socket.local_addr().expect("bound").port();
    let host = || "127.0.0.1".to_owned();
    let id = |at: usize| BrokerId(i32::try_from(at + 1).expect("small"));
    let voters: Vec<Peer> = sockets
        .iter()
        .enumerate()
        .map(|(at, (_, peers))| Peer {
            id: id(at),
            host: host(),
            port: port(peers),
        })
        .collect();
    let on = |socket: StdListener| ListenOn {
        bound: Some(socket),
        ..ListenOn::new(host(), 0, "test")
    };
    sockets
        .into_iter()
        .enumerate()
        .map(|(at, (clients, peers))| {
            let folder = folder.join(id(at).to_string());
            let secret = ClusterSecret::new("sixteen bytes or more").expect("long enough");
            BrokerOptions::new(
                id(at),
                "c",
                folder,
                voters.clone(),
                secret,
                on(clients),
                on(peers),
            )
        })
        .collect()
}

/// Starts brokers and waits until all are ready.
pub(crate) async fn start(options: Vec<BrokerOptions>) -> Vec<Running> {
    let mut starting = Vec::new();
    for mut options in options {
        let (tell, ready) = oneshot::channel();
        options.ready = Some(tell);
        let (stop, stopping) = oneshot::channel::<()>();
        let task = tokio::spawn(run(options, async move {
            let _ = stopping.await;
        }));
        starting.push((ready, stop, task));
    }
    let mut running = Vec::new();
    for (ready, stop, task) in starting {
        let addresses = match tokio::time::timeout(PATIENCE, ready).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(_)) => panic!("the broker ended: {:?}", task.await),
            Err(_) => panic!("the broker was not ready in time"),
        };
        running.push(Running {
            addresses,
            stop,
            task,
        });
    }
    running
}

/// One broker that is the whole cluster.
pub(crate) async fn start_one(folder: &Path, limits: Limits) -> Running {
    let mut options = cluster(folder, 1);
    options[0].limits = limits;
    start(options).await.remove(0)
}

/// A client's connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.expect("listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream }
    }

    pub(crate) async fn send(
        &mut self,
        api: ApiKey,
        version: i16,
        correlation_id: i32,
        body: &impl Encodable,
    ) {
        let frame = frame(api, version, correlation_id, body);
        let len = i32::try_from(frame.len()).expect("small");
        self.stream
            .write_all(&[&len.to_be_bytes()[..], &frame].concat())
            .await
            .expect("sent");
    }

    /// The next response's bytes, `None` once the broker has closed.
    pub(crate) async fn frame(&mut self) -> Option<Bytes> {
        let read = async {
            let len = self.stream.read_i32().await.ok()?;
            let mut frame = vec![0; usize::try_from(len).expect("a length")];
            self.stream.read_exact(&mut frame).await.ok()?;
            Some(Bytes::from(frame))
        };
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("an answer in time")
    }

    /// The next response.
    pub(crate) async fn receive<R: Decodable>(&mut self, api: ApiKey, version: i16) -> (i32, R) {
        let mut frame = self.frame().await.expect("a response");
        let header =
            ResponseHeader::decode(&mut frame, api.response_header_version(version)).expect("a header");
        let body = R::decode(&mut frame, version).expect("a body");
        assert_eq!(frame.remaining(), 0, "bytes after the response");
        (header.correlation_id, body)
    }

    pub(crate) async fn ask<R: Decodable>(&mut self, api: ApiKey, version: i16, body: &impl Encodable) -> R {
        self.send(api, version, 1, body).await;
        self.receive(api, version).await.1
    }
}
