//! Quotas: how long an answer asks us to be silent (KIP-219).

use kafka_protocol::messages::{
    AlterPartitionReassignmentsResponse, ApiVersionsResponse, CreatePartitionsResponse, CreateTopicsResponse,
    DeleteRecordsResponse, DeleteTopicsResponse, DescribeConfigsResponse, DescribeLogDirsResponse,
    FetchResponse, IncrementalAlterConfigsResponse, InitProducerIdResponse, ListOffsetsResponse,
    MetadataResponse, OffsetForLeaderEpochResponse, ProduceResponse,
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
