//! Writes batches.

use bytes::Bytes;

use crate::header::{at, attribute, seal_crc};
use crate::{
    BATCH_OVERHEAD, BatchError, Compression, Header, LENGTH_PREFIX, LeaderEpoch, Offset, ProducerEpoch,
    ProducerId, Sequence, Timestamp, varint,
};

/// Collects records into one buffer and closes it as a batch.
///
/// Records get the offsets 0, 1, ... behind the base offset. The timestamps are `CreateTime`.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    compression: Compression,
    attributes: i16,
    base_offset: Offset,
    leader_epoch: LeaderEpoch,
    producer_id: ProducerId,
    producer_epoch: ProducerEpoch,
    base_sequence: Sequence,
    base_timestamp: Timestamp,
    max_timestamp: Timestamp,
    count: i32,
    buffer: Vec<u8>,
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new(compression: Compression) -> Self {
        Self::with_capacity(compression, 0)
    }

    /// An empty batch with room for `records` bytes of records.
    #[must_use]
    pub fn with_capacity(compression: Compression, records: usize) -> Self {
        let mut buffer = Vec::with_capacity(BATCH_OVERHEAD + records);
        buffer.resize(BATCH_OVERHEAD, 0);
        Self {
            compression,
            attributes: compression.id(),
            base_offset: Offset(0),
            leader_epoch: LeaderEpoch(-1),
            producer_id: ProducerId(-1),
            producer_epoch: ProducerEpoch(-1),
            base_sequence: Sequence(-1),
            base_timestamp: Timestamp(-1),
            max_timestamp: Timestamp(-1),
            count: 0,
            buffer,
        }
    }

    /// Names the idempotent producer and the sequence of the first record.
    pub fn producer(&mut self, id: ProducerId, epoch: ProducerEpoch, base_sequence: Sequence) -> &mut Self {
        (self.producer_id, self.producer_epoch, self.base_sequence) = (id, epoch, base_sequence);
        self
    }

    /// Marks the batch as part of its producer's transaction.
    pub fn transactional(&mut self) -> &mut Self {
        self.attributes |= attribute::TRANSACTIONAL;
        self
    }

    /// Marks the records as control records.
    pub fn control(&mut self) -> &mut Self {
        self.attributes |= attribute::CONTROL;
        self
    }

    /// Offset of the first record, 0 if not set: a leader assigns it anew.
    pub fn base_offset(&mut self, offset: Offset) -> &mut Self {
        self.base_offset = offset;
        self
    }

    /// Epoch of the leader, -1 if not set: a leader writes it anew.
    pub fn leader_epoch(&mut self, epoch: LeaderEpoch) -> &mut Self {
        self.leader_epoch = epoch;
        self
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`BatchError::TooLarge`] where the batch would exceed 2 GiB; the batch is as before.
    pub fn push(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<(), BatchError> {
        let base = if self.count == 0 {
            timestamp
        } else {
            self.base_timestamp
        };
        let timestamp_delta = timestamp.0.wrapping_sub(base.0);
        let body = body_size(timestamp_delta, self.count, key, value, headers);
        let size = self.buffer.len().saturating_add(body).saturating_add(5);
        if size > i32::MAX as usize - LENGTH_PREFIX || self.count == i32::MAX {
            return Err(BatchError::TooLarge);
        }
        self.base_timestamp = base;
        self.max_timestamp = self.max_timestamp.max(timestamp);

        let out = &mut self.buffer;
        out.reserve(body + 5);
        varint::write(out, body as i64);
        out.push(0);
        varint::write(out, timestamp_delta);
        varint::write(out, i64::from(self.count));
        write_nullable(out, key);
        write_nullable(out, value);
        varint::write(out, headers.len() as i64);
        for header in headers {
            write_nullable(out, Some(header.key));
            write_nullable(out, header.value);
        }
        self.count += 1;
        Ok(())
    }

    /// Number of records so far.
    #[must_use]
    pub fn len(&self) -> i32 {
        self.count
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the batch so far, before compression.
    #[must_use]
    pub fn size(&self) -> usize {
        self.buffer.len()
    }

    /// Compresses the records, writes the header and gives the batch.
    ///
    /// # Errors
    /// [`BatchError::TooLarge`] where compression made a batch of almost 2 GiB larger.
    pub fn build(mut self) -> Result<Bytes, BatchError> {
        if self.compression != Compression::None {
            let records = &self.buffer[BATCH_OVERHEAD..];
            let mut out = Vec::with_capacity(BATCH_OVERHEAD + records.len() / 2 + 64);
            out.resize(BATCH_OVERHEAD, 0);
            self.compression
                .compress(records, &mut out)
                .map_err(|e| BatchError::Decompression {
                    codec: self.compression,
                    reason: e.to_string(),
                })?;
            self.buffer = out;
        }
        let length = i32::try_from(self.buffer.len() - LENGTH_PREFIX).map_err(|_| BatchError::TooLarge)?;
        let header = &mut self.buffer[..BATCH_OVERHEAD];
        header[..at::LENGTH].copy_from_slice(&self.base_offset.0.to_be_bytes());
        header[at::LENGTH..at::LEADER_EPOCH].copy_from_slice(&length.to_be_bytes());
        header[at::LEADER_EPOCH..at::MAGIC].copy_from_slice(&self.leader_epoch.0.to_be_bytes());
        header[at::MAGIC] = 2;
        header[at::ATTRIBUTES..at::LAST_OFFSET_DELTA].copy_from_slice(&self.attributes.to_be_bytes());
        let last_offset_delta = (self.count - 1).max(0);
        header[at::LAST_OFFSET_DELTA..at::BASE_TIMESTAMP].copy_from_slice(&last_offset_delta.to_be_bytes());
        header[at::BASE_TIMESTAMP..at::MAX_TIMESTAMP].copy_from_slice(&self.base_timestamp.0.to_be_bytes());
        header[at::MAX_TIMESTAMP..at::PRODUCER_ID].copy_from_slice(&self.max_timestamp.0.to_be_bytes());
        header[at::PRODUCER_ID..at::PRODUCER_EPOCH].copy_from_slice(&self.producer_id.0.to_be_bytes());
        header[at::PRODUCER_EPOCH..at::BASE_SEQUENCE].copy_from_slice(&self.producer_epoch.0.to_be_bytes());
        header[at::BASE_SEQUENCE..at::RECORD_COUNT].copy_from_slice(&self.base_sequence.0.to_be_bytes());
        header[at::RECORD_COUNT..].copy_from_slice(&self.count.to_be_bytes());
        seal_crc(&mut self.buffer);
        Ok(Bytes::from(self.buffer))
    }
}

/// Bytes that a record takes at most, before compression, wherever in a batch it stands.
#[must_use]
pub fn record_size(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header<'_>]) -> usize {
    5 + body_size(i64::MIN, i32::MAX, key, value, headers)
}

fn body_size(
    timestamp_delta: i64,
    offset_delta: i32,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[Header<'_>],
) -> usize {
    let headers_size: usize = headers
        .iter()
        .map(|header| nullable_size(Some(header.key)) + nullable_size(header.value))
        .sum();
    1 + varint::size(timestamp_delta)
        + varint::size(i64::from(offset_delta))
        + nullable_size(key)
        + nullable_size(value)
        + varint::size(headers.len() as i64)
        + headers_size
}

fn nullable_size(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::size(bytes.len() as i64) + bytes.len())
}

fn write_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::write(out, -1),
        Some(bytes) => {
            varint::write(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests;
