use std::time::Duration;

use run::{EventKind, Service, ServiceState};

use super::{Action, Event, Exit, Outcome, Plan, Report};
use crate::supervisor::patience::Patience;

const BROKERS: [Service; 2] = [Service::Broker(1), Service::Broker(2)];
const ALL: [Service; 4] = [
    Service::Broker(1),
    Service::Broker(2),
    Service::Etl,
    Service::Generator,
];

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn died(code: Option<u8>) -> Exit {
    let reason = code.map_or("killed by SIGKILL".to_owned(), |code| format!("exit code {code}"));
    let signal = code.is_none().then_some(9);
    Exit { reason, code, signal }
}

fn terminate(service: Service) -> Action {
    Action::Terminate(service, s(30))
}

fn stopping() -> Action {
    Report::of_all(EventKind::Stopping, "stopping")
}

fn running() -> Plan {
    let mut plan = Plan::new(ALL, Patience::default());
    plan.on(Event::Begin, s(0));
    for broker in BROKERS {
        plan.on(Event::Ready(broker), s(1));
    }
    plan.on(Event::TopicsCreated, s(2));
    plan.on(Event::Ready(Service::Etl), s(3));
    assert_eq!(
        plan.on(Event::Ready(Service::Generator), s(3)),
        [Action::AnnounceReady]
    );
    plan
}

#[test]
fn brokers_then_topics_then_the_others() {
    let mut plan = Plan::new(ALL, Patience::default());
    let [one, two] = BROKERS;
    assert_eq!(
        plan.on(Event::Begin, s(0)),
        [Action::Start(one), Action::Start(two)]
    );
    assert_eq!(plan.deadline(), Some(s(45)));
    assert_eq!(plan.on(Event::Ready(one), s(1)), []);
    assert_eq!(plan.on(Event::Ready(two), s(1)), [Action::CreateTopics]);
    assert_eq!(plan.on(Event::Tick, s(2)), []);
    let others = [Action::Start(Service::Etl), Action::Start(Service::Generator)];
    assert_eq!(plan.on(Event::TopicsCreated, s(2)), others);
    assert_eq!(plan.on(Event::Ready(Service::Etl), s(3)), []);
    assert_eq!(
        plan.on(Event::Ready(Service::Generator), s(3)),
        [Action::AnnounceReady]
    );
    assert_eq!(plan.deadline(), None);
}

#[test]
fn the_generator_stops_first_and_the_brokers_last() {
    let mut plan = running();
    let [one, two] = BROKERS;
    let stop = |plan: &mut Plan, service| plan.on(Event::Exited(service, died(Some(0))), s(11));
    assert_eq!(
        plan.on(Event::StopRequested, s(10)),
        [stopping(), terminate(Service::Generator)]
    );
    assert_eq!(stop(&mut plan, Service::Generator), [terminate(Service::Etl)]);
    assert_eq!(stop(&mut plan, Service::Etl), [terminate(one), terminate(two)]);
    assert_eq!(stop(&mut plan, one), []);
    assert_eq!(stop(&mut plan, two), [Action::Finish(Outcome::Stopped)]);
    assert_eq!(plan.on(Event::StopRequested, s(12)), []);
}

#[test]
fn a_dead_broker_comes_back_while_the_generator_still_needs_it() {
    let mut plan = running();
    let [one, two] = BROKERS;
    let stop = |plan: &mut Plan, service, now| plan.on(Event::Exited(service, died(Some(0))), now);
    plan.on(Event::Exited(one, died(None)), s(10));
    plan.on(Event::StopRequested, s(10));
    assert_eq!(plan.on(Event::Tick, s(11)), [Action::Start(one)]);
    plan.on(Event::Ready(one), s(11));
    stop(&mut plan, Service::Generator, s(12));
    // Also one that dies meanwhile; but not in its own turn.
    plan.on(Event::Exited(two, died(None)), s(12));
    assert_eq!(plan.on(Event::Tick, s(13)), [Action::Start(two)]);
    plan.on(Event::Exited(two, died(None)), s(13));
    assert_eq!(stop(&mut plan, Service::Etl, s(13)), [terminate(one)]);
    assert_eq!(stop(&mut plan, one, s(14)), [Action::Finish(Outcome::Stopped)]);
}

