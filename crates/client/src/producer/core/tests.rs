use record::{Batch, LeaderEpoch, Offset, PartitionIndex, Sequence};

use super::*;
use crate::{
    error::{ErrorCode, ServerError},
    producer::event::{Answer, Sent},
};

const BROKER: BrokerId = BrokerId(1);
const OTHER: BrokerId = BrokerId(2);

fn options() -> CoreOptions {
    CoreOptions {
        idempotent: true,
        identity: None,
        compression: Compression::None,
        linger_ms: 5,
        batch_bytes: 230,
        max_request_bytes: 10_000,
        delivery_timeout_ms: 10_000,
        retry_backoff_ms: 50,
    }
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition {
        topic: Arc::from("t"),
        partition: PartitionIndex(partition),
    }
}

/// A core with what a test looks at.
struct Scene {
    core: Core,
    now: Millis,
    numbers: u64,
}

impl Scene {
    fn new(options: CoreOptions) -> Self {
        Self {
            core: Core::new(options),
            now: Millis(0),
            numbers: 0,
        }
    }

    /// A core that knows its producer id, the leader, and that the brokers know the series.
    fn flowing() -> Self {
        let mut scene = Self::new(options());
        scene.append(0, 1);
        scene.later(5);
        scene.on(Event::ProducerId(Ok((ProducerId(7), ProducerEpoch(0)))));
        scene.on(leader(0, BROKER, 1));
        scene.on(answered(0, 0, None, 0));
        assert!(scene.core.is_empty());
        scene
    }

    /// Records of which one fills a batch.
    fn append(&mut self, partition: i32, count: u64) {
        for _ in 0..count {
            let value = format!("{:0140}", self.numbers);
            self.numbers += 1;
            let content = (None, Some(value.as_bytes()));
            self.core
                .append(&at(partition), Timestamp(1), content, &[], self.now)
                .unwrap();
        }
    }

    /// What follows from an event, but for questions about leaders.
    fn on(&mut self, event: Event) -> Vec<String> {
        let mut actions = self.all_on(event);
        actions.retain(|action| !action.starts_with("ask for the leaders"));
        actions
    }

    fn all_on(&mut self, event: Event) -> Vec<String> {
        self.core.on(event, self.now).iter().map(show).collect()
    }

    fn later(&mut self, ms: u64) -> Vec<String> {
        self.now = self.now.plus(ms);
        self.on(Event::Tick)
    }
}

fn leader(partition: i32, broker: BrokerId, epoch: i32) -> Event {
    Event::Leaders(vec![(at(partition), Some((broker, LeaderEpoch(epoch))))])
}

fn answered(request: u64, partition: i32, code: Option<ErrorCode>, base_offset: i64) -> Event {
    let error = code.map(|code| ServerError { code, message: None });
    let answer = Answer {
        error,
        base_offset: Offset(base_offset),
    };
    Event::Answered {
        request: RequestId(request),
        answers: vec![(at(partition), answer)],
    }
}

fn lost(request: u64) -> Event {
    Event::Failed {
        request: RequestId(request),
        reason: "cut".to_owned(),
        sent: Sent::Perhaps,
    }
}

/// One line an action.
fn show(action: &Action) -> String {
    match action {
        Action::InitProducerId => "ask for a producer id".to_owned(),
        Action::RefreshMetadata { topics } => format!("ask for the leaders of {}", topics.join(",")),
        Action::Send {
            request,
            broker,
            batches,
        } => {
            let batch = |out: &Outgoing| {
                let Stamp {
                    epoch, base_sequence, ..
                } = out.stamp;
                format!("{}@{epoch}:{base_sequence}+{}", out.partition, out.batch.count())
            };
            let batches: Vec<_> = batches.iter().map(batch).collect();
            format!("request {} to {broker}: {}", request.0, batches.join(" "))
        }
        Action::Complete { batch, result } => match result {
            Ok(offset) => format!("batch {} at {offset}", batch.0),
            Err(error) => format!("batch {} failed: {error}", batch.0),
        },
    }
}

#[test]
fn the_first_record_asks_for_all_that_is_needed() {
    let mut scene = Scene::new(options());
    scene.append(0, 1);
    assert_eq!(
        scene.all_on(Event::Tick),
        ["ask for a producer id", "ask for the leaders of t"]
    );
    assert_eq!(
        scene.on(Event::ProducerId(Ok((ProducerId(7), ProducerEpoch(0))))),
        [""; 0]
    );
    assert_eq!(scene.on(leader(0, BROKER, 1)), [""; 0], "it lingers");
    assert_eq!(scene.core.next_deadline(scene.now), Some(Millis(5)));
    assert_eq!(scene.later(5), ["request 0 to 1: t-0@0:0+1"]);
    assert_eq!(scene.on(answered(0, 0, None, 40)), ["batch 1 at 40"]);
    assert!(scene.core.is_empty());
}

