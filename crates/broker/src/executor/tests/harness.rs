//! One broker under the test's own clock.

use std::path::PathBuf;

use cluster::{Listener, Millis, TICK};
use disk::SimDisk;
use kafka_protocol::messages::{CreateTopicsResponse, FetchResponse, ProduceResponse};
use record::{BrokerId, Timestamp, TopicId};
use uuid::Uuid;

use crate::samples::{create, fetch, produce};
use crate::{
    CLIENT_LISTENER, Clock, Executor, ExecutorOptions, Input, Output, Request, RequestId, Response, Serving,
};

/// What came of a request that is over.
#[derive(Debug)]
pub(crate) enum Outcome {
    Response(Response),
    NoResponse,
    Hangup,
}

pub(crate) struct Harness {
    pub(crate) executor: Executor<SimDisk>,
    now: u64,
    serial: u64,
    done: Vec<(RequestId, Outcome)>,
}

impl Harness {
    /// A broker on this disk, up to where it is ready.
    pub(crate) fn start(disk: &SimDisk, incarnation: u128) -> Self {
        Self::start_serving(disk, incarnation, "boot", Serving::default())
    }

    pub(crate) fn start_serving(disk: &SimDisk, incarnation: u128, boot_id: &str, serving: Serving) -> Self {
        let mut harness = Self::open(disk, incarnation, boot_id, serving);
        for _ in 0..200 {
            harness.tick();
            if harness.executor.is_ready() {
                return harness;
            }
        }
        panic!("the broker was not ready after 10 s");
    }

    /// A broker on this disk that nothing has happened to yet.
    pub(crate) fn open(disk: &SimDisk, incarnation: u128, boot_id: &str, serving: Serving) -> Self {
        let mut node =
            cluster::Options::new(BrokerId(1), "c", vec![BrokerId(1)], Uuid::from_u128(incarnation));
        // Every test restarts from snapshots, too.
        node.max_bytes_between_snapshots = 1_000;
        let (name, host) = (CLIENT_LISTENER.to_owned(), "127.0.0.1".to_owned());
        node.listeners = vec![Listener {
            name,
            host,
            port: 19_092,
        }];
        let folder = PathBuf::from("/data/1");
        let options = ExecutorOptions {
            folder,
            node,
            boot_id: boot_id.to_owned(),
            serving,
        };
        let mut state = incarnation;
        let random = Box::new(move || {
            state = state
                .wrapping_mul(0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645)
                .wrapping_add(1);
            state
        });
        let executor = Executor::open(disk.clone(), options, clock(0), random).expect("opens");
        Self {
            executor,
            now: 0,
            serial: 0,
            done: Vec::new(),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        clock(self.now)
    }

    pub(crate) fn tick(&mut self) {
        self.now += TICK.0;
        self.input(Input::Tick);
    }

    /// Lets time pass, ticking.
    pub(crate) fn pass(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(TICK.0) {
            self.tick();
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        let outputs = self.executor.on(input, clock(self.now));
        self.take(outputs);
    }

    /// Makes durable what was appended.
    pub(crate) fn sync(&mut self) {
        let outputs = self.executor.sync(clock(self.now));
        self.take(outputs);
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Respond { request, body } => self.done.push((request, Outcome::Response(body))),
                Output::NoResponse { request } => self.done.push((request, Outcome::NoResponse)),
                Output::Hangup { request } => self.done.push((request, Outcome::Hangup)),
                Output::PeerFrame { to, .. } => panic!("there is no broker {to}"),
                Output::Stop(e) => panic!("the broker stopped: {e}"),
            }
        }
    }

    /// Sends a request and gives its id.
    pub(crate) fn send(&mut self, connection: u64, version: i16, body: Request) -> RequestId {
        self.serial += 1;
        let request = RequestId {
            connection,
            serial: self.serial,
        };
        self.input(Input::Client {
            request,
            version,
            body,
        });
        request
    }

    /// What has come of a request.
    pub(crate) fn outcome(&mut self, id: RequestId) -> Option<Outcome> {
        let at = self.done.iter().position(|(done, _)| *done == id)?;
        Some(self.done.remove(at).1)
    }

    /// Sends a request, and lets up to two seconds pass until it is over.
    pub(crate) fn finish(&mut self, version: i16, body: Request) -> Outcome {
        let id = self.send(1, version, body);
        for _ in 0..40 {
            if let Some(outcome) = self.outcome(id) {
                return outcome;
            }
            self.tick();
        }
        panic!("no answer after two seconds");
    }

    /// The same for requests that are answered.
    pub(crate) fn ask(&mut self, version: i16, body: Request) -> Response {
        match self.finish(version, body) {
            Outcome::Response(response) => response,
            other => panic!("{other:?} instead of a response"),
        }
    }

    pub(crate) fn create(&mut self, topic: &str, configs: &[(&str, &str)]) -> TopicId {
        let Response::CreateTopics(response) = self.ask(7, Request::CreateTopics(create(topic, 1, configs)))
        else {
            panic!("another response")
        };
        assert_eq!(errors(&response), [0], "{response:?}");
        self.pass(100);
        TopicId(response.topics[0].topic_id)
    }

    /// Produces one batch to partition 0: error code and base offset.
    pub(crate) fn produce(&mut self, topic: &str, records: bytes::Bytes) -> (i16, i64) {
        let response = self.produce_response(topic, records);
        let partition = &response.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    pub(crate) fn produce_response(&mut self, topic: &str, records: bytes::Bytes) -> ProduceResponse {
        match self.ask(9, Request::Produce(produce(topic, -1, records))) {
            Response::Produce(response) => response,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn fetch(&mut self, topic: &str, offset: i64) -> FetchResponse {
        match self.ask(12, Request::Fetch(fetch(topic, offset, 0, 0))) {
            Response::Fetch(response) => response,
            other => panic!("{other:?}"),
        }
    }

    /// How many records partition 0 has.
    pub(crate) fn end(&self, topic: TopicId) -> usize {
        let view = self.executor.replicas().find(|view| view.topic_id == topic);
        usize::try_from(view.expect("it is held").end.0).expect("small")
    }

    /// The values of all records from an offset on.
    pub(crate) fn values(&mut self, topic: &str, offset: i64) -> Vec<String> {
        values(&self.fetch(topic, offset))
    }
}

fn clock(now: u64) -> Clock {
    Clock {
        monotonic: Millis(now),
        wall: Timestamp(1_000_000 + now.cast_signed()),
    }
}

pub(crate) fn errors(response: &CreateTopicsResponse) -> Vec<i16> {
    response.topics.iter().map(|topic| topic.error_code).collect()
}

/// The values in partition 0 of a response.
pub(crate) fn values(response: &FetchResponse) -> Vec<String> {
    let partition = &response.responses[0].partitions[0];
    assert_eq!(partition.error_code, 0, "{partition:?}");
    let mut values = Vec::new();
    for batch in record::Batch::split(partition.records.clone().expect("records or none")) {
        let records = batch.and_then(|batch| batch.records()).expect("a valid batch");
        for record in records.iter() {
            let value = record.expect("a valid record").value.expect("a value");
            values.push(String::from_utf8(value.to_vec()).expect("text"));
        }
    }
    values
}
