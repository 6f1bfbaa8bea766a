//! Producers: each writes to one partition, one batch at a time, each batch until it is acknowledged.

use broker::Request;
use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse,
};
use record::{
    BatchBuilder, BrokerId, Compression, LeaderEpoch, ProducerEpoch, ProducerId, Sequence, Timestamp,
};

use crate::clients::{Purpose, topic_name};
use crate::consumers::Consumer;
use crate::promises::Key;
use crate::world::{EPOCH, Happening, LAST_PRODUCE, World};

/// Errors after which the same batch is sent again: leaders that moved, are unknown, or have no room.
const TRY_AGAIN: [i16; 10] = [3, 5, 6, 7, 13, 14, 15, 19, 20, 56];

/// The log doesn't continue where this producer was: only a loss may bring that about.
const SEQUENCE_LOST: [i16; 2] = [45, 59];

/// What a producer wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// acks=all, and no batch twice.
    Idempotent,
    /// acks=all; what is sent again may be there again.
    AcksAll,
    /// acks=1: what only the leader has may be lost with it.
    AcksOne,
    /// acks=0: nothing is ever sent again.
    AcksNone,
}

impl Kind {
    fn acks(self) -> i16 {
        match self {
            Self::Idempotent | Self::AcksAll => -1,
            Self::AcksOne => 1,
            Self::AcksNone => 0,
        }
    }

    fn short(self) -> &'static str {
        match self {
            Self::Idempotent => "idempotent",
            Self::AcksAll => "all",
            Self::AcksOne => "one",
            Self::AcksNone => "none",
        }
    }
}

/// Writes to one partition.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) key: Key,
    pub(crate) topic: String,
    /// What its records begin with.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    identity: Option<(ProducerId, ProducerEpoch)>,
    sequence: i32,
    /// All batches that it ever sent. The last may be under way.
    pub(crate) batches: Vec<Sent>,
    under_way: bool,
    /// How often everything was lost when it got its identity.
    losses: u64,
    /// Batches below were sent under an earlier identity, too: nobody can tell copies of them that come late from
    /// new ones.
    pub(crate) of_earlier: usize,
}

/// A batch.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) records: u64,
    pub(crate) bytes: Bytes,
    /// How often it was sent.
    pub(crate) times: usize,
    /// Where it is, as the producer was told.
    pub(crate) told: Option<Told>,
}

/// Where a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) base: i64,
    /// Who took it.
    pub(crate) by: BrokerId,
    /// Under which epoch that one led the partition then, if it did.
    pub(crate) epoch: Option<LeaderEpoch>,
}

/// One sending of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) producer: usize,
    pub(crate) batch: usize,
    /// A copy that nobody waits for.
    pub(crate) late: bool,
}

impl World {
    /// A partition is known from now on: somebody writes to it in each way, and somebody reads it.
    pub(crate) fn write_and_read(&mut self, key: Key, topic: &str) {
        let (consumer, place) = (self.clients.consumers.len(), key.1);
        self.clients
            .consumers
            .push(Consumer::new(key, topic.to_owned(), format!("{topic}-{place}")));
        self.schedule.after(50, Happening::Consume(consumer));
        for kind in [Kind::Idempotent, Kind::AcksAll, Kind::AcksOne, Kind::AcksNone] {
            if kind != Kind::Idempotent && self.random.chance(700) {
                continue;
            }
            let producer = self.clients.producers.len();
            self.clients.producers.push(Producer {
                key,
                topic: topic.to_owned(),
                name: format!("{topic}-{place}/{}", kind.short()),
                kind,
                identity: None,
                sequence: 0,
                batches: Vec::new(),
                under_way: false,
                losses: 0,
                of_earlier: 0,
            });
            self.schedule.after(10, Happening::Produce(producer));
        }
    }

    /// The producer takes its next step: it asks for an id, or sends a batch, new or again.
    pub(crate) fn produce(&mut self, index: usize) {
        let producer = &self.clients.producers[index];
        if self.clients.winding_up && !producer.under_way {
            return;
        }
        if producer.kind == Kind::Idempotent && producer.identity.is_none() {
            return self.identify(index);
        }
        let key = producer.key;
        // Some know an old leader, or none.
        let leader = match self.random.chance(30) {
            true => self.anybody(),
            false => self.leader_of(key),
        };
        // Some write to a broker that is paused, and don't know.
        let insists = self.random.chance(300);
        let Some(at) = leader.filter(|at| insists || !self.is_paused(*at)) else {
            return self.retry(index);
        };
        if !self.clients.producers[index].under_way {
            let records = self.random.between(1, 4);
            self.clients.producers[index].begin(records, self.schedule.now().0);
        }
        let attempt = Attempt {
            producer: index,
            batch: self.clients.producers[index].batches.len() - 1,
            late: false,
        };
        let is_idempotent = self.clients.producers[index].kind == Kind::Idempotent;
        if is_idempotent && self.random.chance(self.weather.clients.late) {
            let delay = self.random.between(0, 6_000);
            let late = Attempt {
                late: true,
                ..attempt
            };
            self.schedule.after(delay, Happening::Late(late));
        }
        self.send_batch(at, attempt);
    }

