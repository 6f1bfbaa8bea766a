use record::{BrokerId, LeaderEpoch, Offset};

use super::*;

/// Where each epoch of a log begins, and where the log ends.
struct Log {
    epochs: Vec<(i32, i64)>,
    ends: LogEnds,
}

impl Log {
    fn new(epochs: &[(i32, i64)], end: i64) -> Self {
        Self {
            epochs: epochs.to_vec(),
            ends: LogEnds {
                start: Offset(epochs.first().map_or(0, |(_, start)| *start)),
                end: Offset(end),
            },
        }
    }

    fn last(&self) -> Option<LeaderEpoch> {
        self.epochs.last().map(|(epoch, _)| LeaderEpoch(*epoch))
    }

    /// As Kafka's LeaderEpochFileCache has it.
    fn end_of(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let next = self.epochs.iter().find(|(known, _)| *known > epoch.0);
        let floor = self.epochs.iter().rfind(|(known, _)| *known <= epoch.0);
        match (floor, next) {
            (Some((floor, _)), Some((_, end))) => Some((LeaderEpoch(*floor), Offset(*end))),
            (None, Some((_, end))) => Some((epoch, Offset(*end))),
            (Some((floor, _)), None) if *floor == epoch.0 => Some((epoch, self.ends.end)),
            _ => None,
        }
    }

    fn cut(&mut self, end: Offset) {
        self.ends.end = end;
        self.epochs.retain(|(_, start)| *start < end.0);
    }
}

/// Lets a follower fetch until nothing differs any more; gives where it was cut.
fn agree(leader: &Log, own: &mut Log) -> Vec<i64> {
    let mut follower = Follower::new(Some(BrokerId(2)), LeaderEpoch(9), Offset(0));
    let mut cuts = Vec::new();
    for _ in 0..10 {
        let diverging = diverges(own.last(), own.ends.end, |epoch| leader.end_of(epoch));
        let fetched = FetchedPartition {
            asked_epoch: LeaderEpoch(9),
            error: 0,
            diverging,
            high_watermark: Offset(0),
            log_start: leader.ends.start,
            has_records: false,
        };
        match follower.on_response(fetched, own.ends, |epoch| own.end_of(epoch), Millis(0)) {
            Step::Truncate(to) => {
                cuts.push(to.0);
                own.cut(to);
                follower.on_truncated(to);
            }
            Step::Append { start: None } => return cuts,
            other => panic!("{other:?}"),
        }
    }
    panic!("no end: {cuts:?}");
}

#[test]
fn what_the_leader_lacks_is_cut() {
    let leader = Log::new(&[(0, 0), (2, 10)], 12);
    // The leader of epoch 0 died with two records that nobody else has.
    let mut own = Log::new(&[(0, 0)], 12);
    assert_eq!(agree(&leader, &mut own), [10]);
    // It only lacks some.
    let mut own = Log::new(&[(0, 0)], 7);
    assert_eq!(agree(&leader, &mut own), [0; 0]);
    let mut own = Log::new(&[(0, 0), (2, 10)], 11);
    assert_eq!(agree(&leader, &mut own), [0; 0]);
}

#[test]
fn several_elections_need_several_steps() {
    // KIP-279: two leaders in turn, each with records that the other hasn't.
    let leader = Log::new(&[(0, 0), (2, 5), (4, 9)], 12);
    let mut own = Log::new(&[(0, 0), (1, 4), (3, 8)], 14);
    assert_eq!(agree(&leader, &mut own), [8, 4]);
    assert_eq!(own.ends.end, Offset(4));
}

#[test]
fn a_leader_that_knows_no_such_epoch_sends_back_to_what_is_committed() {
    let leader = Log::new(&[], 0);
    let own = Log::new(&[(3, 0)], 8);
    assert_eq!(
        diverges(own.last(), own.ends.end, |epoch| leader.end_of(epoch)),
        Some((LeaderEpoch(-1), Offset(-1)))
    );
    let mut follower = Follower::new(Some(BrokerId(2)), LeaderEpoch(4), Offset(5));
    let fetched = FetchedPartition {
        asked_epoch: LeaderEpoch(4),
        error: 0,
        diverging: Some((LeaderEpoch(-1), Offset(-1))),
        high_watermark: Offset(0),
        log_start: Offset(0),
        has_records: false,
    };
    let step = follower.on_response(fetched, own.ends, |epoch| own.end_of(epoch), Millis(0));
    assert_eq!(step, Step::Truncate(Offset(5)));
}

