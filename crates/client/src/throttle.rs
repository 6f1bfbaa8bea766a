//! Quotas: how long an answer asks us to be silent (KIP-219).

use kafka_protocol::messages::{
    AlterPartitionReassignmentsResponse, ApiVersionsResponse, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteRecordsResponse, DeleteTopicsResponse, DescribeClusterResponse, DescribeConfigsResponse,
    DescribeLogDirsResponse, DescribeQuorumResponse, FetchResponse, IncrementalAlterConfigsResponse,
    InitProducerIdResponse, ListOffsetsResponse, ListPartitionReassignmentsResponse, MetadataResponse,
    OffsetForLeaderEpochResponse, ProduceResponse, UnregisterBrokerResponse,
};

/// An answer that may ask for silence on its connection.
pub(crate) trait Throttle {
    /// In milliseconds.
    fn throttle_time_ms(&self) -> i32;
}

macro_rules! throttle {
    ($($answer:ty),* $(,)?) => {
        $(impl Throttle for $answer {
            fn throttle_time_ms(&self) -> i32 {
                self.throttle_time_ms
            }
        })*
    };
}

throttle!(
    AlterPartitionReassignmentsResponse,
    DescribeClusterResponse,
    ListPartitionReassignmentsResponse,
    UnregisterBrokerResponse,
    ApiVersionsResponse,
    CreatePartitionsResponse,
    CreateTopicsResponse,
    DeleteRecordsResponse,
    DeleteTopicsResponse,
    DescribeConfigsResponse,
    DescribeLogDirsResponse,
    FetchResponse,
    IncrementalAlterConfigsResponse,
    InitProducerIdResponse,
    ListOffsetsResponse,
    MetadataResponse,
    OffsetForLeaderEpochResponse,
    ProduceResponse,
);

/// The metadata quorum is never throttled.
impl Throttle for DescribeQuorumResponse {
    fn throttle_time_ms(&self) -> i32 {
        0
    }
}
