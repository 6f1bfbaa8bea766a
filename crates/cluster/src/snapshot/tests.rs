use std::collections::{BTreeMap, VecDeque};

use record::{BrokerEpoch, BrokerId, LeaderEpoch, ProducerId, TopicId};
use uuid::Uuid;

use super::*;
use crate::{Listener, Options, Reassignment, UncleanRecovery, metadata_record, topic_configs};

fn topic_id(n: u128) -> TopicId {
    TopicId(Uuid::from_u128(n))
}

fn partition(leader: Option<i32>, epoch: i32) -> Partition {
    Partition {
        leader: leader.map(BrokerId),
        leader_epoch: LeaderEpoch(epoch),
        replicas: vec![BrokerId(1), BrokerId(2)],
        isr: vec![BrokerId(2)],
        unclean: Vec::new(),
        offline: Vec::new(),
        reassignment: None,
        unclean_recovery: None,
        partition_epoch: epoch + 3,
    }
}

fn topic(n: u128, name: &str, partitions: Vec<Partition>) -> Topic {
    Topic {
        id: topic_id(n),
        name: name.to_owned(),
        configs: BTreeMap::from([("retention.ms".to_owned(), n.to_string())]),
        partitions,
    }
}

fn broker(epoch: i64, fenced: bool) -> Broker {
    Broker {
        epoch: BrokerEpoch(epoch),
        incarnation: Uuid::from_u128(epoch as u128),
        listeners: vec![Listener {
            name: "PLAINTEXT".to_owned(),
            host: "h".to_owned(),
            port: 1,
        }],
        clean: fenced,
        fenced,
    }
}

fn metadata(topics: Vec<Topic>) -> Metadata {
    Metadata {
        applied: Index(70),
        cluster_id: Some("c".to_owned()),
        features: BTreeMap::from([("metadata.version".to_owned(), 25)]),
        voters: vec![BrokerId(1), BrokerId(2), BrokerId(3)],
        brokers: BTreeMap::from([(BrokerId(1), broker(3, true)), (BrokerId(2), broker(60, false))]),
        topic_ids: topics.iter().map(|t| (t.name.clone(), t.id)).collect(),
        topics: topics.into_iter().map(|t| (t.id, t)).collect(),
        removed_topics: VecDeque::from([topic_id(9), topic_id(8)]),
        next_producer_id: ProducerId(2_000),
        controller: None,
    }
}

/// Everything that can be in metadata.
fn rich() -> Metadata {
    let moving = Partition {
        reassignment: Some(Reassignment {
            from: vec![BrokerId(1)],
            to: vec![BrokerId(2)],
        }),
        unclean: vec![BrokerId(2)],
        offline: vec![BrokerId(1)],
        unclean_recovery: Some(UncleanRecovery {
            leader: BrokerId(1),
            leader_epoch: LeaderEpoch(6),
            end: record::Offset(7),
            forced: true,
        }),
        ..partition(None, 7)
    };
    metadata(vec![
        topic(1, "clicks", vec![partition(Some(2), 4), moving]),
        topic(2, "iot", vec![]),
    ])
}

#[test]
fn metadata_survive_their_snapshot() {
    for metadata in [rich(), Metadata::default()] {
        let bytes = metadata_record::encode(&metadata.to_records());
        let records = metadata_record::decode(&bytes).expect("reads what it wrote");
        assert_eq!(Metadata::from_records(metadata.applied, records), metadata);
    }
}

#[test]
fn what_entries_have_touched_is_seen_from_what_they_left() {
    let before = rich();
    assert_eq!(before.touched_since(&before), []);
    let clicks = &before.topics[&topic_id(1)];

    let mut after = metadata(vec![
        topic(
            1,
            "clicks",
            vec![clicks.partitions[0].clone(), partition(Some(2), 8)],
        ),
        topic(5, "iot", vec![partition(Some(1), 0)]),
    ]);
    after.brokers.insert(BrokerId(2), broker(66, false));
    after
        .topics
        .get_mut(&topic_id(1))
        .expect("a topic")
        .configs
        .clear();
    assert_eq!(
        after.touched_since(&before),
        [
            Touched::Removed(before.topics[&topic_id(2)].clone()),
            Touched::Broker(BrokerId(2)),
            Touched::Config(topic_id(1)),
            Touched::Partition(topic_id(1), PartitionIndex(1)),
            Touched::Partition(topic_id(5), PartitionIndex(0)),
        ]
    );
}

#[test]
fn the_largest_cluster_fits_into_a_message() {
    let largest = Options::new(BrokerId(1), "c", vec![BrokerId(1)], Uuid::nil()).max_partitions;
    let of_one = |n: usize| {
        topic(
            n as u128,
            &format!("{n:0>200}"),
            vec![partition(Some(1), 1_000_000)],
        )
    };
    let mut metadata = metadata((0..largest).map(of_one).collect());
    for topic in metadata.topics.values_mut() {
        for config in topic_configs() {
            topic.configs.insert(config.name.to_owned(), i64::MAX.to_string());
        }
    }
    metadata.removed_topics = (0..10_000).map(topic_id).collect();
    let bytes = metadata_record::encode(&metadata.to_records());
    assert!(bytes.len() < 64 << 20, "{} bytes", bytes.len());
}
