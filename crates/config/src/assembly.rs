//! From values that are good each by itself to settings that fit each other.

use std::net::IpAddr;

use crate::check::Checker;
use crate::error::Problem;
use crate::folders::Folders;
use crate::keys::{KEYS, MOST_BROKERS};
use crate::kind;
use crate::machine::Machine;
use crate::origin::Origin;
use crate::settings::{Broker, Curve, Durability, Etl, Faults, Generator, Kafka, Settings, Sql, Topics, Ui};
use crate::streams::{PATH, Stream};

/// What was found wrong so far; all of it is told at once.
#[derive(Default)]
struct Wrong(Vec<Problem>);

impl Wrong {
    fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.0.push(problem)).ok()
    }
}

/// Checks everything. Besides the settings it gives notes: what was said and has no effect here.
///
/// # Errors
/// All that is wrong.
pub(crate) fn assemble(
    values: &Checker<'_>,
    machine: Machine,
) -> Result<(Settings, Vec<String>), Vec<Problem>> {
    // Every key once, so that a wrong value is found even where it is not used.
    let singly: Vec<Problem> = KEYS.iter().filter_map(|key| values.check(key).err()).collect();
    if !singly.is_empty() {
        return Err(singly);
    }
    let mut wrong = Wrong::default();
    let mut notes = Vec::new();
    let possible = wrong.keep(brokers(values));
    let kafka = wrong.keep(kafka(values));
    let topics = wrong.keep(topics(values));
    let generator = wrong.keep(generator(values));
    let etl = wrong.keep(etl(values, machine, &mut notes));
    let ui = wrong.keep(ui(values));
    let sql = wrong.keep(sql(values));
    let log_level = wrong.keep(values.text("log.level"));
    let count = wrong.keep(values.whole("kafka.brokers"));
    let brokers = possible.as_deref().zip(count).map(|(all, count)| &all[..count]);
    if let (Some(brokers), Some(ui)) = (brokers, ui) {
        wrong.keep(ports_differ(values, brokers, ui));
    }
    let brokers = brokers.map(<[_]>::to_vec);
    let kafka = match (brokers, possible, kafka) {
        (Some(brokers), Some(possible), Some(kafka)) => Some(Kafka {
            brokers,
            possible,
            ..kafka
        }),
        _ => None,
    };
    let all = (kafka, topics, generator, etl, ui, sql, log_level);
    let (Some(kafka), Some(topics), Some(generator), Some(etl), Some(ui), Some(sql), Some(log_level)) = all
    else {
        return Err(wrong.0);
    };
    if !wrong.0.is_empty() {
        return Err(wrong.0);
    }
    let settings = Settings {
        folders: Folders::new(
            values.folder("data_folder").unwrap_or_default(),
            values.folder("storage.datalake_root"),
            values.folder("storage.checkpoint_root"),
        ),
        log_level,
        kafka,
        topics,
        generator,
        etl,
        sql,
        ui,
    };
    notes.extend(unused(values, &settings));
    Ok((settings, notes))
}

/// The keys of the ports, by broker: clients, then brokers.
const PORTS: [[&str; 2]; MOST_BROKERS] = [
    ["kafka.external_ports.broker_1", "kafka.peer_ports.broker_1"],
    ["kafka.external_ports.broker_2", "kafka.peer_ports.broker_2"],
    ["kafka.external_ports.broker_3", "kafka.peer_ports.broker_3"],
    ["kafka.external_ports.broker_4", "kafka.peer_ports.broker_4"],
    ["kafka.external_ports.broker_5", "kafka.peer_ports.broker_5"],
    ["kafka.external_ports.broker_6", "kafka.peer_ports.broker_6"],
    ["kafka.external_ports.broker_7", "kafka.peer_ports.broker_7"],
    ["kafka.external_ports.broker_8", "kafka.peer_ports.broker_8"],
    ["kafka.external_ports.broker_9", "kafka.peer_ports.broker_9"],
];

