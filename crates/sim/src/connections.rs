//! What travels between brokers, and what becomes of it.

use std::collections::VecDeque;

use broker::Input;
use bytes::Bytes;
use record::BrokerId;

use crate::world::{Happening, World, pair};

impl World {
    pub(crate) fn connect(&mut self, a: BrokerId, b: BrokerId) {
        if a == b || self.cut.contains(&pair(a, b)) {
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
        let connection = self.connections.entry(pair(a, b)).or_default();
        connection.number += 1;
        connection.travelling.clear();
        for (at, peer) in [(a, b), (b, a)] {
            let start = self.brokers[&at].start;
            self.schedule.after(0, Happening::Lost { at, start, peer });
        }
    }

    pub(crate) fn mend(&mut self, a: BrokerId, b: BrokerId) {
        if self.cut.remove(&pair(a, b)) {
            self.tell(format!("{a} and {b} reach each other"));
            let running = self.running();
            if running.contains(&a) && running.contains(&b) {
                self.connect(a, b);
            }
        }
    }

    pub(crate) fn send(&mut self, from: BrokerId, to: BrokerId, frame: Bytes) {
        if self.random.chance(self.weather.loss) {
            return;
        }
        let is_slow = self
            .weather
            .slow
            .is_some_and(|slow| slow == from.0 || slow == to.0);
        let longest = self.weather.delay + if is_slow { self.weather.slow_by } else { 0 };
        let delay = self.random.between(0, longest);
        let entry = self.connections.entry(pair(from, to)).or_default();
        let connection = entry.number;
        entry.travelling.entry(to).or_default().push_back(frame);
        self.schedule
            .after(delay, Happening::Arrive { from, to, connection });
    }

    pub(crate) fn arrive(&mut self, from: BrokerId, to: BrokerId, connection: u64) -> Result<(), String> {
        let paused = self.brokers[&to].paused_until.since(self.schedule.now()).0;
        let cut = if self.cut.contains(&pair(from, to)) { 50 } else { 0 };
        let Some(open) = self
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
