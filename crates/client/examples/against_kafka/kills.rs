//! What needs the peer's script: nodes killed and paused under load, transactions of Kafka's own client.

use std::time::{Duration, Instant};

use client::{Client, Delivery, Isolation, Options, Producer, ProducerOptions};
use record::PartitionIndex;

use crate::{
    Outcome, ensure,
    peer::Peer,
    steps::{exactly_once_in_order, fresh_topic, read_all, send},
};

const RECORDS_PER_SECOND: u64 = 2_000;
/// Before a node is killed or paused.
const SPELL: Duration = Duration::from_secs(4);
/// How long a node may take to be in sync again.
const HEALING: Duration = Duration::from_secs(180);

/// Records that flow at a steady rate.
struct Load {
    producer: Producer,
    topic: String,
    began: Instant,
    deliveries: Vec<Delivery>,
}

impl Load {
    fn new(client: &Client, topic: String) -> Outcome<Self> {
        // Longer than a slow machine takes to start a node: what counts is that nothing is lost.
        let options = ProducerOptions {
            delivery_timeout: HEALING * 2,
            ..ProducerOptions::default()
        };
        let producer = Producer::new(client, options)?;
        Ok(Self {
            producer,
            topic,
            began: Instant::now(),
            deliveries: Vec::new(),
        })
    }

    async fn flow_for(&mut self, spell: Duration) -> Outcome {
        let end = Instant::now() + spell;
        let mut pace = tokio::time::interval(Duration::from_millis(10));
        while Instant::now() < end {
            pace.tick().await;
            let due = self.began.elapsed().as_millis() as u64 * RECORDS_PER_SECOND / 1_000;
            while (self.deliveries.len() as u64) < due {
                let number = self.deliveries.len() as u64;
                self.deliveries
                    .push(send(&self.producer, &self.topic, None, number).await?);
            }
        }
        Ok(())
    }

    async fn flow_until(&mut self, client: &Client, synced: bool) -> Outcome {
        let deadline = Instant::now() + HEALING;
        while in_sync(client, &self.topic).await? != synced {
            ensure(Instant::now() < deadline, || {
                format!("replicas in sync: still {}", !synced)
            })?;
            self.flow_for(Duration::from_millis(500)).await?;
        }
        Ok(())
    }

    /// All is acknowledged, and in the topic once and in order.
    async fn check(self, client: &Client) -> Outcome<u64> {
        self.producer.close().await;
        let count = self.deliveries.len() as u64;
        for delivery in self.deliveries {
            delivery.await?;
        }
        let found = read_all(client, &self.topic, Isolation::ReadUncommitted).await?;
        exactly_once_in_order(&found, count)?;
        Ok(count)
    }
}

async fn in_sync(client: &Client, topic: &str) -> Outcome<bool> {
    let metadata = client.metadata(Some(&[topic])).await?;
    let topic = metadata.topic(topic).ok_or("the topic is gone")?;
    Ok(topic
        .partitions
        .iter()
        .all(|partition| partition.isr.len() == partition.replicas.len()))
}

/// Each node dies once while records flow with `acks=all`: none may be lost, doubled or out of order.
pub(crate) async fn survive(peer: &Peer) -> Outcome {
    let client = Client::connect(Options::new(peer.bootstrap())).await?;
    let mut load = Load::new(&client, fresh_topic(&client, "kills", 3).await?)?;
    for node in 1..=3 {
        load.flow_for(SPELL).await?;
        // The script takes a moment; the producer goes on in other threads.
        tokio::task::block_in_place(|| peer.kill(node))?;
        println!("{:5.1} s: node {node} killed", load.began.elapsed().as_secs_f32());
        // Else the metadata would still show it in sync when it is only starting.
        load.flow_until(&client, false).await?;
        tokio::task::block_in_place(|| peer.restart(node))?;
        load.flow_until(&client, true).await?;
        println!(
            "{:5.1} s: node {node} is in sync again",
            load.began.elapsed().as_secs_f32()
        );
    }
    let count = load.check(&client).await?;
    println!("{count} records over three kills: none lost, doubled or out of order");
    Ok(())
}

/// A leader stands still for a while: its partitions go on at others, and nothing is written twice when it
/// wakes up with requests in its sockets.
pub(crate) async fn survive_a_pause(peer: &Peer) -> Outcome {
    let client = Client::connect(Options::new(peer.bootstrap())).await?;
    let mut load = Load::new(&client, fresh_topic(&client, "pause", 3).await?)?;
    load.flow_for(SPELL).await?;
    tokio::task::block_in_place(|| peer.pause(2, true))?;
    let paused = Instant::now();
    load.flow_for(SPELL).await?;
    load.producer.flush().await;
    let stall = paused.elapsed();
    load.flow_for(SPELL).await?;
    tokio::task::block_in_place(|| peer.pause(2, false))?;
    load.flow_until(&client, true).await?;
    let count = load.check(&client).await?;
    println!(
        "{count} records over a pause, all acknowledged {:.1} s after it began: none lost or doubled",
        stall.as_secs_f32()
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
    let producer = Producer::new(&client, ProducerOptions::default())?;
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
