//! Takes connections of clients.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::executor_thread::{Submission, Submissions};
use super::memory::Memory;
use crate::{Input, Limits};

/// What the connections of one listener share.
pub(crate) struct ClientListener {
    pub(crate) limits: Limits,
    pub(crate) submissions: Submissions,
}

impl ClientListener {
    /// Accepts until the task is dropped.
    pub(crate) async fn run(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let memory = Memory::new(self.limits.buffered_bytes);
        let limits = Arc::new(self.limits);
        let mut last = 0;
        // They end with this task.
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(e) => {
                    tracing::warn!("a client was not accepted: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let Ok(permit) = room.clone().try_acquire_owned() else {
                tracing::warn!(client = %address, "closed: {} clients are connected already", limits.connections);
                continue;
            };
            last += 1;
            let connection = Connection {
                id: last,
                address,
                limits: limits.clone(),
                memory: memory.clone(),
                submissions: self.submissions.clone(),
            };
            let submissions = self.submissions.clone();
            connections.spawn(async move {
                let id = connection.id;
                connection.serve(stream).await;
                // What it waits for is dropped; without an executor nothing waits.
                let _ = submissions
                    .send(Submission::Input(Input::ClientGone { connection: id }))
                    .await;
                drop(permit);
            });
        }
    }
}
