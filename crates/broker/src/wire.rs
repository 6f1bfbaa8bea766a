//! Kafka's wire format towards clients: which APIs there are, and how frames become requests.
//!
//! A frame is what follows the four bytes of its length. The codec is `kafka-protocol`; the records of
//! a Produce request stay slices of its frame.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, ApiKey, ApiVersionsRequest, ApiVersionsResponse,
    CreatePartitionsRequest, CreatePartitionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteTopicsRequest, DeleteTopicsResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    ElectLeadersRequest, ElectLeadersResponse, FetchRequest, FetchResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    InitProducerIdRequest, InitProducerIdResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, MetadataRequest, MetadataResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse,
    RequestHeader, ResponseHeader, UnregisterBrokerRequest, UnregisterBrokerResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable};

#[cfg(test)]
pub(crate) mod tests;

/// Most topics, partitions, configurations and the like that one request may name: as many as a cluster
/// has partitions, and Kafka's limit for the records of one change.
const MOST_ENTRIES: usize = 10_000;

/// What the head of a request says; its response is encoded by it. The client id is left out: it would
/// be a slice of the frame, and a frame that only its records refer to need not be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which API.
    pub api: ApiKey,
    /// In which version.
    pub version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
}

/// Why a frame is refused. The connection that sent it is closed, as Kafka does.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The first bytes are no Kafka request at all.
    #[error("{len} bytes are too few for a request; is this a Kafka client?")]
    TooShort {
        /// Bytes in the frame.
        len: usize,
    },
    /// The key stands for no API of this listener.
    #[error("API key {key} (version {version}) is not served here; see ApiVersions for what is")]
    UnknownApi {
        /// The key as it came.
        key: i16,
        /// The version as it came.
        version: i16,
    },
    /// The API is here, but not in this version.
    #[error("{api:?} is served in versions {min} to {max}, not in version {version}")]
    UnsupportedVersion {
        /// Which API.
        api: ApiKey,
        /// The version as it came.
        version: i16,
        /// Lowest version that is decoded.
        min: i16,
        /// Highest version that is decoded.
        max: i16,
    },
    /// The bytes don't follow the API's schema.
    #[error("a {api:?} request of version {version} can't be read: {reason}")]
    Malformed {
        /// Which API.
        api: ApiKey,
        /// In which version.
        version: i16,
        /// What the codec says.
        reason: String,
    },
    /// More than one request may ask for; it would keep all others waiting.
    #[error(
        "a {api:?} request names {entries} things, at most {MOST_ENTRIES} are served at once; ask in parts"
    )]
    TooMany {
        /// Which API.
        api: ApiKey,
        /// What it names, as often as it does.
        entries: usize,
    },
    /// A response can't be expressed in the version that was asked for; a defect of ours.
    #[error("a {api:?} response of version {version} can't be written: {reason}")]
    Unwritable {
        /// Which API.
        api: ApiKey,
        /// In which version.
        version: i16,
        /// What the codec says.
        reason: String,
    },
}

/// One API as ApiVersions shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertised {
    /// Which API.
    pub api: ApiKey,
    /// Lowest version shown.
    pub min: i16,
    /// Lowest version that is decoded; above `min` only for Produce.
    pub decoded_from: i16,
    /// Highest version.
    pub max: i16,
}

macro_rules! apis {
    ($($name:ident($request:ty, $response:ty) $min:literal / $from:literal ..= $max:literal),* $(,)?) => {
        /// Every API that a client listener serves, in the order of its keys.
        pub const ADVERTISED: &[Advertised] = &[
            $(Advertised { api: ApiKey::$name, min: $min, decoded_from: $from, max: $max }),*
        ];

        /// A decoded request.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Request {
            $(
                #[doc = concat!("A request of ", stringify!($name), ".")]
                $name($request),
            )*
            /// ApiVersions in a version that is not known here: answered in version 0 (KIP-511).
            UnknownApiVersions,
        }

        /// A response that is to be encoded.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Response {
            $(
                #[doc = concat!("A response of ", stringify!($name), ".")]
                $name($response),
            )*
        }

        $(
            impl From<$response> for Response {
                fn from(response: $response) -> Self {
                    Self::$name(response)
                }
            }
        )*

        fn decode_body(api: ApiKey, version: i16, frame: &mut Bytes) -> Result<Request, String> {
            match api {
                $(ApiKey::$name => <$request>::decode(frame, version)
                    .map(Request::$name)
                    .map_err(|reason| reason.to_string()),)*
                _ => Err("not served here".to_owned()),
            }
        }

        fn encode_body(response: &Response, version: i16, out: &mut BytesMut) -> Result<(), String> {
            match response {
                $(Response::$name(body) => body.encode(out, version).map_err(|reason| reason.to_string()),)*
            }
        }
    };
}

