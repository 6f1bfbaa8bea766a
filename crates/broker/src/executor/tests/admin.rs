//! Topics, metadata, configurations, and what isn't there yet.

use disk::SimDisk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::{
    AlterConfigsRequest, ApiVersionsRequest, CreatePartitionsRequest, DeleteRecordsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeConfigsResponse, DescribeLogDirsRequest,
    FindCoordinatorRequest, MetadataRequest,
};

use super::harness::{Harness, errors};
use crate::samples::{alter, batch, create, metadata, produce, set_config, text, topic_name};
use crate::{ADVERTISED, Request, Response, Serving};

#[test]
fn topics_are_created_and_refused_each_on_its_own() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let mut request = create("good", 3, &[]);
    let mut other = |name: &str, partitions, factor, config: &[(&str, &str)]| {
        let mut topic = create(name, partitions, config).topics.remove(0);
        topic.replication_factor = factor;
        request.topics.push(topic);
    };
    other("bad/name", 1, -1, &[]);
    other("replicated", 1, 3, &[]);
    other("no-partitions", 0, 1, &[]);
    other("odd-config", 1, 1, &[("retention.ms", "soon")]);
    other("twice", 1, 1, &[]);
    other("twice", 1, 1, &[]);
    let Response::CreateTopics(response) = broker.ask(7, Request::CreateTopics(request)) else {
        panic!()
    };
    let expected = [
        0,
        ResponseError::InvalidTopicException.code(),
        ResponseError::InvalidReplicationFactor.code(),
        ResponseError::InvalidPartitions.code(),
        ResponseError::InvalidConfig.code(),
        ResponseError::InvalidRequest.code(),
    ];
    assert_eq!(errors(&response), expected, "{response:?}");
    let good = &response.topics[0];
    assert_eq!((good.num_partitions, good.replication_factor), (3, 1));
    assert!(good.configs.as_ref().is_some_and(|configs| configs.len() > 20));
    let refused = response.topics[2]
        .error_message
        .as_ref()
        .expect("a reason")
        .to_string();
    assert!(refused.contains("replication"), "{refused}");
}

#[test]
fn asking_for_a_topic_creates_it_unless_that_is_not_wanted() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let mut ask = |request| match broker.ask(12, Request::Metadata(request)) {
        Response::Metadata(response) => response,
        other => panic!("{other:?}"),
    };
    let unknown = ask(metadata(&["auto"], false));
    assert_eq!(
        unknown.topics[0].error_code,
        ResponseError::UnknownTopicOrPartition.code()
    );
    let made = ask(metadata(&["auto", "not a name"], true));
    assert_eq!(made.topics[0].error_code, 0, "{made:?}");
    assert_eq!(made.topics[0].partitions.len(), 1);
    assert_eq!(
        made.topics[1].error_code,
        ResponseError::InvalidTopicException.code()
    );
    let all = ask(MetadataRequest::default().with_topics(None));
    assert_eq!(all.topics.len(), 1);
    assert_eq!((all.controller_id.0, all.cluster_id.as_deref()), (1, Some("c")));
    let brokers: Vec<_> = all
        .brokers
        .iter()
        .map(|b| (b.node_id.0, b.host.to_string(), b.port))
        .collect();
    assert_eq!(brokers, [(1, "127.0.0.1".to_owned(), 19_092)]);
}

#[test]
fn auto_creation_can_be_switched_off() {
    let serving = Serving {
        auto_create_topics: false,
        ..Serving::default()
    };
    let mut broker = Harness::start_serving(&SimDisk::new(), 1, "boot", serving);
    let Response::Metadata(response) = broker.ask(12, Request::Metadata(metadata(&["t"], true))) else {
        panic!()
    };
    assert_eq!(
        response.topics[0].error_code,
        ResponseError::UnknownTopicOrPartition.code()
    );
}

