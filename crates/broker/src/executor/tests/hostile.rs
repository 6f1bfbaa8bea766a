//! Mutants of every request, served by a whole broker.

use bytes::BytesMut;
use disk::SimDisk;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::DescribeConfigsRequest;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use rand_core::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::harness::{Harness, Outcome};
use crate::samples::{batch, create, fetch, frames, list_offsets, metadata, text};
use crate::wire::tests::mutate;
use crate::{Head, Request, Response, decode, encode};

fn serve(broker: &mut Harness, frame: bytes::Bytes) -> Option<(Head, Outcome)> {
    let (head, body) = decode(frame).ok()?;
    let id = broker.send(1, head.version, body);
    for _ in 0..3 {
        if let Some(outcome) = broker.outcome(id) {
            return Some((head, outcome));
        }
        broker.tick();
    }
    None
}

#[test]
fn every_sample_is_answered_in_the_schema_of_its_version() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let id = broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    for (api, version, frame) in frames("t", id.0) {
        let (head, outcome) =
            serve(&mut broker, frame).unwrap_or_else(|| panic!("{api:?} {version} was not answered"));
        let Outcome::Response(response) = outcome else {
            panic!("{api:?} {version}: {outcome:?}")
        };
        encode(&head, &response, &mut BytesMut::new()).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn no_mutant_kills_the_broker_and_each_answer_can_be_written() {
    const SEED: u64 = 0x6d63_0002;
    const ROUNDS: usize = 25;
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let mut broker = Harness::start(&SimDisk::new(), 1);
    let id = broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    let mut answered = 0;
    for (api, version, frame) in frames("t", id.0) {
        for round in 0..ROUNDS {
            let mutant = mutate(&frame, &mut random);
            let Some((head, outcome)) = serve(&mut broker, mutant.clone()) else {
                continue;
            };
            answered += 1;
            if let Outcome::Response(response) = outcome {
                let written = encode(&head, &response, &mut BytesMut::new());
                assert!(
                    written.is_ok(),
                    "seed {SEED:#x}, {api:?} {version}, round {round}: {written:?} {mutant:02x?}"
                );
            }
        }
    }
    assert!(answered > 100, "only {answered} mutants were answered");
    // It still serves.
    let (error, _) = broker.produce("t", batch(&["z"]));
    assert!(error == 0 || broker.executor.metadata().topic("t").is_none());
}

#[test]
fn what_is_named_often_is_served_once() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    broker.create("t", &[]);
    broker.produce("t", batch(&["a"]));
    let Response::Metadata(response) = broker.ask(12, Request::Metadata(metadata(&["t"; 1_000], false)))
    else {
        panic!()
    };
    assert_eq!(response.topics.len(), 1);

    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("t"))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource; 1_000]);
    let Response::DescribeConfigs(response) = broker.ask(4, Request::DescribeConfigs(request)) else {
        panic!()
    };
    assert_eq!(response.results.len(), 1);

    let mut request = fetch("t", 0, 0, 0);
    let partition = request.topics[0].partitions[0].clone();
    request.topics[0].partitions = vec![partition; 1_000];
    let topic = request.topics[0].clone();
    request.topics.push(topic);
    let Response::Fetch(response) = broker.ask(12, Request::Fetch(request)) else {
        panic!()
    };
    let answers: usize = response
        .responses
        .iter()
        .map(|topic| topic.partitions.len())
        .sum();
    assert_eq!(answers, 1);

    let mut request = list_offsets("t", 1_000);
    let partition = request.topics[0].partitions[0].clone();
    request.topics[0].partitions.push(partition);
    let Response::ListOffsets(response) = broker.ask(6, Request::ListOffsets(request)) else {
        panic!()
    };
    let errors: Vec<i16> = response.topics[0]
        .partitions
        .iter()
        .map(|p| p.error_code)
        .collect();
    assert_eq!(errors, [0, ResponseError::InvalidRequest.code()]);
}

#[test]
fn names_of_a_large_request_are_compared_in_no_time() {
    let mut broker = Harness::start(&SimDisk::new(), 1);
    // Compared each with each, these are forty billion comparisons.
    let mut request = create("twice", 1, &[]);
    let topic = request.topics[0].clone();
    request.topics = vec![topic; 200_000];
    let Response::CreateTopics(response) = broker.ask(7, Request::CreateTopics(request)) else {
        panic!()
    };
    assert_eq!(response.topics.len(), 1);
    assert_eq!(
        response.topics[0].error_code,
        ResponseError::InvalidRequest.code()
    );
}
