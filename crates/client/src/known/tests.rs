use record::TopicId;
use uuid::Uuid;

use super::*;

const P: PartitionIndex = PartitionIndex(0);

/// An answer that names this leader of `t`.
fn answer(cluster: &str, topic_id: u128, leader: i32, epoch: i32) -> ClusterMetadata {
    let partition = PartitionMetadata {
        index: P,
        leader: Some(BrokerId(leader)),
        leader_epoch: LeaderEpoch(epoch),
        replicas: Vec::new(),
        isr: Vec::new(),
        offline: Vec::new(),
        error: None,
    };
    let topic = TopicMetadata {
        name: Arc::from("t"),
        id: TopicId(Uuid::from_u128(topic_id)),
        error: None,
        internal: false,
        partitions: vec![partition],
    };
    ClusterMetadata {
        cluster_id: cluster.to_owned(),
        topics: vec![topic],
        ..ClusterMetadata::default()
    }
}

#[test]
fn a_broker_that_is_behind_takes_no_leader_back() {
    let mut known = Known::default();
    known.merge(&mut answer("c", 1, 2, 5)).unwrap();
    let mut stale = answer("c", 1, 1, 4);
    known.merge(&mut stale).unwrap();
    assert_eq!(known.leader("t", P), Some((BrokerId(2), LeaderEpoch(5))));
    assert_eq!(
        stale.topics[0].partitions[0].leader,
        Some(BrokerId(2)),
        "who asked learns it too"
    );
}

#[test]
fn a_topic_made_anew_begins_with_its_own_epochs() {
    let mut known = Known::default();
    known.merge(&mut answer("c", 1, 2, 5)).unwrap();
    known.merge(&mut answer("c", 9, 1, 0)).unwrap();
    assert_eq!(known.leader("t", P), Some((BrokerId(1), LeaderEpoch(0))));
}

#[test]
fn a_topic_that_is_gone_is_forgotten() {
    let mut known = Known::default();
    known.merge(&mut answer("c", 1, 2, 5)).unwrap();
    let mut gone = answer("c", 0, 0, 0);
    gone.topics[0].error = Some(crate::ErrorCode::UnknownTopicOrPartition);
    known.merge(&mut gone).unwrap();
    assert_eq!(known.leader("t", P), None);
}

#[test]
fn another_cluster_is_refused() {
    let mut known = Known::default();
    known.merge(&mut answer("c", 1, 2, 5)).unwrap();
    assert!(matches!(
        known.merge(&mut answer("d", 1, 2, 6)),
        Err(ClientError::OtherCluster { .. })
    ));
}
