//! Three brokers whose frames arrive at once, or not at all.

use std::collections::VecDeque;
use std::path::PathBuf;

use bytes::Bytes;
use cluster::{Listener, Metadata, Millis, TICK};
use disk::{Disk, SimDisk};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{AlterPartitionReassignmentsRequest, DeleteTopicsRequest, MetadataRequest};
use record::{BrokerId, PartitionIndex, Timestamp, TopicId};
use uuid::Uuid;

use super::harness::Outcome;
use crate::samples::{create, fetch, produce, topic_name};
use crate::{
    CLIENT_LISTENER, Clock, Durability, Executor, ExecutorOptions, Input, Output, Request, RequestId,
    Response, Serving,
};

/// A cluster that didn't do what was wanted by then never will.
const PATIENCE: u64 = 20_000;

pub(crate) struct Three {
    brokers: Vec<Broker>,
    now: u64,
    serial: u64,
    incarnations: u128,
    done: Vec<(RequestId, Outcome)>,
    frames: VecDeque<(BrokerId, BrokerId, Bytes)>,
    /// Bytes of metadata entries between two snapshots.
    between_snapshots: u64,
    durability: Durability,
}

struct Broker {
    id: BrokerId,
    disk: SimDisk,
    /// Counts the boots of its machine.
    boots: u32,
    /// `None` while it is dead.
    executor: Option<Executor<SimDisk>>,
    /// It does nothing, and what is sent to it waits.
    paused: bool,
    /// What it sends to others and they to it vanishes.
    cut_off: bool,
}

impl Three {
    /// A cluster that is ready.
    pub(crate) fn start() -> Self {
        Self::with_snapshots(4 << 20)
    }

    /// A cluster that is ready, and acknowledges nothing that a loss of power could take.
    pub(crate) fn with_durability(durability: Durability) -> Self {
        Self::with(4 << 20, durability)
    }

    /// A cluster that is ready, and makes a snapshot of the metadata after so many bytes of entries.
    pub(crate) fn with_snapshots(between_snapshots: u64) -> Self {
        Self::with(between_snapshots, Durability::ProcessCrash)
    }

    fn with(between_snapshots: u64, durability: Durability) -> Self {
        let broker = |id| Broker {
            id: BrokerId(id),
            disk: SimDisk::new(),
            boots: 1,
            executor: None,
            paused: false,
            cut_off: false,
        };
        let mut three = Self {
            brokers: (1..=3).map(broker).collect(),
            now: 0,
            serial: 0,
            incarnations: 0,
            done: Vec::new(),
            frames: VecDeque::new(),
            between_snapshots,
            durability,
        };
        for id in 1..=3 {
            three.revive(id);
        }
        three.until("all are ready", |three| {
            three.brokers.iter().all(Broker::is_ready)
        });
        three
    }

    fn broker(&mut self, id: i32) -> &mut Broker {
        &mut self.brokers[usize::try_from(id - 1).expect("1 to 3")]
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, id: i32) {
        let broker = self.broker(id);
        broker.disk = broker.disk.after_kill();
        self.end(id);
    }

    /// Its machine loses power: of what isn't synced it keeps all, or nothing.
    pub(crate) fn lose_power(&mut self, id: i32, keeps: bool) {
        let broker = self.broker(id);
        broker.disk = broker.disk.after_power_loss(|of| if keeps { of - 1 } else { 0 });
        broker.boots += 1;
        self.end(id);
    }

    fn end(&mut self, id: i32) {
        let broker = self.broker(id);
        broker.executor = None;
        broker.paused = false;
        self.frames.retain(|(from, to, _)| from.0 != id && to.0 != id);
        self.tell_all(id, Input::PeerLost(BrokerId(id)));
    }

    /// Starts it again on what it has left.
    pub(crate) fn revive(&mut self, id: i32) {
        self.incarnations += 1;
        let mut state = self.incarnations << 64;
        let random = Box::new(move || {
            state += 1;
            state
        });
        let clock = self.clock();
        let (disk, boots) = (self.broker(id).disk.clone(), self.broker(id).boots);
        let mut options = options(id, self.incarnations, boots);
        options.node.max_bytes_between_snapshots = self.between_snapshots;
        options.serving.durability = self.durability;
        let executor = Executor::open(disk, options, clock, random).expect("opens");
        self.broker(id).executor = Some(executor);
        for other in (1..=3).filter(|other| *other != id) {
            if self.broker(other).executor.is_some() {
                self.input(id, Input::PeerConnected(BrokerId(other)));
                self.input(other, Input::PeerConnected(BrokerId(id)));
            }
        }
    }

