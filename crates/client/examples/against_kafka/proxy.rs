//! A proxy that cuts connections, in the middle of whatever passes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::Outcome;

/// Forwards to one broker and lets each connection live for so many bytes.
pub(crate) struct Proxy {
    pub(crate) address: String,
    pub(crate) cuts: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(broker: String, bytes_per_connection: usize) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let cuts = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&cuts);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let mut count = 0;
            while let Ok((inside, _)) = listener.accept().await {
                let Ok(outside) = TcpStream::connect(&broker).await else {
                    continue;
                };
                count += 1;
                // Different lengths, so that the cut comes at different places of requests and answers.
                let budget = bytes_per_connection + count * 7_919 % bytes_per_connection;
                let counted = Arc::clone(&counted);
                connections.spawn(async move {
                    forward(inside, outside, budget).await;
                    counted.fetch_add(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self {
            address,
            cuts,
            _tasks: tasks,
        })
    }
}

/// Requests count by their bytes, answers (short ones) a hundredfold, so that both kinds get lost.
async fn forward(mut inside: TcpStream, mut outside: TcpStream, budget: usize) {
    let (mut up, mut down) = ([0; 1_500], [0; 200]);
    let mut left = budget;
    loop {
        let done = tokio::select! {
            read = inside.read(&mut up) => pass(read, &up, &mut outside, 1, &mut left).await,
            read = outside.read(&mut down) => pass(read, &down, &mut inside, 100, &mut left).await,
        };
        if done {
            return;
        }
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

async fn pass(
    read: std::io::Result<usize>,
    bytes: &[u8],
    to: &mut TcpStream,
    weight: usize,
    left: &mut usize,
) -> bool {
    let Ok(count @ 1..) = read else { return true };
    let allowed = count.min(*left / weight);
    *left = left.saturating_sub(count * weight);
    to.write_all(&bytes[..allowed]).await.is_err() || allowed < count
}