#[test]
fn answers_from_another_epoch_change_nothing() {
    let own = Log::new(&[(3, 0)], 8);
    let mut follower = Follower::new(Some(BrokerId(2)), LeaderEpoch(4), Offset(5));
    let fetched = FetchedPartition {
        asked_epoch: LeaderEpoch(3),
        error: 0,
        diverging: None,
        high_watermark: Offset(8),
        log_start: Offset(0),
        has_records: true,
    };
    let step = follower.on_response(fetched, own.ends, |epoch| own.end_of(epoch), Millis(0));
    assert_eq!((step, follower.on_log_end(Offset(8))), (Step::Nothing, Offset(5)));
}

#[test]
fn the_high_watermark_is_the_leaders_as_far_as_the_log_reaches() {
    let own = Log::new(&[(3, 0)], 8);
    let mut follower = Follower::new(Some(BrokerId(2)), LeaderEpoch(3), Offset(5));
    let fetched = |high_watermark, log_start| FetchedPartition {
        asked_epoch: LeaderEpoch(3),
        error: 0,
        diverging: None,
        high_watermark: Offset(high_watermark),
        log_start: Offset(log_start),
        has_records: true,
    };
    let mut on = |fetched, end| {
        let step = follower.on_response(fetched, own.ends, |epoch| own.end_of(epoch), Millis(0));
        (step, follower.on_log_end(Offset(end)))
    };
    assert_eq!(on(fetched(20, 0), 10), (Step::Append { start: None }, Offset(10)));
    // A new leader may know less than was known.
    assert_eq!(on(fetched(7, 0), 12), (Step::Append { start: None }, Offset(12)));
    let start = Some(Offset(4));
    assert_eq!(on(fetched(20, 4), 14), (Step::Append { start }, Offset(14)));
}

/// Only where acknowledged records were lost: the leader's log doesn't reach to where this one begins.
#[test]
fn a_log_apart_from_the_leaders_begins_anew() {
    let answered = |own: &Log, error, diverging| {
        let mut follower = Follower::new(Some(BrokerId(2)), LeaderEpoch(9), Offset(39));
        let fetched = FetchedPartition {
            asked_epoch: LeaderEpoch(9),
            error,
            diverging,
            high_watermark: Offset(-1),
            log_start: Offset(2),
            has_records: false,
        };
        follower.on_response(fetched, own.ends, |epoch| own.end_of(epoch), Millis(0))
    };
    let ends_at_12 = Some((LeaderEpoch(3), Offset(12)));
    assert_eq!(
        answered(&Log::new(&[(3, 39)], 45), 0, ends_at_12),
        Step::Reset(Offset(2))
    );
    assert_eq!(
        answered(&Log::new(&[(3, 10)], 45), 0, ends_at_12),
        Step::Truncate(Offset(12))
    );
    let empty = Log {
        epochs: Vec::new(),
        ends: LogEnds {
            start: Offset(39),
            end: Offset(39),
        },
    };
    assert_eq!(
        answered(&empty, OFFSET_OUT_OF_RANGE, None),
        Step::Reset(Offset(2))
    );
}

/// What the leader called committed was of the log that is cut here.
#[test]
fn a_log_that_was_cut_learns_anew_what_is_committed() {
    let own = Log::new(&[(3, 0)], 45);
    let mut follower = Follower::new(Some(BrokerId(2)), LeaderEpoch(9), Offset(45));
    follower.on_truncated(Offset(12));
    let fetched = FetchedPartition {
        asked_epoch: LeaderEpoch(9),
        error: 0,
        diverging: None,
        high_watermark: Offset(14),
        log_start: Offset(0),
        has_records: true,
    };
    let step = follower.on_response(fetched, own.ends, |epoch| own.end_of(epoch), Millis(0));
    assert_eq!(step, Step::Append { start: None });
    assert_eq!(follower.on_log_end(Offset(30)), Offset(14));
}

#[test]
fn errors_pause_and_a_log_that_is_gone_begins_anew() {
    let own = Log::new(&[(3, 0)], 8);
    let mut follower = Follower::new(Some(BrokerId(2)), LeaderEpoch(3), Offset(5));
    let mut on = |error, log_start| {
        let fetched = FetchedPartition {
            asked_epoch: LeaderEpoch(3),
            error,
            diverging: None,
            high_watermark: Offset(-1),
            log_start: Offset(log_start),
            has_records: false,
        };
        let step = follower.on_response(fetched, own.ends, |epoch| own.end_of(epoch), Millis(1_000));
        (
            step,
            follower.is_due(Millis(1_050)),
            follower.is_due(Millis(1_100)),
        )
    };
    assert_eq!(on(1, 30), (Step::Reset(Offset(30)), true, true));
    assert_eq!(on(6, -1), (Step::Nothing, false, true));
}
