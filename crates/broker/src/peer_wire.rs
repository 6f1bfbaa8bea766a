//! Frames between brokers.
//!
//! The first byte tells requests from responses; then come Kafka's own headers. Registration,
//! heartbeats, blocks of producer ids and the fetches of followers are Kafka's APIs (62, 63, 67, 1). What
//! Kafka has no API for goes under private keys: Raft's messages, and the requests that a broker forwards
//! to the controller.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use cluster::{
    ControllerReply, ControllerRequest, ErrorCode, Heartbeat, Listener, PeerMessage, Refusal, RegisterBroker,
};
use kafka_protocol::messages::broker_registration_request::Listener as WireListener;
use kafka_protocol::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, ApiKey, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse, FetchRequest,
    FetchResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use record::{BrokerEpoch, BrokerId, ProducerId};

#[cfg(test)]
mod tests;

/// No frame between brokers is longer.
pub(crate) const MAX_FRAME: usize = 64 << 20;
const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
/// A Raft message; has no response.
const RAFT: i16 = 32_000;
/// A request to the controller that Kafka has no API for, as JSON.
const FORWARD: i16 = 32_001;
const PRIVATE_VERSION: i16 = 0;
const REGISTRATION_VERSION: i16 = 4;
const HEARTBEAT_VERSION: i16 = 1;
const ALLOCATE_VERSION: i16 = 0;
/// Topics by id, and the follower with its broker epoch.
pub(crate) const FETCH_VERSION: i16 = 17;
const REQUEST_HEADER: i16 = 2;
const RESPONSE_HEADER: i16 = 1;
/// A tagged field of ours: the text of a refusal, which Kafka's responses have no place for.
const MESSAGE_TAG: i32 = 10_000;

/// The same for a registration: the process has found everything that the one before it had acknowledged. Kafka
/// says so by the epoch of that one, which is not kept here.
const CLEAN_TAG: i32 = 10_001;

/// A frame of another broker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PeerFrame {
    /// Raft's.
    Raft(PeerMessage),
    /// To be answered with the same correlation id and kind.
    Request {
        correlation_id: i32,
        kind: AskKind,
        request: ControllerRequest,
    },
    /// What a follower asks its leader for.
    Fetch {
        correlation_id: i32,
        request: FetchRequest,
    },
    /// The answer to the request of this correlation id; its kind must be known to read it.
    Response { correlation_id: i32, body: Bytes },
}

/// In which of the formats a request travels, and so its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskKind {
    Registration,
    Heartbeat,
    AllocateProducerIds,
    Forward,
}

/// A frame that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a broker sent a frame that can't be read ({0}); all brokers of a cluster must run the same minicluster version"
)]
pub(crate) struct PeerWireError(String);

fn unreadable(reason: impl ToString) -> PeerWireError {
    PeerWireError(reason.to_string())
}

impl AskKind {
    pub(crate) fn of(request: &ControllerRequest) -> Self {
        match request {
            ControllerRequest::RegisterBroker(_) => Self::Registration,
            ControllerRequest::Heartbeat(_) => Self::Heartbeat,
            ControllerRequest::AllocateProducerIds { .. } => Self::AllocateProducerIds,
            ControllerRequest::CreateTopics(_)
            | ControllerRequest::DeleteTopics(_)
            | ControllerRequest::CreatePartitions(_)
            | ControllerRequest::AlterConfigs(_)
            | ControllerRequest::AlterPartition(_)
            | ControllerRequest::ReportReplicas(_)
            | ControllerRequest::ElectLeaders(_)
            | ControllerRequest::ReassignPartitions(_)
            | ControllerRequest::UnregisterBroker { .. }
            | ControllerRequest::DescribeQuorum => Self::Forward,
        }
    }

    fn key_and_version(self) -> (i16, i16) {
        match self {
            Self::Registration => (ApiKey::BrokerRegistration as i16, REGISTRATION_VERSION),
            Self::Heartbeat => (ApiKey::BrokerHeartbeat as i16, HEARTBEAT_VERSION),
            Self::AllocateProducerIds => (ApiKey::AllocateProducerIds as i16, ALLOCATE_VERSION),
            Self::Forward => (FORWARD, PRIVATE_VERSION),
        }
    }
}

