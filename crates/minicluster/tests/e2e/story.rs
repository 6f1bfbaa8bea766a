//! What users and accidents do to a platform.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use generator::Verdict;
use rustix::process::Signal;
use serde_json::Value;

use crate::lake_files::{self, Row};
use crate::platform::{PATIENCE, Platform, finish, signal, within};
use crate::topic_contents::{self, Contents, Stored};

/// Fast, with faults, and with a clock that runs ahead, so that windows close and a day begins.
const LIVELY: &[&str] = &[
    "data_generator.events_per_second.clickstream=25",
    "data_generator.events_per_second.iot=20",
    "data_generator.speed=30",
    "data_generator.start=2025-06-01T23:50:00Z",
    "data_generator.faults.duplicates=0.03",
    "data_generator.faults.far_duplicates=0.03",
    "data_generator.faults.late=0.02",
    "data_generator.faults.out_of_order=0.05",
    "data_generator.faults.malformed=0.03",
    "data_generator.faults.nulls=0.02",
    "data_generator.faults.future=0.02",
    "data_generator.faults.hot_keys=0.02",
    "data_generator.faults.added_fields=0.02",
    "data_generator.faults.missing_fields=0.02",
    "data_generator.faults.clock_skew=0.05",
    "data_generator.faults.bursts=0.02",
    "data_generator.faults.stalls=0.02",
    "etl.trigger_ms=200",
];

/// Random pauses; what is killed when differs from run to run, so a failure prints the seed.
struct Chance(u64);

impl Chance {
    fn new() -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let seed = now.as_nanos() as u64 | 1;
        println!("seed {seed}");
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn pause(&mut self, longest_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.below(longest_ms)));
    }
}

#[test]
fn every_event_is_in_the_lake_exactly_once_whatever_is_killed() {
    let mut platform = Platform::new(LIVELY);
    let mut chance = Chance::new();
    let mut written = 0;
    for round in 0..4 {
        platform.up();
        written = grown(&platform, written);
        let broker = ["broker-1", "broker-2", "broker-3"][round % 3];
        // The last generator must end in peace: what a dead one sent is settled when the next one starts.
        let victims = if round < 3 {
            &["etl", "generator", broker][..]
        } else {
            &["etl", broker]
        };
        for service in victims {
            chance.pause(700);
            // It may just be starting again.
            let pid = within("the victim runs", || platform.pid(service));
            signal(pid, Signal::KILL);
        }
        chance.pause(1500);
        if round < 3 {
            platform.kill_all();
        }
    }
    grown(&platform, written);
    // How much was generated up to here depends on how long the brokers were without a leader.
    within("a window closes", || {
        let closed = platform.number("select count(*) from clickstream_agg");
        (closed > 0).then_some(())
    });
    assert_eq!(platform.run(&["down"]).code, 0);
    assert_eq!(platform.wait_down(), 0);

    // Without the generator the ETL comes to the end of the topics.
    for id in ["1", "2", "3"] {
        platform.start_service_in_background(&["broker", "--id", id]);
    }
    platform.start_service(&["etl"]);
    let ledger = platform.ask(&["ledger", "--wait", "50", "-o", "json"]);
    let ledger: Value = serde_json::from_str(&ledger).expect("JSON");
    assert_eq!(
        (&ledger["balanced"], &ledger["settled"]),
        (&true.into(), &true.into()),
        "{ledger:#}"
    );

    let lake = platform.data().join("datalake");
    for (table, id_columns, columns) in [
        (
            "clickstream",
            &["event_id"][..],
            &["event_id", "user_id", "url", "referrer", "ua", "session_id", "ts"][..],
        ),
        (
            "iot",
            &["device_id", "ts"],
            &[
                "device_id",
                "site",
                "temp_c",
                "humidity",
                "battery",
                "signal_strength",
                "ts",
            ],
        ),
    ] {
        let contents = topic_contents::read(platform.bootstrap(), table);
        let counts = counts(&contents);
        println!("{table}: {counts:?}");
        compare_with_topic(
            table,
            &contents,
            id_columns,
            columns,
            lake_files::read(&lake, table, columns),
        );
        compare_with_generator(&platform, table, &counts);
        compare_with_ledger(&ledger, table, &counts);
        compare_quarantine(&lake, table, &contents);
        assert_eq!(
            platform.number(&format!("select count(*) from {table}")),
            counts[0]
        );
    }
    compare_windows(&lake, &ledger);
}

/// Waits for more rows than before.
fn grown(platform: &Platform, before: u64) -> u64 {
    within("rows are written", || {
        let now = platform.number("select count(*) from clickstream");
        (now > before).then_some(now)
    })
}

const VERDICTS: [(&str, Verdict); 5] = [
    ("written", Verdict::Written),
    ("duplicates", Verdict::Duplicate),
    ("malformed", Verdict::Malformed),
    ("late", Verdict::Late),
    ("future", Verdict::Future),
];

