use super::*;

#[test]
fn records_survive_their_bytes() {
    let topic_id = TopicId(Uuid::from_u128(7));
    let records = vec![
        MetadataRecord::Cluster {
            cluster_id: "c".to_owned(),
        },
        MetadataRecord::Feature {
            name: "metadata.version".to_owned(),
            level: 25,
        },
        MetadataRecord::RegisterBroker {
            broker: BrokerId(1),
            broker_epoch: Some(BrokerEpoch(3)),
            incarnation: Uuid::from_u128(1),
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: "h".to_owned(),
                port: 1,
            }],
            clean: true,
        },
        MetadataRecord::UnregisterBroker { broker: BrokerId(4) },
        MetadataRecord::FenceBroker {
            broker: BrokerId(1),
            fenced: false,
        },
        MetadataRecord::Topic {
            topic_id,
            name: "t".to_owned(),
        },
        MetadataRecord::TopicConfig {
            topic_id,
            key: "retention.ms".to_owned(),
            value: Some("1".to_owned()),
        },
        MetadataRecord::Partition {
            topic_id,
            partition: PartitionIndex(0),
            replicas: vec![BrokerId(1)],
            isr: vec![BrokerId(1)],
            leader: None,
            leader_epoch: LeaderEpoch(0),
            unclean: vec![BrokerId(1)],
            offline: vec![BrokerId(1)],
            unclean_recovery: Some(UncleanRecovery {
                leader: BrokerId(1),
                leader_epoch: LeaderEpoch(0),
                end: record::Offset(7),
                forced: true,
            }),
            reassignment: Some(Reassignment {
                from: vec![BrokerId(1)],
                to: vec![BrokerId(2)],
            }),
            partition_epoch: 5,
        },
        MetadataRecord::PartitionChange {
            topic_id,
            partition: PartitionIndex(0),
            leader: Some(BrokerId(1)),
            leader_epoch: LeaderEpoch(1),
            isr: vec![BrokerId(1)],
            unclean: vec![BrokerId(1)],
            offline: vec![BrokerId(2)],
            replicas: vec![BrokerId(1), BrokerId(2)],
            reassignment: Some(Reassignment {
                from: vec![BrokerId(1)],
                to: vec![BrokerId(2)],
            }),
            unclean_recovery: Some(UncleanRecovery {
                leader: BrokerId(1),
                leader_epoch: LeaderEpoch(1),
                end: record::Offset(7),
                forced: false,
            }),
        },
        MetadataRecord::RemoveTopic { topic_id },
        MetadataRecord::Voters {
            voters: vec![BrokerId(1), BrokerId(2)],
        },
        MetadataRecord::ProducerIds {
            next: ProducerId(1_000),
        },
    ];
    let bytes = encode(&records);
    assert_eq!(decode(&bytes), Ok(records));
    let read: Vec<Head> = serde_json::from_slice(&bytes).expect("objects with type and v");
    let types: Vec<&str> = read.iter().map(|head| head.kind.as_str()).collect();
    assert_eq!(types, TYPES);
}

#[test]
fn a_record_says_what_it_is() {
    let bytes = encode(&[MetadataRecord::FenceBroker {
        broker: BrokerId(2),
        fenced: true,
    }]);
    assert_eq!(
        bytes,
        br#"[{"v":2,"type":"fenceBroker","broker":2,"fenced":true}]"#
    );
}

#[test]
fn what_a_newer_version_wrote_is_refused() {
    let newer = br#"[{"v":3,"type":"removeTopic","topicId":"00000000-0000-0000-0000-000000000007"}]"#;
    assert_eq!(
        decode(newer),
        Err("record type \"removeTopic\" in version 3".to_owned())
    );
    assert_eq!(
        decode(br#"[{"v":1,"type":"quota"}]"#),
        Err("unknown record type \"quota\"".to_owned())
    );
    assert!(decode(b"not json").is_err());
}

#[test]
fn an_entry_tells_who_votes_by_its_beginning() {
    let voters = vec![BrokerId(1), BrokerId(2), BrokerId(3)];
    let record = MetadataRecord::Voters {
        voters: voters.clone(),
    };
    let other = MetadataRecord::ProducerIds { next: ProducerId(1) };
    assert_eq!(
        voters_of_entry(&encode(std::slice::from_ref(&record))),
        Some(voters.clone())
    );
    assert_eq!(voters_of_entry(&encode(std::slice::from_ref(&other))), None);
    assert_eq!(voters_of_entry(b""), None);
    assert_eq!(
        voters_of_snapshot(&encode(&[other.clone(), record])),
        Some(voters)
    );
    assert_eq!(voters_of_snapshot(&encode(&[other])), None);
}
