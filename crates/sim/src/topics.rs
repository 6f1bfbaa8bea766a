//! Administration by clients: topics come and go, grow, move, and lose their oldest records.

use broker::Request;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, CreatePartitionsRequest, CreatePartitionsResponse,
    CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, ElectLeadersRequest, IncrementalAlterConfigsRequest,
};
use record::{BrokerId, PartitionIndex, TopicId};

use crate::clients::{Purpose, text, topic_name};
use crate::promises::Key;
use crate::world::{Happening, World};

/// Topics that clients create and delete. Each deletion takes effect once at most.
const DELETED: u64 = 2;

/// Most partitions of a topic.
const PARTITIONS: i32 = 4;

/// How long the controller may take, in ms.
const TIMEOUT: i32 = 2_000;

const TOPIC_ALREADY_EXISTS: i16 = 36;
const UNKNOWN_TOPIC: i16 = 3;

/// The resource type of topics.
const TOPIC: i8 = 2;

/// The operation that sets a configuration.
const SET: i8 = 0;

/// A topic that clients only create: once answered, it must stay.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: TopicId,
    pub(crate) name: String,
    /// Partitions that clients know of.
    pub(crate) partitions: i32,
}

impl World {
    /// Some client wants something.
    pub(crate) fn client(&mut self) {
        if self.healed {
            return;
        }
        let every = self.weather.clients.request_every;
        let delay = self.random.between(1, 2 * every);
        self.schedule.after(delay, Happening::Client);
        let Some(at) = self.anybody() else { return };
        let missing = self.weather.clients.topics > self.clients.topics.len() as u64;
        let topic = self.random.below(self.clients.topics.len() as u64) as usize;
        match self.random.below(12) {
            0..=5 if missing => {
                let name = format!("kept-{}", self.random.below(self.weather.clients.topics));
                self.create(at, name);
            }
            0 | 1 => {
                let name = format!("deleted-{}", self.random.below(DELETED));
                self.create(at, name);
            }
            2 => self.delete(at),
            3..=10 if self.weather.clients.administration && !self.clients.topics.is_empty() => {
                self.administer(at, topic);
            }
            _ => {}
        }
    }

    fn administer(&mut self, at: BrokerId, topic: usize) {
        match self.random.below(10) {
            0 | 1 => self.enlarge(at, topic),
            2..=4 => self.reassign(at, topic),
            5 => self.elect(at),
            6 | 7 => self.set_min_in_sync(at, topic),
            _ => self.delete_records(topic),
        }
    }

