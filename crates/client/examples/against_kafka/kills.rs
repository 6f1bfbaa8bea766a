//! Nodes killed with `kill -9` under load.

use std::time::{Duration, Instant};

use client::{Client, Isolation, Options, Producer, ProducerOptions};

use crate::{
    Outcome,
    peer::Peer,
    steps::{exactly_once_in_order, fresh_topic, read_all, send},
};

const RECORDS_PER_SECOND: u64 = 2_000;
/// From one kill to the next; a node is back for half of it.
const ROUND: Duration = Duration::from_secs(16);

/// Each node dies once while records flow with `acks=all`: none may be lost, doubled or out of order.
pub(crate) async fn survive(peer: &Peer) -> Outcome {
    let client = Client::connect(Options::new(peer.bootstrap())).await?;
    let topic = fresh_topic(&client, "kills", 3).await?;
    let producer = Producer::new(&client, ProducerOptions::default());
    let began = Instant::now();
    let mut deliveries = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    let mut actions = vec![];
    for node in 1..=3_u32 {
        actions.push((ROUND * (node - 1) + ROUND / 4, node, true));
        actions.push((ROUND * (node - 1) + ROUND / 2, node, false));
    }
    let mut actions = actions.into_iter().peekable();
    while began.elapsed() < ROUND * 3 {
        pace.tick().await;
        while (deliveries.len() as u64) < began.elapsed().as_millis() as u64 * RECORDS_PER_SECOND / 1_000 {
            deliveries.push(send(&producer, &topic, None, deliveries.len() as u64).await?);
        }
        if let Some((_, node, kill)) = actions.next_if(|(at, ..)| began.elapsed() >= *at) {
            println!(
                "{:5.1} s: node {node} {}",
                began.elapsed().as_secs_f32(),
                if kill { "killed" } else { "started" }
            );
            // A thread of its own: the script takes a moment, the load goes on.
            tokio::task::block_in_place(|| {
                if kill {
                    peer.kill(node as usize)
                } else {
                    peer.restart(node as usize)
                }
            })?;
        }
    }
    producer.close().await;
    let count = deliveries.len() as u64;
    for delivery in deliveries {
        delivery.await?;
    }
    let found = read_all(&client, &topic, Isolation::ReadUncommitted).await?;
    exactly_once_in_order(&found, count)?;
    println!("{count} records over three kills: none lost, doubled or out of order");
    Ok(())
}