#[test]
fn configurations_come_with_default_and_source() {
    let serving = Serving {
        message_max_bytes: 2_000,
        ..Serving::default()
    };
    let mut broker = Harness::start_serving(&SimDisk::new(), 1, "boot", serving);
    broker.create("t", &[("retention.ms", "1000")]);
    let mut describe = |kind, name: &str| -> DescribeConfigsResponse {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default()
            .with_resources(vec![resource])
            .with_include_synonyms(true);
        match broker.ask(4, Request::DescribeConfigs(request)) {
            Response::DescribeConfigs(response) => response,
            other => panic!("{other:?}"),
        }
    };
    let topic = describe(2, "t").results.remove(0);
    let of = |key: &str| {
        let config = topic
            .configs
            .iter()
            .find(|config| config.name.as_str() == key)
            .expect("a key");
        let text = |value: &Option<_>| value.as_ref().map(ToString::to_string).unwrap_or_default();
        let synonyms: Vec<_> = config
            .synonyms
            .iter()
            .map(|s| format!("{}={} from {}", s.name, text(&s.value), s.source))
            .collect();
        (text(&config.value), config.config_source, synonyms.join(", "))
    };
    let expect = |key, value: &str, source, synonyms: &str| {
        assert_eq!(of(key), (value.to_owned(), source, synonyms.to_owned()));
    };
    let set = "retention.ms=1000 from 1, log.retention.ms=604800000 from 5";
    expect("retention.ms", "1000", 1, set);
    expect("cleanup.policy", "delete", 5, "log.cleanup.policy=delete from 5");
    let of_the_broker = "message.max.bytes=2000 from 4, message.max.bytes=1048588 from 5";
    expect("max.message.bytes", "2000", 4, of_the_broker);
    assert_eq!(
        describe(2, "nowhere").results[0].error_code,
        ResponseError::UnknownTopicOrPartition.code()
    );
    let own = describe(4, "1").results.remove(0).configs;
    assert!(own.iter().any(|c| c.name.as_str() == "message.max.bytes"));
    assert!(own.iter().all(|c| c.read_only));
    assert!(own.is_sorted_by_key(|c| c.name.to_string()), "{own:?}");
    assert_eq!(
        describe(4, "2").results[0].error_code,
        ResponseError::InvalidRequest.code()
    );
    assert_eq!(
        describe(99, "x").results[0].error_code,
        ResponseError::InvalidRequest.code()
    );
}

#[test]
fn versions_cluster_and_coordinators_are_told_as_they_are() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let Response::ApiVersions(versions) = broker.ask(3, Request::ApiVersions(ApiVersionsRequest::default()))
    else {
        panic!()
    };
    assert_eq!(versions.api_keys.len(), ADVERTISED.len());
    assert_eq!(
        (versions.api_keys[0].api_key, versions.api_keys[0].min_version),
        (0, 0)
    );
    let Response::ApiVersions(versions) = broker.ask(0, Request::UnknownApiVersions) else {
        panic!()
    };
    assert_eq!(versions.error_code, ResponseError::UnsupportedVersion.code());
    assert_eq!(versions.api_keys.len(), ADVERTISED.len());

    let Response::DescribeCluster(cluster) =
        broker.ask(0, Request::DescribeCluster(DescribeClusterRequest::default()))
    else {
        panic!()
    };
    assert_eq!(
        (
            cluster.cluster_id.as_str(),
            cluster.controller_id.0,
            cluster.brokers.len()
        ),
        ("c", 1, 1)
    );

    let mut find = |key_type| {
        let request = FindCoordinatorRequest::default()
            .with_key(text("k"))
            .with_key_type(key_type);
        match broker.ask(3, Request::FindCoordinator(request)) {
            Response::FindCoordinator(response) => response.error_code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(find(0), ResponseError::CoordinatorNotAvailable.code());
    assert_eq!(find(1), ResponseError::TransactionalIdAuthorizationFailed.code());
}

#[test]
fn deleted_records_stay_deleted() {
    let disk = SimDisk::new();
    let mut broker = Harness::start(&disk, 1);
    broker.create("t", &[]);
    broker.create("compacted", &[("cleanup.policy", "compact")]);
    for values in [["a", "b"], ["c", "d"]] {
        broker.produce("t", batch(&values));
    }
    let mut delete = |topic, offset| {
        let partition = DeleteRecordsPartition::default().with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
        let Response::DeleteRecords(response) = broker.ask(2, Request::DeleteRecords(request)) else {
            panic!()
        };
        let result = &response.topics[0].partitions[0];
        (result.error_code, result.low_watermark)
    };
    assert_eq!(delete("t", 5), (ResponseError::OffsetOutOfRange.code(), -1));
    assert_eq!(delete("t", -2), (ResponseError::OffsetOutOfRange.code(), -1));
    assert_eq!(delete("t", 2), (0, 2));
    assert_eq!(delete("t", 1), (0, 2), "deleted already");
    assert_eq!(
        delete("nowhere", 0),
        (ResponseError::UnknownTopicOrPartition.code(), -1)
    );
    assert_eq!(
        delete("compacted", 0),
        (ResponseError::PolicyViolation.code(), -1)
    );
    assert_eq!(broker.values("t", 2), ["c", "d"]);
    drop(broker);

    let mut broker = Harness::start(&disk.after_kill(), 2);
    assert_eq!(broker.values("t", 2), ["c", "d"]);
    let early = &broker.fetch("t", 1).responses[0].partitions[0];
    assert_eq!(early.error_code, ResponseError::OffsetOutOfRange.code());
}

#[test]
fn the_folder_is_described_with_the_sizes_of_its_partitions() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[]);
    broker.create("empty", &[]);
    let records = batch(&["a"]);
    let bytes = records.len() as i64;
    broker.produce("t", records);
    let mut describe = |topics| {
        let request = DescribeLogDirsRequest::default().with_topics(topics);
        match broker.ask(4, Request::DescribeLogDirs(request)) {
            Response::DescribeLogDirs(mut response) => response.results.remove(0),
            other => panic!("{other:?}"),
        }
    };
    let all = describe(None);
    let sizes: Vec<_> = all
        .topics
        .iter()
        .map(|topic| (topic.name.to_string(), topic.partitions[0].partition_size))
        .collect();
    assert_eq!(sizes, [("empty".to_owned(), 0), ("t".to_owned(), bytes)]);
    assert_eq!((all.error_code, all.log_dir.as_str()), (0, "/data/1"));
    assert!(all.usable_bytes > 0);

    let topic = DescribableLogDirTopic::default()
        .with_topic(topic_name("t"))
        .with_partitions(vec![0, 7]);
    let named = describe(Some(vec![topic])).topics;
    assert_eq!((named.len(), named[0].partitions.len()), (1, 1));
}