    /// SIGSTOP: nothing is lost, it only stands still.
    pub(crate) fn pause(&mut self, id: i32) {
        self.broker(id).paused = true;
    }

    /// SIGCONT.
    pub(crate) fn resume(&mut self, id: i32) {
        self.broker(id).paused = false;
        self.deliver();
    }

    /// Nothing reaches it or leaves it, and nobody is told.
    pub(crate) fn cut_off(&mut self, id: i32) {
        self.broker(id).cut_off = true;
    }

    fn tell_all(&mut self, but: i32, input: Input) {
        for id in (1..=3).filter(|id| *id != but) {
            self.input(id, input.clone());
        }
    }

    fn clock(&self) -> Clock {
        Clock {
            monotonic: Millis(self.now),
            wall: Timestamp(1_000_000 + self.now.cast_signed()),
        }
    }

    fn input(&mut self, id: i32, input: Input) {
        let clock = self.clock();
        let broker = self.broker(id);
        let Some(executor) = &mut broker.executor else {
            return;
        };
        let from = broker.id;
        for output in executor.on(input, clock) {
            match output {
                Output::Respond { request, body } => self.done.push((request, Outcome::Response(body))),
                Output::NoResponse { request } => self.done.push((request, Outcome::NoResponse)),
                Output::Hangup { request } => self.done.push((request, Outcome::Hangup)),
                Output::PeerFrame { to, frame } => self.frames.push_back((from, to, frame)),
                Output::Stop(e) => panic!("broker {id} stopped: {e}"),
            }
        }
    }

    /// Brings frames to where they belong until there are no more.
    fn deliver(&mut self) {
        let mut waiting = VecDeque::new();
        let mut delivered = 0;
        while let Some((from, to, frame)) = self.frames.pop_front() {
            if self.broker(to.0).paused {
                waiting.push_back((from, to, frame));
                continue;
            }
            if self.broker(to.0).cut_off || self.broker(from.0).cut_off {
                continue;
            }
            delivered += 1;
            assert!(delivered < 100_000, "they never stop talking");
            self.input(to.0, Input::PeerFrame { from, frame });
        }
        self.frames = waiting;
    }

    pub(crate) fn tick(&mut self) {
        self.now += TICK.0;
        for id in 1..=3 {
            if !self.broker(id).paused {
                self.input(id, Input::Tick);
            }
            self.deliver();
        }
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(TICK.0) {
            self.tick();
        }
    }

    /// Lets time pass until something holds; gives how long it took, in ms.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> u64 {
        let start = self.now;
        while !holds(self) {
            assert!(self.now - start < PATIENCE, "not within {PATIENCE} ms: {what}");
            self.tick();
        }
        self.now - start
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send(&mut self, to: i32, version: i16, body: Request) -> RequestId {
        self.serial += 1;
        let request = RequestId {
            connection: u64::try_from(to).expect("1 to 3"),
            serial: self.serial,
        };
        self.input(
            to,
            Input::Client {
                request,
                version,
                body,
            },
        );
        self.deliver();
        request
    }

    pub(crate) fn outcome(&mut self, id: RequestId) -> Option<Outcome> {
        let at = self.done.iter().position(|(done, _)| *done == id)?;
        Some(self.done.remove(at).1)
    }

    pub(crate) fn ask(&mut self, to: i32, version: i16, body: Request) -> Response {
        let id = self.send(to, version, body);
        for _ in 0..PATIENCE / TICK.0 {
            match self.outcome(id) {
                Some(Outcome::Response(response)) => return response,
                Some(other) => panic!("{other:?} instead of a response"),
                None => self.tick(),
            }
        }
        panic!("broker {to} didn't answer");
    }