    /// A copy of a batch that was on its way for long comes to whoever leads now.
    pub(crate) fn late(&mut self, attempt: Attempt) {
        let key = self.clients.producers[attempt.producer].key;
        if let Some(at) = self.leader_of(key) {
            self.send_batch(at, attempt);
        }
    }

    fn send_batch(&mut self, at: BrokerId, attempt: Attempt) {
        let producer = &mut self.clients.producers[attempt.producer];
        let batch = &mut producer.batches[attempt.batch];
        batch.times += 1;
        let data = PartitionProduceData::default()
            .with_index(producer.key.1.0)
            .with_records(Some(Bytes::copy_from_slice(&batch.bytes)));
        let topic = TopicProduceData::default()
            .with_name(topic_name(&producer.topic))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(producer.kind.acks())
            .with_timeout_ms(2_000)
            .with_topic_data(vec![topic]);
        self.request(at, 9, Request::Produce(request), Purpose::Produce(attempt));
    }

    fn identify(&mut self, index: usize) {
        let Some(at) = self.anybody().filter(|at| !self.is_paused(*at)) else {
            return self.retry(index);
        };
        let init = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        self.request(at, 4, Request::InitProducerId(init), Purpose::Init(index));
    }

    pub(crate) fn identified(
        &mut self,
        index: usize,
        response: &InitProducerIdResponse,
    ) -> Result<(), String> {
        if response.error_code == 0 {
            let id = ProducerId(response.producer_id.0);
            self.oracle.got_producer_ids(id, 1)?;
            let producer = &mut self.clients.producers[index];
            producer.identity = Some((id, ProducerEpoch(response.producer_epoch)));
            producer.sequence = 0;
            producer.losses = self.promises.of(producer.key).losses;
            producer.build_again(self.schedule.now().0);
        }
        self.retry(index);
        Ok(())
    }

    /// The producer tries again a little later.
    pub(crate) fn retry(&mut self, index: usize) {
        let delay = self.random.between(50, 300);
        self.schedule.after(delay, Happening::Produce(index));
    }

    pub(crate) fn produced(
        &mut self,
        at: BrokerId,
        attempt: Attempt,
        response: &ProduceResponse,
    ) -> Result<(), String> {
        let topic = response.responses.first();
        let answer = topic.and_then(|topic| topic.partition_responses.first());
        let answer = answer.ok_or("a Produce was answered by nothing")?;
        match answer.error_code {
            0 => self.acknowledged(at, attempt, answer.base_offset),
            error => self.refused(at, attempt, error),
        }
    }

    fn acknowledged(&mut self, at: BrokerId, attempt: Attempt, base: i64) -> Result<(), String> {
        let producer = &self.clients.producers[attempt.producer];
        let (key, name, kind) = (producer.key, producer.name.clone(), producer.kind);
        let batch = &producer.batches[attempt.batch];
        let promised = self.promises.of(key);
        let lost = promised.losses > producer.losses;
        let end = base + batch.records as i64;
        let moved = batch.told.filter(|told| told.base != base);
        // A replica that was made since knows nothing of producers whose records were all deleted.
        let moved = moved.filter(|told| !lost && told.base >= promised.deleted_up_to);
        if let Some(told) = moved.filter(|_| kind == Kind::Idempotent) {
            return Err(format!(
                "{name}: batch {} was at {}, now it is said to be at {base}",
                attempt.batch, told.base
            ));
        }
        let epoch = self.executor(at).and_then(|e| e.replica(key.0, key.1)?.leads);
        match kind {
            Kind::Idempotent | Kind::AcksAll => self.is_kept(at, key, end)?,
            Kind::AcksOne if epoch.is_none() => {
                return Err(format!("{name}: broker {at} has taken a batch and doesn't lead"));
            }
            Kind::AcksOne | Kind::AcksNone => {}
        }
        self.tell(format!(
            "{name}: batch {} is acknowledged at {base} by {at}",
            attempt.batch
        ));
        self.clients.producers[attempt.producer].batches[attempt.batch].told =
            Some(Told { base, by: at, epoch });
        self.go_on(attempt);
        Ok(())
    }

    /// With acks=0 nobody says where a batch is. The oracle sees it.
    pub(crate) fn produced_in_silence(
        &mut self,
        at: BrokerId,
        attempt: Attempt,
        taken: bool,
    ) -> Result<(), String> {
        let producer = &mut self.clients.producers[attempt.producer];
        if producer.kind != Kind::AcksNone {
            return Err(format!("{}: broker {at} answers nothing", producer.name));
        }
        let key = producer.key;
        let view = self.executor(at).and_then(|e| e.replica(key.0, key.1));
        let batch = &mut self.clients.producers[attempt.producer].batches[attempt.batch];
        if let Some(view) = view.filter(|_| taken) {
            batch.told = Some(Told {
                base: view.end.0 - batch.records as i64,
                by: at,
                epoch: view.leads,
            });
        }
        self.go_on(attempt);
        Ok(())
    }

