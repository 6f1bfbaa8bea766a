//! What is known, and what follows from it. Pure: looks and the time come in, views go out.

mod cluster;
mod jobs;
mod lake;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use generator::{Progress, TopicTruth, Verdict};
use jiff::Timestamp;
use record::PartitionIndex;
use run::{Service as Name, ServiceState};

use super::Options;
use super::brokers::{BrokersSeen, TopicPartition};
use super::look::Look;
use super::platform::{Platform, Running};
use crate::View;
use crate::account::Newest;
use crate::figures::seconds_between;
use crate::history::{History, Series};
use crate::meter::Meter;
use crate::overview::{
    Etl, Generator, Happening, Health, Overview, Part, Service, Source, State, Supervisor, TopicSent, Totals,
};

/// What rates of topics and of the generator are measured over.
const SECONDS: Duration = Duration::from_secs(5);
/// The same for what comes in micro-batches.
const BATCHES: Duration = Duration::from_secs(30);

/// How long a service that reports may be silent.
const SILENT_SECONDS: u64 = 3;

/// Everything that was seen so far.
#[derive(Debug)]
pub(super) struct Known {
    options: Arc<Options>,
    platform: Part<Platform>,
    brokers: Part<BrokersSeen>,
    newest: Part<Option<Newest>>,
    sent: Part<BTreeMap<String, TopicTruth>>,
    etl: Part<etl::Report>,
    generator: Part<Progress>,
    /// First and next offset of every partition, also of those whose leader is silent now.
    offsets: BTreeMap<TopicPartition, (i64, i64)>,
    /// By topic: what the brokers said that it holds.
    held: BTreeMap<String, Held>,
    /// By topic: what was acknowledged to the generator, as was known when the last look at the brokers ended:
    /// so the next one comes after it.
    acknowledged: Option<BTreeMap<String, u64>>,
    meters: HashMap<Metered, Meter>,
    /// Processor time of each process at the last look, and cores since the look before.
    cpu: BTreeMap<Name, (u32, Timestamp, Duration, Option<f64>)>,
    history: History,
}

/// What all leaders of a topic said in one look.
#[derive(Debug)]
struct Held {
    /// Records that had been acknowledged to the generator before.
    acknowledged: u64,
    /// The next offset of each partition.
    ends: Vec<(PartitionIndex, i64)>,
}

/// What is counted and only grows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Metered {
    /// Records of a partition, by its next offset.
    Partition(TopicPartition),
    /// Records of a source table that were read, by its next offsets.
    Source(String),
    /// Rows of a table.
    Table(String),
    /// Records that the generator sent to a topic.
    Sent(String),
}

impl Known {
    pub(super) fn new(options: Arc<Options>) -> Self {
        Self {
            options,
            platform: Part::default(),
            brokers: Part::default(),
            newest: Part::default(),
            sent: Part::default(),
            etl: Part::default(),
            generator: Part::default(),
            offsets: BTreeMap::new(),
            held: BTreeMap::new(),
            acknowledged: None,
            meters: HashMap::new(),
            cpu: BTreeMap::new(),
            history: History::default(),
        }
    }

    /// Takes in what a look brought.
    pub(super) fn take(&mut self, look: Look, now: Timestamp) {
        match look {
            Look::Platform(seen) => {
                if let Ok(platform) = &seen {
                    self.measure_cpu(platform, now);
                }
                self.platform.take(seen, now);
            }
            Look::Brokers(seen) => {
                if let Ok(brokers) = &seen {
                    self.measure_brokers(brokers, now);
                    self.hold(brokers);
                }
                let known = |sent: &BTreeMap<String, TopicTruth>| {
                    let records = sent
                        .iter()
                        .map(|(topic, truth)| (topic.clone(), truth.counts.records()));
                    records.collect()
                };
                self.acknowledged = self.sent.value().map(known);
                self.brokers.take(seen, now);
            }
            Look::Stored(Ok(seen)) => {
                if let Ok(Some(newest)) = &seen.newest {
                    self.measure_newest(newest);
                }
                if let Ok(sent) = &seen.sent {
                    for (topic, truth) in sent {
                        self.measure(Metered::Sent(topic.clone()), SECONDS, now, truth.counts.records());
                    }
                }
                self.newest.take(seen.newest, now);
                self.sent.take(seen.sent, now);
            }
            Look::Stored(Err(problem)) => {
                self.newest.problem = Some(problem.clone());
                self.sent.problem = Some(problem);
            }
            Look::Etl(seen) => self.etl.take(seen, now),
            Look::Generator(seen) => self.generator.take(seen, now),
        }
    }

