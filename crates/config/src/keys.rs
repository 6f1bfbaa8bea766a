//! Every setting there is, declared once.

use crate::key::Key;
use crate::kind::Kind;

const fn key(path: &'static str, kind: Kind, default: Option<&'static str>, about: &'static str) -> Key {
    Key {
        path,
        kind,
        default,
        about,
        legacy: &[],
    }
}

impl Key {
    /// The same setting with the names that the Docker version has for it.
    const fn also(mut self, legacy: &'static [&'static str]) -> Self {
        self.legacy = legacy;
        self
    }
}

/// Most brokers of one platform.
pub(crate) const MOST_BROKERS: usize = 9;

const RATE: Kind = Kind::Number {
    min: 0.0,
    max: 10_000_000.0,
};
const SHARE: Kind = Kind::Number { min: 0.0, max: 1.0 };
/// Outside bursts something must be left.
const BURSTS: Kind = Kind::Number { min: 0.0, max: 0.05 };
const STALLS: Kind = Kind::Number { min: 0.0, max: 0.5 };
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
        Kind::Whole {
            min: 1,
            max: MOST_BROKERS as u64,
        },
        Some("3"),
        "broker processes, at least; `minicluster brokers add` starts more",
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
    )
    .also(&["KAFKA_1_EXTERNAL"]),
    key(
        "kafka.external_ports.broker_2",
        Kind::Port,
        Some("29092"),
        "where clients reach broker 2",
    )
    .also(&["KAFKA_2_EXTERNAL"]),
    key(
        "kafka.external_ports.broker_3",
        Kind::Port,
        Some("39092"),
        "where clients reach broker 3",
    )
    .also(&["KAFKA_3_EXTERNAL"]),
    key(
        "kafka.external_ports.broker_4",
        Kind::Port,
        Some("49092"),
        "where clients reach broker 4",
    ),
    key(
        "kafka.external_ports.broker_5",
        Kind::Port,
        Some("49102"),
        "where clients reach broker 5",
    ),
    key(
        "kafka.external_ports.broker_6",
        Kind::Port,
        Some("49112"),
        "where clients reach broker 6",
    ),
    key(
        "kafka.external_ports.broker_7",
        Kind::Port,
        Some("49122"),
        "where clients reach broker 7",
    ),
    key(
        "kafka.external_ports.broker_8",
        Kind::Port,
        Some("49132"),
        "where clients reach broker 8",
    ),
    key(
        "kafka.external_ports.broker_9",
        Kind::Port,
        Some("49142"),
        "where clients reach broker 9",
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
        "kafka.peer_ports.broker_4",
        Kind::Port,
        None,
        "where brokers reach broker 4; the external port + 1 if not set",
    ),
    key(
        "kafka.peer_ports.broker_5",
        Kind::Port,
        None,
        "where brokers reach broker 5; the external port + 1 if not set",
    ),
    key(
        "kafka.peer_ports.broker_6",
        Kind::Port,
        None,
        "where brokers reach broker 6; the external port + 1 if not set",
    ),
    key(
        "kafka.peer_ports.broker_7",
        Kind::Port,
        None,
        "where brokers reach broker 7; the external port + 1 if not set",
    ),
    key(
        "kafka.peer_ports.broker_8",
        Kind::Port,
        None,
        "where brokers reach broker 8; the external port + 1 if not set",
    ),
    key(
        "kafka.peer_ports.broker_9",
        Kind::Port,
        None,
        "where brokers reach broker 9; the external port + 1 if not set",
    ),
    key(
        "kafka.partitions",
        Kind::Whole { min: 1, max: 1000 },
        Some("6"),
        "partitions of a new topic",
    )
    .also(&["KAFKA_PARTITIONS", "PARTITIONS"]),
    key(
        "kafka.replication_factor",
        Kind::Whole { min: 1, max: 100 },
        None,
        "copies of a partition, at most one a broker; 3, or the number of brokers if that is less, if not set",
    )
    .also(&["KAFKA_REPLICATION_FACTOR"]),
    key(
        "kafka.min_insync_replicas",
        Kind::Whole { min: 1, max: 100 },
        None,
        "copies that must be there before a write counts; 2, or the replication factor if that is less, if not set",
    )
    .also(&["KAFKA_MIN_INSYNC"]),
    key(
        "kafka.durability",
        Kind::OneOf(&["process-crash", "power-loss"]),
        Some("process-crash"),
        "what acknowledged records survive: the end of any process (in the page cache of all copies, as Kafka's are), or \
         a loss of power of the whole machine, too (on disk, and so slower)",
    ),
    key(
        "kafka.bootstrap_servers",
        Kind::Servers,
        None,
        "where clients find the brokers; the embedded brokers go by `kafka.external_ports` alone",
    )
    .also(&["BOOTSTRAP_SERVERS"]),
    key(
        "kafka.kraft_cluster_id",
        Kind::ClusterId,
        None,
        "the id of the Kafka cluster; made at the first start if not set",
    )
    .also(&["KAFKA_KRAFT_CLUSTER_ID"]),
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
    )
    .also(&["EVENTS_PER_SEC_CLICK", "EPS_CLICK"]),
    key(
        "data_generator.events_per_second.iot",
        RATE,
        Some("150"),
        "device readings a second of the generator's clock; 0 for none",
    )
    .also(&["EVENTS_PER_SEC_IOT", "EPS_IOT"]),
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
        "data_generator.backfill",
        Kind::Span,
        Some("0s"),
        "the generator's clock starts by so much earlier, such as 7d, and catches up as fast as it goes",
    ),
    key(
        "data_generator.curve",
        Kind::OneOf(&["flat", "weekly"]),
        Some("flat"),
        "whether there are always as many page views (flat) or more by day than by night (weekly)",
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
        "share of events that are sent again shortly after",
    ),
    key(
        "data_generator.faults.far_duplicates",
        SHARE,
        Some("0"),
        "share of events that are sent again when the watermark has passed, as their user or device comes back",
    ),
    key(
        "data_generator.faults.late",
        SHARE,
        Some("0"),
        "share of events that one follows whose time the watermark has passed",
    ),
    key(
        "data_generator.faults.out_of_order",
        SHARE,
        Some("0"),
        "share of events that are sent after later ones, within the watermark",
    ),
    key(
        "data_generator.faults.malformed",
        SHARE,
        Some("0"),
        "share of events that are broken on purpose",
    ),
    key(
        "data_generator.faults.nulls",
        SHARE,
        Some("0"),
        "share of events with a null",
    ),
    key(
        "data_generator.faults.future",
        SHARE,
        Some("0"),
        "share of events whose time is far ahead",
    ),
    key(
        "data_generator.faults.hot_keys",
        SHARE,
        Some("0"),
        "share of events that are keyed by one hot key",
    ),
    key(
        "data_generator.faults.added_fields",
        SHARE,
        Some("0"),
        "share of events with a field that no table has",
    ),
    key(
        "data_generator.faults.missing_fields",
        SHARE,
        Some("0"),
        "share of events without one of their fields",
    ),
    key(
        "data_generator.faults.clock_skew",
        SHARE,
        Some("0"),
        "share of users and devices whose clocks are wrong, within the watermark",
    ),
    key(
        "data_generator.faults.bursts",
        BURSTS,
        Some("0"),
        "share of time in which events come ten times as fast",
    ),
    key(
        "data_generator.faults.stalls",
        STALLS,
        Some("0"),
        "share of time in which nothing is sent",
    ),
    key(
        "data_generator.bootstrap_servers",
        Kind::Servers,
        None,
        "where the generator finds the brokers; `kafka.bootstrap_servers` if not set",
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
        "spark.worker_cores",
        Kind::Whole { min: 1, max: 512 },
        None,
        "cores of each of two workers, so the ETL has twice as many threads; half of the machine if not set",
    )
    .also(&["SPARK_WORKER_CORES"]),
    key(
        "spark.worker_memory",
        Kind::Memory,
        Some("1g"),
        "memory of each of two workers, so the ETL's budget is twice as much",
    )
    .also(&["SPARK_WORKER_MEMORY"]),
    key(
        "spark.master_url",
        Kind::Master,
        None,
        "the Spark master; the embedded ETL runs without one",
    ),
    key(
        "ui.kafka_ui_port",
        Kind::Port,
        Some("8080"),
        "the console",
    ),
    key(
        "ui.spark_master_ui_port",
        Kind::Port,
        Some("8081"),
        "the pages of the job",
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
