//! Consumers: what they have seen must stay as it was.

use std::collections::BTreeMap;

use broker::Request;
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use record::{Batch, BrokerId, PartitionIndex};

use crate::producers::Producer;
use crate::world::{Happening, Purpose, World};

/// Longest decompressed batch of these producers.
const LIMIT: usize = 1 << 20;

/// Asks ListOffsets for the latest offset.
const LATEST: i64 = -1;

/// What the consumer of one topic has seen of its partition 0.
#[derive(Debug, Default)]
pub(crate) struct Consumer {
    pub(crate) seen: BTreeMap<i64, String>,
    next: i64,
    /// The highest offset that it was told is the latest.
    latest: i64,
}

impl Consumer {
    /// The power failed: what was seen may be gone.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// A Fetch of partition 0 by a consumer.
pub(crate) fn fetch_request(name: &str, offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 16);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_string(name.to_owned())))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(i32::from(max_wait_ms > 0))
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

/// The records of batches by offset, and the offset after the last.
pub(crate) fn records(bytes: Bytes, name: &str) -> Result<(BTreeMap<i64, String>, Option<i64>), String> {
    let mut records = BTreeMap::new();
    let mut next = None;
    for batch in Batch::split(bytes) {
        let batch = batch.map_err(|e| format!("{name}: {e}"))?;
        next = Some(batch.next_offset().0);
        let payload = batch.records_within(LIMIT).map_err(|e| format!("{name}: {e}"))?;
        for record in payload.iter() {
            let record = record.map_err(|e| format!("{name}: {e}"))?;
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            records.insert(record.offset.0, value);
        }
    }
    Ok((records, next))
}

impl World {
    /// The consumer of a topic takes its next step: it reads on, begins anew, or asks for the latest offset, of
    /// the leader or of whoever is there.
    pub(crate) fn consume(&mut self, index: usize) -> Result<(), String> {
        let delay = self.random.between(1, 2 * self.weather.request_every);
        self.schedule.after(delay, Happening::Consume(index));
        let topic = self.producers[index].topic;
        let anybody = self.random.chance(200);
        let running = self.running();
        let at = match anybody {
            true => self.random.pick(&running),
            false => self.leader_of(topic),
        };
        let Some(at) = at.filter(|at| !self.is_paused(*at)) else {
            return Ok(());
        };
        if self.random.chance(150) {
            return self.ask_latest(index, at);
        }
        if self.random.chance(100) {
            self.producers[index].consumer.next = 0;
        }
        let Producer { name, consumer, .. } = &self.producers[index];
        let (from, name) = (consumer.next, name.clone());
        let max_wait = if self.random.chance(500) { 400 } else { 0 };
        let fetch = fetch_request(&name, from, max_wait);
        let losses = self.power_losses;
        self.request(
            at,
            12,
            Request::Fetch(fetch),
            Purpose::Consume { index, from, losses },
        )
    }

    fn ask_latest(&mut self, index: usize, at: BrokerId) -> Result<(), String> {
        let topic = self.producers[index].topic;
        // With the newest leader epoch: whoever is still of an older one has to say so.
        let epoch = self.leader_epoch_of(topic);
        let partition = ListOffsetsPartition::default()
            .with_partition_index(0)
            .with_current_leader_epoch(epoch)
            .with_timestamp(LATEST);
        let name = self.producers[index].name.clone();
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_string(name)))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        self.request(at, 7, Request::ListOffsets(request), Purpose::Latest(index))
    }

    pub(crate) fn consumed(
        &mut self,
        index: usize,
        from: i64,
        losses: u64,
        response: FetchResponse,
    ) -> Result<(), String> {
        let answer = response.responses.into_iter().flat_map(|t| t.partitions).next();
        let Some(answer) = answer.filter(|a| a.error_code == 0 && losses == self.power_losses) else {
            return Ok(());
        };
        let committed = self.known_to_be_committed(self.producers[index].topic);
        let Producer { name, consumer, .. } = &mut self.producers[index];
        let (found, next) = records(answer.records.unwrap_or_default(), name)?;
        if next.is_some_and(|next| next > committed) {
            return Err(format!(
                "{name}: records up to {next:?} were given, nobody knows of more than {committed} to be committed"
            ));
        }
        for (offset, value) in found.into_iter().filter(|(offset, _)| *offset >= from) {
            let seen = consumer.seen.entry(offset).or_insert_with(|| value.clone());
            if *seen != value {
                return Err(format!(
                    "{name}: {seen:?} was read at {offset}, now it is {value:?}"
                ));
            }
        }
        consumer.next = consumer.next.max(next.unwrap_or(from));
        Ok(())
    }

    pub(crate) fn told_latest(&mut self, index: usize, response: &ListOffsetsResponse) -> Result<(), String> {
        let answer = response.topics.first().and_then(|t| t.partitions.first());
        let Some(answer) = answer.filter(|a| a.error_code == 0) else {
            return Ok(());
        };
        let Producer { name, consumer, .. } = &mut self.producers[index];
        if answer.offset < consumer.latest {
            let (before, now) = (consumer.latest, answer.offset);
            return Err(format!(
                "{name}: the latest offset went back from {before} to {now}"
            ));
        }
        consumer.latest = answer.offset;
        Ok(())
    }

    fn leader_epoch_of(&self, topic: record::TopicId) -> i32 {
        let best = self.best_metadata();
        let partition = best.and_then(|metadata| metadata.partition(topic, PartitionIndex(0)));
        partition.map_or(-1, |p| p.leader_epoch.0)
    }
}
