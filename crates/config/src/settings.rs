//! Checked configuration: every value parsed, bounded, and consistent with the others.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::check::Checker;
use crate::error::ConfigError;
use crate::file;
use crate::folders::Folders;
use crate::key::KEYS;
use crate::raw::{self, Flag, Raw};

/// The file that is read where no other is named.
const DEFAULT_FILE: &str = "config.yml";

/// Where settings come from.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file that the operator named; it must exist.
    pub file: Option<PathBuf>,
    /// Settings from the command line; they win over everything.
    pub flags: Vec<Flag>,
}

/// Everything that can be set, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where everything is stored.
    pub folders: Folders,
    /// What the services log, in the syntax of `RUST_LOG`.
    pub log_level: String,
    /// The brokers.
    pub kafka: Kafka,
    /// The two topics.
    pub topics: Topics,
    /// The generator.
    pub generator: Generator,
    /// The ETL.
    pub etl: Etl,
    /// Limits of SQL.
    pub sql: Sql,
}

/// The brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// The address that all brokers listen on.
    pub host: IpAddr,
    /// The brokers, by id from 1.
    pub brokers: Vec<Broker>,
    /// Partitions of a new topic.
    pub partitions: u32,
    /// Copies of a partition, as wanted.
    pub replication_factor: u32,
}

/// One broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broker {
    /// `node.id`, from 1.
    pub id: u32,
    /// Where clients reach it.
    pub client_port: u16,
    /// Where the other brokers reach it.
    pub peer_port: u16,
}

/// The topics, by what flows through them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    /// The topic of page views.
    pub clickstream: String,
    /// The topic of device readings.
    pub iot: String,
}

/// The generator.
#[derive(Debug, Clone, PartialEq)]
pub struct Generator {
    /// Page views a second of its clock.
    pub clickstream_per_second: f64,
    /// Device readings a second of its clock.
    pub iot_per_second: f64,
    /// Equal seeds generate equal events.
    pub seed: u64,
    /// Where its clock starts; `None` for now.
    pub start: Option<Timestamp>,
    /// Seconds of its clock in a real second.
    pub speed: f64,
    /// Threads that make events.
    pub threads: usize,
    /// Share of events that are sent twice.
    pub duplicates: f64,
    /// Share of events that are broken on purpose.
    pub malformed: f64,
}

/// The ETL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Etl {
    /// Time between two micro-batches.
    pub trigger: Duration,
    /// How late an event may come.
    pub watermark: Duration,
}

/// Limits of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    /// Memory in bytes.
    pub memory_bytes: usize,
    /// Time until it is given up.
    pub timeout: Duration,
}

impl Settings {
    /// Reads and checks all layers: flag > `MINICLUSTER_*` > `config.yml` > default.
    ///
    /// # Errors
    /// The first thing that is wrong, with the place to mend it.
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        });
        let named = sources
            .file
            .or_else(|| std::env::var_os("MINICLUSTER_CONFIG").map(PathBuf::from));
        let text = read(named.as_deref())?;
        let path = named.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        let file = text.as_deref().map(|text| (path, text));
        Self::from_layers(file, environment, sources.flags)
    }

    /// The same, of layers that were read already.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn from_layers(
        file: Option<(&Path, &str)>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Vec<Flag>,
    ) -> Result<Self, ConfigError> {
        let mut raw = Raw::default();
        if let Some((path, text)) = file {
            raw.lay(file::parse(text, path)?);
        }
        raw.lay(raw::variables(environment)?);
        raw.lay(raw::flags(flags)?);
        Self::check(&Checker::new(&raw))
    }

    fn check(values: &Checker<'_>) -> Result<Self, ConfigError> {
        // Every key once, so that a wrong value is found even where it is not used.
        for key in KEYS {
            values.check(key)?;
        }
        let data = values.folder("data_folder")?.unwrap_or_default();
        Ok(Self {
            folders: Folders::new(
                data,
                values.folder("storage.datalake_root")?,
                values.folder("storage.checkpoint_root")?,
            ),
            log_level: values.text("log.level")?,
            kafka: kafka(values)?,
            topics: topics(values)?,
            generator: generator(values)?,
            etl: Etl {
                trigger: values.milliseconds("etl.trigger_ms")?,
                watermark: values.milliseconds("etl.watermark_ms")?,
            },
            sql: Sql {
                memory_bytes: values.whole::<usize>("sql.memory_mib")? << 20,
                timeout: values.milliseconds("sql.timeout_ms")?,
            },
        })
    }

    /// The address list of all brokers for their clients, `host:port,host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> Vec<String> {
        let broker = |broker: &Broker| self.kafka.address(broker.client_port);
        self.kafka.brokers.iter().map(broker).collect()
    }
}

