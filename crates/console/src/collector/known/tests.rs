use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use client::{ClusterMetadata, PartitionMetadata, TopicMetadata};
use etl::{Counts, Ledger, LedgerKey, Standing, TableStanding};
use generator::TopicTruth;
use jiff::Timestamp;
use record::{BrokerId, LeaderEpoch, Offset, PartitionIndex, TopicId};
use run::{
    Death, Process, RunFolder, Service as Name, ServiceRecord, ServiceState, Supervised, SupervisorRecord,
};

use super::Known;
use crate::account::Newest;
use crate::collector::Options;
use crate::collector::brokers::{BrokersSeen, LogBytes};
use crate::collector::look::Look;
use crate::collector::platform::{Platform, Running};
use crate::collector::stored::StoredSeen;
use crate::overview::{Level, Overview, State, Table};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).expect("in range")
}

fn known() -> Known {
    let folder = std::path::Path::new("nowhere");
    let settings = config::Settings::load(config::Sources::default()).expect("the defaults are fine");
    Known::new(Arc::new(Options {
        version: "0".to_owned(),
        data: folder.to_owned(),
        run: RunFolder::new(&settings.folders),
        services: vec![Name::Broker(1), Name::Broker(2), Name::Etl],
        bootstrap: vec!["h:1".to_owned(), "h:2".to_owned()],
        lake: folder.to_owned(),
        generator: folder.to_owned(),
        sources: vec![("iot".to_owned(), "iot".to_owned())],
    }))
}

fn running(paused: bool, cpu_ms: u64) -> Running {
    Running {
        record: ServiceRecord {
            process: Process::current().expect("/proc is there"),
            since: at(0),
            api: None,
        },
        paused,
        memory_bytes: Some(1 << 20),
        cpu: Some(Duration::from_millis(cpu_ms)),
    }
}

fn platform(processes: &[(Name, Running)], states: &[(Name, ServiceState)]) -> Look {
    let supervised = |(name, state): &(Name, ServiceState)| {
        let last_death = (*state == ServiceState::Down).then(|| Death {
            at: at(0),
            reason: "killed by SIGKILL".to_owned(),
        });
        let supervised = Supervised {
            state: *state,
            restarts: 3,
            last_death,
        };
        (*name, supervised)
    };
    Look::Platform(Ok(Platform {
        supervisor: Some(SupervisorRecord {
            process: Process::current().expect("/proc is there"),
            since: at(0),
            bootstrap: vec!["h:11".to_owned(), "h:12".to_owned()],
            ready: true,
            services: states.iter().map(supervised).collect(),
            events: Default::default(),
        }),
        running: processes.iter().cloned().collect(),
    }))
}

/// Topic `iot` with two partitions, led by brokers 1 and 2, that hold so many records each.
fn brokers(ends: [Option<i64>; 2]) -> Look {
    let partition = |index: i32| PartitionMetadata {
        offline: Vec::new(),
        index: PartitionIndex(index),
        leader: Some(BrokerId(index + 1)),
        leader_epoch: LeaderEpoch(0),
        replicas: vec![BrokerId(index + 1)],
        isr: vec![BrokerId(index + 1)],
        error: None,
    };
    let broker = |id: i32| client::Broker {
        id: BrokerId(id),
        host: "h".to_owned(),
        port: id,
        rack: None,
    };
    let mut seen = BrokersSeen {
        metadata: ClusterMetadata {
            cluster_id: "c".to_owned(),
            controller: Some(BrokerId(1)),
            brokers: [1, 2].map(|id| (BrokerId(id), broker(id))).into(),
            topics: vec![TopicMetadata {
                name: "iot".into(),
                id: TopicId::default(),
                error: None,
                internal: false,
                partitions: vec![partition(0), partition(1)],
            }],
        },
        ..BrokersSeen::default()
    };
    for ((index, id), end) in (0..).zip(1..).zip(ends) {
        let said = match end {
            Some(end) => {
                seen.offsets.insert(("iot".to_owned(), index), (0, end));
                Ok(LogBytes {
                    topics: Some(BTreeMap::from([("iot".to_owned(), 100)])),
                })
            }
            None => Err("it does not answer within 800 ms".to_owned()),
        };
        seen.log_dirs.insert(id, said);
    }
    Look::Brokers(Ok(seen))
}

