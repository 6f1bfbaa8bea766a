//! The 61 bytes before the records.

use crate::{BatchError, Compression, LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

/// Bytes of a batch without its records.
pub const BATCH_OVERHEAD: usize = 61;
/// Bytes of base offset and length field: what must be read to know how long a batch is.
pub const LENGTH_PREFIX: usize = 12;

/// Where the fields of the header start.
pub(crate) mod at {
    pub(crate) const LENGTH: usize = 8;
    pub(crate) const LEADER_EPOCH: usize = 12;
    pub(crate) const MAGIC: usize = 16;
    pub(crate) const CRC: usize = 17;
    pub(crate) const ATTRIBUTES: usize = 21;
    pub(crate) const LAST_OFFSET_DELTA: usize = 23;
    pub(crate) const BASE_TIMESTAMP: usize = 27;
    pub(crate) const MAX_TIMESTAMP: usize = 35;
    pub(crate) const PRODUCER_ID: usize = 43;
    pub(crate) const PRODUCER_EPOCH: usize = 51;
    pub(crate) const BASE_SEQUENCE: usize = 53;
    pub(crate) const RECORD_COUNT: usize = 57;
}

/// Bits of the attributes field.
pub(crate) mod attribute {
    pub(crate) const COMPRESSION: i16 = 0x07;
    pub(crate) const LOG_APPEND_TIME: i16 = 0x08;
    pub(crate) const TRANSACTIONAL: i16 = 0x10;
    pub(crate) const CONTROL: i16 = 0x20;
    pub(crate) const DELETE_HORIZON: i16 = 0x40;
}

/// Who set the timestamps of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer (`CreateTime`).
    CreateTime,
    /// The leader, when it appended the batch (`LogAppendTime`).
    LogAppendTime,
}

/// The header of one batch, read out of its bytes. The CRC is taken as it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record (before compaction removed any).
    pub base_offset: Offset,
    /// Bytes of the whole batch, header included.
    pub size: usize,
    /// Epoch of the leader that appended the batch.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    attributes: i16,
    /// Offset of the last record less the base offset; never negative.
    pub last_offset_delta: i32,
    /// Timestamp that the records' timestamps are relative to.
    pub base_timestamp: Timestamp,
    /// Highest timestamp of a record.
    pub max_timestamp: Timestamp,
    /// The idempotent producer, or -1.
    pub producer_id: ProducerId,
    /// Its epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record, or -1.
    pub base_sequence: Sequence,
    /// Number of records; never negative. 0 where compaction removed them all.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header of the batch at the start of `bytes`, which may end anywhere behind it.
    ///
    /// # Errors
    /// [`BatchError::Truncated`] below 61 bytes; [`BatchError::UnsupportedMagic`],
    /// [`BatchError::InvalidLength`], [`BatchError::InvalidHeader`] or
    /// [`BatchError::UnknownCompression`] where it is not the header of a batch v2.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        let magic = bytes.get(at::MAGIC).map(|&b| b as i8);
        if let Some(magic) = magic
            && magic != 2
        {
            return Err(BatchError::UnsupportedMagic(magic));
        }
        let Some(header) = bytes.first_chunk::<BATCH_OVERHEAD>() else {
            return Err(BatchError::Truncated {
                needed: BATCH_OVERHEAD,
                available: bytes.len(),
            });
        };
        let length = i32_at(header, at::LENGTH);
        let Some(size) = usize::try_from(length)
            .ok()
            .map(|n| n + LENGTH_PREFIX)
            .filter(|&n| n >= BATCH_OVERHEAD && n <= i32::MAX as usize)
        else {
            return Err(BatchError::InvalidLength(length));
        };
        let parsed = Self {
            base_offset: Offset(i64_at(header, 0)),
            size,
            leader_epoch: LeaderEpoch(i32_at(header, at::LEADER_EPOCH)),
            crc: i32_at(header, at::CRC) as u32,
            attributes: i16_at(header, at::ATTRIBUTES),
            last_offset_delta: i32_at(header, at::LAST_OFFSET_DELTA),
            base_timestamp: Timestamp(i64_at(header, at::BASE_TIMESTAMP)),
            max_timestamp: Timestamp(i64_at(header, at::MAX_TIMESTAMP)),
            producer_id: ProducerId(i64_at(header, at::PRODUCER_ID)),
            producer_epoch: ProducerEpoch(i16_at(header, at::PRODUCER_EPOCH)),
            base_sequence: Sequence(i32_at(header, at::BASE_SEQUENCE)),
            record_count: i32_at(header, at::RECORD_COUNT),
        };
        parsed.check()?;
        Ok(parsed)
    }

    fn check(&self) -> Result<(), BatchError> {
        Compression::from_attributes(self.attributes)?;
        if self.last_offset_delta < 0 {
            return Err(BatchError::InvalidHeader("the last offset lies before the first"));
        }
        if self.record_count < 0 {
            return Err(BatchError::InvalidHeader("the number of records is negative"));
        }
        if i64::from(self.record_count) > i64::from(self.last_offset_delta) + 1 {
            return Err(BatchError::InvalidHeader("there are more records than offsets"));
        }
        Ok(())
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        Offset(
            self.base_offset
                .0
                .saturating_add(i64::from(self.last_offset_delta)),
        )
    }

    /// The offset behind the batch.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        Offset(self.last_offset().0.saturating_add(1))
    }

    /// Sequence of the last record, or -1.
    #[must_use]
    pub fn last_sequence(&self) -> Sequence {
        if self.base_sequence.0 < 0 {
            Sequence(-1)
        } else {
            self.base_sequence.plus(self.last_offset_delta)
        }
    }

    /// The codec of the records.
    #[must_use]
    pub fn compression(&self) -> Compression {
        // `parse` has refused unknown ones.
        Compression::from_attributes(self.attributes).unwrap_or(Compression::None)
    }

    /// Who set the timestamps.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & attribute::LOG_APPEND_TIME == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.attributes & attribute::TRANSACTIONAL != 0
    }

    /// Whether the batch holds control records (markers), which consumers never see.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.attributes & attribute::CONTROL != 0
    }

    /// Whether the base timestamp is the time from which tombstones may be removed.
    #[must_use]
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes & attribute::DELETE_HORIZON != 0
    }

    /// Whether an idempotent producer wrote the batch.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id.0 >= 0
    }

    /// Compares the CRC with the content; `batch` is the whole batch.
    ///
    /// # Errors
    /// [`BatchError::CorruptCrc`], or [`BatchError::Truncated`] where bytes are missing.
    pub fn check_crc(&self, batch: &[u8]) -> Result<(), BatchError> {
        let Some(covered) = batch.get(at::ATTRIBUTES..self.size) else {
            return Err(BatchError::Truncated {
                needed: self.size,
                available: batch.len(),
            });
        };
        let computed = crc32c::crc32c(covered);
        if computed == self.crc {
            Ok(())
        } else {
            Err(BatchError::CorruptCrc {
                offset: self.base_offset,
                stored: self.crc,
                computed,
            })
        }
    }
}

