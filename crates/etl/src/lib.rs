//! The streaming ETL: from Kafka's topics to the tables of the lake, every event accounted for.
//!
//! A micro-batch is an *epoch*. It plans end offsets per partition, fetches up to them, decodes each
//! record by itself into columns, judges it (malformed, future, filtered, late, duplicate, written),
//! counts the written ones per window, stages Parquet and state files, and commits all of it to the
//! lake in one step together with the next offsets. What a commit holds is what happened; an epoch
//! that was not committed never happened, and is read again.
//!
//! The decisions are pure and know neither files nor sockets nor clocks: [`EventTime`], the
//! watermarks, the verdicts, deduplication, windows, the [`Ledger`] and the recovery.
//! Around them: the decoder (JSON to Arrow), the sink (Arrow to Parquet), the state files, the
//! epoch, which executes it all on a [`lake::Writer`], and [`run_telling`], which feeds it from Kafka.
//!
//! Tables are [`TableDeclaration`]s; [`default_tables`] are values like any other.
//!
//! # Leniencies
//!
//! Where the reference job on Spark (`from_json`, `to_timestamp`) is lenient, this is what we do:
//!
//! | input | Spark 3.5 | here |
//! |---|---|---|
//! | a member occurs twice | the last wins | the same |
//! | names | case-sensitive | the same |
//! | unknown members | ignored | the same |
//! | a declared member is missing or `null` | null | the same; but the event time or a deduplication key: malformed |
//! | number, boolean, object, array for a text column | its JSON text, numbers re-written (`1.50` gives `1.5`) | its JSON text exactly as it came |
//! | integral number with fraction or exponent for an int column (`-50.0`) | null | accepted |
//! | other fraction, or beyond 32 bits, for an int column | null | malformed |
//! | text for an int or double column (`"-50"`, `"21.5"`, `"NaN"`) | null, or the number | malformed |
//! | single quotes, trailing garbage, a byte order mark | accepted | malformed |
//! | text that is no JSON object, invalid UTF-8, no value | a row of nulls | malformed |
//! | a text longer than 1 MiB for a text column | accepted | malformed |
//! | nested deeper than 32 | accepted to 1,000 | malformed |
//! | one-digit month, day, hour, minute, second | accepted | the same |
//! | a fraction finer than a microsecond | cut | the same |
//! | event time without a zone | the session's zone | UTC |
//! | date alone | midnight | the same |
//! | year or year-month alone, region names as zone, years beyond 9999 (in UTC) | accepted | malformed |
//! | `T24:00`, impossible dates, other texts | null event time | malformed |

mod commit;
mod declaration;
mod decode;
mod dedup;
mod derived_table;
mod epoch;
mod error;
mod event_time;
mod fail_point;
mod job;
mod kafka;
mod ledger;
#[cfg(test)]
mod memory;
mod part;
mod payload;
mod pool;
mod progress;
mod recover;
mod rows;
mod run;
mod settings;
mod shard;
mod sink;
mod source;
mod source_table;
mod standing;
mod state;
mod stopwatch;
mod telling;
mod verdict;
mod watermark;
mod windows;

pub use declaration::{
    Aggregate, AggregateFunction, Column, ColumnType, DedupKey, DerivedDeclaration, SourceDeclaration,
    TableDeclaration, check_tables, default_tables,
};
pub use error::EtlError;
pub use event_time::EventTime;
pub use fail_point::FailPoints;
pub use ledger::{Counts, Ledger, LedgerKey, WindowCounts};
pub use progress::{
    Durations, EventTimeProgress, Progress, Report, SinkProgress, SourceProgress, StateProgress,
};
pub use recover::Refusal;
pub use rows::schemas;
pub use run::{Event, run, run_telling};
pub use settings::Settings;
pub use standing::{Standing, TableStanding};