/// The frame of a Raft message.
pub(crate) fn encode_raft(message: &PeerMessage) -> Bytes {
    let body = message.encode();
    let mut out = request_head(RAFT, PRIVATE_VERSION, 0, body.len());
    out.put_slice(&body);
    out.freeze()
}

/// The frame of a request to the controller.
pub(crate) fn encode_request(correlation_id: i32, request: &ControllerRequest) -> Bytes {
    let (key, version) = AskKind::of(request).key_and_version();
    let mut out = request_head(key, version, correlation_id, 256);
    let written = match request {
        ControllerRequest::RegisterBroker(register) => registration(register).encode(&mut out, version),
        ControllerRequest::Heartbeat(beat) => heartbeat(beat).encode(&mut out, version),
        ControllerRequest::AllocateProducerIds { broker, broker_epoch } => {
            AllocateProducerIdsRequest::default()
                .with_broker_id(broker.0.into())
                .with_broker_epoch(broker_epoch.0)
                .encode(&mut out, version)
        }
        ControllerRequest::CreateTopics(_)
        | ControllerRequest::DeleteTopics(_)
        | ControllerRequest::CreatePartitions(_)
        | ControllerRequest::AlterConfigs(_)
        | ControllerRequest::AlterPartition(_)
        | ControllerRequest::ReportReplicas(_)
        | ControllerRequest::ElectLeaders(_)
        | ControllerRequest::ReassignPartitions(_)
        | ControllerRequest::UnregisterBroker { .. }
        | ControllerRequest::DescribeQuorum => {
            put_json(&mut out, request);
            Ok(())
        }
    };
    written.expect("the fields that are set exist in these versions");
    out.freeze()
}

/// The frame of a follower's Fetch.
pub(crate) fn encode_fetch(correlation_id: i32, request: &FetchRequest) -> Bytes {
    let mut out = request_head(ApiKey::Fetch as i16, FETCH_VERSION, correlation_id, 256);
    request
        .encode(&mut out, FETCH_VERSION)
        .expect("the fields that are set exist in this version");
    out.freeze()
}

/// The frame of the answer to a follower.
pub(crate) fn encode_fetched(correlation_id: i32, response: &FetchResponse) -> Bytes {
    let mut out = response_head(correlation_id);
    response
        .encode(&mut out, FETCH_VERSION)
        .expect("the fields that are set exist in this version");
    out.freeze()
}

/// Reads the body of the answer to a follower.
pub(crate) fn decode_fetched(mut body: Bytes) -> Result<FetchResponse, PeerWireError> {
    FetchResponse::decode(&mut body, FETCH_VERSION).map_err(unreadable)
}

/// The frame of a response; a refusal in place of one that is longer than any frame may be.
pub(crate) fn encode_response(correlation_id: i32, kind: AskKind, reply: &ControllerReply) -> Bytes {
    let frame = encode_any_response(correlation_id, kind, reply);
    if frame.len() <= MAX_FRAME {
        return frame;
    }
    encode_any_response(correlation_id, kind, &too_long())
}

/// What is answered where a request or its response is longer than any frame may be.
pub(crate) fn too_long() -> ControllerReply {
    let message = "the request is too large to be passed on to the controller; ask in parts";
    ControllerReply::Refused(Refusal::new(ErrorCode::PolicyViolation, message))
}

