//! Consumers: what they are given is committed, and stays.

use broker::Request;
use bytes::Bytes;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ListOffsetsRequest, ListOffsetsResponse};
use record::{Batch, BrokerId};

use crate::clients::{Purpose, topic_name};
use crate::promises::Key;
use crate::world::{Happening, World};

/// Asks ListOffsets for the latest offset.
const LATEST: i64 = -1;

const OFFSET_OUT_OF_RANGE: i16 = 1;

/// Reads one partition.
#[derive(Debug)]
pub(crate) struct Consumer {
    key: Key,
    topic: String,
    /// The partition in words.
    pub(crate) name: String,
    next: i64,
    /// The highest offset that it was told is the latest, and the leader epoch that it asked for.
    latest: (i32, i64),
}

impl Consumer {
    pub(crate) fn new(key: Key, topic: String, name: String) -> Self {
        Self {
            key,
            topic,
            name,
            next: 0,
            latest: (0, 0),
        }
    }

    /// Everything is void: what was read may be gone.
    pub(crate) fn forget(&mut self, key: Key) {
        if self.key == key {
            (self.next, self.latest) = (0, (0, 0));
        }
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }
}

/// A Fetch of a partition by a consumer.
pub(crate) fn fetch_request(topic: &str, key: Key, offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(key.1.0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 16);
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(i32::from(max_wait_ms > 0))
        .with_max_bytes(1 << 20)
        .with_session_epoch(-1)
        .with_topics(vec![topic])
}

impl World {
    /// A consumer takes its next step: it reads on, begins anew, or asks for the latest offset, of the leader
    /// or of whoever is there.
    pub(crate) fn consume(&mut self, index: usize) {
        let every = self.weather.clients.request_every;
        let delay = self.random.between(1, 2 * every);
        self.schedule.after(delay, Happening::Consume(index));
        let key = self.clients.consumers[index].key;
        let at = match self.random.chance(300) {
            true => self.anybody(),
            false => self.leader_of(key),
        };
        let Some(at) = at.filter(|at| !self.is_paused(*at)) else {
            return;
        };
        let losses = self.promises.of(key).losses;
        if self.random.chance(150) {
            return self.ask_latest(index, at, losses);
        }
        if self.random.chance(100) {
            self.clients.consumers[index].next = 0;
        }
        let consumer = &self.clients.consumers[index];
        let max_wait = if self.random.chance(500) { 400 } else { 0 };
        let fetch = fetch_request(&consumer.topic, key, consumer.next, max_wait);
        let consumer = index;
        self.request(
            at,
            12,
            Request::Fetch(fetch),
            Purpose::Consume { consumer, losses },
        );
    }

    fn ask_latest(&mut self, index: usize, at: BrokerId, losses: u64) {
        let consumer = &self.clients.consumers[index];
        let key = consumer.key;
        let known = self.best_metadata().and_then(|m| m.partition(key.0, key.1));
        // With the newest leader epoch: whoever is still of an older one has to say so.
        let epoch = known.map_or(-1, |partition| partition.leader_epoch.0);
        let partition = ListOffsetsPartition::default()
            .with_partition_index(key.1.0)
            .with_current_leader_epoch(epoch)
            .with_timestamp(LATEST);
        let topic = ListOffsetsTopic::default()
            .with_name(topic_name(&consumer.topic))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        let purpose = Purpose::Latest {
            consumer: index,
            epoch,
            losses,
        };
        self.request(at, 7, Request::ListOffsets(request), purpose);
    }

    /// Whoever gave the records, leader or follower: they were committed.
    pub(crate) fn consumed(
        &mut self,
        at: BrokerId,
        index: usize,
        losses: u64,
        response: FetchResponse,
    ) -> Result<(), String> {
        let answer = response.responses.into_iter().flat_map(|t| t.partitions).next();
        let consumer = &mut self.clients.consumers[index];
        let may_be_old = self.promises.may_be_old(consumer.key, at);
        let promised = self.promises.of(consumer.key);
        let is_void = losses != promised.losses || promised.is_recovering() || may_be_old;
        let Some(answer) = answer.filter(|_| !is_void) else {
            return Ok(());
        };
        if answer.error_code == OFFSET_OUT_OF_RANGE {
            consumer.next = answer.log_start_offset.max(0);
        }
        if answer.error_code != 0 {
            return Ok(());
        }
        for batch in Batch::split(answer.records.unwrap_or_else(Bytes::new)) {
            let batch = batch.map_err(|e| format!("{}: {e}", consumer.name))?;
            promised
                .holds(&batch)
                .map_err(|e| format!("a consumer of {}: {e}", consumer.name))?;
            consumer.next = consumer.next.max(batch.next_offset().0);
        }
        Ok(())
    }

    pub(crate) fn told_latest(
        &mut self,
        index: usize,
        epoch: i32,
        losses: u64,
        response: &ListOffsetsResponse,
    ) -> Result<(), String> {
        let consumer = &mut self.clients.consumers[index];
        let promised = self.promises.of(consumer.key);
        let answer = response.topics.first().and_then(|t| t.partitions.first());
        let answer = answer.filter(|a| a.error_code == 0);
        let Some(answer) = answer.filter(|_| losses == promised.losses && !promised.is_recovering()) else {
            return Ok(());
        };
        let (known_epoch, known) = consumer.latest;
        // An older leader that hasn't heard yet, asked before.
        if epoch < known_epoch {
            return Ok(());
        }
        if answer.offset < known {
            let (name, now) = (&consumer.name, answer.offset);
            return Err(format!(
                "{name}: the latest offset went back from {known} to {now}"
            ));
        }
        consumer.latest = (epoch, answer.offset);
        Ok(())
    }
}