/// Records that must get these verdicts, by what the generator says they are.
fn counts(contents: &Contents) -> [u64; 5] {
    VERDICTS.map(|(_, verdict)| {
        let same = |stored: &&Stored| stored.kind.verdict() == verdict;
        contents.values().filter(same).count() as u64
    })
}

/// Every event of the topic is one row, with every member as it was sent; and there is no other row.
fn compare_with_topic(table: &str, contents: &Contents, id: &[&str], columns: &[&str], rows: Vec<Row>) {
    let key = |row: &Row| {
        let cell = |name: &&str| {
            row.cells[columns
                .iter()
                .position(|column| column == name)
                .expect("a column")]
            .clone()
        };
        id.iter().map(cell).collect::<Vec<_>>()
    };
    let mut wanted = BTreeMap::new();
    for stored in contents
        .values()
        .filter(|stored| stored.kind.verdict() == Verdict::Written)
    {
        let event: Value = serde_json::from_slice(&stored.value).expect("the generator's JSON");
        let cells: Vec<String> = columns.iter().map(|column| text(&event[*column])).collect();
        let ts = text(&event["ts"]);
        let row = Row {
            dt: ts[..10].to_owned(),
            cells,
        };
        assert!(
            wanted.insert(key(&row), row).is_none(),
            "{table}: the generator repeats itself"
        );
    }
    let mut seen = BTreeSet::new();
    for row in rows {
        let key = key(&row);
        assert_eq!(wanted.get(&key), Some(&row), "{table}");
        assert!(seen.insert(key), "{table} holds {row:?} twice");
    }
    assert_eq!(seen.len(), wanted.len(), "{table} lacks events");
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // As Arrow shows a double.
        Value::Number(number) if number.is_f64() => format!("{:?}", number.as_f64().expect("a double")),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn compare_with_generator(platform: &Platform, topic: &str, counts: &[u64; 5]) {
    let truth = generator::Truth::read(&platform.data().join("generator")).expect("readable");
    let sent = &truth.topics[topic];
    assert_eq!(sent.open, 0);
    let sent = VERDICTS.map(|(_, verdict)| sent.counts.expected(verdict));
    assert_eq!(
        &sent, counts,
        "what the generator counted in {topic}, and what is there"
    );
}

fn compare_with_ledger(ledger: &Value, table: &str, counts: &[u64; 5]) {
    let tables = ledger["tables"].as_array().expect("a list");
    let read = &tables.iter().find(|entry| entry["table"] == table).expect(table)["read"];
    let read = VERDICTS.map(|(what, _)| read[what].as_u64());
    assert_eq!(read, counts.map(Some), "{table}");
}

/// Every record that is no row and no duplicate is in quarantine, once, with its place and its bytes.
fn compare_quarantine(lake: &std::path::Path, topic: &str, contents: &Contents) {
    let columns = ["topic", "partition", "offset", "value"];
    let mut rows: Vec<Vec<String>> = lake_files::read(lake, "quarantine", &columns)
        .into_iter()
        .map(|row| row.cells)
        .filter(|cells| cells[0] == topic)
        .collect();
    let quarantined = [Verdict::Malformed, Verdict::Late, Verdict::Future];
    let mut wanted: Vec<Vec<String>> = contents
        .iter()
        .filter(|(_, stored)| quarantined.contains(&stored.kind.verdict()))
        .map(|((partition, offset), stored)| {
            // Arrow shows bytes in hexadecimal.
            let hex: String = stored.value.iter().map(|byte| format!("{byte:02x}")).collect();
            vec![topic.to_owned(), partition.to_string(), offset.to_string(), hex]
        })
        .collect();
    rows.sort();
    wanted.sort();
    assert_eq!(rows, wanted, "quarantine of {topic}");
}

/// A closed window counts the rows of its minute and url; all closed ones add up to the ledger's.
fn compare_windows(lake: &std::path::Path, ledger: &Value) {
    let mut views: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in lake_files::read(lake, "clickstream", &["event_ts", "url"]) {
        let minute = row.cells[0][..16].to_owned();
        *views.entry((minute, row.cells[1].clone())).or_default() += 1;
    }
    let mut closed = 0;
    let mut seen = BTreeSet::new();
    for row in lake_files::read(lake, "clickstream_agg", &["minute_start", "url", "pv"]) {
        let window = (row.cells[0][..16].to_owned(), row.cells[1].clone());
        let pv: u64 = row.cells[2].parse().expect("a number");
        assert_eq!(views.get(&window), Some(&pv), "page views of {window:?}");
        closed += pv;
        assert!(seen.insert(window), "a window came out twice");
    }
    assert!(closed > 0, "no window closed");
    assert_eq!(ledger["windows"][0]["closed"].as_u64(), Some(closed));
}

#[test]
fn a_running_platform_stays_one_whoever_interferes() {
    let mut platform = Platform::new(&["etl.trigger_ms=200"]);
    platform.up();
    let supervisor = platform.supervisor_pid();

    // A second `up` says who is there, and harms nobody.
    let second = platform.run(&["up"]);
    assert_eq!(second.code, 5, "{second:?}");
    assert!(second.stderr.contains(&format!(
        "already running in {}, pid {supervisor}",
        platform.data().display()
    )));

    // A second ETL is refused, also one with other folders around the same lake, also while the
    // first is paused.
    let etl = platform.pid("etl").expect("it runs");
    for paused in [false, true] {
        if paused {
            signal(etl, Signal::STOP);
            within("status tells", || {
                (platform.service("etl")["state"] == "paused").then_some(())
            });
        }
        let second = platform.run(&["etl"]);
        assert_eq!(second.code, 5, "{second:?}");
        assert!(
            second
                .stderr
                .contains(&format!("etl is already running here, pid {etl}")),
            "{second:?}"
        );
        let other = tempfile::tempdir().expect("a temporary folder");
        let mut command = platform.command(&["etl"]);
        command.arg("--data").arg(other.path());
        for root in ["datalake", "checkpoints"] {
            let key = if root == "datalake" {
                "datalake_root"
            } else {
                "checkpoint_root"
            };
            command
                .arg("--set")
                .arg(format!("storage.{key}={}", platform.data().join(root).display()));
        }
        let second = finish(command);
        assert_eq!(second.code, 5, "{second:?}");
    }
    signal(etl, Signal::CONT);

    // A service that is killed comes back.
    let broker = platform.pid("broker-2").expect("it runs");
    signal(broker, Signal::KILL);
    within("broker 2 is another process", || {
        platform.pid("broker-2").filter(|pid| *pid != broker)
    });
    let status = platform.status();
    let topic = &status["cluster"]["value"]["topics"][0];
    assert_eq!(topic["replication_factor"], 3, "{status:#}");
    let restarts = status["services"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|view| view["restarts"].as_u64());
    assert_eq!(restarts.flatten().sum::<u64>(), 1, "{status:#}");

    // Services that lost their supervisor are found: told of by `status`, ended by `up`.
    platform.kill_supervisor();
    let status = platform.run(&["status"]);
    assert_eq!(status.code, 4, "{status:?}");
    assert!(
        status.stderr.contains(
            "the supervisor is gone, but broker-1, broker-2, broker-3, etl, generator, console still run"
        ),
        "{status:?}"
    );
    platform.up();
    assert_ne!(platform.pid("etl"), Some(etl));
    let before = platform.number("select count(*) from iot");
    within("rows are written", || {
        (platform.number("select count(*) from iot") > before).then_some(())
    });

    // `down` ends all of it, in order.
    let began = Instant::now();
    assert_eq!(platform.run(&["down"]).code, 0);
    assert_eq!(platform.wait_down(), 0);
    assert!(began.elapsed() < PATIENCE);
    assert_eq!(platform.run(&["status"]).code, 4);
    assert_eq!(platform.run(&["down"]).code, 0);
    // What was committed can be asked for without any service.
    assert!(platform.number("select count(*) from iot") > before);
}

#[test]
fn a_taken_port_is_told_with_its_holder_and_nothing_is_left_running() {
    let platform = Platform::new(&[]);
    let [_, port, _] = platform.ports();
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("it was free");
    let up = platform.run(&["up"]);
    assert_eq!(up.code, 5, "{up:?}");
    assert!(up.stderr.contains(&format!("port {port} is taken by")), "{up:?}");
    assert!(
        up.stderr.contains(&format!("(pid {})", std::process::id())),
        "{up:?}"
    );
    assert!(
        up.stderr.contains("`--set kafka.external_ports.broker_2=PORT`"),
        "{up:?}"
    );
    assert_eq!(platform.run(&["status"]).code, 4);
    drop(listener);
}

#[test]
fn a_broken_configuration_is_told_with_file_line_and_key() {
    let platform = Platform::new(&[]);
    std::fs::create_dir_all(platform.data()).expect("room");
    let file = platform.data().join("broken.yml");
    std::fs::write(&file, "kafka:\n  partitons: 6\n").expect("room");
    let path = file.display().to_string();
    for command in [
        &["up"][..],
        &["status"],
        &["sql", "select 1"],
        &["broker", "--id", "1"],
    ] {
        let ended = platform.run(&[command, &["--config", &path]].concat());
        assert_eq!(ended.code, 3, "{ended:?}");
        let message =
            format!("{path}:2: `kafka.partitons` is not a setting; did you mean `kafka.partitions`?");
        assert!(ended.stderr.contains(&message), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
}