fn encode_any_response(correlation_id: i32, kind: AskKind, reply: &ControllerReply) -> Bytes {
    let (_, version) = kind.key_and_version();
    let mut out = response_head(correlation_id);
    let (code, message) = match reply {
        ControllerReply::Refused(refusal) => (refusal.code.code(), Some(refusal.message.as_str())),
        _ => (0, None),
    };
    let tags = message
        .map(|message| (MESSAGE_TAG, Bytes::copy_from_slice(message.as_bytes())))
        .into_iter()
        .collect();
    let written = match kind {
        AskKind::Registration => {
            let epoch = match reply {
                ControllerReply::Registered { broker_epoch } => broker_epoch.0,
                _ => -1,
            };
            BrokerRegistrationResponse::default()
                .with_error_code(code)
                .with_broker_epoch(epoch)
                .with_unknown_tagged_fields(tags)
                .encode(&mut out, version)
        }
        AskKind::Heartbeat => {
            let (fenced, caught_up, may_shut_down) = match *reply {
                ControllerReply::Heartbeat {
                    fenced,
                    caught_up,
                    may_shut_down,
                } => (fenced, caught_up, may_shut_down),
                _ => (true, false, false),
            };
            BrokerHeartbeatResponse::default()
                .with_error_code(code)
                .with_is_fenced(fenced)
                .with_is_caught_up(caught_up)
                .with_should_shut_down(may_shut_down)
                .with_unknown_tagged_fields(tags)
                .encode(&mut out, version)
        }
        AskKind::AllocateProducerIds => {
            let (first, count) = match *reply {
                ControllerReply::ProducerIds { first, count } => (first.0, count),
                _ => (-1, 0),
            };
            AllocateProducerIdsResponse::default()
                .with_error_code(code)
                .with_producer_id_start(first.into())
                .with_producer_id_len(count)
                .with_unknown_tagged_fields(tags)
                .encode(&mut out, version)
        }
        AskKind::Forward => {
            put_json(&mut out, reply);
            Ok(())
        }
    };
    written.expect("the fields that are set exist in these versions");
    out.freeze()
}

/// Reads a frame, but for the body of a response.
pub(crate) fn decode(mut frame: Bytes) -> Result<PeerFrame, PeerWireError> {
    match frame.try_get_u8().map_err(unreadable)? {
        REQUEST => decode_request(frame),
        RESPONSE => {
            let header = ResponseHeader::decode(&mut frame, RESPONSE_HEADER).map_err(unreadable)?;
            Ok(PeerFrame::Response {
                correlation_id: header.correlation_id,
                body: frame,
            })
        }
        other => Err(unreadable(format!("unknown kind {other}"))),
    }
}

fn decode_request(mut frame: Bytes) -> Result<PeerFrame, PeerWireError> {
    let header = RequestHeader::decode(&mut frame, REQUEST_HEADER).map_err(unreadable)?;
    let (key, version) = (header.request_api_key, header.request_api_version);
    if (key, version) == (RAFT, PRIVATE_VERSION) {
        return PeerMessage::decode(frame)
            .map(PeerFrame::Raft)
            .map_err(unreadable);
    }
    if (key, version) == (ApiKey::Fetch as i16, FETCH_VERSION) {
        let request = FetchRequest::decode(&mut frame, version).map_err(unreadable)?;
        return Ok(PeerFrame::Fetch {
            correlation_id: header.correlation_id,
            request,
        });
    }
    let kinds = [
        AskKind::Registration,
        AskKind::Heartbeat,
        AskKind::AllocateProducerIds,
        AskKind::Forward,
    ];
    let kind = kinds
        .into_iter()
        .find(|kind| kind.key_and_version() == (key, version))
        .ok_or_else(|| unreadable(format!("unknown key {key} version {version}")))?;
    let request = match kind {
        AskKind::Registration => {
            let body = BrokerRegistrationRequest::decode(&mut frame, version).map_err(unreadable)?;
            ControllerRequest::RegisterBroker(register(&body))
        }
        AskKind::Heartbeat => {
            let body = BrokerHeartbeatRequest::decode(&mut frame, version).map_err(unreadable)?;
            ControllerRequest::Heartbeat(beat(&body))
        }
        AskKind::AllocateProducerIds => {
            let body = AllocateProducerIdsRequest::decode(&mut frame, version).map_err(unreadable)?;
            ControllerRequest::AllocateProducerIds {
                broker: BrokerId(body.broker_id.0),
                broker_epoch: BrokerEpoch(body.broker_epoch),
            }
        }
        AskKind::Forward => serde_json::from_slice(&frame).map_err(unreadable)?,
    };
    Ok(PeerFrame::Request {
        correlation_id: header.correlation_id,
        kind,
        request,
    })
}

