//! What a Produce answer's error code means for a batch.

use crate::error::ErrorCode;

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is in the log.
    Written,
    /// It isn't; it may be sent again.
    Retry,
    /// It may be; it may be sent again with the same sequence.
    RetryUnclear,
    /// It isn't: the broker expects another sequence of this producer.
    OutOfOrder,
    /// It isn't and never will be.
    Rejected,
    /// This producer can't go on.
    Stop,
}

/// As Kafka's `Sender.completeBatch` and `TransactionManager.canRetry` decide, but that an answer which
/// leaves open whether the batch was appended is kept apart.
pub(crate) fn judge(code: Option<ErrorCode>) -> Verdict {
    use ErrorCode as Code;
    match code {
        // A duplicate was written by an attempt before.
        None | Some(Code::DuplicateSequenceNumber) => Verdict::Written,
        Some(
            Code::RequestTimedOut
            | Code::NotEnoughReplicasAfterAppend
            | Code::NetworkException
            | Code::KafkaStorageError
            | Code::UnknownServerError
            // Also from a leader that is deposed, or whose topic is deleted, while it waits for the replicas.
            | Code::NotLeaderOrFollower
            | Code::UnknownTopicOrPartition,
        ) => Verdict::RetryUnclear,
        Some(Code::OutOfOrderSequenceNumber | Code::UnknownProducerId) => Verdict::OutOfOrder,
        Some(
            Code::InvalidProducerEpoch
            | Code::ProducerFenced
            | Code::InvalidProducerIdMapping
            | Code::InvalidTxnState
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::UnsupportedVersion
            | Code::UnsupportedForMessageFormat,
        ) => Verdict::Stop,
        Some(code) if code.is_retriable() => Verdict::Retry,
        Some(_) => Verdict::Rejected,
    }
}
