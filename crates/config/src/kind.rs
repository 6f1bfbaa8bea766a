//! What a setting takes, and whether a text is that.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text that is not empty.
    Text,
    /// The name of a topic, by Kafka's rules.
    Topic,
    /// The id of a Kafka cluster.
    ClusterId,
    /// A path; a relative one in a file counts from the folder of that file.
    Folder,
    /// An IP address.
    Address,
    /// A list of `host:port`, joined by commas.
    Servers,
    /// A Spark master.
    Master,
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
    /// An amount of memory as Spark writes it: `512m`, `2g`.
    Memory,
    /// `now`, or a point in time such as `2025-06-01T12:00:00Z`.
    Instant,
    /// A length of time with its unit: `90s`, `7d`.
    Span,
    /// One of some words.
    OneOf(&'static [&'static str]),
}

/// The least memory of a worker: below it one batch of records does not fit.
const LEAST_MEMORY: u64 = 64 << 20;

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(f, "a text"),
            Self::Topic => write!(f, "a topic name (up to 249 letters, digits, '.', '_' and '-')"),
            Self::ClusterId => write!(f, "a cluster id (up to 64 letters, digits, '_' and '-')"),
            Self::Folder => write!(f, "a folder, written out without `~` and variables"),
            Self::Address => write!(f, "an IP address such as 127.0.0.1"),
            Self::Servers => write!(f, "servers such as localhost:19092,localhost:29092"),
            Self::Master => write!(f, "a Spark master such as spark://spark-master:7077 or local[*]"),
            Self::Port => write!(f, "a port from 1 to 65535"),
            Self::Whole { min, max: u64::MAX } => write!(f, "a whole number from {min}"),
            Self::Whole { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min: 0.0, max: 1.0 } => write!(f, "a share from 0 to 1, such as 0.05 for 5 %"),
            Self::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Memory => write!(f, "memory with its unit, 64m or more, such as 512m or 2g"),
            Self::Instant => write!(f, "`now` or a time such as 2025-06-01T12:00:00Z"),
            Self::Span => write!(f, "a length of time with its unit, such as 90s, 15m, 12h or 7d"),
            Self::OneOf(words) => match words.split_last() {
                Some((last, first)) if !first.is_empty() => write!(f, "{} or {last}", first.join(", ")),
                _ => write!(f, "{}", words.join("")),
            },
        }
    }
}

impl Kind {
    /// Whether a text, without blanks around it, is one that such a setting takes.
    #[must_use]
    pub fn takes(self, text: &str) -> bool {
        match self {
            Self::Text => !text.is_empty() && !text.contains('\0'),
            // What a shell would replace, nobody replaces here: it would become a folder of that name.
            Self::Folder => Self::Text.takes(text) && !text.starts_with(['~', '$']),
            Self::Topic => is_topic(text),
            Self::ClusterId => {
                let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                (1..=64).contains(&text.len()) && text.chars().all(allowed)
            }
            Self::Address => text.parse::<IpAddr>().is_ok(),
            Self::Servers => servers(text).is_some(),
            Self::Master => ["spark://", "k8s://", "local", "yarn"]
                .iter()
                .any(|start| text.starts_with(start)),
            Self::Port => text.parse::<u16>().is_ok_and(|port| port > 0),
            Self::Whole { min, max } => text.parse::<u64>().is_ok_and(|n| (min..=max).contains(&n)),
            Self::Number { min, max } => text.parse::<f64>().is_ok_and(|n| (min..=max).contains(&n)),
            Self::Memory => memory(text).is_some_and(|bytes| bytes >= LEAST_MEMORY),
            Self::Instant => text == "now" || text.parse::<Timestamp>().is_ok(),
            Self::Span => span(text).is_some(),
            Self::OneOf(words) => words.contains(&text),
        }
    }
}

fn is_topic(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&text.len())
        && text.chars().all(allowed)
        && text != "."
        && text != ".."
        && !text.starts_with("__")
}

/// The bytes of `512m`, `2g`, `2GB`.
pub(crate) fn memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Longer ones are mistakes: 10 years.
const LONGEST_SPAN: Duration = Duration::from_secs(3_650 * 86_400);

/// The length of `500ms`, `90s`, `15m`, `12h`, `7d`; none of what isn't one.
#[must_use]
pub fn span(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let ms = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let span = Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(ms)?);
    (span <= LONGEST_SPAN).then_some(span)
}

/// The servers of a list, each of the form `host:port`.
pub(crate) fn servers(text: &str) -> Option<Vec<&str>> {
    let good = |server: &&str| {
        server.rsplit_once(':').is_some_and(|(host, port)| {
            let host_is_good = !host.is_empty() && !host.contains(char::is_whitespace);
            host_is_good && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
    };
    let servers: Vec<&str> = text.split(',').map(str::trim).collect();
    servers.iter().all(good).then_some(servers)
}
