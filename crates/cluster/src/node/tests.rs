use record::{BrokerId, PartitionIndex, ProducerId, TopicId};
use uuid::Uuid;

use super::*;
use crate::{Assignment, CreateTopics, HardState, Heartbeat, Index, NewTopic, RegisterBroker};

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