/// The ETL has read so many records of each partition, and written so many rows.
fn stored(second: i64, read: i64, sent: u64) -> Look {
    let count = u64::try_from(2 * read).expect("positive");
    let key = |index| LedgerKey {
        table: "iot".to_owned(),
        topic: "iot".to_owned(),
        partition: PartitionIndex(index),
    };
    let counts = Counts {
        read: count / 2,
        written: count / 2,
        ..Counts::default()
    };
    let standing = TableStanding {
        topic: "iot".to_owned(),
        watermark: Some(etl::EventTime(at(second - 120).as_microsecond())),
        next_offsets: [0, 1].map(|index| (PartitionIndex(index), Offset(read))).into(),
    };
    let events = [(generator::Kind::Event, sent)].into_iter().collect();
    Look::Stored(Ok(StoredSeen {
        newest: Ok(Some(Newest {
            commit: 7,
            at: at(second),
            ledger: Ledger {
                partitions: [0, 1].map(|index| (key(index), counts)).into(),
                windows: BTreeMap::new(),
            },
            standing: Standing {
                tables: BTreeMap::from([("iot".to_owned(), standing)]),
            },
            tables: vec![Table {
                name: "iot".to_owned(),
                rows: count,
                ..Table::default()
            }],
            state_bytes: 5,
        })),
        sent: Ok(BTreeMap::from([(
            "iot".to_owned(),
            TopicTruth {
                counts: events,
                open: 0,
            },
        )])),
    }))
}

fn all_running() -> Look {
    let names = [Name::Broker(1), Name::Broker(2), Name::Etl];
    let processes = names.map(|name| (name, running(false, 0)));
    platform(&processes, &names.map(|name| (name, ServiceState::Running)))
}

fn states(overview: &Overview) -> Vec<State> {
    overview.services.iter().map(|service| service.state).collect()
}

#[test]
fn a_service_is_what_its_process_and_its_supervisor_say() {
    let mut known = known();
    assert_eq!(known.view(at(0)).overview.health.level, Level::Starting);
    let processes = [
        (Name::Broker(1), running(false, 0)),
        (Name::Broker(2), running(true, 0)),
    ];
    let supervised = [
        (Name::Broker(1), ServiceState::Starting),
        (Name::Broker(2), ServiceState::Running),
        (Name::Etl, ServiceState::Down),
    ];
    known.take(platform(&processes, &supervised), at(1));
    let overview = known.view(at(1)).overview;
    assert_eq!(states(&overview), [State::Starting, State::Paused, State::Down]);
    let etl = overview.service("etl").expect("it should be there");
    assert_eq!(
        (etl.pid, etl.restarts, etl.last_death.as_deref()),
        (None, 3, Some("killed by SIGKILL"))
    );
    // Where the running supervisor has put them, whatever the settings say.
    assert_eq!(overview.services[1].address.as_deref(), Some("h:12"));
    assert_eq!(
        overview.health.reasons[..2],
        [
            "broker-2 is paused: `minicluster resume broker-2` lets it go on",
            "etl is down: killed by SIGKILL"
        ]
    );
}

#[test]
fn processor_time_is_of_the_same_process() {
    let mut known = known();
    let look = |cpu_ms| platform(&[(Name::Etl, running(false, cpu_ms))], &[]);
    known.take(look(1000), at(0));
    assert_eq!(
        known
            .view(at(0))
            .overview
            .service("etl")
            .and_then(|etl| etl.cpu_cores),
        None
    );
    known.take(look(1500), at(2));
    assert_eq!(
        known
            .view(at(2))
            .overview
            .service("etl")
            .and_then(|etl| etl.cpu_cores),
        Some(0.25)
    );
}

#[test]
fn rates_come_from_counts() {
    let mut known = known();
    known.take(all_running(), at(0));
    for second in 0..=3 {
        known.take(brokers([Some(second * 100), Some(second * 50)]), at(second));
    }
    let overview = known.view(at(3)).overview;
    let cluster = overview.cluster.value().expect("they answered");
    let topic = &cluster.topics[0];
    assert_eq!(
        (topic.records, topic.records_per_second, topic.bytes),
        (450, Some(150.0), Some(200))
    );
    let rates: Vec<_> = cluster
        .brokers
        .iter()
        .map(|broker| broker.records_per_second)
        .collect();
    assert_eq!(rates, [Some(100.0), Some(50.0)]);
    assert_eq!(overview.totals.appended_per_second, Some(150.0));
}

#[test]
fn a_broker_that_hangs_is_named_and_its_records_stay_as_they_were() {
    let mut known = known();
    known.take(all_running(), at(0));
    known.take(brokers([Some(10), Some(20)]), at(0));
    known.take(brokers([Some(11), None]), at(1));
    let overview = known.view(at(1)).overview;
    let topic = &overview.cluster.value().expect("one answered").topics[0];
    assert_eq!((topic.records, topic.partial, topic.bytes), (31, true, None));
    assert_eq!(
        overview.health.reasons,
        ["broker-2: it does not answer within 800 ms"]
    );
}