    /// What was under way is done: the next batch follows a little later.
    fn go_on(&mut self, attempt: Attempt) {
        let producer = &mut self.clients.producers[attempt.producer];
        if attempt.late || !producer.under_way || attempt.batch + 1 != producer.batches.len() {
            return;
        }
        producer.under_way = false;
        producer.sequence += producer.batches[attempt.batch].records as i32;
        let pause = self.random.between(1, 2 * self.weather.clients.produce_every);
        self.schedule
            .after(pause.min(LAST_PRODUCE / 2), Happening::Produce(attempt.producer));
    }

    fn refused(&mut self, at: BrokerId, attempt: Attempt, error: i16) -> Result<(), String> {
        let producer = &mut self.clients.producers[attempt.producer];
        let name = producer.name.clone();
        // What comes late may be of an earlier identity, or long forgotten.
        if attempt.late {
            return Ok(());
        }
        let promised = self.promises.of(producer.key);
        // A replica that knew nothing of it, for all its records were deleted, may have taken a late copy for its first.
        let lost = promised.losses > producer.losses || promised.deleted_up_to > 0;
        if SEQUENCE_LOST.contains(&error) && lost {
            producer.identity = None;
            producer.of_earlier = producer.batches.len();
        } else if !TRY_AGAIN.contains(&error) && !SEQUENCE_LOST.contains(&error) {
            // A leader that was deposed and doesn't know yet misses what others took since. One that has really
            // forgotten it says so for ever, and the batch is under way in the end.
            return Err(format!(
                "{name}: batch {} of {} was answered by error {error} of broker {at}",
                attempt.batch,
                producer.batches.len()
            ));
        }
        self.tell(format!("{name} gets error {error}"));
        self.not_acknowledged(attempt);
        Ok(())
    }

    /// The batch is sent again, unless nobody waits for it.
    pub(crate) fn not_acknowledged(&mut self, attempt: Attempt) {
        let producer = &self.clients.producers[attempt.producer];
        let is_last = attempt.batch + 1 == producer.batches.len();
        match producer.kind {
            _ if attempt.late || !producer.under_way || !is_last => {}
            Kind::AcksNone => self.go_on(attempt),
            _ => self.retry(attempt.producer),
        }
    }
}

impl Producer {
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way
    }

    /// Records that it was told are kept.
    pub(crate) fn told(&self) -> u64 {
        let told = self.batches.iter().filter(|batch| batch.told.is_some());
        told.map(|batch| batch.records).sum()
    }

    /// Everything that it was told is void.
    pub(crate) fn forget(&mut self) {
        for batch in &mut self.batches {
            batch.told = None;
        }
    }

    /// Whether what it writes is gone with one disk: with acks=0, and with acks=1 where what is acknowledged may be
    /// `unsynced`.
    pub(crate) fn is_doubtful(&self, unsynced: bool) -> bool {
        match self.kind {
            Kind::AcksNone => true,
            Kind::AcksOne => unsynced,
            Kind::AcksAll | Kind::Idempotent => false,
        }
    }

    /// What this broker took may be gone.
    pub(crate) fn forget_taken_by(&mut self, id: BrokerId) {
        for batch in &mut self.batches {
            batch.told = batch.told.filter(|told| told.by != id);
        }
    }

    /// A record by the number of its batch and its place in it.
    pub(crate) fn value(&self, batch: usize, place: u64) -> String {
        format!("{}#{batch}.{place}", self.name)
    }

    fn begin(&mut self, records: u64, now: u64) {
        self.batches.push(Sent {
            records,
            bytes: Bytes::new(),
            times: 0,
            told: None,
        });
        self.under_way = true;
        self.build_again(now);
    }

    /// The batch that is under way, by the present identity.
    fn build_again(&mut self, now: u64) {
        let Some(number) = self.batches.len().checked_sub(1).filter(|_| self.under_way) else {
            return;
        };
        let compression = match number.is_multiple_of(3) {
            true => Compression::Lz4,
            false => Compression::None,
        };
        let mut batch = BatchBuilder::new(compression);
        if let Some((id, epoch)) = self.identity {
            batch.producer(id, epoch, Sequence(self.sequence));
        }
        for place in 0..self.batches[number].records {
            let value = self.value(number, place);
            batch
                .push(Timestamp(EPOCH + now as i64), None, Some(value.as_bytes()), &[])
                .expect("a small record");
        }
        self.batches[number].bytes = batch.build().expect("a small batch");
    }
}