#[test]
fn nothing_overtakes_the_first_batch_of_a_series() {
    let mut scene = Scene::new(options());
    scene.append(0, 4);
    scene.later(5);
    scene.on(Event::ProducerId(Ok((ProducerId(7), ProducerEpoch(0)))));
    assert_eq!(scene.on(leader(0, BROKER, 1)), ["request 0 to 1: t-0@0:0+1"]);
    assert_eq!(
        scene.on(answered(0, 0, None, 0)),
        [
            "batch 1 at 0",
            "request 1 to 1: t-0@0:1+1",
            "request 2 to 1: t-0@0:2+1",
            "request 3 to 1: t-0@0:3+1",
        ],
    );
}

#[test]
fn five_requests_are_in_flight_at_most() {
    let mut scene = Scene::flowing();
    scene.append(0, 8);
    assert_eq!(scene.later(5).len(), 5);
    assert_eq!(
        scene.on(answered(1, 0, None, 1)),
        ["batch 2 at 1", "request 6 to 1: t-0@0:6+1"]
    );
    assert!(
        scene.core.next_deadline(scene.now) > Some(scene.now),
        "no busy waiting"
    );
}

#[test]
fn partitions_of_a_broker_share_a_request() {
    let mut scene = Scene::flowing();
    scene.append(1, 1);
    scene.append(0, 1);
    scene.later(200);
    assert_eq!(scene.on(leader(1, BROKER, 1)), ["request 2 to 1: t-1@0:0+1"]);
    scene.append(0, 1);
    scene.on(answered(1, 0, None, 1));
    scene.on(answered(2, 1, None, 0));
    scene.append(1, 1);
    scene.append(0, 1);
    let sent = scene.later(5);
    let both = |line: &String| line.contains("t-0@0") && line.contains("t-1@0");
    assert!(sent.iter().any(both), "{sent:?}");
}

#[test]
fn after_a_failure_the_oldest_goes_first_and_alone() {
    let mut scene = Scene::flowing();
    scene.append(0, 3);
    assert_eq!(scene.later(5).len(), 3);
    let refused = Some(ErrorCode::NotLeaderOrFollower);
    scene.on(answered(1, 0, refused, -1));
    scene.on(answered(2, 0, Some(ErrorCode::OutOfOrderSequenceNumber), -1));
    scene.append(0, 1);
    scene.on(answered(3, 0, refused, -1));
    assert_eq!(scene.on(leader(0, OTHER, 2)), ["request 4 to 2: t-0@0:1+1"]);
    assert_eq!(
        scene.on(answered(4, 0, None, 1)),
        ["batch 2 at 1", "request 5 to 2: t-0@0:2+1"]
    );
    let last = scene.on(answered(5, 0, None, 2));
    assert_eq!(last, ["batch 3 at 2", "request 6 to 2: t-0@0:3+1"]);
    assert_eq!(scene.on(answered(6, 0, None, 3)), ["batch 4 at 3"]);
    assert_eq!(
        scene.later(5),
        ["request 7 to 2: t-0@0:4+1"],
        "the newest lingered"
    );
}

#[test]
fn a_lost_answer_is_asked_for_with_the_same_sequence() {
    let mut scene = Scene::flowing();
    scene.append(0, 1);
    scene.later(5);
    assert_eq!(
        scene.all_on(lost(1)),
        [""; 0],
        "leaders are asked for, but not so soon again"
    );
    assert_eq!(scene.later(50), ["request 2 to 1: t-0@0:1+1"]);
    let known = Some(ErrorCode::DuplicateSequenceNumber);
    assert_eq!(scene.on(answered(2, 0, known, -1)), ["batch 2 at -1"]);
}

#[test]
fn answers_for_given_up_requests_count_for_nothing() {
    let mut scene = Scene::flowing();
    scene.append(0, 1);
    scene.later(5);
    assert_eq!(scene.on(leader(0, OTHER, 2)), ["request 2 to 2: t-0@0:1+1"]);
    assert_eq!(
        scene.on(answered(1, 0, Some(ErrorCode::NotLeaderOrFollower), -1)),
        [""; 0]
    );
    assert_eq!(scene.on(answered(2, 0, None, 9)), ["batch 2 at 9"]);
}

