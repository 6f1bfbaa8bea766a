//! Why a request to a partition is refused.

use kafka_protocol::ResponseError;
use log::{AppendError, InvalidRecord, ReadError};

/// Kafka's error, and what else is to be said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) error: ResponseError,
    pub(crate) message: Option<String>,
}

impl From<ResponseError> for Refusal {
    fn from(error: ResponseError) -> Self {
        Self { error, message: None }
    }
}

impl Refusal {
    pub(crate) fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Self {
            error,
            message: Some(message.into()),
        }
    }

    pub(crate) fn storage(message: impl Into<String>) -> Self {
        Self::new(ResponseError::KafkaStorageError, message)
    }
}

impl From<cluster::Refusal> for Refusal {
    fn from(refusal: cluster::Refusal) -> Self {
        let code = refusal.code.code();
        let error = ResponseError::try_from_code(code).unwrap_or(ResponseError::UnknownServerError);
        Self::new(error, refusal.message)
    }
}

impl From<&AppendError> for Refusal {
    fn from(e: &AppendError) -> Self {
        let error = match e {
            AppendError::Corrupt(_) => ResponseError::CorruptMessage,
            AppendError::InvalidRecord(InvalidRecord::Timestamp { .. }) => ResponseError::InvalidTimestamp,
            AppendError::InvalidRecord(InvalidRecord::Other(_)) => ResponseError::InvalidRecord,
            AppendError::UnsupportedCompression(_) => ResponseError::UnsupportedCompressionType,
            AppendError::UnsupportedFormat(_) => ResponseError::UnsupportedForMessageFormat,
            AppendError::MessageTooLarge { .. } => ResponseError::MessageTooLarge,
            AppendError::RecordListTooLarge { .. } => ResponseError::RecordListTooLarge,
            AppendError::OutOfOrderSequence { .. } => ResponseError::OutOfOrderSequenceNumber,
            AppendError::InvalidProducerEpoch { .. } => ResponseError::InvalidProducerEpoch,
            AppendError::StaleLeaderEpoch { .. } => ResponseError::NotLeaderOrFollower,
            AppendError::TransactionsUnsupported => ResponseError::InvalidTxnState,
            AppendError::UnexpectedOffset { .. } => ResponseError::UnknownServerError,
            AppendError::DiskFull(_) | AppendError::Io(_) | AppendError::Offline(_) => {
                ResponseError::KafkaStorageError
            }
        };
        Self::new(error, e.to_string())
    }
}

impl From<&ReadError> for Refusal {
    fn from(e: &ReadError) -> Self {
        let error = match e {
            ReadError::OutOfRange { .. } => ResponseError::OffsetOutOfRange,
            ReadError::Corrupt { .. } => ResponseError::CorruptMessage,
            ReadError::Io(_) | ReadError::Offline(_) => ResponseError::KafkaStorageError,
        };
        Self::new(error, e.to_string())
    }
}