    fn create(&mut self, at: BrokerId, name: String) {
        self.tell(format!("client asks {at} to create {name}"));
        let clients = &self.weather.clients;
        let min_in_sync = text(&clients.min_in_sync.to_string());
        let replicas = i16::try_from(clients.replicas).unwrap_or(1);
        let min_in_sync = CreatableTopicConfig::default()
            .with_name(text("min.insync.replicas"))
            .with_value(Some(min_in_sync));
        let topic = CreatableTopic::default()
            .with_name(topic_name(&name))
            .with_num_partitions(self.random.between(1, 3) as i32)
            .with_replication_factor(replicas)
            .with_configs(vec![min_in_sync]);
        let create = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT);
        self.request(at, 7, Request::CreateTopics(create), Purpose::Create(name));
    }

    pub(crate) fn created(&mut self, name: &str, response: &CreateTopicsResponse) {
        let Some(topic) = response.topics.first() else {
            return;
        };
        let error = topic.error_code;
        self.tell(format!("create {name}: error {error}"));
        let id = TopicId(topic.topic_id);
        match (error, name.starts_with("kept")) {
            (0, false) => self.oracle.asks_for(id, name),
            (0, true) => {
                self.oracle.created(id, name.to_owned());
                self.meet(id);
            }
            // An earlier request, whose answer was lost.
            (TOPIC_ALREADY_EXISTS, true) => {
                let known = self.best_metadata().and_then(|metadata| metadata.topic(name));
                if let Some(id) = known.map(|topic| topic.id) {
                    self.meet(id);
                }
            }
            _ => {}
        }
    }

    /// Clients learn of a topic, or of more partitions of it: they begin to write and to read.
    fn meet(&mut self, id: TopicId) {
        let Some(known) = self.promises.metadata().topics.get(&id) else {
            return;
        };
        let (name, count) = (known.name.clone(), known.partitions.len() as i32);
        let known = self.clients.topics.iter().position(|topic| topic.id == id);
        let place = known.unwrap_or(self.clients.topics.len());
        if known.is_none() {
            self.clients.topics.push(Topic {
                id,
                name: name.clone(),
                partitions: 0,
            });
        }
        let before = std::mem::replace(&mut self.clients.topics[place].partitions, count);
        for partition in before..count {
            self.write_and_read((id, PartitionIndex(partition)), &name);
        }
    }

    fn delete(&mut self, at: BrokerId) {
        let name = format!("deleted-{}", self.random.below(DELETED));
        self.tell(format!("client asks {at} to delete {name}"));
        let topic = DeleteTopicState::default().with_name(Some(topic_name(&name)));
        let delete = DeleteTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT);
        self.request(at, 6, Request::DeleteTopics(delete), Purpose::Delete(name));
    }

    pub(crate) fn deleted(&mut self, name: &str, response: &DeleteTopicsResponse) {
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

    fn enlarge(&mut self, at: BrokerId, topic: usize) {
        let known = &self.clients.topics[topic];
        let (name, count) = (known.name.clone(), known.partitions + 1);
        if count > PARTITIONS {
            return;
        }
        self.tell(format!("client asks {at} for {count} partitions of {name}"));
        let wanted = CreatePartitionsTopic::default()
            .with_name(topic_name(&name))
            .with_count(count)
            .with_assignments(None);
        let create = CreatePartitionsRequest::default()
            .with_topics(vec![wanted])
            .with_timeout_ms(TIMEOUT);
        self.request(
            at,
            2,
            Request::CreatePartitions(create),
            Purpose::Enlarge(topic, count),
        );
    }

    pub(crate) fn enlarged(&mut self, topic: usize, count: i32, response: &CreatePartitionsResponse) {
        let Some(result) = response.results.first() else {
            return;
        };
        let id = self.clients.topics[topic].id;
        let line = format!(
            "{count} partitions of {}: error {}",
            result.name.0, result.error_code
        );
        self.tell(line);
        if result.error_code == 0 {
            self.oracle.enlarged(id, count);
        }
        self.meet(id);
    }

    /// One of the partitions of a topic shall be elsewhere, or stay where it is after all.
    fn reassign(&mut self, at: BrokerId, topic: usize) {
        let known = &self.clients.topics[topic];
        let (name, count) = (known.name.clone(), known.partitions);
        let partition = self.random.below(count.unsigned_abs().into()) as i32;
        let to = self.random.chance(700).then(|| self.draw_replicas());
        self.tell(format!("client asks {at} to move {name}-{partition} to {to:?}"));
        let replicas = to.map(|ids| ids.into_iter().map(|id| id.0.into()).collect());
        let partition = ReassignablePartition::default()
            .with_partition_index(partition)
            .with_replicas(replicas);
        let topic = ReassignableTopic::default()
            .with_name(topic_name(&name))
            .with_partitions(vec![partition]);
        let reassign = AlterPartitionReassignmentsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT);
        let body = Request::AlterPartitionReassignments(reassign);
        self.request(at, 0, body, Purpose::Administer);
    }

    /// Some brokers, as many as partitions have replicas or one less.
    fn draw_replicas(&mut self) -> Vec<BrokerId> {
        let mut left = self.ids();
        let most = u64::from(self.weather.clients.replicas.unsigned_abs());
        let count = self.random.between((most - 1).max(1), most);
        let mut drawn = Vec::new();
        for _ in 0..count {
            let place = self.random.below(left.len() as u64) as usize;
            drawn.push(left.swap_remove(place));
        }
        drawn
    }

    fn elect(&mut self, at: BrokerId) {
        self.tell(format!("client asks {at} for the preferred leaders"));
        let elect = ElectLeadersRequest::default()
            .with_topic_partitions(None)
            .with_timeout_ms(TIMEOUT);
        self.request(at, 2, Request::ElectLeaders(elect), Purpose::Administer);
    }

    fn set_min_in_sync(&mut self, at: BrokerId, topic: usize) {
        let name = self.clients.topics[topic].name.clone();
        let count = self.random.between(1, 2).to_string();
        self.tell(format!(
            "client asks {at} to set min.insync.replicas of {name} to {count}"
        ));
        let config = AlterableConfig::default()
            .with_name(text("min.insync.replicas"))
            .with_config_operation(SET)
            .with_value(Some(text(&count)));
        let resource = AlterConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name(text(&name))
            .with_configs(vec![config]);
        let alter = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        self.request(
            at,
            1,
            Request::IncrementalAlterConfigs(alter),
            Purpose::Administer,
        );
    }

    /// A client wants the oldest records of a partition no more.
    fn delete_records(&mut self, topic: usize) {
        let known = &self.clients.topics[topic];
        let (name, id, count) = (known.name.clone(), known.id, known.partitions);
        let partition = self.random.below(count.unsigned_abs().into()) as i32;
        let key: Key = (id, PartitionIndex(partition));
        let Some(at) = self.leader_of(key) else { return };
        let promised = self.promises.of(key);
        let end = promised.committed_end().unsigned_abs();
        let up_to = self.random.below(end + 1) as i64;
        promised.deleted_up_to = promised.deleted_up_to.max(up_to);
        self.tell(format!(
            "client asks {at} to delete {name}-{partition} up to {up_to}"
        ));
        let partition = DeleteRecordsPartition::default()
            .with_partition_index(partition)
            .with_offset(up_to);
        let topic = DeleteRecordsTopic::default()
            .with_name(topic_name(&name))
            .with_partitions(vec![partition]);
        let delete = DeleteRecordsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(TIMEOUT);
        let purpose = Purpose::DeleteRecords(key, up_to);
        self.request(at, 2, Request::DeleteRecords(delete), purpose);
    }

    pub(crate) fn deleted_records(
        &mut self,
        key: Key,
        up_to: i64,
        response: &DeleteRecordsResponse,
    ) -> Result<(), String> {
        let answer = response.topics.first().and_then(|topic| topic.partitions.first());
        let most = self.promises.of(key).deleted_up_to;
        match answer {
            Some(answer) if answer.error_code == 0 && !(up_to..=most).contains(&answer.low_watermark) => {
                Err(format!(
                    "records up to {up_to} were deleted, of {most} that were ever asked for; the first is said to be {}",
                    answer.low_watermark
                ))
            }
            Some(answer) if answer.error_code == 0 => {
                self.promises.of(key).delete(answer.low_watermark);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
