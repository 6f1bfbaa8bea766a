//! Topics, metadata, configurations, and what isn't there yet.

use disk::SimDisk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeClusterRequest, DescribeConfigsRequest, DescribeConfigsResponse,
    FindCoordinatorRequest, MetadataRequest,
};

use super::harness::{Harness, errors};
use crate::samples::{create, metadata, text};
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
    let mut broker = Harness::start(&SimDisk::new(), 1);
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
            .map(|s| (text(&s.value), s.source))
            .collect();
        (text(&config.value), config.config_source, synonyms)
    };
    let (set, default) = (("1000".to_owned(), 1), ("604800000".to_owned(), 5));
    assert_eq!(of("retention.ms"), ("1000".to_owned(), 1, vec![set, default]));
    assert_eq!(
        of("cleanup.policy"),
        ("delete".to_owned(), 5, vec![("delete".to_owned(), 5)])
    );
    assert_eq!(
        describe(2, "nowhere").results[0].error_code,
        ResponseError::UnknownTopicOrPartition.code()
    );
    assert!(
        describe(4, "1").results[0]
            .configs
            .iter()
            .any(|c| c.name.as_str() == "message.max.bytes")
    );
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
