//! What the supervisor does next: a pure function of what happened so far.
//!
//! Services start in stages: all of a stage must be ready before the next one is begun, and between
//! the first stage (brokers) and the others the topics are created. They stop one group after the
//! other in the order that loses nothing: generator, ETL, brokers. A service that dies in between
//! comes back after a pause that doubles with every death; one that only dies is given up in the end, until
//! somebody restarts it. The console is nobody's condition: without it everything else starts and runs.

use std::time::Duration;

use run::{EventKind, Service, ServiceState};

use super::action::{Action, Outcome, Report};
use super::exit::Exit;
use super::order::{start_stage, stop_stage};
use super::patience::Patience;

/// Time since the supervisor began.
pub(crate) type Now = Duration;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The supervisor begins.
    Begin,
    /// A service said that it is ready.
    Ready(Service),
    /// A service's process ended, or could not be started.
    Exited(Service, Exit),
    /// The topics are there.
    TopicsCreated,
    /// The topics could not be created.
    TopicsFailed(String),
    /// Somebody wants a service to be stopped as it should be and started again.
    RestartRequested(Service),
    /// A service belongs to the platform from now on.
    Added(Service),
    /// A service is to be stopped as it should be and belongs to the platform no longer.
    Removed(Service),
    /// Somebody wants everything to stop: SIGTERM, SIGHUP. Said again it means the same.
    StopRequested,
    /// Ctrl-C: stop, and said again: at once.
    Interrupted,
    /// Time went by.
    Tick,
}

/// Exit codes that another try does not change: usage, configuration, conflicts.
const FINAL_CODES: [u8; 3] = [2, 3, CONFLICT];

/// The exit code of a taken port or lock. Whoever holds it may go away.
const CONFLICT: u8 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its stage has not begun.
    Waiting,
    /// The process runs and is not ready.
    Starting { since: Now },
    /// The process runs and was not ready in time. It may only be slow (a long recovery): it counts as there.
    Slow,
    /// The process runs and is ready.
    Ready { since: Now },
    /// Dead; comes back.
    Resting { until: Now },
    /// Told to stop. Killed once the deadline is over; then it may start again.
    Stopping {
        deadline: Now,
        killed: bool,
        again: bool,
    },
    /// The process has ended and stays so.
    Stopped,
    /// It died too often.
    GivenUp,
}

impl State {
    /// Whether it has a process that nobody has told to stop.
    fn runs(self) -> bool {
        matches!(self, Self::Starting { .. } | Self::Slow | Self::Ready { .. })
    }

    fn shown(self) -> ServiceState {
        match self {
            Self::Waiting => ServiceState::Waiting,
            Self::Starting { .. } | Self::Slow => ServiceState::Starting,
            Self::Ready { .. } => ServiceState::Running,
            Self::Resting { .. } => ServiceState::Down,
            Self::Stopping { .. } => ServiceState::Stopping,
            Self::Stopped => ServiceState::Stopped,
            Self::GivenUp => ServiceState::GivenUp,
        }
    }
}

#[derive(Debug)]
struct Slot {
    service: Service,
    state: State,
    deaths: u32,
    /// It goes once it has ended.
    leaves: bool,
}

