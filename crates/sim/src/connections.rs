//! What travels between brokers, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use broker::Input;
use bytes::Bytes;
use record::BrokerId;

use crate::world::{Happening, World};

/// What connects brokers.
#[derive(Default)]
pub(crate) struct Network {
    /// Pairs that can't reach each other, the lower id first.
    cut: BTreeSet<(BrokerId, BrokerId)>,
    connections: BTreeMap<(BrokerId, BrokerId), Connection>,
}

/// One direction of a connection keeps its order.
#[derive(Default)]
struct Connection {
    number: u64,
    travelling: BTreeMap<BrokerId, VecDeque<Bytes>>,
}

impl Network {
    pub(crate) fn is_cut(&self, a: BrokerId, b: BrokerId) -> bool {
        self.cut.contains(&pair(a, b))
    }
}

fn pair(a: BrokerId, b: BrokerId) -> (BrokerId, BrokerId) {
    (a.min(b), a.max(b))
}

impl World {
    pub(crate) fn connect(&mut self, a: BrokerId, b: BrokerId) {
        if a == b || self.network.is_cut(a, b) {
            return;
        }
        for (at, peer) in [(a, b), (b, a)] {
            let start = self.brokers[&at].start;
            let delay = self.random.between(1, 100);
            self.schedule
                .after(delay, Happening::Connected { at, start, peer });
        }
    }

    pub(crate) fn disconnect(&mut self, a: BrokerId, b: BrokerId) {
        let connection = self.network.connections.entry(pair(a, b)).or_default();
        connection.number += 1;
        connection.travelling.clear();
        for (at, peer) in [(a, b), (b, a)] {
            let start = self.brokers[&at].start;
            self.schedule.after(0, Happening::Lost { at, start, peer });
        }
    }

    pub(crate) fn mend(&mut self, a: BrokerId, b: BrokerId) {
        if self.network.cut.remove(&pair(a, b)) {
            self.tell(format!("{a} and {b} reach each other"));
            let running = self.running();
            if running.contains(&a) && running.contains(&b) {
                self.connect(a, b);
            }
        }
    }

    /// Nobody reaches the other for a while. Both ends notice at once, or with time only.
    pub(crate) fn cut_off(&mut self, a: BrokerId, b: BrokerId, noticed: bool) {
        if a == b || !self.network.cut.insert(pair(a, b)) {
            return;
        }
        self.tell(format!(
            "{a} and {b} are cut off from each other, noticed: {noticed}"
        ));
        if noticed {
            self.disconnect(a, b);
        }
        let delay = self.random.between(100, self.weather.longest);
        self.schedule.after(delay, Happening::Mend(a, b));
    }

    pub(crate) fn mend_all(&mut self) {
        for (a, b) in self.network.cut.clone() {
            self.mend(a, b);
        }
    }

    pub(crate) fn send(&mut self, from: BrokerId, to: BrokerId, frame: Bytes) {
        let network = &self.weather.network;
        if self.random.chance(network.loss) {
            return;
        }
        let is_slow = network.slow.is_some_and(|slow| slow == from.0 || slow == to.0);
        let longest = network.delay + if is_slow { network.slow_by } else { 0 };
        let delay = self.random.between(0, longest);
        let entry = self.network.connections.entry(pair(from, to)).or_default();
        let connection = entry.number;
        entry.travelling.entry(to).or_default().push_back(frame);
        self.schedule
            .after(delay, Happening::Arrive { from, to, connection });
    }

    pub(crate) fn arrive(&mut self, from: BrokerId, to: BrokerId, connection: u64) -> Result<(), String> {
        let paused = self.brokers[&to].paused_until.since(self.schedule.now()).0;
        let cut = if self.network.is_cut(from, to) { 50 } else { 0 };
        let Some(open) = self
            .network
            .connections
            .get_mut(&pair(from, to))
            .filter(|c| c.number == connection)
        else {
            return Ok(());
        };
        if paused > 0 || cut > 0 {
            self.schedule
                .after(paused.max(cut), Happening::Arrive { from, to, connection });
            return Ok(());
        }
        let Some(frame) = open.travelling.get_mut(&to).and_then(VecDeque::pop_front) else {
            return Ok(());
        };
        self.input(to, Input::PeerFrame { from, frame })
    }
}
