//! Kafka's record batch v2, its compression, and the numbers of the protocol. No I/O.

mod ids;

pub use ids::{
    BrokerEpoch, BrokerId, LeaderEpoch, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence,
    Timestamp, TopicId,
};