apis! {
    // Version 0 is shown though nothing below 3 is decoded: librdkafka compresses only if it sees it (KAFKA-18659).
    Produce(ProduceRequest, ProduceResponse) 0 / 3 ..= 13,
    Fetch(FetchRequest, FetchResponse) 4 / 4 ..= 18,
    ListOffsets(ListOffsetsRequest, ListOffsetsResponse) 1 / 1 ..= 10,
    Metadata(MetadataRequest, MetadataResponse) 0 / 0 ..= 13,
    FindCoordinator(FindCoordinatorRequest, FindCoordinatorResponse) 0 / 0 ..= 6,
    ApiVersions(ApiVersionsRequest, ApiVersionsResponse) 0 / 0 ..= 4,
    CreateTopics(CreateTopicsRequest, CreateTopicsResponse) 2 / 2 ..= 7,
    DeleteTopics(DeleteTopicsRequest, DeleteTopicsResponse) 1 / 1 ..= 6,
    DeleteRecords(DeleteRecordsRequest, DeleteRecordsResponse) 0 / 0 ..= 2,
    InitProducerId(InitProducerIdRequest, InitProducerIdResponse) 0 / 0 ..= 5,
    OffsetForLeaderEpoch(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse) 2 / 2 ..= 4,
    DescribeConfigs(DescribeConfigsRequest, DescribeConfigsResponse) 1 / 1 ..= 4,
    AlterConfigs(AlterConfigsRequest, AlterConfigsResponse) 0 / 0 ..= 2,
    DescribeLogDirs(DescribeLogDirsRequest, DescribeLogDirsResponse) 1 / 1 ..= 4,
    CreatePartitions(CreatePartitionsRequest, CreatePartitionsResponse) 0 / 0 ..= 3,
    ElectLeaders(ElectLeadersRequest, ElectLeadersResponse) 0 / 0 ..= 2,
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse) 0 / 0 ..= 1,
    AlterPartitionReassignments(AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse) 0 / 0 ..= 1,
    ListPartitionReassignments(ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse) 0 / 0 ..= 0,
    DescribeQuorum(DescribeQuorumRequest, DescribeQuorumResponse) 0 / 0 ..= 2,
    UnregisterBroker(UnregisterBrokerRequest, UnregisterBrokerResponse) 0 / 0 ..= 0,
    DescribeCluster(DescribeClusterRequest, DescribeClusterResponse) 0 / 0 ..= 2,
}

/// Reads the API key and version from the first bytes of a frame, before the rest of it is there.
#[must_use]
pub fn peek(frame: &[u8]) -> Option<(i16, i16)> {
    let bytes: [u8; 4] = frame.get(..4)?.try_into().ok()?;
    Some((
        i16::from_be_bytes([bytes[0], bytes[1]]),
        i16::from_be_bytes([bytes[2], bytes[3]]),
    ))
}

/// Decodes a client's frame (without the length before it).
///
/// # Errors
/// Whatever is not a request of [`ADVERTISED`]; the connection is to be closed then.
pub fn decode(mut frame: Bytes) -> Result<(Head, Request), WireError> {
    let len = frame.len();
    let (key, version) = peek(&frame).ok_or(WireError::TooShort { len })?;
    let advertised = ADVERTISED
        .iter()
        .find(|advertised| advertised.api as i16 == key)
        .ok_or(WireError::UnknownApi { key, version })?;
    let api = advertised.api;
    if api == ApiKey::ApiVersions && !(0..=advertised.max).contains(&version) {
        return unknown_api_versions(&frame);
    }
    if version < advertised.decoded_from || version > advertised.max {
        let (min, max) = (advertised.decoded_from, advertised.max);
        return Err(WireError::UnsupportedVersion {
            api,
            version,
            min,
            max,
        });
    }
    let malformed = |reason: String| WireError::Malformed { api, version, reason };
    let header = RequestHeader::decode(&mut frame, api.request_header_version(version))
        .map_err(|reason| malformed(reason.to_string()))?;
    let request = decode_body(api, version, &mut frame).map_err(malformed)?;
    let entries = entries(&request);
    if entries > MOST_ENTRIES {
        return Err(WireError::TooMany { api, entries });
    }
    let head = Head {
        api,
        version,
        correlation_id: header.correlation_id,
    };
    Ok((head, request))
}