    /// Creates a topic of one partition on all three, and waits until all are in sync.
    pub(crate) fn create(&mut self, topic: &str, configs: &[(&str, &str)]) -> TopicId {
        self.create_with(topic, 3, configs)
    }

    /// Creates a topic of one partition with so many replicas, and waits until all are in sync.
    pub(crate) fn create_with(&mut self, topic: &str, factor: i16, configs: &[(&str, &str)]) -> TopicId {
        let mut request = create(topic, 1, configs);
        request.topics[0].replication_factor = factor;
        let Response::CreateTopics(response) = self.ask(1, 7, Request::CreateTopics(request)) else {
            panic!("another response")
        };
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
        let id = TopicId(response.topics[0].topic_id);
        let all = usize::try_from(factor).expect("1 to 3");
        self.until("all are in sync", |three| three.isr(id).len() == all);
        id
    }

    pub(crate) fn delete(&mut self, to: i32, topic: &str) {
        let names = vec![topic_name(topic)];
        let request = DeleteTopicsRequest::default()
            .with_topic_names(names)
            .with_timeout_ms(10_000);
        let Response::DeleteTopics(response) = self.ask(to, 5, Request::DeleteTopics(request)) else {
            panic!("another response")
        };
        assert_eq!(response.responses[0].error_code, 0, "{response:?}");
    }

    /// The metadata that a broker knows, while it runs.
    pub(crate) fn metadata(&self, id: i32) -> Option<&Metadata> {
        let broker = self.brokers.iter().find(|broker| broker.id.0 == id)?;
        broker.executor.as_ref().map(Executor::metadata)
    }

    /// The names of files or folders in a folder of a broker's disk.
    pub(crate) fn names(&self, id: i32, folder: &str) -> Vec<String> {
        let broker = self.brokers.iter().find(|broker| broker.id.0 == id);
        let path = PathBuf::from(format!("/data/{id}/{folder}"));
        let entries = broker.expect("1 to 3").disk.read_dir(&path).expect("a folder");
        entries.into_iter().map(|entry| entry.name).collect()
    }

    /// How many records of partition 0 a broker has that it knows to be committed.
    pub(crate) fn committed(&self, id: i32, topic: TopicId) -> usize {
        let broker = &self.brokers[usize::try_from(id - 1).expect("1 to 3")];
        let executor = broker.executor.as_ref().expect("it lives");
        let view = executor.replicas().find(|view| view.topic_id == topic);
        usize::try_from(view.expect("it is held").high_watermark.0).expect("small")
    }

    /// The disk of a broker.
    pub(crate) fn disk(&self, id: i32) -> &SimDisk {
        &self.brokers[usize::try_from(id - 1).expect("1 to 3")].disk
    }

    /// Gives partition 0 to these brokers.
    pub(crate) fn reassign(&mut self, topic: &str, replicas: &[i32]) {
        let ids = replicas.iter().map(|id| (*id).into()).collect();
        let partition = ReassignablePartition::default().with_replicas(Some(ids));
        let reassigned = ReassignableTopic::default()
            .with_name(topic_name(topic))
            .with_partitions(vec![partition]);
        let request = AlterPartitionReassignmentsRequest::default()
            .with_timeout_ms(1_000)
            .with_topics(vec![reassigned]);
        let to = replicas[0];
        let Response::AlterPartitionReassignments(response) =
            self.ask(to, 0, Request::AlterPartitionReassignments(request))
        else {
            panic!("another response")
        };
        assert_eq!(response.responses[0].partitions[0].error_code, 0, "{response:?}");
    }

    /// The partition as a living broker sees it.
    pub(crate) fn partition(&self, topic: TopicId) -> Option<&cluster::Partition> {
        let newest = self
            .brokers
            .iter()
            .filter(|broker| !broker.paused && !broker.cut_off)
            .filter_map(|broker| broker.executor.as_ref())
            .map(Executor::metadata)
            .max_by_key(|metadata| metadata.applied)?;
        newest.partition(topic, PartitionIndex(0))
    }

    pub(crate) fn isr(&self, topic: TopicId) -> Vec<i32> {
        let partition = self.partition(topic);
        partition.map_or(Vec::new(), |partition| {
            partition.isr.iter().map(|id| id.0).collect()
        })
    }

