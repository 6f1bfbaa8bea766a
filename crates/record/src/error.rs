//! What can be wrong with a batch.

use crate::{Compression, Offset};

/// Why bytes are not a record batch, or records cannot be had from one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The bytes end before the batch does.
    #[error("record batch is cut off: {needed} bytes are needed, {available} are there")]
    Truncated {
        /// Bytes of the whole batch, as far as known.
        needed: usize,
        /// Bytes given.
        available: usize,
    },
    /// More bytes than the one batch that was expected.
    #[error("{excess} bytes follow the record batch where it should be alone")]
    TrailingBytes {
        /// Bytes behind the batch.
        excess: usize,
    },
    /// The length field is smaller than a header.
    #[error("record batch gives its length as {0}, which is less than its header")]
    InvalidLength(i32),
    /// Not record batch v2.
    #[error("record format version {0} is not supported, only 2 is: use a client of Kafka 0.11 or newer")]
    UnsupportedMagic(i8),
    /// The content is not what the CRC was computed over.
    #[error(
        "record batch at offset {offset} is corrupt: its CRC-32C is {stored:08x}, its content gives {computed:08x}"
    )]
    CorruptCrc {
        /// Base offset as stored.
        offset: Offset,
        /// The CRC in the header.
        stored: u32,
        /// The CRC of the content.
        computed: u32,
    },
    /// A field of the header contradicts another or its meaning.
    #[error("record batch header is invalid: {0}")]
    InvalidHeader(&'static str),
    /// Attribute bits 0-2 name no codec.
    #[error("compression type {0} is unknown: Kafka's are none, gzip, snappy, lz4 and zstd")]
    UnknownCompression(u8),
    /// The codec could not decompress the records.
    #[error("records cannot be decompressed by {codec}: {reason}")]
    Decompression {
        /// The codec that failed.
        codec: Compression,
        /// What it said.
        reason: String,
    },
    /// The records decompress to more than the limit.
    #[error("records decompress to more than {limit} bytes")]
    DecompressedTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The records' own structure is broken.
    #[error("record {index} of the batch is invalid: {reason}")]
    InvalidRecord {
        /// Position in the batch, counted from 0.
        index: i32,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A batch holds at most 2 GiB.
    #[error("record batch would grow beyond 2 GiB: send it in smaller batches")]
    TooLarge,
}
