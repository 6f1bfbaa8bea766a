use record::{BrokerId, PartitionIndex, ProducerId, TopicId};
use uuid::Uuid;

use super::*;
use crate::{Assignment, CreateTopics, DeleteTopics, HardState, Heartbeat, Index, NewTopic};
use crate::{RegisterBroker, TopicRef};

fn options(cluster: &str) -> Options {
    Options::new(BrokerId(1), cluster, vec![BrokerId(1)], Uuid::from_u128(1))
}

/// A broker alone, in service.
fn alone() -> Node {
    let mut node = Node::new(options("c"), Restored::default()).expect("a node");
    let _ = node.on(Event::Tick, Millis(0));
    assert!(node.is_ready() && node.is_controller());
    node
}

fn ask(node: &mut Node, request: ControllerRequest) -> ControllerReply {
    let actions = node.on(
        Event::Request {
            token: Token(1),
            request,
        },
        Millis(0),
    );
    let answer = actions.into_iter().find_map(|action| match action {
        Action::Answer { reply, .. } => Some(reply),
        _ => None,
    });
    answer.expect("an answer at once")
}

fn new_topic(name: &str, id: u128) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        id: TopicId(Uuid::from_u128(id)),
        partitions: 1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

fn create(node: &mut Node, topics: Vec<NewTopic>) -> Vec<Result<(), ErrorCode>> {
    let create = CreateTopics {
        topics,
        validate_only: false,
        timeout: Millis(1_000),
    };
    match ask(node, ControllerRequest::CreateTopics(create)) {
        ControllerReply::CreateTopics(created) => created
            .into_iter()
            .map(|c| c.result.map(|_| ()).map_err(|r| r.code))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repeated_creation_finds_its_topic() {
    let mut node = alone();
    assert_eq!(create(&mut node, vec![new_topic("t", 1)]), [Ok(())]);
    assert_eq!(create(&mut node, vec![new_topic("t", 1)]), [Ok(())]);
    assert_eq!(
        create(&mut node, vec![new_topic("t", 2)]),
        [Err(ErrorCode::TopicAlreadyExists)]
    );
}

#[test]
fn topics_of_one_request_see_each_other() {
    let mut node = alone();
    let twice = vec![new_topic("t", 1), new_topic("t", 2), new_topic("u", 3)];
    assert_eq!(
        create(&mut node, twice),
        [Ok(()), Err(ErrorCode::TopicAlreadyExists), Ok(())]
    );
}

#[test]
fn assignments_are_checked() {
    let mut node = alone();
    let assigned = |partition, replicas: &[i32]| NewTopic {
        partitions: -1,
        assignments: vec![Assignment {
            partition: PartitionIndex(partition),
            replicas: replicas.iter().map(|id| BrokerId(*id)).collect(),
        }],
        ..new_topic("t", 1)
    };
    let mut refused = |topic| create(&mut node, vec![topic]).remove(0);
    assert_eq!(
        refused(assigned(1, &[1])),
        Err(ErrorCode::InvalidReplicaAssignment)
    );
    assert_eq!(
        refused(assigned(0, &[7])),
        Err(ErrorCode::InvalidReplicaAssignment)
    );
    assert_eq!(
        refused(assigned(0, &[])),
        Err(ErrorCode::InvalidReplicaAssignment)
    );
    assert_eq!(
        refused(assigned(0, &[1, 2])),
        Err(ErrorCode::InvalidReplicationFactor)
    );
    assert_eq!(refused(assigned(0, &[1])), Ok(()));
}

#[test]
fn producer_ids_go_to_the_registered_process_only() {
    let mut node = alone();
    let broker_epoch = node.broker_epoch().expect("registered");
    let allocate = |broker_epoch| ControllerRequest::AllocateProducerIds {
        broker: BrokerId(1),
        broker_epoch,
    };
    let first = |first| ControllerReply::ProducerIds {
        first: ProducerId(first),
        count: 1_000,
    };
    assert_eq!(ask(&mut node, allocate(broker_epoch)), first(0));
    assert_eq!(ask(&mut node, allocate(broker_epoch)), first(1_000));
    let stale = ask(&mut node, allocate(BrokerEpoch(0)));
    assert!(matches!(stale, ControllerReply::Refused(r) if r.code == ErrorCode::StaleBrokerEpoch));
}

#[test]
fn a_broker_of_another_cluster_is_refused() {
    let mut node = alone();
    let stranger = RegisterBroker {
        broker: BrokerId(1),
        incarnation: Uuid::from_u128(2),
        cluster_id: "other".to_owned(),
        listeners: Vec::new(),
        clean: true,
    };
    let refused = ask(&mut node, ControllerRequest::RegisterBroker(stranger));
    assert!(matches!(refused, ControllerReply::Refused(r) if r.code == ErrorCode::InconsistentClusterId));
}

#[test]
fn nobody_speaks_for_another_broker() {
    let mut node = alone();
    let heartbeat = Heartbeat {
        broker: BrokerId(1),
        broker_epoch: BrokerEpoch(3),
        metadata_index: 9,
        want_shut_down: true,
    };
    let request = ControllerRequest::Heartbeat(heartbeat);
    let actions = node.on(
        Event::PeerRequest {
            from: BrokerId(2),
            token: Token(9),
            request,
        },
        Millis(0),
    );
    let [
        Action::Answer {
            token: Token(9),
            reply: ControllerReply::Refused(refusal),
        },
    ] = &actions[..]
    else {
        panic!("{actions:?}");
    };
    assert_eq!(refusal.code, ErrorCode::InvalidRequest);
}

#[test]
fn metadata_of_another_cluster_stops_the_broker() {
    let data = metadata_record::encode(&[metadata_record::MetadataRecord::Cluster {
        cluster_id: "theirs".to_owned(),
    }]);
    let entry = Entry {
        index: Index(1),
        term: Term(1),
        data: data.into(),
    };
    let restored = Restored {
        snapshot: None,
        hard_state: Some(HardState {
            term: Term(1),
            vote: None,
        }),
        entries: vec![entry],
    };
    let mut node = Node::new(options("ours"), restored).expect("a node");
    let actions = node.on(Event::Tick, Millis(0));
    let halt = ClusterError::OtherCluster {
        ours: "ours".to_owned(),
        theirs: "theirs".to_owned(),
    };
    assert_eq!(actions.last(), Some(&Action::Halt(halt)));
    assert_eq!(node.on(Event::Tick, Millis(50)), []);
}

#[test]
fn a_log_with_a_gap_is_refused() {
    let entry = |index| Entry {
        index: Index(index),
        term: Term(1),
        data: Default::default(),
    };
    let restored = Restored {
        snapshot: None,
        hard_state: None,
        entries: vec![entry(1), entry(3)],
    };
    assert!(matches!(
        Node::new(options("c"), restored),
        Err(ClusterError::DamagedLog { .. })
    ));
}

#[test]
fn voters_are_checked() {
    for voters in [vec![], vec![2, 3], vec![1, 1], vec![-1, 1]] {
        let mut wrong = options("c");
        wrong.voters = voters.iter().map(|id| BrokerId(*id)).collect();
        let built = Node::new(wrong, Restored::default());
        assert!(matches!(built, Err(ClusterError::Voters { .. })), "{voters:?}");
    }
}

#[test]
fn who_does_not_wait_is_served() {
    let mut node = alone();
    let topics = vec![new_topic("t", 1)];
    let create = CreateTopics {
        topics,
        validate_only: false,
        timeout: Millis(0),
    };
    let created = ask(&mut node, ControllerRequest::CreateTopics(create));
    assert!(matches!(created, ControllerReply::CreateTopics(_)), "{created:?}");
    let delete = DeleteTopics {
        topics: vec![TopicRef::Name("t".to_owned())],
        timeout: Millis(0),
    };
    let deleted = ask(&mut node, ControllerRequest::DeleteTopics(delete));
    assert!(matches!(deleted, ControllerReply::DeleteTopics(_)), "{deleted:?}");
    assert!(node.metadata().topics.is_empty());
}

#[test]
fn a_request_of_too_many_entries_is_refused_whole() {
    let mut node = alone();
    let names: Vec<String> = (0..10_001).map(|n| format!("t{n}")).collect();
    let refused = |reply| match reply {
        ControllerReply::Refused(refusal) => refusal.code,
        other => panic!("{other:?}"),
    };

    let topics = names.iter().map(|name| TopicRef::Name(name.clone())).collect();
    let timeout = Millis(1_000);
    let delete = ControllerRequest::DeleteTopics(DeleteTopics { topics, timeout });
    assert_eq!(refused(ask(&mut node, delete)), ErrorCode::PolicyViolation);

    let topics = (1..)
        .zip(&names)
        .take(5_001)
        .map(|(id, name)| new_topic(name, id));
    let create = ControllerRequest::CreateTopics(CreateTopics {
        topics: topics.collect(),
        validate_only: false,
        timeout,
    });
    assert_eq!(refused(ask(&mut node, create)), ErrorCode::PolicyViolation);

    let most = (1..)
        .zip(&names)
        .take(5_000)
        .map(|(id, name)| new_topic(name, id));
    assert!(create_all(&mut node, most.collect()));
    assert_eq!(node.metadata().topics.len(), 5_000);
}

fn create_all(node: &mut Node, topics: Vec<NewTopic>) -> bool {
    create(node, topics).iter().all(Result::is_ok)
}

#[test]
fn what_nobody_obeys_is_refused() {
    let mut node = alone();
    let mut with = |key: &str, value: &str| {
        let configs = vec![(key.to_owned(), Some(value.to_owned()))];
        let topic = NewTopic {
            configs,
            ..new_topic("t", 1)
        };
        let create = CreateTopics {
            topics: vec![topic],
            validate_only: true,
            timeout: Millis(1_000),
        };
        match ask(&mut node, ControllerRequest::CreateTopics(create)) {
            ControllerReply::CreateTopics(mut created) => created.remove(0).result.map(|_| ()),
            other => panic!("{other:?}"),
        }
    };
    for (key, value) in [
        ("compression.type", "zstd"),
        ("flush.messages", "1"),
        ("flush.ms", "1000"),
        ("max.message.bytes", "16777216"),
    ] {
        assert_eq!(
            with(key, value).map_err(|r| r.code),
            Err(ErrorCode::InvalidConfig),
            "{key}"
        );
    }
    let refusal = with("compression.type", "zstd").unwrap_err();
    assert_eq!(
        refusal.message,
        "topic config compression.type can only be producer, not \"zstd\": batches are stored as producers \
         compressed them; set compression.type of the producers"
    );
    for (key, value) in [
        ("compression.type", "producer"),
        ("flush.ms", "9223372036854775807"),
        ("max.message.bytes", "10485760"),
        ("message.timestamp.after.max.ms", "1000"),
    ] {
        assert_eq!(with(key, value), Ok(()), "{key}");
    }
}