impl Slot {
    fn new(service: Service, state: State) -> Self {
        Self {
            service,
            state,
            deaths: 0,
            leaves: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    /// Stages are started one after the other.
    Starting,
    /// Waiting for the topics.
    CreatingTopics,
    /// Everything is there.
    Running,
    /// On the way down, for this reason.
    Stopping(Outcome),
    /// Over.
    Finished,
}

/// The supervisor's decisions.
#[derive(Debug)]
pub(crate) struct Plan {
    slots: Vec<Slot>,
    phase: Phase,
    /// When Ctrl-C came, last.
    interrupted: Option<Now>,
    patience: Patience,
}

impl Plan {
    pub(crate) fn new(services: impl IntoIterator<Item = Service>, patience: Patience) -> Self {
        let slot = |service| Slot::new(service, State::Waiting);
        Self {
            slots: services.into_iter().map(slot).collect(),
            phase: Phase::Starting,
            interrupted: None,
            patience,
        }
    }

    /// Takes in what happened and says what to do, in this order.
    pub(crate) fn on(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Begin | Event::Tick => {}
            Event::Ready(service) => self.ready(service, now),
            Event::Exited(service, exit) => self.exited(service, &exit, now, &mut actions),
            Event::TopicsCreated => {
                if self.phase == Phase::CreatingTopics {
                    self.phase = Phase::Starting;
                    self.start_stage(1, now, &mut actions);
                }
            }
            Event::TopicsFailed(message) => {
                if self.phase == Phase::CreatingTopics {
                    let message = format!("the topics could not be created: {message}");
                    self.stop(Outcome::Failed { message, code: None });
                }
            }
            Event::RestartRequested(service) => self.restart(service, now, &mut actions),
            Event::Added(service) => self.add(service, now),
            Event::Removed(service) => self.remove(service, now, &mut actions),
            Event::StopRequested => self.stop_requested("stopping", &mut actions),
            Event::Interrupted => self.interrupted(now, &mut actions),
        }
        self.advance(now, &mut actions);
        self.slots
            .retain(|slot| !(slot.leaves && slot.state == State::Stopped));
        actions
    }

    /// When [`Event::Tick`] is due at the latest.
    pub(crate) fn deadline(&self) -> Option<Now> {
        // On the way down nobody waits for readiness.
        let starts = !matches!(self.phase, Phase::Stopping(_) | Phase::Finished);
        let due = |slot: &Slot| match slot.state {
            State::Starting { since } if starts => Some(since + self.patience.ready),
            State::Resting { until } => Some(until),
            State::Stopping {
                deadline,
                killed: false,
                ..
            } => Some(deadline),
            _ => None,
        };
        self.slots.iter().filter_map(due).min()
    }

    /// What every service does.
    pub(crate) fn states(&self) -> impl Iterator<Item = (Service, ServiceState)> {
        self.slots.iter().map(|slot| (slot.service, slot.state.shown()))
    }

    /// Whether everything is on its way down.
    pub(crate) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping(_) | Phase::Finished)
    }

    fn slot(&mut self, service: Service) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.service == service)
    }

    fn ready(&mut self, service: Service, now: Now) {
        if let Some(slot) = self.slot(service)
            && matches!(slot.state, State::Starting { .. } | State::Slow)
        {
            slot.state = State::Ready { since: now };
        }
    }

    fn exited(&mut self, service: Service, exit: &Exit, now: Now, actions: &mut Vec<Action>) {
        let patience = self.patience;
        let starting_up = matches!(self.phase, Phase::Starting | Phase::CreatingTopics);
        let Some(slot) = self.slot(service) else { return };
        if let State::Stopping { killed, again, .. } = slot.state {
            slot.state = match again {
                true => State::Resting { until: now },
                false => State::Stopped,
            };
            if killed {
                let line = format!("{service} had to be killed");
                actions.push(Report::of(service, EventKind::Stopped, line));
            } else if !exit.as_asked() {
                let line = format!("{service} did not stop as it should: {}", exit.reason);
                actions.push(Report::of(service, EventKind::Died, line));
            }
            return;
        }
        if matches!(slot.state, State::Ready { since } if now.saturating_sub(since) >= patience.forget) {
            slot.deaths = 0;
        }
        slot.deaths += 1;
        let hopeless = exit.code.is_some_and(|code| FINAL_CODES.contains(&code));
        let essential = service != Service::Console || exit.code == Some(CONFLICT);
        if starting_up && essential && (hopeless || slot.deaths >= patience.deaths_at_start) {
            slot.state = State::Stopped;
            let message = format!("{service} does not start: {}", exit.reason);
            return self.stop(Outcome::Failed {
                message,
                code: exit.code,
            });
        }
        let deaths = match starting_up {
            true => patience.deaths_at_start,
            false => patience.deaths,
        };
        if slot.deaths >= deaths || (hopeless && exit.code != Some(CONFLICT)) {
            slot.state = State::GivenUp;
            let line = format!(
                "{service} died: {}; given up after {} deaths in a row: see `minicluster logs {service}`, mend it, then \
                 `minicluster restart {service}`",
                exit.reason, slot.deaths
            );
            return actions.push(Report::of(service, EventKind::GivenUp, line));
        }
        let pause = patience.pause(slot.deaths);
        slot.state = State::Resting { until: now + pause };
        let again = format!("starting again in {} s", pause.as_secs_f64());
        let line = format!("{service} died: {}; {again}", exit.reason);
        actions.push(Report::of(service, EventKind::Died, line));
    }

    /// It starts as one that died and comes back: at once where nothing else is due first.
    fn add(&mut self, service: Service, now: Now) {
        if matches!(self.phase, Phase::Stopping(_) | Phase::Finished) {
            return;
        }
        match self.slot(service) {
            Some(slot) => {
                slot.leaves = false;
                if let State::Stopping { again, .. } = &mut slot.state {
                    *again = true;
                }
            }
            None => {
                self.slots.push(Slot::new(service, State::Resting { until: now }));
                self.slots.sort_by_key(|slot| slot.service);
            }
        }
    }

    fn remove(&mut self, service: Service, now: Now, actions: &mut Vec<Action>) {
        let patience = self.patience.stop;
        let Some(slot) = self.slot(service) else { return };
        slot.leaves = true;
        match &mut slot.state {
            State::Starting { .. } | State::Slow | State::Ready { .. } => {
                slot.state = State::Stopping {
                    deadline: now + patience,
                    killed: false,
                    again: false,
                };
                actions.push(Action::Terminate(service, patience));
            }
            State::Stopping { again, .. } => *again = false,
            State::Waiting | State::Resting { .. } | State::Stopped | State::GivenUp => {
                slot.state = State::Stopped;
            }
        }
    }

    fn restart(&mut self, service: Service, now: Now, actions: &mut Vec<Action>) {
        if matches!(self.phase, Phase::Stopping(_) | Phase::Finished) {
            return;
        }
        let patience = self.patience.stop;
        let Some(slot) = self.slot(service) else { return };
        match slot.state {
            State::Starting { .. } | State::Slow | State::Ready { .. } => {
                slot.deaths = 0;
                slot.state = State::Stopping {
                    deadline: now + patience,
                    killed: false,
                    again: true,
                };
                actions.push(Action::Terminate(service, patience));
            }
            State::Resting { .. } | State::GivenUp => {
                slot.deaths = 0;
                slot.state = State::Resting { until: now };
            }
            State::Stopping { .. } | State::Waiting | State::Stopped => {}
        }
    }

    fn stop_requested(&mut self, line: &str, actions: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Stopping(_) | Phase::Finished) {
            actions.push(Report::of_all(EventKind::Stopping, line));
            self.stop(Outcome::Stopped);
        }
    }

    fn interrupted(&mut self, now: Now, actions: &mut Vec<Action>) {
        let earlier = self.interrupted.replace(now);
        match (&self.phase, earlier) {
            (Phase::Stopping(_), Some(earlier)) if now.saturating_sub(earlier) >= self.patience.repeated => {
                actions.push(Report::of_all(EventKind::Stopping, "killing everything"));
                self.kill_all(actions);
            }
            // Asked for by `down`, or a failure: whoever sits there has not been told how to insist.
            (Phase::Stopping(_), None) => {
                let line = "stopping already; once more to kill everything at once";
                actions.push(Report::of_all(EventKind::Note, line));
            }
            _ => self.stop_requested("stopping; once more to kill everything at once", actions),
        }
    }

    fn stop(&mut self, outcome: Outcome) {
        self.phase = Phase::Stopping(outcome);
    }

    fn kill_all(&mut self, actions: &mut Vec<Action>) {
        for slot in &mut self.slots {
            if let State::Stopping {
                killed: killed @ false,
                ..
            } = &mut slot.state
            {
                *killed = true;
                actions.push(Action::Kill(slot.service));
            } else if slot.state.runs() {
                slot.state = State::Stopping {
                    deadline: Now::ZERO,
                    killed: true,
                    again: false,
                };
                actions.push(Action::Kill(slot.service));
            }
        }
    }

    /// Does what follows from the state of the services.
    fn advance(&mut self, now: Now, actions: &mut Vec<Action>) {
        self.give_up_waiting(now);
        match self.phase.clone() {
            Phase::Starting => self.advance_start(now, actions),
            Phase::CreatingTopics | Phase::Running => {}
            Phase::Stopping(outcome) => return self.advance_stop(outcome, now, actions),
            Phase::Finished => return,
        }
        let due: Vec<Service> = self
            .slots
            .iter()
            .filter(|slot| matches!(slot.state, State::Resting { until } if until <= now))
            .map(|slot| slot.service)
            .collect();
        for service in due {
            self.start(service, now, actions);
        }
        self.kill_late(|_| true, now, actions);
    }

    /// Kills what was told to stop and takes too long.
    fn kill_late(&mut self, which: impl Fn(Service) -> bool, now: Now, actions: &mut Vec<Action>) {
        for slot in self.slots.iter_mut().filter(|slot| which(slot.service)) {
            if let State::Stopping { deadline, killed, .. } = &mut slot.state
                && !*killed
                && *deadline <= now
            {
                *killed = true;
                actions.push(Action::Kill(slot.service));
            }
        }
    }

    /// A start that takes too long ends everything, or, later, only that process.
    fn give_up_waiting(&mut self, now: Now) {
        let limit = self.patience.ready;
        let late = self
            .slots
            .iter()
            .find(|slot| matches!(slot.state, State::Starting { since } if now >= since + limit))
            .map(|slot| slot.service);
        let Some(service) = late else { return };
        let starting_up = matches!(self.phase, Phase::Starting | Phase::CreatingTopics);
        if starting_up && service != Service::Console {
            let message = format!("{service} was not ready within {} s", limit.as_secs());
            self.stop(Outcome::NotReady { message });
        } else if (starting_up || self.phase == Phase::Running)
            && let Some(slot) = self.slot(service)
        {
            slot.state = State::Slow;
        }
    }

    fn advance_start(&mut self, now: Now, actions: &mut Vec<Action>) {
        let is_ready = |slot: &Slot| matches!(slot.state, State::Ready { .. });
        let is_settled = |slot: &Slot| is_ready(slot) || matches!(slot.state, State::Slow | State::GivenUp);
        let stage = |number| {
            self.slots
                .iter()
                .filter(move |slot| start_stage(slot.service) == number)
        };
        if stage(0).all(|slot| slot.state == State::Waiting) {
            return self.start_stage(0, now, actions);
        }
        let mut needed = stage(0).filter(|slot| slot.service != Service::Console);
        if !needed.all(is_ready) {
            return;
        }
        if stage(1).any(|slot| slot.state == State::Waiting) {
            self.phase = Phase::CreatingTopics;
            actions.push(Action::CreateTopics);
        } else if self.slots.iter().all(is_settled) {
            self.phase = Phase::Running;
            actions.push(Action::AnnounceReady);
        }
    }

    fn start_stage(&mut self, stage: u32, now: Now, actions: &mut Vec<Action>) {
        let of_stage = self
            .slots
            .iter()
            .filter(|slot| start_stage(slot.service) == stage);
        for service in of_stage.map(|slot| slot.service).collect::<Vec<_>>() {
            self.start(service, now, actions);
        }
    }

    fn start(&mut self, service: Service, now: Now, actions: &mut Vec<Action>) {
        if let Some(slot) = self.slot(service) {
            slot.state = State::Starting { since: now };
            actions.push(Action::Start(service));
        }
    }

    /// Stops the first group that still runs; the next one follows when it has ended.
    ///
    /// Until its turn has come a service is still needed: the generator cannot flush to a dead broker.
    fn advance_stop(&mut self, outcome: Outcome, now: Now, actions: &mut Vec<Action>) {
        let is_alive = |slot: &&Slot| slot.state.runs() || matches!(slot.state, State::Stopping { .. });
        let alive = self.slots.iter().filter(is_alive);
        let group = alive.map(|slot| stop_stage(slot.service)).min();
        for slot in &mut self.slots {
            let needed =
                outcome == Outcome::Stopped && group.is_some_and(|group| stop_stage(slot.service) > group);
            match slot.state {
                State::Resting { until } if needed && until <= now => {
                    slot.state = State::Starting { since: now };
                    actions.push(Action::Start(slot.service));
                }
                State::Resting { .. } if needed => {}
                State::Resting { .. } | State::Waiting | State::GivenUp => slot.state = State::Stopped,
                _ => {}
            }
        }
        let Some(group) = group else {
            self.phase = Phase::Finished;
            return actions.push(Action::Finish(outcome));
        };
        let patience = self.patience.stop;
        for slot in self
            .slots
            .iter_mut()
            .filter(|slot| stop_stage(slot.service) == group)
        {
            if slot.state.runs() {
                slot.state = State::Stopping {
                    deadline: now + patience,
                    killed: false,
                    again: false,
                };
                actions.push(Action::Terminate(slot.service, patience));
            }
        }
        self.kill_late(|service| stop_stage(service) == group, now, actions);
    }
}

#[cfg(test)]
mod tests;