#[test]
fn what_cannot_be_had_stays_as_it_was_and_says_why() {
    let mut known = known();
    known.take(all_running(), at(0));
    known.take(brokers([Some(10), Some(20)]), at(0));
    known.take(Look::Brokers(Err("no broker can be reached".to_owned())), at(5));
    let overview = known.view(at(5)).overview;
    assert!(overview.cluster.is_stale());
    assert_eq!(overview.cluster.at, Some(at(0)));
    assert_eq!(
        overview.health.reasons,
        ["the brokers can't be asked: no broker can be reached"]
    );
    known.take(brokers([Some(10), Some(20)]), at(6));
    assert!(known.view(at(6)).overview.health.is_ok());
}

#[test]
fn the_etls_lag_is_what_the_topic_holds_beyond_its_commit() {
    let mut known = known();
    known.take(all_running(), at(0));
    known.take(brokers([Some(100), Some(80)]), at(0));
    known.take(stored(0, 70, 180), at(0));
    known.take(stored(5, 75, 180), at(5));
    let overview = known.view(at(6)).overview;
    let source = &overview.etl.value().expect("there is a commit").sources[0];
    assert_eq!(
        (source.to_read, source.watermark_gap_ms),
        (Some(30), Some(121_000))
    );
    // Two partitions, five records each, in five seconds.
    assert_eq!(source.records_per_second, Some(2.0));
    let lake = overview.lake.value().expect("it was read");
    assert_eq!(
        (lake.tables[0].rows, lake.tables[0].rows_per_second),
        (150, Some(2.0))
    );
    let ledger = overview.ledger.value().expect("both sides were read");
    assert_eq!((ledger.wrong.len(), ledger.settled), (0, false));
    assert_eq!(
        (ledger.tables[0].sent.records, ledger.tables[0].read.read),
        (180, 150)
    );
}

#[test]
fn a_ledger_that_does_not_balance_is_no_good_health() {
    let mut known = known();
    known.take(all_running(), at(0));
    let mut look = stored(0, 90, 180);
    if let Look::Stored(Ok(StoredSeen {
        newest: Ok(Some(newest)),
        ..
    })) = &mut look
    {
        let counts = newest
            .ledger
            .partitions
            .values_mut()
            .next()
            .expect("there are two");
        counts.duplicates += 1;
    }
    known.take(look, at(0));
    let overview = known.view(at(0)).overview;
    assert_eq!(overview.health.level, Level::Degraded);
    assert!(overview.health.reasons[0].starts_with("the ledger does not balance: iot (iot-0)"));
}

#[test]
fn records_that_a_topic_has_lost_are_found_once_it_cannot_hold_them() {
    let mut known = known();
    known.take(all_running(), at(0));
    // 180 were acknowledged before the brokers were asked again, who have 175: 150 were read, 25 are left.
    known.take(stored(0, 75, 180), at(0));
    known.take(brokers([Some(90), Some(85)]), at(0));
    assert!(known.view(at(0)).overview.health.is_ok());
    known.take(brokers([Some(90), Some(85)]), at(1));
    let health = known.view(at(1)).overview.health;
    assert_eq!(health.level, Level::Degraded);
    assert_eq!(
        health.reasons,
        [
            "the ledger does not balance: iot: 5 records were acknowledged, but `iot` does not hold them and they \
             were not read"
        ]
    );
    // Also when all that is there was read.
    known.take(stored(2, 87, 180), at(2));
    assert_eq!(known.view(at(2)).overview.health.level, Level::Degraded);
    // What was written while the brokers answered is missed by nobody.
    let mut known = self::known();
    known.take(all_running(), at(0));
    known.take(stored(0, 75, 170), at(0));
    known.take(brokers([Some(90), Some(85)]), at(0));
    known.take(stored(1, 75, 180), at(1));
    known.take(brokers([Some(90), Some(85)]), at(1));
    assert!(known.view(at(1)).overview.health.is_ok());
}

#[test]
fn a_paused_etl_shows_its_last_state_as_old() {
    let mut known = known();
    known.take(all_running(), at(0));
    known.take(stored(0, 90, 180), at(0));
    known.take(platform(&[(Name::Etl, running(true, 0))], &[]), at(1));
    let overview = known.view(at(1)).overview;
    assert!(overview.etl.is_stale());
    assert_eq!(overview.etl.problem.as_deref(), Some("etl is paused"));
}
