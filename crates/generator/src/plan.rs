//! What each sequence of a stream is, and its bytes. A pure function of the plan and the sequence.

use crate::{
    clickstream,
    clock::Clock,
    event::{Kind, Made},
    iot, malformed,
    random::{Purpose, Random, mix},
    settings::{Faults, StreamKind},
};

/// A duplicate comes so many records after its original at most...
const DUPLICATE_RECORDS: u64 = 50;
/// ... and so many seconds of the virtual clock: far less than any watermark delay.
const DUPLICATE_SECONDS: f64 = 5.0;

/// One stream of one run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) kind: StreamKind,
    pub(crate) clock: Clock,
    faults: Faults,
    root: u128,
}

/// What is drawn for a sequence; whether a duplicate finds an original is seen later.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Draw {
    Event,
    Duplicate { back: u64 },
    Malformed,
}

impl Plan {
    /// `run` counts the runs of this truth log.
    pub(crate) fn new(kind: StreamKind, clock: Clock, faults: Faults, seed: u64, run: u64) -> Self {
        let stream = match kind {
            StreamKind::Clickstream => 1_u128,
            StreamKind::Iot => 2,
        };
        let seeded = mix(u128::from(seed) << 64 | stream);
        let root = mix(seeded ^ u128::from(run) << 64 ^ clock.start_ms as u128);
        Self {
            kind,
            clock,
            faults,
            root,
        }
    }

    /// The record of this sequence.
    pub(crate) fn make(&self, sequence: u64) -> Made {
        let at_ms = self.clock.at_ms(sequence);
        match self.draw(sequence) {
            Draw::Event => self.event(sequence),
            Draw::Duplicate { back } => match self.original(sequence, back) {
                Some(original) => {
                    let repeated = self.event(original);
                    Made {
                        sequence,
                        kind: Kind::Duplicate,
                        original: Some(original),
                        at_ms,
                        ..repeated
                    }
                }
                None => self.event(sequence),
            },
            Draw::Malformed => {
                let mut random = Random::new(self.root, Purpose::Content, sequence);
                let event = self.event(sequence);
                let (kind, value) = malformed::spoil(self.kind, &event.value, &mut random);
                Made {
                    kind: Kind::Malformed(kind),
                    value,
                    ..event
                }
            }
        }
    }

    fn draw(&self, sequence: u64) -> Draw {
        let mut random = Random::new(self.root, Purpose::Kind, sequence);
        let share = random.unit();
        let Faults {
            duplicates,
            malformed,
        } = self.faults;
        if share < malformed {
            Draw::Malformed
        } else if share < malformed + duplicates {
            let reach = self
                .clock
                .sequences_in_virtual(DUPLICATE_SECONDS)
                .clamp(1, DUPLICATE_RECORDS);
            Draw::Duplicate {
                back: 1 + random.below(reach),
            }
        } else {
            Draw::Event
        }
    }

    /// The nearest event at or before `back` sequences ago, within reach.
    fn original(&self, sequence: u64, back: u64) -> Option<u64> {
        let reach = self
            .clock
            .sequences_in_virtual(DUPLICATE_SECONDS)
            .clamp(1, DUPLICATE_RECORDS);
        let within = (back..=reach).map_while(|back| sequence.checked_sub(back));
        within
            .into_iter()
            .find(|earlier| self.draw(*earlier) == Draw::Event)
    }

    fn event(&self, sequence: u64) -> Made {
        let at_ms = self.clock.at_ms(sequence);
        let (key, value) = match self.kind {
            StreamKind::Clickstream => clickstream::event(self.root, &self.clock, sequence, at_ms),
            StreamKind::Iot => iot::event(self.root, &self.clock, sequence, at_ms),
        };
        Made {
            sequence,
            kind: Kind::Event,
            original: None,
            at_ms,
            timestamp_ms: at_ms,
            key,
            value,
        }
    }
}

#[cfg(test)]
mod tests;
