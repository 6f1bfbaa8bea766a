//! Requests for tests: one or more of every API in every version, as bytes of a client.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_quorum_request::{
    PartitionData as QuorumPartition, TopicData as QuorumTopic,
};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterPartitionReassignmentsRequest, ApiKey, ApiVersionsRequest,
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeLogDirsRequest, DescribeQuorumRequest,
    ElectLeadersRequest, FetchRequest, FindCoordinatorRequest, IncrementalAlterConfigsRequest,
    InitProducerIdRequest, ListOffsetsRequest, ListPartitionReassignmentsRequest, MetadataRequest,
    OffsetForLeaderEpochRequest, ProduceRequest, RequestHeader, TopicName, UnregisterBrokerRequest,
    incremental_alter_configs_request,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use record::{BatchBuilder, Compression, ProducerEpoch, ProducerId, Sequence, Timestamp};
use uuid::Uuid;

use crate::ADVERTISED;

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// A batch of records with these values, keyed by their position.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    let mut batch = BatchBuilder::new(Compression::None);
    for (value, n) in values.iter().zip(0_i64..) {
        let key = n.to_string();
        batch
            .push(
                Timestamp(1_000 + n),
                Some(key.as_bytes()),
                Some(value.as_bytes()),
                &[],
            )
            .expect("small");
    }
    batch.build().expect("small")
}

/// The same from an idempotent producer.
pub(crate) fn idempotent_batch(values: &[&str], producer: i64, epoch: i16, sequence: i32) -> Bytes {
    let mut batch = BatchBuilder::new(Compression::None);
    batch.producer(ProducerId(producer), ProducerEpoch(epoch), Sequence(sequence));
    for (value, n) in values.iter().zip(0_i64..) {
        batch
            .push(Timestamp(1_000 + n), None, Some(value.as_bytes()), &[])
            .expect("small");
    }
    batch.build().expect("small")
}

/// A Produce of one batch to partition 0, for versions below 13.
pub(crate) fn produce(topic: &str, acks: i16, records: Bytes) -> ProduceRequest {
    let data = PartitionProduceData::default()
        .with_index(0)
        .with_records(Some(records));
    let topic = TopicProduceData::default()
        .with_name(topic_name(topic))
        .with_partition_data(vec![data]);
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(1_000)
        .with_topic_data(vec![topic])
}

/// A Fetch of partition 0, for versions below 13.
pub(crate) fn fetch(topic: &str, offset: i64, min_bytes: i32, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_partitions(vec![partition]);
    FetchRequest::default()
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(min_bytes)
        .with_max_bytes(1 << 20)
        .with_topics(vec![topic])
}

pub(crate) fn list_offsets(topic: &str, timestamp: i64) -> ListOffsetsRequest {
    let partition = ListOffsetsPartition::default()
        .with_partition_index(0)
        .with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    ListOffsetsRequest::default()
        .with_replica_id((-1).into())
        .with_topics(vec![topic])
}

pub(crate) fn create(topic: &str, partitions: i32, configs: &[(&str, &str)]) -> CreateTopicsRequest {
    let config = |(name, value): &(&str, &str)| {
        CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
    };
    let topic = CreatableTopic::default()
        .with_name(topic_name(topic))
        .with_num_partitions(partitions)
        .with_replication_factor(-1)
        .with_configs(configs.iter().map(config).collect());
    CreateTopicsRequest::default()
        .with_timeout_ms(1_000)
        .with_topics(vec![topic])
}

/// Replaces the configuration of a topic by one key.
pub(crate) fn alter(topic: &str, key: &str, value: &str) -> AlterConfigsResource {
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_value(Some(text(value)));
    AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(topic))
        .with_configs(vec![config])
}

/// Sets one key of a topic.
pub(crate) fn set_config(topic: &str, key: &str, value: &str) -> IncrementalAlterConfigsRequest {
    let config = incremental_alter_configs_request::AlterableConfig::default()
        .with_name(text(key))
        .with_value(Some(text(value)));
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text(topic))
        .with_configs(vec![config]);
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

pub(crate) fn metadata(topics: &[&str], auto_create: bool) -> MetadataRequest {
    let topic = |name: &&str| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
    MetadataRequest::default()
        .with_topics(Some(topics.iter().map(topic).collect()))
        .with_allow_auto_topic_creation(auto_create)
}

/// Puts the header before a body.
pub(crate) fn frame(api: ApiKey, version: i16, correlation_id: i32, body: &impl Encodable) -> Bytes {
    let mut out = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(api as i16)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(text("test")));
    header
        .encode(&mut out, api.request_header_version(version))
        .expect("a plain header");
    body.encode(&mut out, version)
        .expect("fields that the version has");
    out.freeze()
}

/// A valid frame of every API in every version that is decoded.
pub(crate) fn frames(topic: &str, id: Uuid) -> Vec<(ApiKey, i16, Bytes)> {
    let mut frames = Vec::new();
    for advertised in ADVERTISED {
        for version in advertised.decoded_from..=advertised.max {
            frames.push((
                advertised.api,
                version,
                sample(advertised.api, version, topic, id),
            ));
        }
    }
    frames
}