/// The brokers are added by the caller: their ports are told of even where the copies are wrong.
fn kafka(values: &Checker<'_>) -> Result<Kafka, Problem> {
    let (replication_factor, min_insync_replicas) = copies(values)?;
    Ok(Kafka {
        host: host(values)?,
        least: values.whole("kafka.brokers")?,
        brokers: Vec::new(),
        possible: Vec::new(),
        partitions: values.whole("kafka.partitions")?,
        replication_factor,
        min_insync_replicas,
        durability: match values.text("kafka.durability")?.as_str() {
            "process-crash" => Durability::ProcessCrash,
            _ => Durability::PowerLoss,
        },
        cluster_id: values.optional_text("kafka.kraft_cluster_id"),
    })
}

/// Brokers listen on it, and clients are told to come there.
fn host(values: &Checker<'_>) -> Result<IpAddr, Problem> {
    let host = values.address("kafka.host")?;
    if host.is_unspecified() {
        let what = format!(
            "is {host}, which is all addresses of a machine: brokers name it to clients, who need one"
        );
        let problem = values.problem("kafka.host", what);
        return Err(problem.help("set the address of this machine that clients use, such as 127.0.0.1"));
    }
    Ok(host)
}

/// Every broker that there can be.
fn brokers(values: &Checker<'_>) -> Result<Vec<Broker>, Problem> {
    let mut brokers = Vec::new();
    for (id, [client_key, peer_key]) in (1..).zip(PORTS) {
        let client_port: u16 = values.whole(client_key)?;
        let peer_port = match values.optional(peer_key)? {
            Some(port) => port,
            None => client_port.checked_add(1).ok_or_else(|| {
                let what = format!("is the last port, and `{peer_key}` is the one above it if not set");
                values
                    .problem(client_key, what)
                    .help(format!("lower it, or set `{peer_key}`"))
            })?,
        };
        brokers.push(Broker {
            id,
            client_port,
            peer_port,
        });
    }
    Ok(brokers)
}

/// Replication factor and minimum of in-sync replicas.
fn copies(values: &Checker<'_>) -> Result<(u32, u32), Problem> {
    let at_most = |number: u32| match number {
        1 => "set it to 1".to_owned(),
        number => format!("set it to {number} or less"),
    };
    let brokers: u32 = values.whole("kafka.brokers")?;
    let factor_key = "kafka.replication_factor";
    let factor = values.optional(factor_key)?.unwrap_or(brokers.min(3));
    if factor > brokers {
        let message =
            format!("is {factor}, but each copy needs a broker of its own and `kafka.brokers` is {brokers}");
        let help = match brokers {
            brokers if brokers as usize == MOST_BROKERS => at_most(brokers),
            _ => format!(
                "{}, or raise `kafka.brokers` ({MOST_BROKERS} at most)",
                at_most(brokers)
            ),
        };
        return Err(values.problem(factor_key, message).help(help));
    }
    let least_key = "kafka.min_insync_replicas";
    let least = values.optional(least_key)?.unwrap_or(factor.min(2));
    if least > factor {
        let message =
            format!("is {least}, but `{factor_key}` is {factor}: no write would ever have enough copies");
        let help = match factor {
            1 => at_most(1),
            _ => format!("{}; one less than the copies lets a broker fail", at_most(factor)),
        };
        return Err(values.problem(least_key, message).help(help));
    }
    Ok((factor, least))
}

/// No two services on one port.
fn ports_differ(values: &Checker<'_>, brokers: &[Broker], ui: Ui) -> Result<(), Problem> {
    // Each port with its key, and with the key that decides it where nobody set its own.
    let mut ports: Vec<(u16, &'static str, &'static str)> = Vec::new();
    for (broker, [client_key, peer_key]) in brokers.iter().zip(PORTS) {
        let decides = if values.is_set(peer_key) {
            peer_key
        } else {
            client_key
        };
        ports.push((broker.client_port, client_key, client_key));
        ports.push((broker.peer_port, peer_key, decides));
    }
    for (port, key) in [
        (ui.console_port, "ui.kafka_ui_port"),
        (ui.jobs_port, "ui.spark_master_ui_port"),
    ] {
        ports.push((port, key, key));
    }
    for (i, (port, key, decides)) in ports.iter().enumerate() {
        let Some((_, other, other_decides)) = ports[..i].iter().find(|(other, ..)| other == port) else {
            continue;
        };
        // Mended best where somebody wrote something.
        let (at, key, other, other_at) = match values.is_set(decides) {
            true => (*decides, *key, *other, *other_decides),
            false => (*other_decides, *other, *key, *decides),
        };
        let problem = values.problem_at(at, key, format!("is port {port}, but so is `{other}`"));
        let derived = [(key, at), (other, other_at)]
            .into_iter()
            .find(|(key, at)| key != at);
        return Err(problem.help(match derived {
            None => "give each its own port".to_owned(),
            Some((key, at)) => format!("give each its own port; `{key}` is one above `{at}` if not set"),
        }));
    }
    Ok(())
}

