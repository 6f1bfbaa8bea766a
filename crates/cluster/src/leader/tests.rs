//! What is committed, and who is in sync.

use record::{BrokerEpoch, BrokerId, LeaderEpoch, Offset};

use super::{InSync, Leader, Limits};
use crate::{ErrorCode, Millis, Partition};

const LIMITS: Limits = Limits {
    min_in_sync: 2,
    max_lag: Millis(1_000),
};
const ME: InSync = InSync {
    broker: BrokerId(1),
    epoch: BrokerEpoch(1),
};

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn partition(isr: &[i32], partition_epoch: i32) -> Partition {
    Partition {
        leader: Some(BrokerId(1)),
        leader_epoch: LeaderEpoch(5),
        replicas: ids(&[1, 2, 3]),
        isr: ids(isr),
        partition_epoch,
    }
}

fn led(isr: &[i32], end: i64) -> Leader {
    Leader::new(ME, &partition(isr, 0), LIMITS, Offset(end), Offset(0), Millis(0))
}

fn fetch(leader: &mut Leader, from: i32, offset: i64, now: u64) {
    let from = InSync {
        broker: BrokerId(from),
        epoch: BrokerEpoch(i64::from(from)),
    };
    leader.on_fetch(from, Offset(offset), Millis(now));
}

fn propose(leader: &mut Leader, now: u64) -> Option<Vec<i32>> {
    let alteration = leader.alteration(Millis(now), |_| true)?;
    Some(alteration.isr.iter().map(|member| member.broker.0).collect())
}

#[test]
fn committed_is_what_every_member_has() {
    let mut leader = led(&[1, 2, 3], 10);
    assert_eq!(leader.latest(), None);
    fetch(&mut leader, 2, 10, 1);
    assert_eq!(leader.high_watermark(), Offset(0), "broker 3 has told nothing");
    fetch(&mut leader, 3, 4, 1);
    assert_eq!(leader.high_watermark(), Offset(4));
    fetch(&mut leader, 3, 10, 2);
    assert_eq!(leader.high_watermark(), Offset(10));
    assert_eq!(leader.latest(), Some(Offset(10)));
    leader.on_append(Offset(12));
    assert_eq!(leader.high_watermark(), Offset(10));
    fetch(&mut leader, 2, 3, 3);
    assert_eq!(leader.high_watermark(), Offset(10), "never back");
}

#[test]
fn a_partition_of_one_replica_is_committed_at_once() {
    let alone = Partition {
        replicas: ids(&[1]),
        isr: ids(&[1]),
        ..partition(&[], 0)
    };
    let mut leader = Leader::new(ME, &alone, LIMITS, Offset(3), Offset(0), Millis(0));
    assert_eq!(leader.high_watermark(), Offset(3));
    leader.on_append(Offset(5));
    assert_eq!(leader.high_watermark(), Offset(5));
    assert!(!leader.is_short());
    assert_eq!(propose(&mut leader, 9_999), None);
}

#[test]
fn nothing_is_committed_while_too_few_are_in_sync() {
    let mut leader = led(&[1], 10);
    assert!(leader.is_short());
    fetch(&mut leader, 2, 10, 1);
    assert_eq!(leader.high_watermark(), Offset(0));
    assert_eq!(propose(&mut leader, 2), Some(vec![1, 2]));
    assert_eq!(leader.high_watermark(), Offset(0), "only proposed");
    leader.on_committed(&partition(&[1, 2], 1), Millis(3));
    assert_eq!(leader.high_watermark(), Offset(10));
}