#[test]
fn a_lost_series_is_begun_anew_where_nothing_can_be_written() {
    let mut scene = Scene::flowing();
    scene.append(0, 2);
    scene.later(5);
    let refused = Some(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(scene.on(answered(1, 0, refused, -1)), [""; 0]);
    scene.on(answered(2, 0, refused, -1));
    assert_eq!(scene.later(50), ["request 3 to 1: t-0@1:0+1"]);
    assert_eq!(
        scene.on(answered(3, 0, None, 1)),
        ["batch 2 at 1", "request 4 to 1: t-0@1:1+1"]
    );
}

#[test]
fn a_lost_series_stops_the_producer_where_something_may_be_written() {
    let mut scene = Scene::flowing();
    scene.append(0, 2);
    scene.later(5);
    scene.on(lost(1));
    scene.on(lost(2));
    assert_eq!(scene.later(100), ["request 3 to 1: t-0@0:1+1"]);
    let stopped = scene.on(answered(3, 0, Some(ErrorCode::OutOfOrderSequenceNumber), -1));
    assert_eq!(stopped.len(), 2);
    assert!(stopped[0].contains("may already be written"), "{stopped:?}");
    let refused = scene
        .core
        .append(&at(0), Timestamp(1), (None, None), &[], scene.now);
    assert!(matches!(refused, Err(ProduceError::Fatal { .. })));
}

#[test]
fn a_rejected_batch_leaves_no_hole() {
    let mut scene = Scene::flowing();
    scene.append(0, 1);
    scene.later(5);
    let rejected = scene.on(answered(1, 0, Some(ErrorCode::MessageTooLarge), -1));
    assert!(
        rejected[0].starts_with("batch 2 failed: t-0 refused the batch"),
        "{rejected:?}"
    );
    scene.append(0, 1);
    assert_eq!(
        scene.later(5),
        ["request 2 to 1: t-0@0:1+1"],
        "its sequence is used again"
    );
}

#[test]
fn a_rejection_after_an_unclear_attempt_says_so() {
    let mut scene = Scene::flowing();
    scene.append(0, 1);
    scene.later(5);
    scene.on(lost(1));
    scene.later(100);
    let rejected = scene.core.on(
        answered(2, 0, Some(ErrorCode::TopicAuthorizationFailed), -1),
        scene.now,
    );
    let error = rejected.iter().find_map(|action| match action {
        Action::Complete { result, .. } => result.as_ref().err(),
        _ => None,
    });
    let error = error.unwrap();
    assert!(error.may_be_written(), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("an attempt before may have written it nevertheless"),
        "{error}"
    );
}

#[test]
fn what_follows_a_rejected_batch_starts_a_new_series() {
    let mut scene = Scene::flowing();
    scene.append(0, 2);
    scene.later(5);
    scene.on(answered(1, 0, Some(ErrorCode::InvalidTimestamp), -1));
    scene.on(lost(2));
    assert_eq!(scene.later(50), ["request 3 to 1: t-0@0:2+1"]);
    scene.on(answered(3, 0, Some(ErrorCode::OutOfOrderSequenceNumber), -1));
    assert_eq!(scene.later(100), ["request 4 to 1: t-0@1:0+1"]);
    assert_eq!(scene.on(answered(4, 0, None, 1)), ["batch 3 at 1"]);
}

#[test]
fn the_delivery_timeout_tells_what_may_be_written() {
    let mut scene = Scene::flowing();
    scene.append(0, 7);
    scene.later(5);
    scene.on(Event::Failed {
        request: RequestId(1),
        reason: "refused".to_owned(),
        sent: Sent::No,
    });
    let given_up = scene.later(20_000);
    let failed: Vec<_> = given_up.iter().filter(|line| line.contains("failed")).collect();
    assert_eq!(failed.len(), 7);
    assert!(
        failed[0].ends_with("(last: refused); it was not written"),
        "{}",
        failed[0]
    );
    assert!(
        failed[1].ends_with("it may be written nevertheless"),
        "{}",
        failed[1]
    );
    assert!(failed[6].ends_with("it was not written"), "{}", failed[6]);
    assert!(scene.core.is_empty());
}

/// A leader that is deposed while it waits for the replicas answers NOT_LEADER_OR_FOLLOWER, and the batch
/// may be on the next leader already.
#[test]
fn the_sequence_of_a_batch_that_a_deposed_leader_took_is_not_used_again() {
    let mut scene = Scene::flowing();
    scene.append(0, 1);
    scene.later(5);
    scene.on(answered(1, 0, Some(ErrorCode::NotLeaderOrFollower), -1));
    assert_eq!(scene.on(leader(0, OTHER, 2)), ["request 2 to 2: t-0@0:1+1"]);
    scene.on(answered(2, 0, Some(ErrorCode::NotEnoughReplicas), -1));
    let given_up = scene.later(20_000);
    assert_eq!(given_up.len(), 1);
    assert!(
        given_up[0].ends_with("it may be written nevertheless"),
        "{given_up:?}"
    );
    scene.append(0, 1);
    assert_eq!(scene.later(5), ["request 3 to 2: t-0@0:2+1"]);
    assert_eq!(scene.on(answered(3, 0, None, 2)), ["batch 3 at 2"]);
}

#[test]
fn what_follows_a_batch_that_was_given_up_and_is_not_written_starts_a_new_series() {
    let mut scene = Scene::flowing();
    scene.append(0, 1);
    scene.later(5);
    scene.on(lost(1));
    scene.later(20_000);
    scene.append(0, 1);
    assert_eq!(scene.later(5), ["request 2 to 1: t-0@0:2+1"]);
    scene.on(lost(2));
    assert_eq!(scene.later(1_000), ["request 3 to 1: t-0@0:2+1"]);
    scene.on(answered(3, 0, Some(ErrorCode::OutOfOrderSequenceNumber), -1));
    assert_eq!(scene.later(1_000), ["request 4 to 1: t-0@1:0+1"]);
    assert_eq!(scene.on(answered(4, 0, None, 1)), ["batch 3 at 1"]);
}

#[test]
fn a_stuck_broker_is_asked_about_elsewhere() {
    let mut scene = Scene::flowing();
    scene.append(0, 1);
    scene.later(5);
    scene.all_on(leader(0, BROKER, 1));
    assert_eq!(scene.later(1_999), [""; 0]);
    scene.now = scene.now.plus(1);
    assert_eq!(scene.all_on(Event::Tick), ["ask for the leaders of t"]);
    assert_eq!(scene.on(leader(0, OTHER, 2)), ["request 2 to 2: t-0@0:1+1"]);
}

/// A partition as Kafka's brokers keep it, with their holes: who isn't known may begin anywhere.
#[derive(Default)]
struct Log {
    values: Vec<String>,
    epoch: i16,
    next: Option<i32>,
    /// The last five batches: sequence, count, offset.
    recent: Vec<(i32, i32, i64)>,
}

impl Log {
    fn append(&mut self, batch: &Batch) -> (Option<ErrorCode>, i64) {
        let (sequence, count) = (batch.base_sequence().0, batch.record_count());
        let epoch = batch.producer_epoch().0;
        if epoch < self.epoch {
            return (Some(ErrorCode::InvalidProducerEpoch), -1);
        }
        if epoch > self.epoch {
            if sequence != 0 && self.next.is_some() {
                return (Some(ErrorCode::OutOfOrderSequenceNumber), -1);
            }
            (self.epoch, self.next) = (epoch, None);
            self.recent.clear();
        }
        if let Some((.., offset)) = self.recent.iter().find(|(s, c, _)| (*s, *c) == (sequence, count)) {
            return (None, *offset);
        }
        if self.next.is_some_and(|next| next != sequence) {
            return (Some(ErrorCode::OutOfOrderSequenceNumber), -1);
        }
        let offset = self.values.len() as i64;
        for record in &batch.records().unwrap() {
            self.values
                .push(String::from_utf8_lossy(record.unwrap().value.unwrap()).into_owned());
        }
        self.next = Some(Sequence(sequence).plus(count).0);
        self.recent.push((sequence, count, offset));
        if self.recent.len() > 5 {
            self.recent.remove(0);
        }
        (None, offset)
    }
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// Requests and answers get lost, leaders refuse, move, and are deposed after they took a batch, answers come
/// late and out of turn: each record is in the log once and in order.
#[test]
fn exactly_once_in_order_over_a_bad_network() {
    for seed in 0..100 {
        let (log, results, numbers) = bad_network(seed, u64::MAX);
        let expected: Vec<u64> = (0..numbers).collect();
        assert_eq!(log, expected, "seed {seed}: the log is not what was sent");
        let acknowledged = results.values().filter(|result| result.is_ok());
        assert_eq!(acknowledged.count() as u64, numbers, "seed {seed}");
    }
}

/// The same where records are given up: what was acknowledged is in the log, and what is said not to be written
/// isn't.
#[test]
fn at_most_once_in_order_and_truly_told_where_time_runs_out() {
    let (mut given_up, mut unclear) = (0, 0);
    for seed in 0..200 {
        let (log, results, numbers) = bad_network(seed, 400);
        assert!(log.is_sorted_by(|a, b| a < b), "seed {seed}: {log:?}");
        assert_eq!(results.len() as u64, numbers, "seed {seed}: one record a batch");
        for (number, result) in results {
            let is_there = log.contains(&number);
            match result {
                Ok(_) => assert!(is_there, "seed {seed}: {number} was acknowledged and is lost"),
                Err(error) if error.may_be_written() => unclear += 1,
                Err(error) => {
                    given_up += 1;
                    assert!(!is_there, "seed {seed}: {number} is in the log, but: {error}");
                }
            }
        }
    }
    assert!(given_up > 100 && unclear > 100, "{given_up} {unclear}");
}

/// Gives the numbers in the log, the result of each number, and how many there are.
fn bad_network(
    seed: u64,
    delivery_timeout_ms: u64,
) -> (Vec<u64>, BTreeMap<u64, Result<Offset, ProduceError>>, u64) {
    let mut dice = Dice(seed);
    let mut scene = Scene::new(CoreOptions {
        delivery_timeout_ms,
        ..options()
    });
    let mut log = Log::default();
    let mut leader_now = (BROKER, LeaderEpoch(1));
    let mut network: Vec<(RequestId, BrokerId, Vec<Outgoing>)> = Vec::new();
    let mut results = BTreeMap::new();
    let mut events: Vec<Event> = vec![Event::Tick];
    for step in 0..3_000 {
        let calm = step > 2_000;
        if !calm && dice.below(3) == 0 {
            scene.append(0, 1);
        }
        if !calm && dice.below(60) == 0 {
            let next = if leader_now.0 == BROKER { OTHER } else { BROKER };
            leader_now = (next, LeaderEpoch(leader_now.1.0 + 1));
        }
        let event = if events.is_empty() {
            Event::Tick
        } else {
            events.remove(dice.below(events.len() as u64) as usize)
        };
        scene.now = scene.now.plus(dice.below(40));
        for action in scene.core.on(event, scene.now) {
            match action {
                Action::InitProducerId => {
                    events.push(Event::ProducerId(Ok((ProducerId(7), ProducerEpoch(0)))))
                }
                Action::RefreshMetadata { .. } if dice.below(5) == 0 => events.push(Event::NoMetadata),
                Action::RefreshMetadata { .. } => {
                    events.push(Event::Leaders(vec![(at(0), Some(leader_now))]))
                }
                Action::Send {
                    request,
                    broker,
                    batches,
                } => network.push((request, broker, batches)),
                Action::Complete { batch, result } => {
                    // Each record is a batch of its own.
                    let again = results.insert(batch.0 - 1, result);
                    assert!(again.is_none(), "seed {seed}: {batch:?} has two results");
                }
            }
        }
        // A connection delivers in order: the oldest request of a broker is the next.
        let Some((_, broker, _)) = network.get(dice.below(network.len().max(1) as u64) as usize) else {
            continue;
        };
        let broker = *broker;
        let oldest = network.iter().position(|(_, to, _)| *to == broker).unwrap();
        let fate = if calm { 9 } else { dice.below(10) };
        if fate < 2 {
            // The connection breaks: all its requests are lost, the first perhaps only its answer.
            let (lost, kept): (Vec<_>, Vec<_>) = network.drain(..).partition(|(_, to, _)| *to == broker);
            network = kept;
            for (index, (request, _, batches)) in lost.into_iter().enumerate() {
                if fate == 0 && index == 0 && broker == leader_now.0 {
                    deliver(&mut log, &batches);
                }
                events.push(Event::Failed {
                    request,
                    reason: "cut".to_owned(),
                    sent: Sent::Perhaps,
                });
            }
            continue;
        }
        let (request, _, batches) = network.remove(oldest);
        let (code, base_offset) = match fate {
            _ if broker != leader_now.0 => (Some(ErrorCode::NotLeaderOrFollower), -1),
            2 => (Some(ErrorCode::NotEnoughReplicas), -1),
            // It is deposed while it waits for the replicas.
            3 => match deliver(&mut log, &batches) {
                (None, _) => (Some(ErrorCode::NotLeaderOrFollower), -1),
                refused => refused,
            },
            _ => deliver(&mut log, &batches),
        };
        events.push(answered(request.0, 0, code, base_offset));
    }
    assert!(
        scene.core.is_empty(),
        "seed {seed}: {} of {} values",
        log.values.len(),
        scene.numbers
    );
    let numbers = log.values.iter().map(|value| value.parse().unwrap()).collect();
    (numbers, results, scene.numbers)
}

fn deliver(log: &mut Log, batches: &[Outgoing]) -> (Option<ErrorCode>, i64) {
    let bytes = batches[0].batch.encode(batches[0].stamp).unwrap();
    log.append(&Batch::parse(bytes).unwrap())
}
