//! Clients: they create and delete topics, and each kept topic has an idempotent producer.

use broker::{Executor, Request, Response};
use bytes::Bytes;
use cluster::Metadata;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    InitProducerIdRequest, InitProducerIdResponse, ProduceRequest, ProduceResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use record::{
    BatchBuilder, BrokerId, Compression, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp,
    TopicId,
};

use crate::consumers::Consumer;
use crate::world::{Happening, LAST_PRODUCE, Purpose, World};

/// Topics that clients only create: once answered, they must stay.
const KEPT: u64 = 6;

/// Topics that clients create and delete. Each deletion takes effect once at most.
const DELETED: u64 = 2;

/// UNKNOWN_TOPIC_OR_PARTITION.
const UNKNOWN_TOPIC: i16 = 3;

/// Errors after which the same batch is sent again: leaders that moved, are unknown, or have no room.
const TRY_AGAIN: [i16; 10] = [3, 5, 6, 7, 13, 14, 15, 19, 20, 56];

/// The log doesn't continue where this producer was: only a power loss may bring that about.
const SEQUENCE_LOST: [i16; 2] = [45, 59];

/// Produces to partition 0 of one topic, one batch at a time, each until it is acknowledged.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(crate) topic: TopicId,
    pub(crate) name: String,
    identity: Option<(ProducerId, ProducerEpoch)>,
    sequence: i32,
    /// Number of the first record that was not acknowledged.
    next_record: u64,
    /// Records of the batch under way.
    under_way: u64,
    power_losses_seen: u64,
    /// Who reads the topic.
    pub(crate) consumer: Consumer,
}