    /// All replicas are in sync, none of them under suspicion, and one leads.
    pub(crate) fn is_whole(&self, topic: TopicId) -> bool {
        self.partition(topic).is_some_and(|p| {
            p.isr.len() == 3 && p.unclean.is_empty() && p.offline.is_empty() && p.leader.is_some()
        })
    }

    /// Somebody removes the files of a dead broker's copy of `t`, or its folder as well.
    pub(crate) fn remove_copy(&mut self, id: i32, wholly: bool) {
        let dir = PathBuf::from(format!("/data/{id}/t-0"));
        let disk = &self.broker(id).disk;
        for entry in disk.read_dir(&dir).expect("lists") {
            disk.remove_file(&dir.join(entry.name)).expect("removes");
        }
        if wholly {
            disk.remove_dir(&dir).expect("removes");
        }
    }

    /// Somebody removes all but a dead broker's metadata log.
    pub(crate) fn wipe(&mut self, id: i32) {
        self.remove_copy(id, true);
        let dir = PathBuf::from(format!("/data/{id}"));
        for name in ["meta.properties", "boot-id"] {
            let disk = &self.broker(id).disk;
            disk.remove_file(&dir.join(name)).expect("removes");
        }
    }

    pub(crate) fn leader(&self, topic: TopicId) -> Option<i32> {
        self.partition(topic)?.leader.map(|id| id.0)
    }

    /// The leader, once there is one that answers to it.
    pub(crate) fn wait_for_leader(&mut self, topic: TopicId, but: Option<i32>) -> i32 {
        self.until("there is a leader", |three| {
            three.leader(topic).is_some_and(|leader| {
                Some(leader) != but && three.brokers[usize::try_from(leader - 1).expect("1 to 3")].is_ready()
            })
        });
        self.leader(topic).expect("it was waited for")
    }

    /// Produces one batch to partition 0: error code and base offset.
    pub(crate) fn produce(&mut self, to: i32, topic: &str, acks: i16, records: Bytes) -> (i16, i64) {
        let Response::Produce(response) = self.ask(to, 9, Request::Produce(produce(topic, acks, records)))
        else {
            panic!("another response")
        };
        let partition = &response.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    /// The leader of partition 0, or the error, as this broker tells clients.
    pub(crate) fn leader_told_by(&mut self, broker: i32, topic: &str) -> Result<i32, i16> {
        let asked = MetadataRequestTopic::default().with_name(Some(topic_name(topic)));
        let request = MetadataRequest::default().with_topics(Some(vec![asked]));
        let Response::Metadata(response) = self.ask(broker, 9, Request::Metadata(request)) else {
            panic!("another response")
        };
        let partition = &response.topics[0].partitions[0];
        match partition.error_code {
            0 => Ok(partition.leader_id.0),
            error => Err(error),
        }
    }

    /// A client reads so many records, whichever broker it asks.
    pub(crate) fn assert_everywhere(&mut self, topic: &str, records: usize, story: &str) {
        for broker in 1..=3 {
            assert_eq!(
                self.values(broker, topic).len(),
                records,
                "broker {broker}, {story}"
            );
        }
    }

    /// The values that a client reads from partition 0 of this broker.
    pub(crate) fn values(&mut self, from: i32, topic: &str) -> Vec<String> {
        match self.ask(from, 12, Request::Fetch(fetch(topic, 0, 0, 0))) {
            Response::Fetch(response) => super::harness::values(&response),
            other => panic!("{other:?}"),
        }
    }
}

impl Broker {
    fn is_ready(&self) -> bool {
        self.executor.as_ref().is_some_and(Executor::is_ready)
    }
}

fn options(id: i32, incarnation: u128, boots: u32) -> ExecutorOptions {
    let voters = (1..=3).map(BrokerId).collect();
    let mut node = cluster::Options::new(BrokerId(id), "c", voters, Uuid::from_u128(incarnation));
    node.listeners = vec![Listener {
        name: CLIENT_LISTENER.to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 19_092,
    }];
    node.max_replication = 3;
    ExecutorOptions {
        folder: PathBuf::from(format!("/data/{id}")),
        node,
        boot_id: format!("boot {boots}"),
        serving: Serving::default(),
    }
}