impl Kafka {
    /// `host:port`, with brackets around an IPv6 host.
    #[must_use]
    pub fn address(&self, port: u16) -> String {
        std::net::SocketAddr::new(self.host, port).to_string()
    }
}

fn read(named: Option<&Path>) -> Result<Option<String>, ConfigError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if named.is_none() && e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        }),
    }
}

/// The keys of the ports, by broker: clients, then brokers.
const PORTS: [[&str; 2]; 3] = [
    ["kafka.external_ports.broker_1", "kafka.peer_ports.broker_1"],
    ["kafka.external_ports.broker_2", "kafka.peer_ports.broker_2"],
    ["kafka.external_ports.broker_3", "kafka.peer_ports.broker_3"],
];

fn kafka(values: &Checker<'_>) -> Result<Kafka, ConfigError> {
    let count: u32 = values.whole("kafka.brokers")?;
    let mut brokers = Vec::new();
    let mut taken: Vec<(u16, &str)> = Vec::new();
    for (id, [client_key, peer_key]) in (1..=count).zip(PORTS) {
        let client_port: u16 = values.whole(client_key)?;
        let peer_port = match values.optional(peer_key)? {
            Some(port) => port,
            None => client_port.checked_add(1).ok_or_else(|| {
                values.error(client_key, format!("leaves no port for `{peer_key}`; set that"))
            })?,
        };
        for (port, key) in [(client_port, client_key), (peer_port, peer_key)] {
            if let Some((_, other)) = taken.iter().find(|(other, _)| *other == port) {
                let message = format!("is port {port}, but so is `{other}`; give each its own");
                let origin = if values.is_set(key) { key } else { client_key };
                return Err(values.error_at(origin, key, message));
            }
            taken.push((port, key));
        }
        brokers.push(Broker {
            id,
            client_port,
            peer_port,
        });
    }
    let replication_factor = values.optional("kafka.replication_factor")?.unwrap_or(count);
    if replication_factor > count {
        let message = format!("is {replication_factor}, but there are {count} brokers");
        return Err(values.error("kafka.replication_factor", message));
    }
    Ok(Kafka {
        host: values.address("kafka.host")?,
        brokers,
        partitions: values.whole("kafka.partitions")?,
        replication_factor,
    })
}

fn topics(values: &Checker<'_>) -> Result<Topics, ConfigError> {
    let topics = Topics {
        clickstream: values.text("topics.clickstream")?,
        iot: values.text("topics.iot")?,
    };
    if topics.clickstream == topics.iot {
        let message = "is the same topic as `topics.clickstream`; give each its own".to_owned();
        return Err(values.error("topics.iot", message));
    }
    Ok(topics)
}

fn generator(values: &Checker<'_>) -> Result<Generator, ConfigError> {
    let duplicates = values.number("data_generator.faults.duplicates")?;
    let malformed = values.number("data_generator.faults.malformed")?;
    if duplicates + malformed > 1.0 {
        let key = "data_generator.faults.malformed";
        let other = "`data_generator.faults.duplicates`";
        return Err(values.error(
            key,
            format!("is {malformed} and {other} {duplicates}: shares of the same events, at most 1 together"),
        ));
    }
    Ok(Generator {
        clickstream_per_second: values.number("data_generator.events_per_second.clickstream")?,
        iot_per_second: values.number("data_generator.events_per_second.iot")?,
        seed: values.whole("data_generator.seed")?,
        start: values.instant("data_generator.start")?,
        speed: values.number("data_generator.speed")?,
        threads: values.whole("data_generator.threads")?,
        duplicates,
        malformed,
    })
}

#[cfg(test)]
mod tests;
