//! What clients send is decoded, and nothing that they send does harm.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    ResponseHeader,
};
use kafka_protocol::protocol::Decodable;
use rand_core::{RngCore, SeedableRng};
use rand_pcg::Pcg64Mcg;
use uuid::Uuid;

use crate::samples::{self, frames};
use crate::{ADVERTISED, Request, Response, WireError, decode, encode};

#[test]
fn every_advertised_api_is_decoded_in_every_version() {
    for (api, version, frame) in frames("t", Uuid::from_u128(1)) {
        let (head, _) = decode(frame).unwrap_or_else(|e| panic!("{api:?} {version}: {e}"));
        assert_eq!((head.api, head.version, head.correlation_id), (api, version, 7));
    }
}

#[test]
fn records_of_a_lone_partition_are_changed_in_place() {
    let batch = samples::batch(&["a"]);
    let frame = samples::frame(ApiKey::Produce, 9, 1, &samples::produce("t", 1, batch));
    let (start, end) = (frame.as_ptr().addr(), frame.as_ptr().addr() + frame.len());
    let Ok((_, Request::Produce(mut request))) = decode(frame) else {
        panic!("a produce request")
    };
    let mut topic = request.topic_data.remove(0);
    let records = topic.partition_data.remove(0).records.expect("records were sent");
    drop((topic, request));
    let records = records.try_into_mut().expect("nothing else holds the frame");
    assert!(
        (start..end).contains(&records.as_ptr().addr()),
        "the records were copied"
    );
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let mut frame =
        BytesMut::from(&samples::frame(ApiKey::ApiVersions, 4, 99, &ApiVersionsRequest::default())[..]);
    frame[2..4].copy_from_slice(&77_i16.to_be_bytes());
    let (head, request) = decode(frame.freeze()).expect("answered");
    assert_eq!(request, Request::UnknownApiVersions);
    assert_eq!((head.version, head.correlation_id), (0, 99));
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let refused = |frame: &[u8]| {
        decode(Bytes::copy_from_slice(frame))
            .expect_err("refused")
            .to_string()
    };
    // JoinGroup, version 5, correlation id 1, no client id.
    let join = [0, 11, 0, 5, 0, 0, 0, 1, 0xff, 0xff];
    assert_eq!(
        refused(&join),
        "API key 11 (version 5) is not served here; see ApiVersions for what is"
    );
    let produce_2 = [0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0xff];
    assert_eq!(
        refused(&produce_2),
        "Produce is served in versions 3 to 13, not in version 2"
    );
    assert_eq!(
        refused(&[1, 2]),
        "2 bytes are too few for a request; is this a Kafka client?"
    );
}

#[test]
fn a_response_of_another_schema_leaves_no_bytes_behind() {
    let (head, _) = decode(samples::frame(
        ApiKey::FindCoordinator,
        4,
        1,
        &FindCoordinatorRequest::default(),
    ))
    .expect("valid");
    let mut out = BytesMut::from("before");
    // Version 4 has no place for a code outside the list of coordinators.
    let response = Response::from(FindCoordinatorResponse::default().with_error_code(15));
    assert!(matches!(
        encode(&head, &response, &mut out),
        Err(WireError::Unwritable { .. })
    ));
    assert_eq!(out, "before");
}

#[test]
fn a_response_begins_with_its_length_and_correlation_id() {
    let (head, _) = decode(samples::frame(
        ApiKey::ApiVersions,
        3,
        42,
        &ApiVersionsRequest::default(),
    ))
    .expect("valid");
    let response = ApiVersionsResponse::default().with_error_code(35);
    let mut out = BytesMut::new();
    encode(&head, &response.clone().into(), &mut out).expect("writable");
    let mut out = out.freeze();
    let len = out.split_to(4);
    assert_eq!(len[..], i32::try_from(out.len()).expect("short").to_be_bytes());
    // ApiVersions has the old response header in every version (KIP-511).
    assert_eq!(
        ResponseHeader::decode(&mut out, 0)
            .expect("header")
            .correlation_id,
        42
    );
    assert_eq!(ApiVersionsResponse::decode(&mut out, 3).expect("body"), response);
}

#[test]
fn mutated_frames_of_every_api_and_version_do_no_harm() {
    const SEED: u64 = 0x6d63_0001;
    const ROUNDS: usize = 60;
    let mut random = Pcg64Mcg::seed_from_u64(SEED);
    let mut decoded = 0;
    for (api, version, frame) in frames("t", Uuid::from_u128(1)) {
        for round in 0..ROUNDS {
            let mutant = mutate(&frame, &mut random);
            let result = std::panic::catch_unwind(|| decode(mutant.clone()).is_ok());
            match result {
                Ok(ok) => decoded += usize::from(ok),
                Err(_) => panic!("seed {SEED:#x}, {api:?} {version}, round {round}: {mutant:02x?}"),
            }
        }
    }
    assert!(
        decoded > 0,
        "no mutant was decoded: the test doesn't reach beyond the header"
    );
}

#[test]
fn lengths_from_the_wire_cost_nothing_before_their_bytes_are_there() {
    for advertised in ADVERTISED {
        for version in advertised.decoded_from..=advertised.max {
            for fill in [0x7f_u8, 0xff, 0x80] {
                let mut frame = BytesMut::from(&(advertised.api as i16).to_be_bytes()[..]);
                frame.extend_from_slice(&version.to_be_bytes());
                frame.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
                frame.extend_from_slice(&[fill; 24]);
                // Whether it is an error is the codec's affair; that it returns is ours.
                let _ = decode(frame.freeze());
            }
        }
    }
}

/// Changes, inserts, removes or repeats a few bytes behind key and version.
pub(crate) fn mutate(frame: &[u8], random: &mut impl RngCore) -> Bytes {
    const KEPT: usize = 4;
    let mut bytes = frame.to_vec();
    for _ in 0..=random.next_u32() % 3 {
        let at = KEPT + random.next_u32() as usize % (bytes.len() - KEPT).max(1);
        let value = match random.next_u32() % 4 {
            0 => 0,
            1 => 0x7f,
            2 => 0xff,
            _ => (random.next_u32() & 0xff) as u8,
        };
        match random.next_u32() % 5 {
            0 => bytes.truncate(at.max(KEPT + 1)),
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            2 => bytes.insert(at.min(bytes.len()), value),
            3 => {
                let end = (at + 4).min(bytes.len());
                bytes[at.min(end)..end].fill(value);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
        }
    }
    Bytes::from(bytes)
}

#[test]
fn a_request_names_at_most_as_much_as_a_cluster_holds() {
    let ask = |count| {
        let names = vec!["t"; count];
        decode(samples::frame(
            ApiKey::Metadata,
            12,
            1,
            &samples::metadata(&names, false),
        ))
    };
    assert!(ask(10_000).is_ok());
    let refused = ask(10_001).expect_err("refused").to_string();
    assert_eq!(
        refused,
        "a Metadata request names 10001 things, at most 10000 are served at once; ask in parts"
    );
}
