//! Synthetic events, seeded, on a virtual clock, with counted faults.
//!
//! Two streams: `clickstream` (page views) and `iot` (readings of devices). An event is a function of
//! (seed, run, start of the clock, stream, sequence) and of nothing else: any number of threads makes the
//! same bytes, and each event can be made without those before it. The event's own time follows from its
//! sequence and the rate; when it is sent follows from its time and the speed of the clock, not from when
//! the one before it was sent, so that a slow broker shows as lateness and is caught up with.
//!
//! On purpose and at a rate, records are *duplicates* of an event shortly before, byte for byte and to the
//! same partition, or *malformed* in one of several kinds ([`MalformedKind`]) that no lenient parser can
//! take for an event. [`Truth`] counts what a topic holds: events, duplicates, malformed by kind. It can be
//! read while the generator runs.
//!
//! *Truth survives `kill -9`.* Each record carries its run, sequence and kind in the headers `mc-run`,
//! `mc-seq` and `mc-kind`. Before records are sent the range of their sequences stands in the truth log;
//! after their acknowledgement the counts. What lies between the two at a crash is the *open tail*. The next
//! run takes over the producer id of the dead one with a higher epoch, writes one event to each partition,
//! so that brokers refuse whatever the dead one may still have on the way, and reads the topic from the last
//! counted offset to these events: what is there was sent, what isn't was not. A partition belongs to one
//! idempotent producer at a time.
//!
//! # Files
//!
//! | file in the truth folder | what it is |
//! |---|---|
//! | `truth.log` | the truth log: a line an entry, CRC-32C in hex and JSON; the first names the format, [`FORMAT`] |
//! | `truth.lock` | locked while a generator runs |

mod clickstream;
mod clock;
mod counts;
mod error;
mod event;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the engine that drives the models is next")
)]
mod format;
mod iot;
mod malformed;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the engine that drives the models is next")
)]
mod model;
mod plan;
mod progress;
mod random;
mod resolve;
mod run;
mod sender;
mod settings;
mod tally;
mod truth;
mod truth_log;
mod workers;

pub use counts::{Counts, MalformedKind};
pub use error::GeneratorError;
pub use format::Format;
pub use model::Curve;
pub use progress::{Progress, Summary, TopicProgress};
pub use run::run;
pub use settings::{Faults, Settings, StreamKind, StreamSettings};
pub use truth::{TopicTruth, Truth};
pub use truth_log::FORMAT;