    fn measure(&mut self, what: Metered, window: Duration, at: Timestamp, count: u64) {
        self.meters
            .entry(what)
            .or_insert_with(|| Meter::over(window))
            .look(at, count);
    }

    fn per_second(&self, what: &Metered, now: Timestamp) -> Option<f64> {
        self.meters.get(what)?.per_second(now)
    }

    fn measure_cpu(&mut self, platform: &Platform, now: Timestamp) {
        let before = std::mem::take(&mut self.cpu);
        for (name, running) in &platform.running {
            let (Some(cpu), pid) = (running.cpu, running.record.process.pid) else {
                continue;
            };
            let cores =
                before
                    .get(name)
                    .filter(|(other, ..)| *other == pid)
                    .and_then(|(_, at, earlier, _)| {
                        let passed = now.duration_since(*at).as_secs_f64();
                        (passed > 0.0).then(|| cpu.saturating_sub(*earlier).as_secs_f64() / passed)
                    });
            self.cpu.insert(*name, (pid, now, cpu, cores));
        }
    }

    fn measure_brokers(&mut self, seen: &BrokersSeen, now: Timestamp) {
        for (partition, (first, next)) in &seen.offsets {
            self.offsets.insert(partition.clone(), (*first, *next));
            let count = u64::try_from(*next).unwrap_or_default();
            self.measure(Metered::Partition(partition.clone()), SECONDS, now, count);
        }
        // Topics that are gone, or were made anew with fewer partitions.
        let there = |(topic, index): &TopicPartition| {
            let topic = seen.metadata.topic(topic);
            topic.is_some_and(|topic| {
                usize::try_from(*index).is_ok_and(|index| index < topic.partitions.len())
            })
        };
        self.offsets.retain(|partition, _| there(partition));
        self.meters.retain(|what, _| match what {
            Metered::Partition(partition) => there(partition),
            _ => true,
        });
    }

    /// Keeps what topics hold whose leaders have all answered.
    fn hold(&mut self, seen: &BrokersSeen) {
        let Some(acknowledged) = &self.acknowledged else {
            return;
        };
        for topic in &seen.metadata.topics {
            let end = |index: PartitionIndex| {
                let (_, end) = seen.offsets.get(&(topic.name.to_string(), index.0))?;
                Some((index, *end))
            };
            let ends: Option<Vec<_>> = topic
                .partitions
                .iter()
                .map(|partition| end(partition.index))
                .collect();
            if let Some(ends) = ends {
                let held = Held {
                    acknowledged: acknowledged.get(&*topic.name).copied().unwrap_or_default(),
                    ends,
                };
                self.held.insert(topic.name.to_string(), held);
            }
        }
        self.held.retain(|topic, _| seen.metadata.topic(topic).is_some());
    }

    fn measure_newest(&mut self, newest: &Newest) {
        for table in &newest.tables {
            self.measure(Metered::Table(table.name.clone()), BATCHES, newest.at, table.rows);
        }
        for (table, standing) in &newest.standing.tables {
            let read = standing.next_offsets.values().map(|offset| offset.0).sum::<i64>();
            let read = u64::try_from(read).unwrap_or_default();
            self.measure(Metered::Source(table.clone()), BATCHES, newest.at, read);
        }
    }

    /// What all of it says now; and one more second of history.
    pub(super) fn view(&mut self, now: Timestamp) -> View {
        let mut overview = Overview {
            at: now,
            version: self.options.version.clone(),
            data: self.options.data.clone(),
            health: Health::starting(),
            totals: Totals::default(),
            supervisor: self.supervisor(),
            services: self.services(now),
            cluster: self.brokers.map(|seen| self.cluster(seen, now)),
            generator: self.generator(now),
            etl: self.etl(now),
            lake: self.lake(now),
            ledger: self.ledger(),
            happened: self.happened(),
        };
        overview.totals = Totals::of(&overview);
        if self.platform.at.is_some() {
            overview.health = Health::of(&overview);
        }
        self.history.push(charted(&overview));
        let jobs = self.jobs(&overview);
        View::new(overview, jobs, self.history.clone())
    }

    fn supervisor(&self) -> Part<Supervisor> {
        let none = "no supervisor runs: `minicluster up` starts one";
        let seen = self.platform.value();
        let record = seen.and_then(|platform| platform.supervisor.as_ref());
        let gone = seen.filter(|_| record.is_none()).map(|_| none.to_owned());
        Part {
            value: record.map(|record| Supervisor {
                pid: record.process.pid,
                since: record.since,
                ready: record.ready,
                bootstrap: record.bootstrap.clone(),
            }),
            at: self.platform.at,
            problem: self.platform.problem.clone().or(gone),
        }
    }