#[test]
fn what_does_not_stop_is_killed_in_its_turn() {
    let mut plan = running();
    plan.on(Event::StopRequested, s(10));
    assert_eq!(plan.deadline(), Some(s(40)));
    assert_eq!(plan.on(Event::Tick, s(39)), []);
    assert_eq!(plan.on(Event::Tick, s(40)), [Action::Kill(Service::Generator)]);
    assert_eq!(
        plan.on(Event::Exited(Service::Generator, died(None)), s(40)),
        [
            Report::of(
                Service::Generator,
                EventKind::Stopped,
                "generator had to be killed".to_owned()
            ),
            terminate(Service::Etl)
        ]
    );
}

#[test]
fn a_second_ctrl_c_kills_everything_at_once() {
    let mut plan = running();
    let line = "stopping; once more to kill everything at once";
    assert_eq!(
        plan.on(Event::Interrupted, s(10)),
        [
            Report::of_all(EventKind::Stopping, line),
            terminate(Service::Generator)
        ]
    );
    // The same request, once to the process and once to its group.
    assert_eq!(plan.on(Event::Interrupted, s(10)), []);
    let mut wanted = vec![Report::of_all(EventKind::Stopping, "killing everything")];
    wanted.extend(ALL.map(Action::Kill));
    assert_eq!(plan.on(Event::Interrupted, s(11)), wanted);
    for service in ALL {
        plan.on(Event::Exited(service, died(None)), s(11));
    }
    assert_eq!(plan.on(Event::Tick, s(12)), []);
}

#[test]
fn a_second_down_does_not_turn_a_graceful_stop_into_a_kill() {
    let mut plan = running();
    plan.on(Event::StopRequested, s(10));
    assert_eq!(plan.on(Event::StopRequested, s(15)), []);
    // Nor does the first Ctrl-C after it, which says how to insist.
    let line = "stopping already; once more to kill everything at once";
    assert_eq!(
        plan.on(Event::Interrupted, s(16)),
        [Report::of_all(EventKind::Note, line)]
    );
    let actions = plan.on(Event::Interrupted, s(17));
    assert_eq!(actions[1..], ALL.map(Action::Kill));
}

#[test]
fn a_service_that_never_got_ready_does_not_keep_the_supervisor_awake_while_it_stops() {
    let mut plan = Plan::new(ALL, Patience::default());
    plan.on(Event::Begin, s(0));
    for broker in BROKERS {
        plan.on(Event::Ready(broker), s(1));
    }
    plan.on(Event::TopicsCreated, s(2));
    plan.on(Event::StopRequested, s(40));
    // The ETL still starts, and its turn to stop has not come.
    plan.on(Event::Tick, s(60));
    assert_eq!(plan.deadline(), Some(s(70)));
}

#[test]
fn a_restarted_service_that_takes_long_is_starting_until_it_is_ready() {
    let mut plan = running();
    let state = |plan: &Plan| plan.states().find(|(service, _)| *service == Service::Etl);
    plan.on(Event::RestartRequested(Service::Etl), s(5));
    plan.on(Event::Exited(Service::Etl, died(Some(0))), s(6));
    let ready = Patience::default().ready;
    plan.on(Event::Tick, s(6) + ready + s(1));
    assert_eq!(state(&plan), Some((Service::Etl, ServiceState::Starting)));
    // It is left alone, and nobody has to look at it any more.
    assert_eq!(plan.deadline(), None);
    plan.on(Event::Ready(Service::Etl), s(6) + ready + s(9));
    assert_eq!(state(&plan), Some((Service::Etl, ServiceState::Running)));
}

