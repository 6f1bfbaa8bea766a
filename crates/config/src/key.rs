//! Every setting there is, declared once: its name in `config.yml`, what it takes, its default.

use std::fmt;

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// The name of a topic, by Kafka's rules.
    Topic,
    /// A path; a relative one in `config.yml` counts from the folder of that file.
    Folder,
    /// An IP address.
    Address,
    /// A TCP port, 1 to 65535.
    Port,
    /// A whole number between two bounds, both included.
    Whole {
        /// The smallest allowed value.
        min: u64,
        /// The largest allowed value.
        max: u64,
    },
    /// A number between two bounds, both included.
    Number {
        /// The smallest allowed value.
        min: f64,
        /// The largest allowed value.
        max: f64,
    },
    /// `now`, or a point in time such as `2025-06-01T12:00:00Z`.
    Instant,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(f, "a text"),
            Self::Topic => write!(f, "a topic name (up to 249 letters, digits, '.', '_' and '-')"),
            Self::Folder => write!(f, "a folder"),
            Self::Address => write!(f, "an IP address such as 127.0.0.1"),
            Self::Port => write!(f, "a port from 1 to 65535"),
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Instant => write!(f, "`now` or a time such as 2025-06-01T12:00:00Z"),
        }
    }
}

/// One setting.
#[derive(Debug, PartialEq)]
pub struct Key {
    /// Its name in `config.yml`, the sections joined by dots.
    pub path: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The value without a file. `None`: it follows from other settings, as `about` says.
    pub default: Option<&'static str>,
    /// One line for the operator.
    pub about: &'static str,
}

impl Key {
    /// The environment variable that sets it: `MINICLUSTER_` and the path in capitals.
    #[must_use]
    pub fn variable(&self) -> String {
        let mut name = String::from("MINICLUSTER_");
        name.extend(self.path.chars().map(|c| match c {
            '.' => '_',
            other => other.to_ascii_uppercase(),
        }));
        name
    }

    /// The setting of this name.
    #[must_use]
    pub fn of_path(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// The setting that an environment variable stands for.
    pub(crate) fn of_variable(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.variable() == name)
    }

    /// Whether some setting lies in the section of this name.
    pub(crate) fn is_section(path: &str) -> bool {
        KEYS.iter().any(|key| {
            key.path
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('.'))
        })
    }
}

const fn key(path: &'static str, kind: Kind, default: Option<&'static str>, about: &'static str) -> Key {
    Key {
        path,
        kind,
        default,
        about,
    }
}

const RATE: Kind = Kind::Number {
    min: 0.0,
    max: 10_000_000.0,
};
const SHARE: Kind = Kind::Number { min: 0.0, max: 1.0 };
const MILLISECONDS: Kind = Kind::Whole {
    min: 1,
    max: 86_400_000,
};

/// Every setting, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key(
        "data_folder",
        Kind::Folder,
        Some("data"),
        "everything that minicluster stores, but what `storage` puts elsewhere",
    ),
    key(
        "log.level",
        Kind::Text,
        Some("info"),
        "what the services log, as RUST_LOG: `info`, `debug`, `info,broker=trace`",
    ),
    key(
        "kafka.brokers",
        Kind::Whole { min: 1, max: 3 },
        Some("3"),
        "broker processes",
    ),
    key(
        "kafka.host",
        Kind::Address,
        Some("127.0.0.1"),
        "the address that brokers listen on and tell their clients",
    ),
    key(
        "kafka.external_ports.broker_1",
        Kind::Port,
        Some("19092"),
        "where clients reach broker 1",
    ),
    key(
        "kafka.external_ports.broker_2",
        Kind::Port,
        Some("29092"),
        "where clients reach broker 2",
    ),
    key(
        "kafka.external_ports.broker_3",
        Kind::Port,
        Some("39092"),
        "where clients reach broker 3",
    ),
    key(
        "kafka.peer_ports.broker_1",
        Kind::Port,
        None,
        "where brokers reach broker 1; the external port + 1 if not set",
    ),
    key(
        "kafka.peer_ports.broker_2",
        Kind::Port,
        None,
        "where brokers reach broker 2; the external port + 1 if not set",
    ),
    key(
        "kafka.peer_ports.broker_3",
        Kind::Port,
        None,
        "where brokers reach broker 3; the external port + 1 if not set",
    ),
    key(
        "kafka.partitions",
        Kind::Whole { min: 1, max: 1000 },
        Some("6"),
        "partitions of a new topic",
    ),
    key(
        "kafka.replication_factor",
        Kind::Whole { min: 1, max: 3 },
        None,
        "copies of a partition; the number of brokers if not set",
    ),
    key(
        "topics.clickstream",
        Kind::Topic,
        Some("clickstream"),
        "the topic of page views",
    ),
    key(
        "topics.iot",
        Kind::Topic,
        Some("iot"),
        "the topic of device readings",
    ),
    key(
        "data_generator.events_per_second.clickstream",
        RATE,
        Some("200"),
        "page views a second of the generator's clock; 0 for none",
    ),
    key(
        "data_generator.events_per_second.iot",
        RATE,
        Some("150"),
        "device readings a second of the generator's clock; 0 for none",
    ),
    key(
        "data_generator.seed",
        Kind::Whole {
            min: 0,
            max: u64::MAX,
        },
        Some("1"),
        "equal seeds generate equal events",
    ),
    key(
        "data_generator.start",
        Kind::Instant,
        Some("now"),
        "where the generator's clock starts",
    ),
    key(
        "data_generator.speed",
        Kind::Number {
            min: 0.001,
            max: 100_000.0,
        },
        Some("1"),
        "seconds of the generator's clock in a real second",
    ),
    key(
        "data_generator.threads",
        Kind::Whole { min: 1, max: 64 },
        Some("1"),
        "threads that make events",
    ),
    key(
        "data_generator.faults.duplicates",
        SHARE,
        Some("0"),
        "share of events that are sent twice",
    ),
    key(
        "data_generator.faults.malformed",
        SHARE,
        Some("0"),
        "share of events that are broken on purpose",
    ),
    key(
        "storage.datalake_root",
        Kind::Folder,
        None,
        "the lake; `datalake` in the data folder if not set",
    ),
    key(
        "storage.checkpoint_root",
        Kind::Folder,
        None,
        "the ETL's state; `checkpoints` in the data folder if not set",
    ),
    key(
        "etl.trigger_ms",
        MILLISECONDS,
        Some("5000"),
        "time between two micro-batches",
    ),
    key(
        "etl.watermark_ms",
        MILLISECONDS,
        Some("120000"),
        "how late an event may come",
    ),
    key(
        "sql.memory_mib",
        Kind::Whole {
            min: 16,
            max: 1_048_576,
        },
        Some("512"),
        "what one query may use of memory",
    ),
    key(
        "sql.timeout_ms",
        MILLISECONDS,
        Some("60000"),
        "what one query may use of time",
    ),
];