/// Reads the body of a response to a request of this kind.
pub(crate) fn decode_reply(kind: AskKind, mut body: Bytes) -> Result<ControllerReply, PeerWireError> {
    let (_, version) = kind.key_and_version();
    let (code, mut tags, reply) = match kind {
        AskKind::Registration => {
            let body = BrokerRegistrationResponse::decode(&mut body, version).map_err(unreadable)?;
            let reply = ControllerReply::Registered {
                broker_epoch: BrokerEpoch(body.broker_epoch),
            };
            (body.error_code, body.unknown_tagged_fields, reply)
        }
        AskKind::Heartbeat => {
            let body = BrokerHeartbeatResponse::decode(&mut body, version).map_err(unreadable)?;
            let reply = ControllerReply::Heartbeat {
                fenced: body.is_fenced,
                caught_up: body.is_caught_up,
                may_shut_down: body.should_shut_down,
            };
            (body.error_code, body.unknown_tagged_fields, reply)
        }
        AskKind::AllocateProducerIds => {
            let body = AllocateProducerIdsResponse::decode(&mut body, version).map_err(unreadable)?;
            let first = ProducerId(body.producer_id_start.0);
            let reply = ControllerReply::ProducerIds {
                first,
                count: body.producer_id_len,
            };
            (body.error_code, body.unknown_tagged_fields, reply)
        }
        AskKind::Forward => return serde_json::from_slice(&body).map_err(unreadable),
    };
    if code == 0 {
        return Ok(reply);
    }
    let message = tags.remove(&MESSAGE_TAG).unwrap_or_default();
    let message = String::from_utf8_lossy(&message).into_owned();
    let code = ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError);
    Ok(ControllerReply::Refused(Refusal { code, message }))
}

fn request_head(key: i16, version: i16, correlation_id: i32, room: usize) -> BytesMut {
    let mut out = BytesMut::with_capacity(16 + room);
    out.put_u8(REQUEST);
    RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .encode(&mut out, REQUEST_HEADER)
        .expect("a header without tagged fields");
    out
}

fn response_head(correlation_id: i32) -> BytesMut {
    let mut out = BytesMut::with_capacity(64);
    out.put_u8(RESPONSE);
    ResponseHeader::default()
        .with_correlation_id(correlation_id)
        .encode(&mut out, RESPONSE_HEADER)
        .expect("a header without tagged fields");
    out
}

fn put_json(out: &mut BytesMut, value: &impl serde::Serialize) {
    serde_json::to_writer(out.writer(), value).expect("plain types become JSON, and memory takes them");
}

fn registration(register: &RegisterBroker) -> BrokerRegistrationRequest {
    let listeners = register
        .listeners
        .iter()
        .map(|listener| {
            WireListener::default()
                .with_name(StrBytes::from_string(listener.name.clone()))
                .with_host(StrBytes::from_string(listener.host.clone()))
                .with_port(listener.port)
        })
        .collect();
    let tags = register.clean.then(|| (CLEAN_TAG, Bytes::new()));
    BrokerRegistrationRequest::default()
        .with_unknown_tagged_fields(tags.into_iter().collect())
        .with_broker_id(register.broker.0.into())
        .with_cluster_id(StrBytes::from_string(register.cluster_id.clone()))
        .with_incarnation_id(register.incarnation)
        .with_listeners(listeners)
}

fn register(body: &BrokerRegistrationRequest) -> RegisterBroker {
    let listener = |wire: &WireListener| Listener {
        name: wire.name.to_string(),
        host: wire.host.to_string(),
        port: wire.port,
    };
    RegisterBroker {
        broker: BrokerId(body.broker_id.0),
        incarnation: body.incarnation_id,
        cluster_id: body.cluster_id.to_string(),
        listeners: body.listeners.iter().map(listener).collect(),
        clean: body.unknown_tagged_fields.contains_key(&CLEAN_TAG),
    }
}

fn heartbeat(beat: &Heartbeat) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest::default()
        .with_broker_id(beat.broker.0.into())
        .with_broker_epoch(beat.broker_epoch.0)
        .with_current_metadata_offset(beat.metadata_index.cast_signed())
        .with_want_shut_down(beat.want_shut_down)
}

fn beat(body: &BrokerHeartbeatRequest) -> Heartbeat {
    Heartbeat {
        broker: BrokerId(body.broker_id.0),
        broker_epoch: BrokerEpoch(body.broker_epoch),
        metadata_index: body.current_metadata_offset.cast_unsigned(),
        want_shut_down: body.want_shut_down,
    }
}