#[test]
fn the_pause_doubles_until_the_service_lives_long_enough() {
    let mut plan = running();
    let mut now = s(4);
    for pause_ms in [500, 1000, 2000, 4000, 8000, 16_000, 30_000] {
        let actions = plan.on(Event::Exited(Service::Etl, died(None)), now);
        let again = Duration::from_millis(pause_ms);
        assert_eq!(
            actions,
            [Report::of(
                Service::Etl,
                EventKind::Died,
                format!(
                    "etl died: killed by SIGKILL; starting again in {} s",
                    again.as_secs_f64()
                )
            )]
        );
        now += again;
        assert_eq!(plan.deadline(), Some(now));
        assert_eq!(plan.on(Event::Tick, now), [Action::Start(Service::Etl)]);
        plan.on(Event::Ready(Service::Etl), now);
    }
    now += s(60);
    plan.on(Event::Exited(Service::Etl, died(None)), now);
    assert_eq!(plan.deadline(), Some(now + Duration::from_millis(500)));
}

#[test]
fn a_service_that_only_dies_is_given_up_until_somebody_restarts_it() {
    let mut plan = running();
    let mut now = s(4);
    for _ in 0..7 {
        plan.on(Event::Exited(Service::Etl, died(None)), now);
        now += s(30);
        assert_eq!(plan.on(Event::Tick, now), [Action::Start(Service::Etl)]);
        plan.on(Event::Ready(Service::Etl), now);
    }
    let line = "etl died: killed by SIGKILL; given up after 8 deaths in a row: see `minicluster logs etl`, \
                mend it, then `minicluster restart etl`";
    assert_eq!(
        plan.on(Event::Exited(Service::Etl, died(None)), now),
        [Report::of(Service::Etl, EventKind::GivenUp, line.to_owned())]
    );
    assert_eq!(
        (plan.deadline(), plan.on(Event::Tick, now + s(600))),
        (None, vec![])
    );
    // Another chance, with all its tries.
    assert_eq!(
        plan.on(Event::RestartRequested(Service::Etl), now),
        [Action::Start(Service::Etl)]
    );
    plan.on(Event::Exited(Service::Etl, died(None)), now);
    assert_eq!(plan.deadline(), Some(now + Duration::from_millis(500)));
    // Its own fault that another try doesn't change.
    plan.on(Event::Tick, now + s(1));
    let actions = plan.on(Event::Exited(Service::Etl, died(Some(3))), now + s(1));
    assert!(matches!(&actions[..], [Action::Report(report)] if report.kind == EventKind::GivenUp));
    // What is given up holds nothing up.
    assert_eq!(
        plan.on(Event::StopRequested, now + s(2)),
        [stopping(), terminate(Service::Generator)]
    );
}

#[test]
fn a_restart_stops_the_service_as_it_should_be_and_counts_as_no_death() {
    let mut plan = running();
    let [one, _] = BROKERS;
    assert_eq!(plan.on(Event::RestartRequested(one), s(10)), [terminate(one)]);
    // Said again it is the same restart.
    assert_eq!(plan.on(Event::RestartRequested(one), s(11)), []);
    assert_eq!(
        plan.on(Event::Exited(one, died(Some(0))), s(12)),
        [Action::Start(one)]
    );
    plan.on(Event::Ready(one), s(13));
    // One that does not stop is killed, and starts.
    plan.on(Event::RestartRequested(one), s(20));
    assert_eq!(plan.deadline(), Some(s(50)));
    assert_eq!(plan.on(Event::Tick, s(50)), [Action::Kill(one)]);
    let killed = "broker-1 had to be killed".to_owned();
    assert_eq!(
        plan.on(Event::Exited(one, died(None)), s(50)),
        [Report::of(one, EventKind::Stopped, killed), Action::Start(one)]
    );
}

#[test]
fn a_stop_during_a_restart_stops() {
    let mut plan = running();
    plan.on(Event::RestartRequested(Service::Generator), s(10));
    assert_eq!(plan.on(Event::StopRequested, s(11)), [stopping()]);
    assert_eq!(
        plan.on(Event::Exited(Service::Generator, died(Some(0))), s(12)),
        [terminate(Service::Etl)]
    );
    assert_eq!(plan.on(Event::RestartRequested(Service::Generator), s(12)), []);
}