    /// The services that should be there, and those that are.
    fn service_names(&self) -> Vec<Name> {
        let platform = self.platform.value();
        // Brokers join and leave while it runs.
        let supervisor = platform.and_then(|platform| platform.supervisor.as_ref());
        let mut names = match supervisor {
            Some(record) => record.services.keys().copied().collect(),
            None => self.options.services.clone(),
        };
        let running = platform.into_iter().flat_map(|platform| platform.running.keys());
        for name in running {
            if !names.contains(name) {
                names.push(*name);
            }
        }
        names
    }

    fn services(&self, now: Timestamp) -> Vec<Service> {
        let names = self.service_names().into_iter();
        names.map(|name| self.service(name, now)).collect()
    }

    fn service(&self, name: Name, now: Timestamp) -> Service {
        let platform = self.platform.value();
        let running = platform.and_then(|platform| platform.running.get(&name));
        let supervisor = platform.and_then(|platform| platform.supervisor.as_ref());
        let supervised = supervisor.and_then(|supervisor| supervisor.services.get(&name));
        let address = match name {
            Name::Broker(_) => {
                let bootstrap = supervisor.map_or(&self.options.bootstrap, |record| &record.bootstrap);
                let names = self.service_names().into_iter();
                let mut brokers = names.filter(|name| matches!(name, Name::Broker(_)));
                let place = brokers.position(|broker| broker == name);
                place.and_then(|place| bootstrap.get(place).cloned())
            }
            _ => running.and_then(|running| running.record.api.map(|api| api.to_string())),
        };
        Service {
            name: name.to_string(),
            state: state(running, supervised.map(|supervised| supervised.state)),
            pid: running.map(|running| running.record.process.pid),
            since: running.map(|running| running.record.since),
            restarts: supervised.map_or(0, |supervised| supervised.restarts),
            last_death: supervised
                .and_then(|supervised| supervised.last_death.as_ref())
                .map(|death| death.reason.clone()),
            memory_bytes: running.and_then(|running| running.memory_bytes),
            cpu_cores: self.cpu.get(&name).and_then(|(.., cores)| *cores),
            address,
            problem: running.and_then(|running| self.silence(name, running, now)),
        }
    }

    /// Why a service that runs counts as one that doesn't answer.
    fn silence(&self, name: Name, running: &Running, now: Timestamp) -> Option<String> {
        let (heard, problem) = match name {
            Name::Broker(id) => {
                let id = i32::try_from(id).ok()?;
                return self
                    .brokers
                    .if_fresh()?
                    .log_dirs
                    .get(&id)?
                    .as_ref()
                    .err()
                    .cloned();
            }
            Name::Etl => (self.etl.at, &self.etl.problem),
            Name::Generator => (self.generator.at, &self.generator.problem),
            Name::Console => return None,
        };
        // A process that has just begun is given as long.
        let heard = heard.max(Some(running.record.since))?;
        let serves = running.record.api.is_some();
        let silent = serves && seconds_between(heard, now) >= SILENT_SECONDS;
        problem.clone().filter(|_| silent)
    }

    fn generator(&self, now: Timestamp) -> Part<Generator> {
        let report = self.generator.if_fresh();
        let sent = self.sent.value();
        let topics: Vec<TopicSent> = sent
            .into_iter()
            .flatten()
            .map(|(topic, truth)| {
                let told = report.and_then(|report| report.topics.iter().find(|told| told.topic == *topic));
                // Without a report the counts that it writes down tell, less evenly.
                let measured = || self.per_second(&Metered::Sent(topic.clone()), now);
                TopicSent {
                    topic: topic.clone(),
                    records_per_second: told.map(|told| told.per_second).or_else(measured),
                    records: truth.counts.records(),
                    duplicates: truth.counts.expected(Verdict::Duplicate),
                    malformed: truth.counts.expected(Verdict::Malformed),
                }
            })
            .collect();
        let measured = topics
            .iter()
            .map(|topic| topic.records_per_second)
            .sum::<Option<f64>>();
        let value = Generator {
            records_per_second: report.map(|report| report.per_second).or(measured),
            wanted_per_second: report.and_then(|report| report.wanted_per_second),
            lateness_ms: report.map(|report| report.recent_lateness.max_ms.max(0.0).round() as u64),
            errors: report.map(|report| report.errors),
            last_error: report.and_then(|report| report.last_error.clone()),
            topics,
        };
        self.told(value, self.generator.at.or(self.sent.at), Name::Generator, now)
    }

