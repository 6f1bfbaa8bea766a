//! A platform as it could be, with names as they should not be.

use jiff::{SignedDuration, Timestamp};
use minicluster_console::{
    Broker, Cluster, Derived, Etl, Generator, Happening, Health, Job, Jobs, Lake, Ledger, LedgerTable,
    Overview, Part, Query, Sent, Service, Source, State, Supervisor, Table, Told, Topic, TopicSent, Totals,
    View, Windows,
};

/// A name, a reason, a line of a log that wants to be more than text.
pub(crate) const HOSTILE: &str = r#"<script>alert("1")</script>'"><img src=x onerror=alert(2)>&amp;"#;

/// The platform so many seconds after it began.
pub(crate) fn view(second: u64) -> View {
    let at = Timestamp::from_second(1_780_000_000 + i64::try_from(second).expect("small")).expect("in range");
    let mut overview = Overview {
        at,
        version: "0.0.0".to_owned(),
        data: "data".into(),
        health: Health::starting(),
        totals: Totals::default(),
        supervisor: Part::fresh(supervisor(at), at),
        services: services(at),
        cluster: Part::fresh(cluster(second), at),
        generator: Part::fresh(generator(second), at),
        etl: Part::fresh(etl(at, second), at),
        lake: Part::fresh(lake(at, second), at),
        ledger: Part::fresh(ledger(second), at),
        happened: happened(at),
    };
    overview.totals = Totals::of(&overview);
    overview.health = Health::of(&overview);
    let jobs = jobs(&overview, second);
    View::without_history(overview, jobs)
}

fn supervisor(at: Timestamp) -> Supervisor {
    Supervisor {
        pid: 100,
        since: at - SignedDuration::from_secs(7500),
        ready: true,
        bootstrap: vec!["127.0.0.1:19092".to_owned()],
    }
}

fn services(at: Timestamp) -> Vec<Service> {
    let service = |(place, name): (u32, &str)| Service {
        name: name.to_owned(),
        state: State::Running,
        pid: Some(101 + place),
        since: Some(at - SignedDuration::from_secs(7490)),
        restarts: u32::from(name == "broker-2"),
        last_death: (name == "broker-2").then(|| HOSTILE.to_owned()),
        memory_bytes: Some((20 + u64::from(place)) << 20),
        cpu_cores: Some(0.01 * f64::from(place)),
        address: Some(format!("127.0.0.1:{}9092", place + 1)),
        problem: None,
    };
    let names = ["broker-1", "broker-2", "broker-3", "etl", "generator", "console"];
    (0..).zip(names).map(service).collect()
}

fn cluster(second: u64) -> Cluster {
    let broker = |id: i32| Broker {
        id,
        address: format!("127.0.0.1:{id}9092"),
        registered: true,
        problem: None,
        leaders: 4,
        replicas: 4,
        log_bytes: Some(1 << 20),
        records_per_second: Some(116.7),
    };
    let topic = |name: &str, rate: f64| Topic {
        name: name.to_owned(),
        id: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        partitions: 6,
        replication_factor: 1,
        leaderless: 0,
        under_replicated: 0,
        under_min_isr: 0,
        offline_replicas: 0,
        troubled: Vec::new(),
        records: 1000 + (rate * second as f64) as u64,
        partial: false,
        bytes: Some(3 << 20),
        records_per_second: Some(rate),
        leaders: [1, 2, 3, 1, 2, 3].map(Some).to_vec(),
    };
    Cluster {
        id: "c1".to_owned(),
        controller: Some(2),
        brokers: [1, 2, 3].map(broker).to_vec(),
        topics: vec![
            topic("clickstream", 200.0),
            topic("iot", 150.0),
            topic(HOSTILE, 0.0),
        ],
    }
}

fn generator(second: u64) -> Generator {
    let topic = |topic: &str, rate: f64| TopicSent {
        topic: topic.to_owned(),
        records_per_second: Some(rate),
        records: 1000 + (rate * second as f64) as u64,
        duplicates: 12,
        malformed: 3,
    };
    Generator {
        records_per_second: Some(350.0),
        wanted_per_second: Some(350.0),
        lateness_ms: Some(2),
        errors: Some(0),
        last_error: None,
        topics: vec![topic("clickstream", 200.0), topic("iot", 150.0)],
    }
}

fn source(table: &str, at: Timestamp, second: u64) -> Source {
    Source {
        table: table.to_owned(),
        topic: table.to_owned(),
        watermark: Some(at - SignedDuration::from_secs(123)),
        watermark_gap_ms: Some(123_000),
        to_read: Some(812 + second),
        records_per_second: Some(200.0),
    }
}

fn etl(at: Timestamp, second: u64) -> Etl {
    Etl {
        batch: Some(second),
        batch_at: Some(at),
        batch_ms: Some(310),
        input_per_second: Some(350.0),
        processed_per_second: Some(5645.2),
        state_rows: Some(123_456),
        waiting: None,
        sources: vec![source("clickstream", at, second), source("iot", at, second)],
    }
}

