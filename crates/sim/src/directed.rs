//! What random runs meet too rarely, step by step.

use std::collections::{BTreeMap, BTreeSet};

use cluster::{Action, Bug, Event, Millis, Node, Options, PeerMessage, Restored, TICK, Term};
use record::BrokerId;
use uuid::Uuid;

/// The voter that dies right after it has given its vote.
const VOTER: BrokerId = BrokerId(2);

/// Ticks in which a voter that hears nothing calls an election for sure.
const PATIENCE: u64 = 20;

struct Trio {
    bug: Option<Bug>,
    nodes: BTreeMap<BrokerId, Node>,
    disks: BTreeMap<BrokerId, Restored>,
    leaders: BTreeMap<Term, BTreeSet<BrokerId>>,
    now: Millis,
}

impl Trio {
    fn new(bug: Option<Bug>) -> Self {
        let mut trio = Self {
            bug,
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            leaders: BTreeMap::new(),
            now: Millis(0),
        };
        for id in [1, 2, 3] {
            trio.start(BrokerId(id));
        }
        trio
    }

    fn start(&mut self, id: BrokerId) {
        let voters = [1, 2, 3].map(BrokerId).to_vec();
        let mut options = Options::new(id, "sim", voters, Uuid::from_u128(1));
        options.bug = self.bug;
        let restored = self.disks.entry(id).or_default().clone();
        self.nodes
            .insert(id, Node::new(options, restored).expect("a node"));
    }

    /// Tells a node what happened, and gives what it sends. The voter dies as soon as a message about a
    /// term has left that it knew nothing of before.
    fn tell(&mut self, id: BrokerId, event: Event) -> Vec<(BrokerId, PeerMessage)> {
        let node = self.nodes.get_mut(&id).expect("a running broker");
        let before = node.term();
        let actions = node.on(event, self.now);
        if node.is_controller() || node.metadata().controller.is_some_and(|c| c.id == id) {
            self.leaders.entry(node.term()).or_default().insert(id);
        }
        let dies = id == VOTER && node.term() > before;
        let disk = self.disks.entry(id).or_default();
        let mut sent = Vec::new();
        for action in actions {
            match action {
                Action::Persist {
                    truncate_from,
                    entries,
                    hard_state,
                } => disk.persist(truncate_from, entries, hard_state),
                Action::Snapshot { snapshot, log_start } => disk.keep(snapshot, log_start),
                Action::Send { to, message } => {
                    sent.push((to, message));
                    if dies {
                        self.start(id);
                        return sent;
                    }
                }
                _ => {}
            }
        }
        sent
    }

    /// A candidate that reaches the voter alone tries to become leader.
    fn campaign(&mut self, candidate: BrokerId) {
        for _ in 0..PATIENCE {
            self.now = self.now.plus(TICK);
            let mut travelling: Vec<_> = self
                .tell(candidate, Event::Tick)
                .into_iter()
                .map(|(to, message)| (candidate, to, message))
                .collect();
            while let Some((from, to, message)) = travelling.pop() {
                if ![candidate, VOTER].contains(&to) || self.has_led(candidate) {
                    continue;
                }
                let sent = self.tell(to, Event::Peer { from, message });
                travelling.extend(sent.into_iter().map(|(next, message)| (to, next, message)));
            }
        }
    }

    fn has_led(&self, id: BrokerId) -> bool {
        self.leaders.values().any(|leaders| leaders.contains(&id))
    }
}

/// Broker 1 is elected by 2, which dies and comes back; then broker 3, which has heard of neither, asks 2.
fn terms_with_two_leaders(bug: Option<Bug>) -> usize {
    let mut trio = Trio::new(bug);
    trio.campaign(BrokerId(1));
    assert!(trio.has_led(BrokerId(1)), "{:?}", trio.leaders);
    trio.campaign(BrokerId(3));
    trio.leaders.values().filter(|leaders| leaders.len() > 1).count()
}

#[test]
fn a_vote_is_durable_before_it_is_heard_of() {
    assert_eq!(terms_with_two_leaders(None), 0);
    assert_eq!(terms_with_two_leaders(Some(Bug::SendBeforePersist)), 1);
}
