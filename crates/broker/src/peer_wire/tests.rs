//! Everything that brokers say to each other arrives as it was said.

use bytes::Bytes;
use cluster::{
    ControllerReply, ControllerRequest, DeleteTopics, Entry, ErrorCode, Heartbeat, Index, Listener, Millis,
    PeerMessage, PeerMessageKind, Refusal, RegisterBroker, Term, TopicRef,
};
use record::{BrokerEpoch, BrokerId, ProducerId};
use uuid::Uuid;

use super::{
    AskKind, MAX_FRAME, PeerFrame, decode, decode_reply, encode_raft, encode_request, encode_response,
    too_long,
};

fn requests() -> Vec<ControllerRequest> {
    vec![
        ControllerRequest::RegisterBroker(RegisterBroker {
            broker: BrokerId(3),
            incarnation: Uuid::from_u128(77),
            cluster_id: "c".to_owned(),
            listeners: vec![Listener {
                name: "PLAINTEXT".to_owned(),
                host: "h".to_owned(),
                port: 40_000,
            }],
            clean: true,
        }),
        ControllerRequest::Heartbeat(Heartbeat {
            broker: BrokerId(3),
            broker_epoch: BrokerEpoch(5),
            metadata_index: 9,
            want_shut_down: true,
        }),
        ControllerRequest::AllocateProducerIds {
            broker: BrokerId(3),
            broker_epoch: BrokerEpoch(5),
        },
        ControllerRequest::DeleteTopics(DeleteTopics {
            topics: vec![TopicRef::Name("t".to_owned())],
            timeout: Millis(5),
        }),
    ]
}

fn replies() -> Vec<ControllerReply> {
    vec![
        ControllerReply::Registered {
            broker_epoch: BrokerEpoch(5),
        },
        ControllerReply::Heartbeat {
            fenced: true,
            caught_up: true,
            may_shut_down: false,
        },
        ControllerReply::ProducerIds {
            first: ProducerId(1_000),
            count: 1_000,
        },
        ControllerReply::DeleteTopics(Vec::new()),
    ]
}

#[test]
fn requests_travel() {
    for request in requests() {
        let kind = AskKind::of(&request);
        let sent = PeerFrame::Request {
            correlation_id: 12,
            kind,
            request: request.clone(),
        };
        assert_eq!(decode(encode_request(12, &request)), Ok(sent));
    }
}

#[test]
fn replies_and_refusals_travel() {
    let refusal = Refusal {
        code: ErrorCode::StaleBrokerEpoch,
        message: "why, and what to do".to_owned(),
    };
    for (request, reply) in requests().iter().zip(replies()) {
        let kind = AskKind::of(request);
        for reply in [reply, ControllerReply::Refused(refusal.clone())] {
            let Ok(PeerFrame::Response { correlation_id, body }) = decode(encode_response(7, kind, &reply))
            else {
                panic!("a response")
            };
            assert_eq!((correlation_id, decode_reply(kind, body)), (7, Ok(reply)));
        }
    }
}

#[test]
fn raft_travels() {
    let message = PeerMessage {
        kind: PeerMessageKind::Append,
        term: Term(4),
        log_term: Term(3),
        index: Index(8),
        commit: Index(7),
        commit_term: Term(0),
        reject: false,
        reject_hint: Index(0),
        entries: vec![Entry {
            index: Index(9),
            term: Term(4),
            data: Bytes::from_static(b"[]"),
        }],
    };
    assert_eq!(decode(encode_raft(&message)), Ok(PeerFrame::Raft(message)));
}

#[test]
fn cut_frames_are_errors() {
    for frame in requests().iter().map(|request| encode_request(1, request)) {
        for len in 0..frame.len() {
            // Where the rest has defaults a shorter frame may still be read; it must not panic.
            let _ = decode(frame.slice(..len));
        }
    }
    assert!(decode(Bytes::from_static(b"\x09")).is_err());
    assert!(decode(Bytes::new()).is_err());
}

#[test]
fn no_response_is_longer_than_a_frame_may_be() {
    let refusal = Refusal::new(ErrorCode::InvalidRequest, "x".repeat(MAX_FRAME));
    let frame = encode_response(7, AskKind::Forward, &ControllerReply::Refused(refusal));
    let Ok(PeerFrame::Response { correlation_id, body }) = decode(frame) else {
        panic!("another frame")
    };
    assert_eq!(correlation_id, 7);
    assert_eq!(decode_reply(AskKind::Forward, body), Ok(too_long()));
}