#[test]
fn single_keys_are_altered_and_refused_each_resource_on_its_own() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let id = broker.create("t", &[("retention.ms", "1000")]);
    let set = |broker: &mut Harness, request| match broker.ask(1, Request::IncrementalAlterConfigs(request)) {
        Response::IncrementalAlterConfigs(response) => {
            let codes = response.responses.iter().map(|r| r.error_code);
            codes.collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let mut request = set_config("t", "segment.ms", "5000");
    let mut remove = request.resources[0].configs[0].clone();
    (remove.name, remove.config_operation, remove.value) = (text("retention.ms"), 1, None);
    request.resources[0].configs.push(remove);
    for (kind, name, key) in [
        (2, "nowhere", "segment.ms"),
        (2, "t2", "no.such.key"),
        (4, "1", "segment.ms"),
    ] {
        let mut resource = set_config(name, key, "1").resources.remove(0);
        resource.resource_type = kind;
        request.resources.push(resource);
    }
    broker.create("t2", &[]);
    let expected = [
        0,
        ResponseError::UnknownTopicOrPartition.code(),
        ResponseError::InvalidConfig.code(),
        ResponseError::InvalidRequest.code(),
    ];
    assert_eq!(set(&mut broker, request), expected);
    let configs = |broker: &Harness| broker.executor.metadata().topics[&id].configs.clone();
    let expected = [("segment.ms".to_owned(), "5000".to_owned())];
    assert_eq!(configs(&broker), expected.into());

    let mut without_value = set_config("t", "segment.ms", "1");
    without_value.resources[0].configs[0].value = None;
    assert_eq!(
        set(&mut broker, without_value),
        [ResponseError::InvalidRequest.code()]
    );

    // AlterConfigs replaces all of it.
    let request = AlterConfigsRequest::default().with_resources(vec![alter("t", "retention.ms", "7")]);
    let Response::AlterConfigs(response) = broker.ask(2, Request::AlterConfigs(request)) else {
        panic!()
    };
    assert_eq!(response.responses[0].error_code, 0);
    assert_eq!(
        configs(&broker),
        [("retention.ms".to_owned(), "7".to_owned())].into()
    );
}

#[test]
fn topics_grow_and_the_new_partitions_serve() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let id = broker.create("t", &[]);
    let grow = |broker: &mut Harness, count, brokers: Option<i32>| {
        let assignment =
            |id: i32| vec![CreatePartitionsAssignment::default().with_broker_ids(vec![id.into()])];
        let topic = CreatePartitionsTopic::default()
            .with_name(topic_name("t"))
            .with_count(count)
            .with_assignments(brokers.map(assignment));
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(1_000);
        match broker.ask(3, Request::CreatePartitions(request)) {
            Response::CreatePartitions(response) => response.results[0].error_code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(grow(&mut broker, 2, None), 0);
    assert_eq!(grow(&mut broker, 3, Some(1)), 0);
    assert_eq!(
        grow(&mut broker, 2, None),
        ResponseError::InvalidPartitions.code()
    );
    assert_eq!(
        grow(&mut broker, 4, Some(9)),
        ResponseError::InvalidReplicaAssignment.code()
    );
    assert_eq!(broker.executor.metadata().topics[&id].partitions.len(), 3);
    broker.pass(100);
    let mut request = produce("t", -1, batch(&["a"]));
    request.topic_data[0].partition_data[0].index = 2;
    let Response::Produce(response) = broker.ask(9, Request::Produce(request)) else {
        panic!()
    };
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
}