fn sample(api: ApiKey, version: i16, topic: &str, id: Uuid) -> Bytes {
    match api {
        ApiKey::Produce => {
            let mut request = produce(topic, -1, batch(&["a", "b"]));
            if version >= 13 {
                request.topic_data[0].name = TopicName::default();
                request.topic_data[0].topic_id = id;
            }
            frame(api, version, 7, &request)
        }
        ApiKey::Fetch => {
            let mut request = fetch(topic, 0, 1, 10);
            if version >= 13 {
                request.topics[0].topic = TopicName::default();
                request.topics[0].topic_id = id;
            }
            if version >= 9 {
                request.topics[0].partitions[0].current_leader_epoch = 0;
            }
            if (7..13).contains(&version) {
                let forgotten = ForgottenTopic::default()
                    .with_topic(topic_name(topic))
                    .with_partitions(vec![1]);
                request.forgotten_topics_data = vec![forgotten];
            }
            frame(api, version, 7, &request)
        }
        ApiKey::ListOffsets => frame(api, version, 7, &list_offsets(topic, 1_000)),
        ApiKey::Metadata => {
            let mut request = metadata(&[topic], true);
            if version >= 10 {
                let by_id = MetadataRequestTopic::default().with_topic_id(id);
                let name = (version < 12).then(TopicName::default);
                request
                    .topics
                    .as_mut()
                    .expect("set above")
                    .push(by_id.with_name(name));
            }
            frame(api, version, 7, &request)
        }
        ApiKey::FindCoordinator => {
            let request = FindCoordinatorRequest::default();
            let request = if version >= 4 {
                request.with_coordinator_keys(vec![text("g1"), text("g2")])
            } else {
                request.with_key(text("g1"))
            };
            frame(api, version, 7, &request)
        }
        ApiKey::ApiVersions => {
            let request = ApiVersionsRequest::default()
                .with_client_software_name(text("test"))
                .with_client_software_version(text("1"));
            frame(api, version, 7, &request)
        }
        ApiKey::CreateTopics => frame(
            api,
            version,
            7,
            &create("made-by-a-sample", 2, &[("retention.ms", "1000")]),
        ),
        ApiKey::DeleteTopics => {
            let request = DeleteTopicsRequest::default().with_timeout_ms(100);
            let request = if version >= 6 {
                let name = Some(topic_name("no-such-topic"));
                request.with_topics(vec![DeleteTopicState::default().with_name(name)])
            } else {
                request.with_topic_names(vec![topic_name("no-such-topic")])
            };
            frame(api, version, 7, &request)
        }
        ApiKey::CreatePartitions => {
            let topic = CreatePartitionsTopic::default()
                .with_name(topic_name(topic))
                .with_count(2)
                .with_assignments(None);
            let request = CreatePartitionsRequest::default()
                .with_topics(vec![topic])
                .with_timeout_ms(100)
                .with_validate_only(version >= 1);
            frame(api, version, 7, &request)
        }
        ApiKey::AlterConfigs => {
            let request =
                AlterConfigsRequest::default().with_resources(vec![alter(topic, "segment.ms", "2")]);
            frame(api, version, 7, &request)
        }
        ApiKey::IncrementalAlterConfigs => {
            let request = set_config(topic, "segment.ms", "1");
            frame(api, version, 7, &request)
        }
        ApiKey::DeleteRecords => {
            let partition = DeleteRecordsPartition::default().with_offset(0);
            let topic = DeleteRecordsTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(vec![partition]);
            frame(
                api,
                version,
                7,
                &DeleteRecordsRequest::default().with_topics(vec![topic]),
            )
        }
        ApiKey::DescribeLogDirs => {
            let topic = DescribableLogDirTopic::default()
                .with_topic(topic_name(topic))
                .with_partitions(vec![0]);
            let request = DescribeLogDirsRequest::default().with_topics(Some(vec![topic]));
            frame(api, version, 7, &request)
        }
        ApiKey::AlterPartitionReassignments => {
            let partition = ReassignablePartition::default().with_replicas(Some(vec![1.into()]));
            let topic = ReassignableTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(vec![partition]);
            let request = AlterPartitionReassignmentsRequest::default()
                .with_timeout_ms(100)
                .with_topics(vec![topic]);
            frame(api, version, 7, &request)
        }
        ApiKey::UnregisterBroker => {
            let request = UnregisterBrokerRequest::default().with_broker_id(9.into());
            frame(api, version, 7, &request)
        }
        ApiKey::ElectLeaders => {
            let partitions = TopicPartitions::default()
                .with_topic(topic_name(topic))
                .with_partitions(vec![0]);
            let request = ElectLeadersRequest::default()
                .with_timeout_ms(100)
                .with_topic_partitions(Some(vec![partitions]));
            frame(api, version, 7, &request)
        }
        ApiKey::DescribeQuorum => {
            let partition = QuorumPartition::default();
            let topic = QuorumTopic::default()
                .with_topic_name(topic_name("__cluster_metadata"))
                .with_partitions(vec![partition]);
            let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
            frame(api, version, 7, &request)
        }
        ApiKey::ListPartitionReassignments => {
            let request = ListPartitionReassignmentsRequest::default().with_topics(None);
            frame(api, version, 7, &request)
        }
        ApiKey::InitProducerId => {
            let request = InitProducerIdRequest::default().with_transactional_id(None);
            frame(api, version, 7, &request)
        }
        ApiKey::OffsetForLeaderEpoch => {
            let partition = OffsetForLeaderPartition::default().with_leader_epoch(0);
            let topic = OffsetForLeaderTopic::default()
                .with_topic(topic_name(topic))
                .with_partitions(vec![partition]);
            frame(
                api,
                version,
                7,
                &OffsetForLeaderEpochRequest::default().with_topics(vec![topic]),
            )
        }
        ApiKey::DescribeConfigs => {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(text(topic));
            let request = DescribeConfigsRequest::default()
                .with_resources(vec![resource])
                .with_include_synonyms(true)
                .with_include_documentation(version >= 3);
            frame(api, version, 7, &request)
        }
        ApiKey::DescribeCluster => frame(api, version, 7, &DescribeClusterRequest::default()),
        other => panic!("no sample of {other:?}"),
    }
}