fn topics(values: &Checker<'_>) -> Result<Topics, Problem> {
    let topics = Topics {
        clickstream: values.text("topics.clickstream")?,
        iot: values.text("topics.iot")?,
    };
    if topics.clickstream == topics.iot {
        let (at, other) = match values.is_set("topics.iot") {
            true => ("topics.iot", "topics.clickstream"),
            false => ("topics.clickstream", "topics.iot"),
        };
        let problem = values.problem(at, format!("is the same topic as `{other}`"));
        return Err(problem.help("give each its own topic"));
    }
    Ok(topics)
}

fn generator(values: &Checker<'_>) -> Result<Generator, Problem> {
    Ok(Generator {
        clickstream_per_second: values.number("data_generator.events_per_second.clickstream")?,
        iot_per_second: values.number("data_generator.events_per_second.iot")?,
        seed: values.whole("data_generator.seed")?,
        start: values.instant("data_generator.start")?,
        backfill: values.span("data_generator.backfill")?,
        curve: match values.text("data_generator.curve")?.as_str() {
            "flat" => Curve::Flat,
            _ => Curve::Weekly,
        },
        speed: values.number("data_generator.speed")?,
        threads: values.whole("data_generator.threads")?,
        faults: faults(values)?,
        streams: streams(values)?,
    })
}

/// Each stream has a topic of its own.
fn streams(values: &Checker<'_>) -> Result<Vec<Stream>, Problem> {
    let mut topics = vec![values.text("topics.clickstream")?, values.text("topics.iot")?];
    let mut streams = Vec::new();
    for declared in values.streams() {
        let Stream { name, topic, .. } = &declared.stream;
        if topics.contains(topic) {
            let message = format!("`{PATH}.{name}` goes to the topic `{topic}`, as another stream does");
            let problem = Problem::new(declared.origin.clone(), message).at(declared.snippet.clone());
            return Err(problem.help("give each its own topic"));
        }
        topics.push(topic.clone());
        streams.push(declared.stream.clone());
    }
    Ok(streams)
}

fn faults(values: &Checker<'_>) -> Result<Faults, Problem> {
    let exclusive = [
        "data_generator.faults.duplicates",
        "data_generator.faults.far_duplicates",
        "data_generator.faults.late",
        "data_generator.faults.out_of_order",
        "data_generator.faults.malformed",
        "data_generator.faults.nulls",
        "data_generator.faults.future",
        "data_generator.faults.hot_keys",
        "data_generator.faults.added_fields",
        "data_generator.faults.missing_fields",
    ];
    let mut sum = 0.0;
    let mut set = Vec::new();
    for key in exclusive {
        let share = values.number(key)?;
        sum += share;
        if share > 0.0 {
            set.push(key);
        }
    }
    // Shares such as ten times 0.1 may sum up to a little more.
    if let (true, [others @ .., last]) = (sum > 1.0 + 1e-9, set.as_slice()) {
        let others: Vec<String> = others.iter().map(|key| format!("`{key}`")).collect();
        let message = format!(
            "is too much beside {}: an event has one fault at most",
            others.join(", ")
        );
        return Err(values
            .problem(last, message)
            .help("together they may be 1 at most"));
    }
    Ok(Faults {
        duplicates: values.number("data_generator.faults.duplicates")?,
        far_duplicates: values.number("data_generator.faults.far_duplicates")?,
        late: values.number("data_generator.faults.late")?,
        out_of_order: values.number("data_generator.faults.out_of_order")?,
        malformed: values.number("data_generator.faults.malformed")?,
        nulls: values.number("data_generator.faults.nulls")?,
        future: values.number("data_generator.faults.future")?,
        hot_keys: values.number("data_generator.faults.hot_keys")?,
        added_fields: values.number("data_generator.faults.added_fields")?,
        missing_fields: values.number("data_generator.faults.missing_fields")?,
        clock_skew: values.number("data_generator.faults.clock_skew")?,
        bursts: values.number("data_generator.faults.bursts")?,
        stalls: values.number("data_generator.faults.stalls")?,
    })
}

