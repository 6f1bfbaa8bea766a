//! The configuration keys of topics.

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`.
    Boolean,
    /// A 32-bit number.
    Int,
    /// A 64-bit number.
    Long,
    /// A number with a fraction.
    Double,
    /// Text.
    String,
    /// Texts, separated by commas.
    List,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfigDefinition {
    /// Kafka's name.
    pub name: &'static str,
    /// How its values are written.
    pub kind: ConfigType,
    /// What holds where nothing was set.
    pub default: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    values: Values,
}

/// Which values a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Values {
    Any,
    Bool,
    /// A whole number from the first to the second, both included.
    Whole(i64, i64),
    /// A fraction from 0 to 1.
    Ratio,
    OneOf(&'static [&'static str]),
    /// The default alone; why nothing else is there.
    Only(&'static str),
    /// One or more, separated by commas.
    SomeOf(&'static [&'static str]),
}

const INT: i64 = i32::MAX as i64;
const LONG: i64 = i64::MAX;

/// The largest batch: brokers take Produce requests of up to 16 MiB, and there must be room for the rest of
/// the request.
const MOST_MESSAGE_BYTES: i64 = (16 << 20) - (64 << 10);

/// Why logs aren't flushed by count or by time.
const NO_FLUSH: &str = "logs are made durable by the broker's own rules, not by topic";

/// Every key that a topic has, sorted by name, with Kafka's defaults except where the doc says so.
#[must_use]
pub fn topic_configs() -> &'static [ConfigDefinition] {
    KEYS
}

/// The definition of a key.
#[must_use]
pub fn topic_config(name: &str) -> Option<&'static ConfigDefinition> {
    KEYS.iter().find(|key| key.name == name)
}

/// Whether a key takes a value (`None`: its default); what is wrong otherwise.
pub(crate) fn check(name: &str, value: Option<&str>) -> Result<(), String> {
    let Some(key) = topic_config(name) else {
        return Err(format!("unknown topic config {name:?}"));
    };
    let Some(value) = value else { return Ok(()) };
    let expected = match key.values {
        Values::Any => return Ok(()),
        Values::Bool if ["true", "false"].contains(&value) => return Ok(()),
        Values::Bool => "true or false".to_owned(),
        Values::Whole(from, to) => match value.parse::<i64>() {
            Ok(number) if (from..=to).contains(&number) => return Ok(()),
            _ => format!("a whole number from {from} to {to}"),
        },
        Values::Ratio => match value.parse::<f64>() {
            Ok(number) if (0.0..=1.0).contains(&number) => return Ok(()),
            _ => "a number from 0 to 1".to_owned(),
        },
        Values::Only(_) if value == key.default => return Ok(()),
        Values::Only(why) => {
            return Err(format!(
                "topic config {name} can only be {}, not {value:?}: {why}",
                key.default
            ));
        }
        Values::OneOf(allowed) if allowed.contains(&value) => return Ok(()),
        Values::OneOf(allowed) => format!("one of {}", allowed.join(", ")),
        Values::SomeOf(allowed) if value.split(',').all(|v| allowed.contains(&v.trim())) => return Ok(()),
        Values::SomeOf(allowed) => format!("one or more of {}, separated by commas", allowed.join(", ")),
    };
    Err(format!("topic config {name} is {value:?}; it must be {expected}"))
}

const fn key(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    values: Values,
    doc: &'static str,
) -> ConfigDefinition {
    ConfigDefinition {
        name,
        kind,
        default,
        doc,
        values,
    }
}

use ConfigType as T;
use Values as V;

const KEYS: &[ConfigDefinition] = &[
    key(
        "cleanup.policy",
        T::List,
        "delete",
        V::SomeOf(&["delete", "compact"]),
        "What happens to old records: deleted by time and size, or compacted to the last of each key.",
    ),
    key(
        "compression.gzip.level",
        T::Int,
        "-1",
        V::Whole(-1, 9),
        "Level of gzip where the broker compresses.",
    ),
    key(
        "compression.lz4.level",
        T::Int,
        "9",
        V::Whole(1, 17),
        "Level of lz4 where the broker compresses.",
    ),
    key(
        "compression.type",
        T::String,
        "producer",
        V::Only("batches are stored as producers compressed them; set compression.type of the producers"),
        "Compression of stored batches; `producer` keeps what the producer chose.",
    ),
    key(
        "compression.zstd.level",
        T::Int,
        "3",
        V::Whole(-131_072, 22),
        "Level of zstd where the broker compresses.",
    ),
    key(
        "delete.retention.ms",
        T::Long,
        "86400000",
        V::Whole(0, LONG),
        "How long compaction keeps the marks of deleted keys.",
    ),
    key(
        "file.delete.delay.ms",
        T::Long,
        "60000",
        V::Whole(0, LONG),
        "How long a deleted segment stays on disk.",
    ),
    key(
        "flush.messages",
        T::Long,
        "9223372036854775807",
        V::Only(NO_FLUSH),
        "Records after which the log is forced to disk.",
    ),
    key(
        "flush.ms",
        T::Long,
        "9223372036854775807",
        V::Only(NO_FLUSH),
        "Time after which the log is forced to disk.",
    ),
    key(
        "follower.replication.throttled.replicas",
        T::List,
        "",
        V::Any,
        "Replicas whose followers are throttled.",
    ),
    key(
        "index.interval.bytes",
        T::Int,
        "4096",
        V::Whole(0, INT),
        "Bytes of records between two entries of the index.",
    ),
    key(
        "leader.replication.throttled.replicas",
        T::List,
        "",
        V::Any,
        "Replicas whose leaders are throttled.",
    ),
    key(
        "local.retention.bytes",
        T::Long,
        "-2",
        V::Whole(-2, LONG),
        "With tiered storage: bytes kept locally; -2 follows retention.bytes.",
    ),
    key(
        "local.retention.ms",
        T::Long,
        "-2",
        V::Whole(-2, LONG),
        "With tiered storage: time kept locally; -2 follows retention.ms.",
    ),
    key(
        "max.compaction.lag.ms",
        T::Long,
        "9223372036854775807",
        V::Whole(1, LONG),
        "How long a record may stay uncompacted.",
    ),
    key(
        "max.message.bytes",
        T::Int,
        "1048588",
        V::Whole(0, MOST_MESSAGE_BYTES),
        "Largest record batch.",
    ),
    key(
        "message.timestamp.after.max.ms",
        T::Long,
        "9223372036854775807",
        V::Whole(0, LONG),
        "How far a record's timestamp may be ahead of the broker's clock; not limited, as in Kafka 3.7.",
    ),
    key(
        "message.timestamp.before.max.ms",
        T::Long,
        "9223372036854775807",
        V::Whole(0, LONG),
        "How far a record's timestamp may be behind the broker's clock.",
    ),
    key(
        "message.timestamp.type",
        T::String,
        "CreateTime",
        V::OneOf(&["CreateTime", "LogAppendTime"]),
        "Whose clock stamps records.",
    ),
    key(
        "min.cleanable.dirty.ratio",
        T::Double,
        "0.5",
        V::Ratio,
        "Uncompacted share of the log from which it is compacted.",
    ),
    key(
        "min.compaction.lag.ms",
        T::Long,
        "0",
        V::Whole(0, LONG),
        "How long a record stays uncompacted at least.",
    ),
    key(
        "min.insync.replicas",
        T::Int,
        "1",
        V::Whole(1, INT),
        "Replicas that must be in sync for a write with acks=all.",
    ),
    key(
        "preallocate",
        T::Boolean,
        "false",
        V::Bool,
        "Whether segments are created at full length.",
    ),
    key(
        "remote.storage.enable",
        T::Boolean,
        "false",
        V::OneOf(&["false"]),
        "Tiered storage; not there.",
    ),
    key(
        "retention.bytes",
        T::Long,
        "-1",
        V::Whole(-1, LONG),
        "Bytes of a partition beyond which old segments are deleted; -1: no limit.",
    ),
    key(
        "retention.ms",
        T::Long,
        "604800000",
        V::Whole(-1, LONG),
        "Age beyond which segments are deleted; -1: never.",
    ),
    key(
        "segment.bytes",
        T::Int,
        "1073741824",
        V::Whole(14, INT),
        "Length of a segment.",
    ),
    key(
        "segment.index.bytes",
        T::Int,
        "10485760",
        V::Whole(4, INT),
        "Length of a segment's index.",
    ),
    key(
        "segment.jitter.ms",
        T::Long,
        "0",
        V::Whole(0, LONG),
        "Spread of segment.ms.",
    ),
    key(
        "segment.ms",
        T::Long,
        "604800000",
        V::Whole(1, LONG),
        "Age at which a segment is closed.",
    ),
    key(
        "unclean.leader.election.enable",
        T::Boolean,
        "false",
        V::OneOf(&["false"]),
        "Whether a replica that isn't in sync may lead; never.",
    ),
];