/// Compares the CRC of a batch with its content where that comes in pieces.
#[derive(Debug, Clone)]
pub struct CrcCheck {
    offset: Offset,
    stored: u32,
    computed: u32,
    skip: usize,
}

impl CrcCheck {
    /// Expects the bytes of the batch of this header.
    #[must_use]
    pub fn new(header: &BatchHeader) -> Self {
        Self {
            offset: header.base_offset,
            stored: header.crc,
            computed: 0,
            skip: at::ATTRIBUTES,
        }
    }

    /// Takes the next bytes of the batch, its first ones included.
    pub fn update(&mut self, chunk: &[u8]) {
        let skipped = self.skip.min(chunk.len());
        self.skip -= skipped;
        self.computed = crc32c::crc32c_append(self.computed, &chunk[skipped..]);
    }

    /// Compares.
    ///
    /// # Errors
    /// [`BatchError::CorruptCrc`].
    pub fn finish(self) -> Result<(), BatchError> {
        let Self {
            offset,
            stored,
            computed,
            ..
        } = self;
        if stored == computed {
            Ok(())
        } else {
            Err(BatchError::CorruptCrc {
                offset,
                stored,
                computed,
            })
        }
    }
}

/// Writes the base offset of the batch at the start of `batch`. The CRC does not cover it.
///
/// # Panics
/// Below 61 bytes.
pub fn set_base_offset(batch: &mut [u8], offset: Offset) {
    assert!(batch.len() >= BATCH_OVERHEAD, "not a batch");
    batch[..8].copy_from_slice(&offset.0.to_be_bytes());
}

/// Writes the leader epoch of the batch at the start of `batch`. The CRC does not cover it.
///
/// # Panics
/// Below 61 bytes.
pub fn set_leader_epoch(batch: &mut [u8], epoch: LeaderEpoch) {
    assert!(batch.len() >= BATCH_OVERHEAD, "not a batch");
    batch[at::LEADER_EPOCH..at::MAGIC].copy_from_slice(&epoch.0.to_be_bytes());
}

/// Writes timestamp type and highest timestamp of the one batch that is `batch`, and its CRC anew.
///
/// # Panics
/// Below 61 bytes.
pub fn set_max_timestamp(batch: &mut [u8], kind: TimestampType, max: Timestamp) {
    assert!(batch.len() >= BATCH_OVERHEAD, "not a batch");
    let mut attributes = i16::from_be_bytes([batch[at::ATTRIBUTES], batch[at::ATTRIBUTES + 1]]);
    match kind {
        TimestampType::CreateTime => attributes &= !attribute::LOG_APPEND_TIME,
        TimestampType::LogAppendTime => attributes |= attribute::LOG_APPEND_TIME,
    }
    batch[at::ATTRIBUTES..at::LAST_OFFSET_DELTA].copy_from_slice(&attributes.to_be_bytes());
    batch[at::MAX_TIMESTAMP..at::PRODUCER_ID].copy_from_slice(&max.0.to_be_bytes());
    seal_crc(batch);
}

/// Computes the CRC of the one batch that is `batch` and writes it into the header.
pub(crate) fn seal_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[at::ATTRIBUTES..]);
    batch[at::CRC..at::ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
}

fn i16_at(header: &[u8; BATCH_OVERHEAD], at: usize) -> i16 {
    i16::from_be_bytes([header[at], header[at + 1]])
}

fn i32_at(header: &[u8; BATCH_OVERHEAD], at: usize) -> i32 {
    i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

fn i64_at(header: &[u8; BATCH_OVERHEAD], at: usize) -> i64 {
    (i64::from(i32_at(header, at)) << 32) | i64::from(i32_at(header, at + 4) as u32)
}
