//! What a run does first: it finds out what those before it had sent, and sees to it that nothing more of
//! them comes.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use client::{
    Client, Isolation, OffsetSpec, OutRecord, ProduceError, Producer, ProducerOptions, TopicMetadata,
};
use record::{PartitionIndex, ProducerEpoch, ProducerId, Timestamp};
use tokio::time::sleep;

use crate::{
    Counts, GeneratorError,
    faults::Batch,
    headers::headers,
    resolve,
    stream::Beginning,
    truth_log::{Done, Entry, Identity, Run, State, TopicState, TruthLog},
};

/// Who fences jumps ahead by so many epochs, past those that the owner may have begun.
const EPOCH_STEP: i16 = 100;
/// Requests of a process that was killed are with the brokers or lost after so long.
const DYING: Duration = Duration::from_secs(10);

/// What the topics hold before a run's own events, and when those may begin.
#[derive(Debug)]
pub(crate) struct Settled {
    /// By stream.
    pub(crate) done: Vec<Done>,
    pub(crate) start_us: i64,
}

/// Logs a new run. Its producer id is a new one; where the last run left something open, it also gets that
/// one's at a higher epoch, to fence it.
pub(crate) async fn begin_run(client: &Client, log: &Mutex<TruthLog>) -> Result<Run, GeneratorError> {
    let (last, fenced) = {
        let log = log.lock().unwrap_or_else(PoisonError::into_inner);
        (log.state().run.clone(), to_fence(log.state()))
    };
    let fencing = fenced.and_then(above);
    if let (Some(fenced), None) = (fenced, fencing) {
        tracing::warn!(
            id = fenced.id,
            "no epoch is left to fence the last run with: waiting until it is over"
        );
        sleep(DYING).await;
    }
    let (id, epoch) = client.new_producer_id().await?;
    let run = Run {
        number: last.map_or(0, |last| last.number + 1),
        id: getrandom::u64().map_err(GeneratorError::Random)?,
        identity: Identity {
            id: id.0,
            epoch: epoch.0,
        },
        fencing,
    };
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    log.append(Entry::Run(run.clone()))?;
    Ok(run)
}

/// Under which identity something may still be on the way.
///
/// A run sends under its own only when all fences before it are acknowledged. Until then the one that it
/// fences with is all that there is.
fn to_fence(state: &State) -> Option<Identity> {
    let last = state.run.as_ref()?;
    let is_open = state.topics.values().any(|topic| topic.open() > 0);
    let identity = match last.fencing {
        Some(fencing) if !state.has_begun() => fencing,
        _ => last.identity,
    };
    is_open.then_some(identity)
}

/// The same producer at a higher epoch; none where that might be used up.
fn above(identity: Identity) -> Option<Identity> {
    let epoch = identity.epoch.checked_add(EPOCH_STEP)?;
    // Room for epochs that the producer begins by itself.
    epoch.checked_add(EPOCH_STEP)?;
    Some(Identity { epoch, ..identity })
}

/// Counts what is in the topics. Where runs left something open, `fences` makes so many events of a stream,
/// one for each partition: brokers refuse what comes under a lower epoch after them.
pub(crate) async fn settle(
    client: &Client,
    log: &Arc<Mutex<TruthLog>>,
    run: &Run,
    topics: &[TopicMetadata],
    beginning: Beginning,
    fences: impl Fn(usize, usize) -> Batch,
) -> Result<Settled, GeneratorError> {
    let settling = Settling { client, log, run };
    let (mut done, mut start_us) = (Vec::new(), beginning.start_us);
    let mut producer = None;
    for (index, topic) in topics.iter().enumerate() {
        let state = settling.state(topic);
        if state.open() == 0 {
            let counts = state.done.map(|done| done.counts).unwrap_or_default();
            done.push(settling.done(topic, counts, 0, settling.ends(topic).await?));
            continue;
        }
        let producer = match &producer {
            Some(producer) => producer,
            None => producer.insert(settling.producer().await?),
        };
        let batch = fences(index, topic.partitions.len());
        start_us = start_us.max(beginning.start_us + (batch.entries.len() as i64 + 1) * 1_000);
        done.push(settling.fence_and_count(topic, &batch, producer).await?);
    }
    Ok(Settled { done, start_us })
}

