//! What needs the peer's script: nodes killed and paused under load, transactions of Kafka's own client.

use std::time::{Duration, Instant};

use client::{Client, Isolation, Options, Producer, ProducerOptions};
use record::PartitionIndex;

use crate::{
    Outcome, ensure,
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

/// A leader stands still for a while: its partitions go on at others, and nothing is written twice when it
/// wakes up with requests in its sockets.
pub(crate) async fn survive_a_pause(peer: &Peer) -> Outcome {
    let client = Client::connect(Options::new(peer.bootstrap())).await?;
    let topic = fresh_topic(&client, "pause", 3).await?;
    let producer = Producer::new(&client, ProducerOptions::default());
    let began = Instant::now();
    let mut deliveries = Vec::new();
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    let mut actions = [(5, true), (30, false)].into_iter().peekable();
    let mut stalls = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(40) {
        pace.tick().await;
        let batch = deliveries.len() as u64;
        for number in batch..batch + 10 {
            deliveries.push(send(&producer, &topic, None, number).await?);
        }
        if let Some((_, pause)) = actions.next_if(|(at, _)| began.elapsed().as_secs() >= *at) {
            tokio::task::block_in_place(|| peer.pause(2, pause))?;
            let before = Instant::now();
            println!(
                "{:5.1} s: node 2 {}",
                began.elapsed().as_secs_f32(),
                if pause { "paused" } else { "woken" }
            );
            if pause {
                producer.flush().await;
                stalls = before.elapsed();
            }
        }
    }
    producer.close().await;
    let count = deliveries.len() as u64;
    for delivery in deliveries {
        delivery.await?;
    }
    let found = read_all(&client, &topic, Isolation::ReadUncommitted).await?;
    exactly_once_in_order(&found, count)?;
    println!(
        "{count} records over a pause, with a stall of {:.1} s: none lost or doubled",
        stalls.as_secs_f32()
    );
    Ok(())
}

/// Aborted transactions are in the log, but not for who reads committed records.
pub(crate) async fn transactions(peer: &Peer) -> Outcome {
    let client = Client::connect(Options::new(peer.bootstrap())).await?;
    let (from, to) = (
        fresh_topic(&client, "from", 3).await?,
        fresh_topic(&client, "to", 3).await?,
    );
    let producer = Producer::new(&client, ProducerOptions::default());
    let count = 2_000;
    for number in 0..count {
        drop(send(&producer, &from, Some(PartitionIndex(0)), number).await?);
    }
    producer.close().await;
    tokio::task::block_in_place(|| peer.copy_in_transactions(&from, &to))?;
    let all = read_all(&client, &to, Isolation::ReadUncommitted).await?;
    let committed = read_all(&client, &to, Isolation::ReadCommitted).await?;
    let mut numbers: Vec<u64> = committed.values().copied().collect();
    numbers.sort_unstable();
    ensure(numbers.iter().copied().eq(0..count), || {
        format!("{} of {count} are committed", numbers.len())
    })?;
    ensure(all.len() > committed.len(), || {
        "no transaction was aborted".to_owned()
    })?;
    println!(
        "{} records of committed transactions, {} of aborted ones left out",
        count,
        all.len() - committed.len()
    );
    Ok(())
}