/// A record that a producer was told is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    pub(crate) offset: i64,
    pub(crate) value: String,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl World {
    pub(crate) fn client(&mut self) -> Result<(), String> {
        if !self.healed {
            let delay = self.random.between(1, 2 * self.weather.request_every);
            self.schedule.after(delay, Happening::Client);
        }
        let running: Vec<BrokerId> = self
            .running()
            .into_iter()
            .filter(|id| !self.is_paused(*id))
            .collect();
        let Some(at) = self.random.pick(&running) else {
            return Ok(());
        };
        let kept = format!("kept-{}", self.random.below(KEPT));
        let deleted = format!("deleted-{}", self.random.below(DELETED));
        match self.random.below(6) {
            0..=2 => self.create(at, kept),
            3 | 4 => self.create(at, deleted),
            _ => {
                self.tell(format!("client asks {at} to delete {deleted}"));
                let topic = DeleteTopicState::default().with_name(Some(TopicName(text(&deleted))));
                let delete = DeleteTopicsRequest::default()
                    .with_topics(vec![topic])
                    .with_timeout_ms(2_000);
                self.request(at, 6, Request::DeleteTopics(delete), Purpose::Delete(deleted))
            }
        }
    }

    fn create(&mut self, at: BrokerId, name: String) -> Result<(), String> {
        self.tell(format!("client asks {at} to create {name}"));
        let partitions = self.random.between(1, 3) as i32;
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(&name)))
            .with_num_partitions(partitions)
            .with_replication_factor(self.weather.replicas)
            .with_configs(vec![
                CreatableTopicConfig::default()
                    .with_name(text("min.insync.replicas"))
                    .with_value(Some(text(&self.weather.min_in_sync.to_string()))),
            ]);
        let create = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(2_000);
        self.request(at, 7, Request::CreateTopics(create), Purpose::Create(name))
    }

    pub(crate) fn answered(&mut self, purpose: Purpose, body: Response) -> Result<(), String> {
        match (purpose, body) {
            (Purpose::Create(name), Response::CreateTopics(response)) => {
                self.created(&name, &response);
                Ok(())
            }
            (Purpose::Delete(name), Response::DeleteTopics(response)) => {
                self.deleted(&name, &response);
                Ok(())
            }
            (Purpose::Init(producer), Response::InitProducerId(response)) => {
                self.identified(producer, &response)
            }
            (Purpose::Consume { index, from, losses }, Response::Fetch(response)) => {
                self.consumed(index, from, losses, response)
            }
            (Purpose::Latest(index), Response::ListOffsets(response)) => self.told_latest(index, &response),
            (Purpose::Produce(producer), Response::Produce(response)) => self.produced(producer, &response),
            (purpose, body) => Err(format!("{purpose:?} was answered by {body:?}")),
        }
    }

    fn created(&mut self, name: &str, response: &CreateTopicsResponse) {
        let Some(topic) = response.topics.first() else {
            return;
        };
        self.tell(format!("create {name}: error {}", topic.error_code));
        if topic.error_code != 0 {
            return;
        }
        let id = TopicId(topic.topic_id);
        if !name.starts_with("kept") {
            self.oracle.asks_for(id, name);
            return;
        }
        self.oracle.created(id, name.to_owned());
        if self.producers.iter().any(|p| p.topic == id) {
            return;
        }
        self.producers.push(Producer {
            topic: id,
            name: name.to_owned(),
            identity: None,
            sequence: 0,
            next_record: 0,
            under_way: 0,
            power_losses_seen: self.power_losses,
            consumer: Consumer::default(),
        });
        self.schedule
            .after(50, Happening::Consume(self.producers.len() - 1));
        self.schedule
            .after(10, Happening::Produce(self.producers.len() - 1));
    }

    fn deleted(&mut self, name: &str, response: &DeleteTopicsResponse) {
        let Some(topic) = response.responses.first() else {
            return;
        };
        self.tell(format!("delete {name}: error {}", topic.error_code));
        match topic.error_code {
            0 => self.oracle.deleted(TopicId(topic.topic_id), name),
            UNKNOWN_TOPIC => {}
            _ => self.oracle.may_have_deleted(name),
        }
    }

    /// The producer takes its next step: it asks for an id, or sends a batch, new or again.
    pub(crate) fn produce(&mut self, index: usize) -> Result<(), String> {
        let producer = &self.producers[index];
        if self.winding_up && producer.under_way == 0 {
            return Ok(());
        }
        let Some((id, epoch)) = producer.identity else {
            let running = self.running();
            let Some(at) = self.random.pick(&running).filter(|at| !self.is_paused(*at)) else {
                self.retry(index);
                return Ok(());
            };
            let init = InitProducerIdRequest::default()
                .with_transactional_id(None)
                .with_transaction_timeout_ms(60_000)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1);
            return self.request(at, 4, Request::InitProducerId(init), Purpose::Init(index));
        };
        let Some(leader) = self
            .leader_of(self.producers[index].topic)
            .filter(|at| !self.is_paused(*at))
        else {
            self.retry(index);
            return Ok(());
        };
        if self.producers[index].under_way == 0 {
            self.producers[index].under_way = self.random.between(1, 4);
        }
        let producer = &self.producers[index];
        let batch = producer.batch(id, epoch, self.schedule.now().0);
        let data = PartitionProduceData::default()
            .with_index(0)
            .with_records(Some(batch));
        let topic = TopicProduceData::default()
            .with_name(TopicName(text(&producer.name)))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(2_000)
            .with_topic_data(vec![topic]);
        self.request(leader, 9, Request::Produce(request), Purpose::Produce(index))
    }

    /// The producer tries again a little later.
    pub(crate) fn retry(&mut self, index: usize) {
        let delay = self.random.between(50, 300);
        self.schedule.after(delay, Happening::Produce(index));
    }

    fn identified(&mut self, index: usize, response: &InitProducerIdResponse) -> Result<(), String> {
        if response.error_code == 0 {
            let id = ProducerId(response.producer_id.0);
            self.oracle.got_producer_ids(id, 1)?;
            let producer = &mut self.producers[index];
            producer.identity = Some((id, ProducerEpoch(response.producer_epoch)));
            producer.sequence = 0;
            producer.power_losses_seen = self.power_losses;
        }
        self.retry(index);
        Ok(())
    }

    fn produced(&mut self, index: usize, response: &ProduceResponse) -> Result<(), String> {
        let answer = response
            .responses
            .first()
            .and_then(|t| t.partition_responses.first());
        let Some(answer) = answer else {
            return Err("a Produce was answered by nothing".to_owned());
        };
        let (error, base) = (answer.error_code, answer.base_offset);
        let power_losses = self.power_losses;
        let producer = &mut self.producers[index];
        let name = producer.name.clone();
        if error == 0 {
            let values = producer.values();
            let key = (producer.topic, PartitionIndex(0));
            let kept = (base..)
                .zip(values)
                .map(|(offset, value)| Acknowledged { offset, value });
            self.acknowledged.entry(key).or_default().extend(kept);
            producer.sequence += producer.under_way as i32;
            producer.next_record += producer.under_way;
            producer.under_way = 0;
            let (next, topic) = (producer.next_record, producer.topic);
            self.tell(format!(
                "{name} has {next} records acknowledged, the last batch at {base}"
            ));
            self.is_kept(topic, base)?;
            let pause = self.random.between(1, 2 * self.weather.produce_every);
            self.schedule
                .after(pause.min(LAST_PRODUCE / 2), Happening::Produce(index));
            return Ok(());
        }
        if SEQUENCE_LOST.contains(&error) && producer.power_losses_seen < power_losses {
            producer.identity = None;
        } else if !TRY_AGAIN.contains(&error) {
            return Err(format!("a Produce to {name} was answered by error {error}"));
        }
        self.tell(format!("{name} gets error {error}"));
        self.retry(index);
        Ok(())
    }

    /// The leader of a topic's partition 0, as the best informed broker knows it.
    pub(crate) fn leader_of(&self, topic: TopicId) -> Option<BrokerId> {
        let leader = self
            .best_metadata()?
            .partition(topic, PartitionIndex(0))?
            .leader?;
        self.brokers[&leader].executor.is_some().then_some(leader)
    }

    /// The metadata of whoever runs and has applied most.
    pub(crate) fn best_metadata(&self) -> Option<&Metadata> {
        let running = self.brokers.values().filter_map(|b| b.executor.as_ref());
        running
            .map(Executor::metadata)
            .max_by_key(|metadata| metadata.applied)
    }
}

impl Producer {
    pub(crate) fn is_busy(&self) -> bool {
        self.under_way > 0
    }

    fn values(&self) -> Vec<String> {
        (self.next_record..self.next_record + self.under_way)
            .map(|n| format!("{} {n}", self.name))
            .collect()
    }

    fn batch(&self, id: ProducerId, epoch: ProducerEpoch, now: u64) -> Bytes {
        let compression = if self.next_record.is_multiple_of(3) {
            Compression::Lz4
        } else {
            Compression::None
        };
        let mut batch = BatchBuilder::new(compression);
        batch.producer(id, epoch, Sequence(self.sequence));
        for value in self.values() {
            let at = Timestamp(1_700_000_000_000 + now as i64);
            batch
                .push(at, None, Some(value.as_bytes()), &[])
                .expect("a small record");
        }
        batch.build().expect("a small batch")
    }
}