struct Settling<'a> {
    client: &'a Client,
    log: &'a Mutex<TruthLog>,
    run: &'a Run,
}

impl Settling<'_> {
    fn state(&self, topic: &TopicMetadata) -> TopicState {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.state().topics.get(&*topic.name).cloned().unwrap_or_default()
    }

    fn done(&self, topic: &TopicMetadata, counts: Counts, to: u64, next: Vec<i64>) -> Done {
        Done {
            topic: topic.name.to_string(),
            topic_id: topic.id.to_string(),
            run: self.run.id,
            to,
            counts,
            next,
            closed: false,
        }
    }

    async fn ends(&self, topic: &TopicMetadata) -> Result<Vec<i64>, GeneratorError> {
        let asked: Vec<_> = topic
            .partitions
            .iter()
            .map(|partition| (&*topic.name, partition.index, OffsetSpec::Latest))
            .collect();
        let mut ends = Vec::new();
        for end in self.client.list_offsets(&asked, Isolation::ReadUncommitted).await {
            ends.push(end?.offset.0);
        }
        Ok(ends)
    }

    async fn producer(&self) -> Result<Producer, GeneratorError> {
        let identity = match self.run.fencing {
            Some(Identity { id, epoch }) => (ProducerId(id), ProducerEpoch(epoch)),
            None => self.client.new_producer_id().await?,
        };
        Ok(Producer::new(
            self.client,
            ProducerOptions {
                identity: Some(identity),
                ..ProducerOptions::default()
            },
        )?)
    }

    async fn fence_and_count(
        &self,
        topic: &TopicMetadata,
        batch: &Batch,
        producer: &Producer,
    ) -> Result<Done, GeneratorError> {
        let to = batch.entries.len() as u64;
        let until_ms = batch
            .entries
            .last()
            .map_or(0, |entry| entry.at_us.div_euclid(1_000));
        self.log
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(Entry::Intent {
                topic: topic.name.to_string(),
                run: self.run.id,
                to,
                until_ms,
            })?;
        let partitions: Vec<PartitionIndex> =
            topic.partitions.iter().map(|partition| partition.index).collect();
        let fences = self
            .send_fences(&topic.name, &partitions, batch, producer)
            .await?;
        // The fences are part of the tail: their intent stands in the log by now.
        let state = self.state(topic);
        let counted = resolve::count_tail(self.client, &topic.name, &state, &fences).await;
        let counts = counted.map_err(|error| GeneratorError::Unresolved {
            topic: topic.name.to_string(),
            error: Box::new(error),
            log: self
                .log
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .path()
                .to_owned(),
        })?;
        tracing::info!(topic = %topic.name, open = state.open(), "settled what the last run had sent");
        Ok(self.done(topic, counts, to, fences.iter().map(|fence| fence + 1).collect()))
    }

    /// Gives the fences' offsets, by partition.
    async fn send_fences(
        &self,
        topic: &str,
        partitions: &[PartitionIndex],
        batch: &Batch,
        producer: &Producer,
    ) -> Result<Vec<i64>, GeneratorError> {
        let mut deliveries = Vec::new();
        for ((sequence, entry), partition) in (0_u64..).zip(&batch.entries).zip(partitions) {
            let (run, sequence) = (self.run.id.to_be_bytes(), sequence.to_be_bytes());
            let record = OutRecord {
                timestamp: Timestamp(entry.at_us.div_euclid(1_000)),
                key: Some(batch.key(entry)),
                value: batch.value(entry),
                headers: &headers(&run, &sequence, entry.kind),
            };
            deliveries.push(producer.send(topic, Some(*partition), record).await?);
        }
        let mut offsets = Vec::new();
        for delivery in deliveries {
            let unknown = || ProduceError::Fatal {
                reason: "a broker acknowledged a fence without its offset".to_owned(),
            };
            offsets.push(delivery.await?.offset.ok_or_else(unknown)?.0);
        }
        Ok(offsets)
    }
}

#[cfg(test)]
mod tests;
