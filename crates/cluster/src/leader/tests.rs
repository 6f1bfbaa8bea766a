use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use uuid::Uuid;

use super::*;
use crate::Broker;

const ME: BrokerId = BrokerId(1);

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn partition(isr: &[i32], partition_epoch: i32) -> Partition {
    Partition {
        leader: Some(ME),
        leader_epoch: LeaderEpoch(7),
        replicas: ids(&[1, 2, 3]),
        isr: ids(isr),
        unclean: Vec::new(),
        offline: Vec::new(),
        reassignment: None,
        unclean_recovery: None,
        partition_epoch,
    }
}

/// Brokers 1, 2, 3, whose epochs are 11, 12, 13.
fn metadata() -> Metadata {
    let broker = |id: i32| Broker {
        epoch: BrokerEpoch(i64::from(10 + id)),
        incarnation: Uuid::from_u128(1),
        listeners: Vec::new(),
        clean: true,
        fenced: false,
    };
    Metadata {
        brokers: (1..=3).map(|id| (BrokerId(id), broker(id))).collect(),
        ..Metadata::default()
    }
}

/// A leader whose log ends at 10, of which 6 is known to be committed; two of three must be in sync.
fn leader(isr: &[i32]) -> Leader {
    let place = Leadership {
        topic_id: TopicId(Uuid::from_u128(9)),
        partition: PartitionIndex(0),
        broker: ME,
        broker_epoch: BrokerEpoch(11),
        log_end: Offset(10),
        high_watermark: Offset(6),
    };
    let options = ReplicationOptions::new(2, Millis(10_000));
    Leader::new(place, &partition(isr, 3), options, Millis(0))
}

fn fetch(leader: &mut Leader, from: i32, offset: i64, log_end: i64, now: u64) -> Progress {
    let fetch = FollowerFetch {
        from: BrokerId(from),
        broker_epoch: BrokerEpoch(i64::from(10 + from)),
        start: Offset(0),
        offset: Offset(offset),
        log_end: Offset(log_end),
    };
    leader.on_fetch(fetch, Millis(now)).expect("a replica")
}

fn moved_to(offset: i64) -> Progress {
    Progress {
        high_watermark: Some(Offset(offset)),
        short: false,
    }
}

fn asked(leader: &mut Leader, metadata: &Metadata, now: u64) -> Option<Vec<(i32, i64)>> {
    let alter = leader.alteration(metadata, Offset(0), Millis(now))?;
    Some(alter.isr.iter().map(|(id, epoch)| (id.0, epoch.0)).collect())
}

#[test]
fn a_record_is_committed_when_all_in_sync_have_it() {
    let mut leader = leader(&[1, 2, 3]);
    assert_eq!((leader.high_watermark(), leader.latest()), (Offset(6), None));
    assert_eq!(leader.on_append(Offset(12)), Progress::default());
    assert_eq!(fetch(&mut leader, 2, 12, 12, 10), Progress::default());
    assert_eq!(fetch(&mut leader, 3, 8, 12, 10), moved_to(8));
    // An earlier leader may have told clients of anything below the start of this epoch.
    assert_eq!(leader.latest(), None);
    assert_eq!(fetch(&mut leader, 3, 11, 12, 20), moved_to(11));
    assert_eq!(leader.latest(), Some(Offset(11)));
    assert_eq!(asked(&mut leader, &metadata(), 20), None);
}

/// What was deleted would be there again under the next leader.
#[test]
fn whoever_has_more_than_was_deleted_is_not_in_sync_yet() {
    let mut leader = leader(&[1, 2]);
    let mut fetched = |start: i64| {
        let fetch = FollowerFetch {
            from: BrokerId(3),
            broker_epoch: BrokerEpoch(13),
            start: Offset(start),
            offset: Offset(10),
            log_end: Offset(10),
        };
        leader.on_fetch(fetch, Millis(0)).expect("a replica");
        let asked = leader.alteration(&metadata(), Offset(5), Millis(0));
        asked.is_some_and(|alter| alter.isr.iter().any(|(id, _)| *id == BrokerId(3)))
    };
    assert!(!fetched(4));
    assert!(fetched(5));
}

#[test]
fn nothing_is_committed_while_too_few_are_in_sync() {
    let mut leader = leader(&[1, 2]);
    assert_eq!(fetch(&mut leader, 2, 10, 10, 0), moved_to(10));
    assert_eq!(leader.check_produce(-1, true), Ok(()));
    let short = Progress {
        high_watermark: None,
        short: true,
    };
    assert_eq!(leader.on_metadata(&partition(&[1], 4), Millis(5)), short);
    assert_eq!(leader.on_append(Offset(11)), Progress::default());
    let refused = leader.check_produce(-1, true).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotEnoughReplicas);
    assert_eq!(leader.check_produce(1, true), Ok(()));
    let refused = leader.check_produce(1, false).unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotLeaderOrFollower);

    // Whoever is in sync again is waited for, and that is enough.
    assert_eq!(fetch(&mut leader, 2, 11, 11, 20), Progress::default());
    assert_eq!(asked(&mut leader, &metadata(), 20), Some(vec![(1, 11), (2, 12)]));
    assert_eq!(
        leader.on_metadata(&partition(&[1, 2], 5), Millis(25)),
        moved_to(11)
    );
}