/// Cores of one worker where nobody says: two workers get the whole machine.
pub(crate) fn worker_cores(machine: Machine) -> usize {
    machine.cores.div_ceil(2)
}

/// The embedded ETL takes the place of two Spark workers.
const WORKERS: usize = 2;

fn etl(values: &Checker<'_>, machine: Machine, notes: &mut Vec<String>) -> Result<Etl, Problem> {
    let cores_key = "spark.worker_cores";
    let cores = values.optional(cores_key)?.unwrap_or(worker_cores(machine));
    let threads = (WORKERS * cores).min(machine.cores);
    // One above is how an odd number of cores is shared out.
    if WORKERS * cores > machine.cores + 1 {
        notes.push(format!(
            "`{cores_key}` is {cores} by {}: two workers would have {} cores, but this machine has {}, so the ETL takes {threads} threads",
            values.origin(cores_key),
            WORKERS * cores,
            machine.cores,
        ));
    }
    let memory_key = "spark.worker_memory";
    let memory = values.memory(memory_key)?;
    let wanted = memory.saturating_mul(WORKERS as u64);
    let budget = wanted.min(machine.usable_memory());
    if budget < wanted && values.is_set(memory_key) {
        notes.push(format!(
            "`{memory_key}` is {} by {}: two workers would have {} MiB, but this machine has {} MiB, so the ETL's budget is {} MiB",
            values.text(memory_key)?,
            values.origin(memory_key),
            wanted >> 20,
            machine.memory_bytes >> 20,
            budget >> 20,
        ));
    }
    Ok(Etl {
        trigger: values.milliseconds("etl.trigger_ms")?,
        watermark: values.milliseconds("etl.watermark_ms")?,
        threads,
        memory_bytes: budget,
    })
}

fn ui(values: &Checker<'_>) -> Result<Ui, Problem> {
    Ok(Ui {
        console_port: values.whole("ui.kafka_ui_port")?,
        jobs_port: values.whole("ui.spark_master_ui_port")?,
    })
}

fn sql(values: &Checker<'_>) -> Result<Sql, Problem> {
    Ok(Sql {
        memory_bytes: values.whole::<usize>("sql.memory_mib")? << 20,
        timeout: values.milliseconds("sql.timeout_ms")?,
    })
}

/// Notes on what belongs to the containers of the Docker version: accepted, and of no effect here.
fn unused(values: &Checker<'_>, settings: &Settings) -> Vec<String> {
    let mut notes = Vec::new();
    for key in ["kafka.bootstrap_servers", "data_generator.bootstrap_servers"] {
        let Some(text) = values.optional_text(key) else {
            continue;
        };
        let foreign = |server: &&str| !is_ours(server, settings);
        if kind::servers(&text).is_some_and(|servers| servers.iter().any(foreign)) {
            notes.push(format!(
                "`{key}` is {text} by {}: not used, the embedded brokers are at {}",
                values.origin(key),
                settings.bootstrap().join(",")
            ));
        }
    }
    let key = "spark.master_url";
    if values.origin(key) != Origin::Default {
        notes.push(format!(
            "`{key}` is {} by {}: not used, the embedded ETL runs without Spark",
            values.text(key).unwrap_or_default(),
            values.origin(key)
        ));
    }
    notes
}

fn is_ours(server: &str, settings: &Settings) -> bool {
    let Some((host, port)) = server.rsplit_once(':') else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<IpAddr>();
    let here = host == "localhost" || address.is_ok_and(|a| a.is_loopback() || a == settings.kafka.host);
    let brokers = &settings.kafka.brokers;
    here && brokers
        .iter()
        .any(|broker| port.parse() == Ok(broker.client_port))
}
