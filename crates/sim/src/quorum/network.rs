//! What travels between nodes, and what becomes of it.

use cluster::{ControllerRequest, Event, PeerMessage, Token};
use record::BrokerId;

use super::world::{Happening, World, pair};

impl World {
    pub(super) fn connection(&self, a: BrokerId, b: BrokerId) -> u64 {
        self.connections.get(&pair(a, b)).copied().unwrap_or(0)
    }

    pub(super) fn connect(&mut self, a: BrokerId, b: BrokerId) {
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

    /// The connection breaks. Both ends notice, unless they are cut off: then only time tells.
    pub(super) fn disconnect(&mut self, a: BrokerId, b: BrokerId) {
        *self.connections.entry(pair(a, b)).or_default() += 1;
        if self.cut.contains(&pair(a, b)) {
            return;
        }
        for (at, peer) in [(a, b), (b, a)] {
            let start = self.brokers[&at].start;
            self.schedule.after(0, Happening::Lost { at, start, peer });
        }
    }

    pub(super) fn cut(&mut self, a: BrokerId, b: BrokerId, noticed: bool) {
        if !self.cut.insert(pair(a, b)) {
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

    pub(super) fn mend(&mut self, a: BrokerId, b: BrokerId) {
        if self.cut.remove(&pair(a, b)) {
            self.tell(format!("{a} and {b} reach each other"));
            self.connect(a, b);
        }
    }

    /// Raft's messages are lost, doubled and late, more than a connection would allow.
    pub(super) fn send(&mut self, from: BrokerId, to: BrokerId, message: PeerMessage) {
        if self.random.chance(self.weather.loss) {
            return;
        }
        let copies = if self.random.chance(self.weather.doubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let outlives = self.weather.doubled > 0 && self.random.chance(100);
            let connection = if outlives {
                None
            } else {
                Some(self.connection(from, to))
            };
            let delay = self.random.between(0, self.weather.delay);
            let delay = if outlives { delay * 10 } else { delay };
            let message = PeerMessage::decode(message.encode()).expect("a message survives its bytes");
            self.schedule.after(
                delay,
                Happening::Raft {
                    from,
                    to,
                    connection,
                    message,
                },
            );
        }
    }

    pub(super) fn ask(&mut self, from: BrokerId, to: BrokerId, token: Token, request: ControllerRequest) {
        let connection = self.connection(from, to);
        let delay = self.random.between(0, self.weather.delay);
        if self.brokers[&to].node.is_none() {
            let start = self.brokers[&from].start;
            self.schedule.after(
                delay,
                Happening::NoReply {
                    at: from,
                    start,
                    token,
                },
            );
            return;
        }
        self.schedule.after(
            delay,
            Happening::Ask {
                from,
                to,
                connection,
                token,
                request,
            },
        );
    }

    pub(super) fn deliver(&mut self, to: BrokerId, event: Event, later: Happening) -> Result<(), String> {
        if self.is_paused(to) {
            let wait = self.brokers[&to].paused_until.since(self.schedule.now()).0;
            self.schedule.after(wait, later);
            return Ok(());
        }
        self.event(to, event)
    }
}