/// How many things a request names. Each costs time or room in the response, whatever its bytes are.
fn entries(request: &Request) -> usize {
    match request {
        Request::UnknownApiVersions
        | Request::ApiVersions(_)
        | Request::InitProducerId(_)
        | Request::DescribeCluster(_)
        | Request::UnregisterBroker(_) => 1,
        Request::Produce(request) => {
            let topics = request.topic_data.iter();
            topics.map(|topic| 1 + topic.partition_data.len()).sum()
        }
        Request::Fetch(request) => request
            .topics
            .iter()
            .map(|topic| 1 + topic.partitions.len())
            .sum(),
        Request::ListOffsets(request) => request
            .topics
            .iter()
            .map(|topic| 1 + topic.partitions.len())
            .sum(),
        Request::OffsetForLeaderEpoch(request) => request
            .topics
            .iter()
            .map(|topic| 1 + topic.partitions.len())
            .sum(),
        Request::Metadata(request) => request.topics.as_ref().map_or(1, Vec::len),
        Request::FindCoordinator(request) => request.coordinator_keys.len(),
        Request::DeleteTopics(request) => request.topics.len() + request.topic_names.len(),
        Request::CreateTopics(request) => {
            let of = |topic: &CreatableTopic| {
                let replicas: usize = topic.assignments.iter().map(|a| 1 + a.broker_ids.len()).sum();
                1 + replicas + topic.configs.len()
            };
            request.topics.iter().map(of).sum()
        }
        Request::DeleteRecords(request) => request
            .topics
            .iter()
            .map(|topic| 1 + topic.partitions.len())
            .sum(),
        Request::DescribeLogDirs(request) => {
            let topics = request.topics.iter().flatten();
            topics.map(|topic| 1 + topic.partitions.len()).sum()
        }
        Request::ElectLeaders(request) => {
            let topics = request.topic_partitions.iter().flatten();
            topics.map(|topic| 1 + topic.partitions.len()).sum()
        }
        Request::DescribeQuorum(request) => {
            let topics = request.topics.iter();
            topics.map(|topic| 1 + topic.partitions.len()).sum()
        }
        Request::AlterPartitionReassignments(request) => {
            let replicas =
                |partition: &ReassignablePartition| partition.replicas.as_ref().map_or(0, Vec::len);
            let of = |topic: &ReassignableTopic| {
                let partitions = topic.partitions.iter();
                1 + partitions.map(|partition| 1 + replicas(partition)).sum::<usize>()
            };
            request.topics.iter().map(of).sum()
        }
        Request::ListPartitionReassignments(request) => {
            let topics = request.topics.iter().flatten();
            topics.map(|topic| 1 + topic.partition_indexes.len()).sum()
        }
        Request::CreatePartitions(request) => {
            let of = |topic: &CreatePartitionsTopic| {
                let assignments = topic.assignments.iter().flatten();
                1 + assignments.map(|a| 1 + a.broker_ids.len()).sum::<usize>()
            };
            request.topics.iter().map(of).sum()
        }
        Request::AlterConfigs(request) => {
            let resources = request.resources.iter();
            resources.map(|resource| 1 + resource.configs.len()).sum()
        }
        Request::IncrementalAlterConfigs(request) => {
            let resources = request.resources.iter();
            resources.map(|resource| 1 + resource.configs.len()).sum()
        }
        Request::DescribeConfigs(request) => {
            let keys = |keys: &Option<Vec<_>>| keys.as_ref().map_or(0, Vec::len);
            let resources = request.resources.iter();
            resources
                .map(|resource| 1 + keys(&resource.configuration_keys))
                .sum()
        }
    }
}

/// The correlation id stands at the same place in every version of the header.
fn unknown_api_versions(frame: &[u8]) -> Result<(Head, Request), WireError> {
    let bytes: [u8; 4] = frame
        .get(4..8)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(WireError::TooShort { len: frame.len() })?;
    let correlation_id = i32::from_be_bytes(bytes);
    let head = Head {
        api: ApiKey::ApiVersions,
        version: 0,
        correlation_id,
    };
    Ok((head, Request::UnknownApiVersions))
}

/// Appends a response, with the length before it.
///
/// # Errors
/// If the response holds what its version can't express; nothing is appended then.
pub fn encode(head: &Head, response: &Response, out: &mut BytesMut) -> Result<(), WireError> {
    let start = out.len();
    out.put_i32(0);
    let (api, version) = (head.api, head.version);
    let header = ResponseHeader::default().with_correlation_id(head.correlation_id);
    let written = header
        .encode(out, api.response_header_version(version))
        .map_err(|reason| reason.to_string())
        .and_then(|()| encode_body(response, version, out));
    if let Err(reason) = written {
        out.truncate(start);
        return Err(WireError::Unwritable { api, version, reason });
    }
    let len = i32::try_from(out.len() - start - 4).map_err(|_| WireError::Unwritable {
        api,
        version,
        reason: "it is longer than 2 GiB".to_owned(),
    })?;
    out[start..start + 4].copy_from_slice(&len.to_be_bytes());
    Ok(())
}
