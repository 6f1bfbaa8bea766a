//! One whole batch.

use bytes::Bytes;

use crate::{
    BatchError, BatchHeader, Compression, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Records, Sequence,
    Timestamp, TimestampType,
};

/// One whole record batch v2 whose frame and CRC were checked. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    header: BatchHeader,
    bytes: Bytes,
}

impl Batch {
    /// Takes `bytes` as exactly one batch.
    ///
    /// # Errors
    /// Where they are less, more or other than one batch, or the CRC does not fit.
    pub fn parse(bytes: Bytes) -> Result<Self, BatchError> {
        let header = BatchHeader::parse(&bytes)?;
        if let Some(excess) = bytes.len().checked_sub(header.size)
            && excess > 0
        {
            return Err(BatchError::TrailingBytes { excess });
        }
        header.check_crc(&bytes)?;
        Ok(Self { header, bytes })
    }

    /// Walks several batches that follow each other, as in the answer to a Fetch.
    ///
    /// A last batch that is cut off ends the walk without an error: Fetch may cut it. After an
    /// error the walk ends, because where the next batch starts is no longer known for certain.
    #[must_use]
    pub fn split(bytes: Bytes) -> Split {
        Split { rest: bytes }
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The batch as it travels and lies on disk.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Gives the bytes back.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// The records, decompressed to at most 256 MiB.
    ///
    /// # Errors
    /// Where the codec fails or the limit is exceeded.
    pub fn records(&self) -> Result<Records, BatchError> {
        Records::of(&self.header, &self.bytes, crate::DEFAULT_DECOMPRESSED_LIMIT)
    }

    /// The records, decompressed to at most `limit` bytes.
    ///
    /// # Errors
    /// Where the codec fails or the limit is exceeded.
    pub fn records_within(&self, limit: usize) -> Result<Records, BatchError> {
        Records::of(&self.header, &self.bytes, limit)
    }

    /// Offset of the first record.
    #[must_use]
    pub fn base_offset(&self) -> Offset {
        self.header.base_offset
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.header.last_offset()
    }

    /// The offset behind the batch.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.header.next_offset()
    }

    /// Epoch of the leader that appended the batch.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.header.leader_epoch
    }

    /// Timestamp that the records' timestamps are relative to.
    #[must_use]
    pub fn base_timestamp(&self) -> Timestamp {
        self.header.base_timestamp
    }

    /// Highest timestamp of a record.
    #[must_use]
    pub fn max_timestamp(&self) -> Timestamp {
        self.header.max_timestamp
    }

    /// The idempotent producer, or -1.
    #[must_use]
    pub fn producer_id(&self) -> ProducerId {
        self.header.producer_id
    }

    /// Epoch of the idempotent producer, or -1.
    #[must_use]
    pub fn producer_epoch(&self) -> ProducerEpoch {
        self.header.producer_epoch
    }

    /// Sequence of the first record, or -1.
    #[must_use]
    pub fn base_sequence(&self) -> Sequence {
        self.header.base_sequence
    }

    /// Sequence of the last record, or -1.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        self.header.last_sequence()
    }

    /// Number of records.
    #[must_use]
    pub fn record_count(&self) -> i32 {
        self.header.record_count
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.header.is_transactional()
    }

    /// Whether the batch holds control records, which consumers never see.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.header.is_control()
    }

    /// The codec of the records.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.header.compression()
    }

    /// Who set the timestamps.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        self.header.timestamp_type()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.header.fmt(f)
    }
}

/// Several batches one after the other; see [`Batch::split`].
#[derive(Debug, Clone)]
pub struct Split {
    rest: Bytes,
}

impl Iterator for Split {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = match BatchHeader::parse(&self.rest) {
            Ok(header) if header.size <= self.rest.len() => header,
            Ok(_) | Err(BatchError::Truncated { .. }) => {
                self.rest.clear();
                return None;
            }
            Err(e) => {
                self.rest.clear();
                return Some(Err(e));
            }
        };
        let bytes = self.rest.split_to(header.size);
        if let Err(e) = header.check_crc(&bytes) {
            self.rest.clear();
            return Some(Err(e));
        }
        Some(Ok(Batch { header, bytes }))
    }
}

impl std::iter::FusedIterator for Split {}

#[cfg(test)]
mod tests;