fn lake(at: Timestamp, second: u64) -> Lake {
    let table = |name: &str, rate: f64| Table {
        name: name.to_owned(),
        rows: 900 + (rate * second as f64) as u64,
        files: 42,
        bytes: 3_300_000,
        days: 2,
        rows_per_second: Some(rate),
    };
    Lake {
        root: "data/datalake".to_owned(),
        commit: 41 + second,
        committed_at: at - SignedDuration::from_secs(3),
        state_bytes: 4_000_000,
        tables: vec![
            table("clickstream", 198.0),
            table("clickstream_agg", 3.5),
            table("iot", 149.0),
            table("quarantine", 0.4),
        ],
    }
}

fn ledger(second: u64) -> Ledger {
    let written = 900 + 198 * second;
    let table = |table: &str| LedgerTable {
        table: table.to_owned(),
        topic: table.to_owned(),
        sent: Sent {
            records: written + 115,
            written: written + 100,
            duplicates: 12,
            malformed: 3,
            late: 0,
            future: 0,
            on_the_way: 20,
        },
        read: etl::Counts {
            read: written + 15,
            written,
            duplicates: 12,
            malformed: 3,
            ..Default::default()
        },
        from_others: 0,
    };
    Ledger {
        tables: vec![table("clickstream"), table("iot")],
        windows: vec![Windows {
            table: "clickstream_agg".to_owned(),
            source: "clickstream".to_owned(),
            closed: written - 400,
            open: 400,
        }],
        wrong: Vec::new(),
        settled: false,
    }
}

fn happened(at: Timestamp) -> Vec<Happening> {
    let happening = |(ago, service, line): (i64, Option<&str>, &str)| Happening {
        at: at - SignedDuration::from_secs(ago),
        service: service.map(str::to_owned),
        line: line.to_owned(),
    };
    let lines = [
        (12, Some("broker-2"), "broker-2 ready"),
        (14, Some("broker-2"), HOSTILE),
        (7480, None, "everything is ready"),
    ];
    lines.map(happening).to_vec()
}

fn batch(id: u64, at: Timestamp) -> etl::Progress {
    let source = |table: &str| etl::SourceProgress {
        table: table.to_owned(),
        description: table.to_owned(),
        start_offset: [(0, 100), (1, 200)].into(),
        end_offset: [(0, 300), (1, 450)].into(),
        latest_offset: [(0, 300), (1, 450)].into(),
        num_input_rows: 450,
        written: 440,
        duplicates: 7,
        filtered: 0,
        late: 1,
        future: 0,
        malformed: 2,
        backlog: 0,
    };
    etl::Progress {
        name: "etl".to_owned(),
        timestamp: (at - SignedDuration::from_secs(5)).to_string(),
        batch_id: id,
        commit: id + 1,
        batch_duration: 250 + id * 37 % 120,
        num_input_rows: 1750,
        input_rows_per_second: 350.0 + (id % 7) as f64,
        processed_rows_per_second: 5645.2,
        duration_ms: etl::Durations {
            latest_offset: 3,
            get_batch: 20 + id * 37 % 120,
            add_batch: 60,
            stage: 110,
            wal_commit: 25,
            publish: 30,
            collect: 2,
            trigger_execution: 250 + id * 37 % 120,
        },
        event_time: Default::default(),
        state_operators: vec![etl::StateProgress {
            table: "clickstream".to_owned(),
            operator_name: "dedup".to_owned(),
            num_rows_total: 120_000,
            num_rows_updated: 440,
        }],
        sources: vec![source("clickstream"), source(HOSTILE)],
        sink: etl::SinkProgress {
            num_output_rows: 890,
            files: 4,
            bytes: 65_000,
        },
        backlog: 812,
    }
}

fn jobs(overview: &Overview, second: u64) -> Jobs {
    let ledger = overview.ledger.value().expect("there is one");
    let query = |source: &Source| Query {
        table: source.table.clone(),
        topic: source.topic.clone(),
        records_per_second: source.records_per_second,
        watermark: source.watermark,
        watermark_gap_ms: source.watermark_gap_ms,
        to_read: source.to_read,
        read: ledger.tables[0].read,
        state_rows: Some(120_000),
    };
    let derived = |windows: &Windows| Derived {
        table: windows.table.clone(),
        source: windows.source.clone(),
        closed: windows.closed,
        open: windows.open,
        state_rows: Some(3456),
    };
    let sources = &overview.etl.value().expect("there is one").sources;
    let job = Job {
        name: "etl".to_owned(),
        service: overview.service("etl").cloned(),
        queries: sources.iter().map(query).collect(),
        derived: ledger.windows.iter().map(derived).collect(),
        state_rows: Some(123_456),
        state_bytes: Some(4_000_000),
        report: Part::fresh(
            Told {
                waiting: None,
                batches: (0..=40 + second).rev().map(|id| batch(id, overview.at)).collect(),
            },
            overview.at,
        ),
    };
    Jobs {
        at: overview.at,
        jobs: vec![job],
    }
}