#[test]
fn a_follower_that_lags_leaves() {
    let mut leader = leader(&[1, 2, 3]);
    fetch(&mut leader, 2, 10, 10, 100);
    fetch(&mut leader, 3, 10, 10, 100);
    leader.on_append(Offset(20));
    // 2 reads on, always what was there when it fetched before; 3 stands still.
    for second in 1..=11 {
        let now = 1_000 * second;
        fetch(&mut leader, 2, 10 + second as i64, 10 + second as i64 + 1, now);
        fetch(&mut leader, 3, 10, 20, now);
    }
    assert_eq!(
        asked(&mut leader, &metadata(), 11_000),
        Some(vec![(1, 11), (2, 12)])
    );
    // One question at a time.
    assert_eq!(asked(&mut leader, &metadata(), 11_001), None);
    // Until it is committed without 3, nothing moves beyond it.
    assert_eq!(fetch(&mut leader, 2, 20, 20, 11_002), Progress::default());
    let progress = leader.on_metadata(&partition(&[1, 2], 4), Millis(11_003));
    assert_eq!(progress, moved_to(20));
}

#[test]
fn who_is_proposed_is_waited_for_until_the_partition_has_another_epoch() {
    let mut leader = leader(&[1, 2]);
    fetch(&mut leader, 2, 10, 10, 0);
    fetch(&mut leader, 3, 9, 10, 0);
    assert_eq!(
        asked(&mut leader, &metadata(), 0),
        None,
        "3 doesn't have what is committed"
    );
    fetch(&mut leader, 3, 10, 10, 10);
    assert_eq!(
        asked(&mut leader, &metadata(), 10),
        Some(vec![(1, 11), (2, 12), (3, 13)])
    );
    assert_eq!(leader.on_append(Offset(11)), Progress::default());
    assert_eq!(fetch(&mut leader, 2, 11, 11, 20), Progress::default());

    // Refused: 3 is fenced. A copy of the question may still arrive, so it is still waited for.
    leader.on_alteration_answered(false, Millis(30));
    let mut known = metadata();
    known.brokers.get_mut(&BrokerId(3)).expect("3").fenced = true;
    assert_eq!(leader.on_append(Offset(12)), Progress::default());
    assert_eq!(asked(&mut leader, &known, 31), None, "not at once");
    // The same ISR is asked for, which makes that copy stale.
    assert_eq!(asked(&mut leader, &known, 230), Some(vec![(1, 11), (2, 12)]));
    leader.on_alteration_answered(true, Millis(240));
    assert_eq!(
        leader.on_metadata(&partition(&[1, 2], 4), Millis(240)),
        moved_to(11)
    );
    assert_eq!(asked(&mut leader, &known, 250), None);
}

#[test]
fn earlier_processes_and_strangers_are_not_counted() {
    let mut leader = leader(&[1, 2]);
    let from = |from, epoch, offset| FollowerFetch {
        from: BrokerId(from),
        broker_epoch: BrokerEpoch(epoch),
        start: Offset(0),
        offset: Offset(offset),
        log_end: Offset(10),
    };
    assert!(leader.on_fetch(from(4, 14, 10), Millis(0)).is_err());
    assert_eq!(leader.on_fetch(from(2, 20, 8), Millis(0)), Ok(moved_to(8)));
    assert!(leader.on_fetch(from(2, 12, 10), Millis(0)).is_err());
    assert_eq!(leader.high_watermark(), Offset(8));
    // Another process of 3 than the registered one isn't asked for.
    assert_eq!(
        leader.on_fetch(from(3, 99, 10), Millis(0)),
        Ok(Progress::default())
    );
    assert_eq!(asked(&mut leader, &metadata(), 0), None);
}

#[test]
fn the_only_replica_needs_nobody() {
    let place = Leadership {
        topic_id: TopicId(Uuid::from_u128(9)),
        partition: PartitionIndex(0),
        broker: ME,
        broker_epoch: BrokerEpoch(11),
        log_end: Offset(10),
        high_watermark: Offset(0),
    };
    let alone = Partition {
        replicas: ids(&[1]),
        ..partition(&[1], 0)
    };
    let options = ReplicationOptions::new(2, Millis(10_000));
    let mut leader = Leader::new(place, &alone, options, Millis(0));
    assert_eq!(leader.latest(), Some(Offset(10)));
    assert_eq!(leader.on_append(Offset(11)), moved_to(11));
    assert_eq!(leader.check_produce(-1, true), Ok(()));
}

#[test]
fn records_are_gone_once_no_replica_in_sync_has_them() {
    let mut leader = leader(&[1, 2]);
    let from = |from: i32, start| FollowerFetch {
        from: BrokerId(from),
        broker_epoch: BrokerEpoch(i64::from(10 + from)),
        start: Offset(start),
        offset: Offset(10),
        log_end: Offset(10),
    };
    assert_eq!(
        leader.low_watermark(Offset(5)),
        Offset(-1),
        "2 hasn't fetched yet"
    );
    leader.on_fetch(from(2, 3), Millis(0)).unwrap();
    leader.on_fetch(from(3, 0), Millis(0)).unwrap();
    assert_eq!(leader.low_watermark(Offset(5)), Offset(3), "3 is not in sync");
    leader.on_fetch(from(2, 7), Millis(0)).unwrap();
    assert_eq!(leader.low_watermark(Offset(5)), Offset(5));
    // From now on it may be the next leader.
    assert!(asked(&mut leader, &metadata(), 0).is_some());
    assert_eq!(leader.low_watermark(Offset(5)), Offset(0));
}