    /// A part that a service tells: fresh while the service runs and answers.
    fn told<T>(&self, value: T, at: Option<Timestamp>, name: Name, now: Timestamp) -> Part<T> {
        let service = self.service(name, now);
        let problem = match service.state {
            State::Down => Some(format!("{name} is down")),
            State::Paused => Some(format!("{name} is paused")),
            State::Starting | State::Running => service.problem,
        };
        Part {
            value: at.map(|_| value),
            at,
            problem,
        }
    }

    fn etl(&self, now: Timestamp) -> Part<Etl> {
        let report = self.etl.value();
        let last = report.and_then(|report| report.progress.back());
        let newest = self.newest.value().and_then(Option::as_ref);
        let sources = newest.into_iter().flat_map(|newest| &newest.standing.tables);
        let sources = sources.map(|(table, standing)| Source {
            table: table.clone(),
            topic: standing.topic.clone(),
            watermark: standing
                .watermark
                .and_then(|at| Timestamp::from_microsecond(at.0).ok()),
            watermark_gap_ms: standing.watermark.map(|at| {
                u64::try_from(now.as_microsecond().saturating_sub(at.0) / 1000).unwrap_or_default()
            }),
            to_read: self.to_read(standing),
            records_per_second: self.per_second(&Metered::Source(table.clone()), now),
        });
        let value = Etl {
            batch: last.map(|batch| batch.batch_id),
            batch_at: last.and_then(|batch| batch.timestamp.parse().ok()),
            batch_ms: last.map(|batch| batch.batch_duration),
            input_per_second: last.map(|batch| batch.input_rows_per_second),
            processed_per_second: last.map(|batch| batch.processed_rows_per_second),
            state_rows: last.map(|batch| {
                batch
                    .state_operators
                    .iter()
                    .map(|state| state.num_rows_total)
                    .sum()
            }),
            waiting: report.and_then(|report| report.waiting.clone()),
            sources: sources.collect(),
        };
        let at = self.etl.at.or(newest.and(self.newest.at));
        self.told(value, at, Name::Etl, now)
    }

    /// Records of a source's topic that were not read; unknown while the brokers have not said where a
    /// partition ends.
    fn to_read(&self, standing: &etl::TableStanding) -> Option<u64> {
        let topic = self.brokers.value()?.metadata.topic(&standing.topic)?;
        let left = topic.partitions.iter().map(|partition| {
            let (first, end) = self.offsets.get(&(standing.topic.clone(), partition.index.0))?;
            let next = standing
                .next_offsets
                .get(&partition.index)
                .map_or(*first, |next| next.0.max(*first));
            Some(u64::try_from(end - next).unwrap_or_default())
        });
        left.sum()
    }

    fn happened(&self) -> Vec<Happening> {
        let supervisor = self
            .platform
            .value()
            .and_then(|platform| platform.supervisor.as_ref());
        let events = supervisor
            .into_iter()
            .flat_map(|record| record.events.iter().rev());
        let happening = |event: &run::RunEvent| Happening {
            at: event.at,
            service: event.service.map(|service| service.to_string()),
            line: event.line.clone(),
        };
        events.map(happening).collect()
    }
}

/// What a process does, and what its supervisor says of it where it has none.
fn state(running: Option<&Running>, supervised: Option<ServiceState>) -> State {
    match (running, supervised) {
        (Some(running), _) if running.paused => State::Paused,
        (Some(_) | None, Some(ServiceState::Starting)) => State::Starting,
        (Some(_), _) => State::Running,
        (None, Some(ServiceState::Waiting)) => State::Starting,
        (None, _) => State::Down,
    }
}

/// One second of history.
fn charted(overview: &Overview) -> Vec<(Series, Option<f64>)> {
    let totals = &overview.totals;
    let number = |value: Option<u64>| value.map(|value| value as f64);
    let mut charted = vec![
        (Series::Sent, totals.sent_per_second),
        (Series::Read, totals.read_per_second),
        (Series::Written, totals.written_per_second),
        (Series::ToRead, number(totals.to_read)),
        (Series::WatermarkGap, number(totals.watermark_gap_ms)),
        (Series::Memory, number(totals.memory_bytes)),
    ];
    let topics = overview
        .cluster
        .if_fresh()
        .into_iter()
        .flat_map(|cluster| &cluster.topics);
    charted.extend(topics.map(|topic| (Series::Topic(topic.name.clone()), topic.records_per_second)));
    let tables = overview.lake.if_fresh().into_iter().flat_map(|lake| &lake.tables);
    charted.extend(tables.map(|table| (Series::Table(table.name.clone()), table.rows_per_second)));
    let services = overview.services.iter();
    charted.extend(services.map(|service| {
        (
            Series::Service(service.name.clone()),
            number(service.memory_bytes),
        )
    }));
    charted
}

#[cfg(test)]
mod tests;