#[test]
fn the_console_brings_nothing_down_but_a_taken_port_is_told_at_the_start() {
    let everything = [Service::Broker(1), Service::Console, Service::Etl];
    let mut plan = Plan::new(everything, Patience::default());
    plan.on(Event::Begin, s(0));
    // The others do not wait for it, and neither for its deaths.
    assert_eq!(
        plan.on(Event::Ready(Service::Broker(1)), s(1)),
        [Action::CreateTopics]
    );
    for now in [1, 2] {
        plan.on(Event::Exited(Service::Console, died(Some(1))), s(now));
        plan.on(Event::Tick, s(now + 1));
    }
    plan.on(Event::TopicsCreated, s(3));
    assert_eq!(plan.on(Event::Ready(Service::Etl), s(4)), []);
    let actions = plan.on(Event::Exited(Service::Console, died(Some(1))), s(4));
    let [Action::Report(report), Action::AnnounceReady] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!(report.kind, EventKind::GivenUp);

    let mut plan = Plan::new(everything, Patience::default());
    plan.on(Event::Begin, s(0));
    assert_eq!(
        plan.on(Event::Exited(Service::Console, died(Some(5))), s(1)),
        [terminate(Service::Broker(1))]
    );
}

#[test]
fn a_broker_that_finds_its_port_taken_ends_the_start_with_its_code() {
    let mut plan = Plan::new(ALL, Patience::default());
    let [one, two] = BROKERS;
    plan.on(Event::Begin, s(0));
    assert_eq!(plan.on(Event::Exited(two, died(Some(5))), s(1)), [terminate(one)]);
    let outcome = Outcome::Failed {
        message: "broker-2 does not start: exit code 5".to_owned(),
        code: Some(5),
    };
    assert_eq!(
        plan.on(Event::Exited(one, died(Some(0))), s(2)),
        [Action::Finish(outcome)]
    );
}

#[test]
fn a_service_that_only_crashes_gets_three_tries_at_the_start() {
    let mut plan = Plan::new([Service::Broker(1)], Patience::default());
    plan.on(Event::Begin, s(0));
    for _ in 0..2 {
        plan.on(Event::Exited(Service::Broker(1), died(Some(1))), s(1));
        assert_eq!(plan.on(Event::Tick, s(5)), [Action::Start(Service::Broker(1))]);
    }
    let outcome = Outcome::Failed {
        message: "broker-1 does not start: exit code 1".to_owned(),
        code: Some(1),
    };
    assert_eq!(
        plan.on(Event::Exited(Service::Broker(1), died(Some(1))), s(6)),
        [Action::Finish(outcome)]
    );
}

#[test]
fn a_start_that_takes_too_long_is_given_up() {
    let mut plan = Plan::new([Service::Broker(1)], Patience::default());
    plan.on(Event::Begin, s(0));
    assert_eq!(plan.on(Event::Tick, s(45)), [terminate(Service::Broker(1))]);
    let outcome = Outcome::NotReady {
        message: "broker-1 was not ready within 45 s".to_owned(),
    };
    assert_eq!(
        plan.on(Event::Exited(Service::Broker(1), died(Some(0))), s(46)),
        [Action::Finish(outcome)]
    );
}

#[test]
fn topics_that_cannot_be_created_end_the_start() {
    let mut plan = Plan::new([Service::Broker(1), Service::Etl], Patience::default());
    plan.on(Event::Begin, s(0));
    assert_eq!(
        plan.on(Event::Ready(Service::Broker(1)), s(1)),
        [Action::CreateTopics]
    );
    let actions = plan.on(Event::TopicsFailed("no controller".to_owned()), s(2));
    assert_eq!(actions, [terminate(Service::Broker(1))]);
}

#[test]
fn a_death_while_another_starts_is_told_and_mended() {
    let mut plan = Plan::new(ALL, Patience::default());
    let [one, two] = BROKERS;
    plan.on(Event::Begin, s(0));
    plan.on(Event::Ready(one), s(1));
    plan.on(Event::Exited(one, died(None)), s(1));
    assert_eq!(plan.on(Event::Ready(two), s(1)), []);
    assert_eq!(plan.on(Event::Tick, s(2)), [Action::Start(one)]);
    assert_eq!(plan.on(Event::Ready(one), s(3)), [Action::CreateTopics]);
}