#[test]
fn who_is_proposed_is_waited_for_until_a_newer_state_is_committed() {
    let mut leader = led(&[1, 2], 10);
    fetch(&mut leader, 2, 10, 1);
    fetch(&mut leader, 3, 10, 1);
    assert_eq!(propose(&mut leader, 1), Some(vec![1, 2, 3]));
    assert_eq!(propose(&mut leader, 1), None, "asked already");
    leader.on_append(Offset(20));
    fetch(&mut leader, 2, 20, 2);
    assert_eq!(
        leader.high_watermark(),
        Offset(10),
        "broker 3 may be a member by now"
    );
    leader.on_alteration_answered(Millis(2));
    assert_eq!(
        leader.high_watermark(),
        Offset(10),
        "or will be, whatever the answer was"
    );
    assert_eq!(propose(&mut leader, 3), None, "not at once");
    assert_eq!(propose(&mut leader, 300), Some(vec![1, 2, 3]));
    leader.on_alteration_answered(Millis(300));
    // Nothing is wanted any more, but the doubt has to end.
    fetch(&mut leader, 2, 20, 1_400);
    assert_eq!(propose(&mut leader, 1_500), Some(vec![1, 2]));
    assert_eq!(leader.high_watermark(), Offset(10));
    leader.on_committed(&partition(&[1, 2], 1), Millis(1_501));
    assert_eq!(leader.high_watermark(), Offset(20));
    leader.on_alteration_answered(Millis(1_502));
    assert_eq!(propose(&mut leader, 1_503), None);
}

#[test]
fn without_a_session_nothing_is_taken_and_with_too_few_only_what_needs_no_others() {
    let leader = led(&[1], 0);
    let code = |acks, session| {
        leader
            .check_produce(acks, session)
            .err()
            .map(|refusal| refusal.code)
    };
    assert_eq!(code(1, true), None);
    assert_eq!(code(-1, true), Some(ErrorCode::NotEnoughReplicas));
    assert_eq!(code(0, false), Some(ErrorCode::NotLeaderOrFollower));
    assert_eq!(led(&[1, 2], 0).check_produce(-1, true), Ok(()));
}

#[test]
fn who_does_not_keep_up_has_to_leave_and_comes_back_when_it_has_all() {
    let mut leader = led(&[1, 2, 3], 0);
    fetch(&mut leader, 2, 0, 1);
    fetch(&mut leader, 3, 0, 1);
    leader.on_append(Offset(5));
    // Always a little behind, but it gets what there was a moment ago: in sync.
    for round in 0..30 {
        let end = 5 + round;
        fetch(&mut leader, 2, end, 100 * u64::try_from(round).expect("small"));
        leader.on_append(Offset(end + 1));
    }
    assert_eq!(propose(&mut leader, 3_000), Some(vec![1, 2]));
    assert_eq!(leader.high_watermark(), Offset(0), "until that is committed");
    leader.on_committed(&partition(&[1, 2], 1), Millis(3_001));
    assert_eq!(leader.high_watermark(), Offset(34));
    leader.on_alteration_answered(Millis(3_001));
    fetch(&mut leader, 3, 33, 3_002);
    assert_eq!(propose(&mut leader, 3_003), None, "it lacks what is committed");
    fetch(&mut leader, 3, 34, 3_004);
    assert_eq!(propose(&mut leader, 3_005), Some(vec![1, 2, 3]));
}

#[test]
fn who_lacks_records_of_earlier_epochs_is_not_in_sync() {
    // Committed up to 0 as far as this leader knows, but records up to 10 may have been.
    let mut leader = led(&[1, 2], 10);
    fetch(&mut leader, 3, 5, 1);
    assert_eq!(propose(&mut leader, 2), None);
    fetch(&mut leader, 3, 10, 3);
    assert_eq!(leader.alteration(Millis(4), |_| false), None, "it counts as dead");
    assert_eq!(propose(&mut leader, 5), Some(vec![1, 2, 3]));
}

#[test]
fn an_earlier_process_of_a_follower_is_not_heard() {
    let mut leader = led(&[1, 2], 10);
    fetch(&mut leader, 2, 3, 1);
    let before = InSync {
        broker: BrokerId(2),
        epoch: BrokerEpoch(1),
    };
    leader.on_fetch(before, Offset(10), Millis(2));
    assert_eq!(leader.high_watermark(), Offset(3));
}
