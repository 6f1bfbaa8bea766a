//! Synthetic events, seeded, on a virtual clock, with counted faults.
//!
//! A stream is a [model](Events) cut into lanes, small simulations with random numbers of their own. Threads run the
//! lanes, a merge puts their records in order, a sink sends them when they are due: to brokers ([`run`]), or
//! to files ([`write()`]). An event is a function of (seed, run, start of the clock, stream) and its place in
//! the stream: any number of threads makes the same bytes. When it is sent follows from its time and the
//! speed of the clock, not from when the one before it was sent, so that a slow receiver shows as lateness
//! and is caught up with.
//!
//! On purpose and at a rate, records are faulty ([`Faults`]). Each is of one [`Kind`], for which a reader has
//! one right [`Verdict`]; margins see to it that no interleaving changes it. [`Truth`] counts what a topic
//! holds by kind. It can be read while the generator runs.
//!
//! *Truth survives `kill -9`.* Each record carries its run, sequence and kind in the headers `mc-run`,
//! `mc-seq` and `mc-kind`. Before records are sent the range of their sequences stands in the truth log;
//! after their acknowledgement the counts. What lies between the two at a crash is the *open tail*. The next
//! run writes one event to each partition under the producer id of the dead one with a higher epoch, so that
//! brokers refuse whatever the dead one may still have on the way, and reads the topic from the last counted
//! offset to these events: what is there was sent, what isn't was not. Then it goes on under an id of its own:
//! a partition belongs to one idempotent producer at a time.
//!
//! # Files
//!
//! | file in the truth folder | what it is |
//! |---|---|
//! | `truth.log` | the truth log: a line an entry, CRC-32C in hex and JSON; the first names the format, [`FORMAT`] |
//! | `truth.lock` | locked while a generator runs |

mod counts;
mod engine;
mod error;
mod faults;
mod feed;
mod format;
mod headers;
mod kind;
mod model;
mod output;
mod pace;
mod progress;
mod random;
mod replay;
mod resolve;
mod run;
mod sender;
mod settings;
mod settle;
mod stream;
mod tally;
mod truth;
mod truth_log;

pub use counts::Counts;
pub use error::GeneratorError;
pub use faults::{Faults, Margins};
pub use feed::Replay;
pub use format::Format;
pub use kind::{Kind, Verdict};
pub use model::{Curve, Declaration, DeclaredField, DeclaredKind};
pub use output::{Output, write};
pub use progress::{Latency, Progress, Summary, TopicProgress};
pub use run::{Kafka, replay, run};
pub use settings::{End, Events, Settings, StreamKind, StreamSettings};
pub use truth::{TopicTruth, Truth};
pub use truth_log::FORMAT;
