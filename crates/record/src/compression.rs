//! The codecs of Kafka.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use crate::BatchError;
use crate::header::attribute;

/// How the records of a batch are compressed: attribute bits 0-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Snappy: written in the framing of `xerial/snappy-java`, read in it and raw.
    Snappy,
    /// The LZ4 frame format with independent blocks of 64 KiB.
    Lz4,
    /// Zstandard (KIP-110).
    Zstd,
}

/// `SnappyCodec.MAGIC_HEADER`, version 1, compatible with version 1.
const XERIAL_HEADER: [u8; 16] = [
    0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
];
const XERIAL_MAGIC: &[u8] = &[0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Kafka's `SnappyOutputStream` compresses blocks of this size.
const XERIAL_BLOCK: usize = 32 << 10;
/// No Snappy element gives more than 64 bytes for 3.
const SNAPPY_MAX_RATIO: usize = 22;

impl Compression {
    /// The codec that the attributes of a batch name.
    ///
    /// # Errors
    /// [`BatchError::UnknownCompression`].
    pub fn from_attributes(attributes: i16) -> Result<Self, BatchError> {
        match attributes & attribute::COMPRESSION {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(BatchError::UnknownCompression(other as u8)),
        }
    }

    /// The number in attribute bits 0-2.
    #[must_use]
    pub fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    /// Kafka's name, as in `compression.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Appends `input`, compressed, to `out`.
    ///
    /// # Errors
    /// Where the codec fails; in memory none of them does.
    pub(crate) fn compress(self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::None => out.extend_from_slice(input),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
                encoder.write_all(input)?;
                encoder.finish()?;
            }
            Self::Snappy => {
                out.extend_from_slice(&XERIAL_HEADER);
                let mut encoder = snap::raw::Encoder::new();
                for block in input.chunks(XERIAL_BLOCK) {
                    let start = out.len();
                    out.resize(start + 4 + snap::raw::max_compress_len(block.len()), 0);
                    let size = encoder.compress(block, &mut out[start + 4..])?;
                    out[start..start + 4].copy_from_slice(&(size as u32).to_be_bytes());
                    out.truncate(start + 4 + size);
                }
            }
            Self::Lz4 => {
                let info = lz4_flex::frame::FrameInfo::new()
                    .block_mode(lz4_flex::frame::BlockMode::Independent)
                    .block_size(lz4_flex::frame::BlockSize::Max64KB);
                let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, out);
                encoder.write_all(input)?;
                encoder.finish().map_err(io::Error::other)?;
            }
            Self::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                encoder.write_all(input)?;
                encoder.finish()?;
            }
        }
        Ok(())
    }

    /// Appends `input`, decompressed, to `out`, but not more than `limit` bytes.
    ///
    /// # Errors
    /// [`BatchError::Decompression`] where the codec refuses the input,
    /// [`BatchError::DecompressedTooLarge`] where it would give more than `limit` bytes.
    pub fn decompress(self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), BatchError> {
        let failed = |e: &dyn fmt::Display| BatchError::Decompression {
            codec: self,
            reason: e.to_string(),
        };
        match self {
            Self::None => {
                if input.len() > limit {
                    return Err(BatchError::DecompressedTooLarge { limit });
                }
                out.extend_from_slice(input);
                Ok(())
            }
            Self::Gzip => read_within(
                flate2::bufread::MultiGzDecoder::new(input),
                input,
                out,
                limit,
                failed,
            ),
            Self::Snappy => unsnappy(input, out, limit),
            Self::Lz4 => read_within(
                lz4_flex::frame::FrameDecoder::new(input),
                input,
                out,
                limit,
                failed,
            ),
            Self::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(|e| failed(&e))?;
                read_within(decoder, input, out, limit, failed)
            }
        }
    }
}

/// Reads a decoder to its end, but not further than `limit` bytes.
fn read_within(
    decoder: impl Read,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
    failed: impl Fn(&dyn fmt::Display) -> BatchError,
) -> Result<(), BatchError> {
    let start = out.len();
    // A guess that saves growing for usual records, and that a hostile batch cannot inflate.
    out.reserve(input.len().saturating_mul(4).min(limit));
    let mut bounded = decoder.take(limit as u64 + 1);
    bounded.read_to_end(out).map_err(|e| failed(&e))?;
    if out.len() - start > limit {
        return Err(BatchError::DecompressedTooLarge { limit });
    }
    Ok(())
}

fn unsnappy(input: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), BatchError> {
    let malformed = |reason: &str| BatchError::Decompression {
        codec: Compression::Snappy,
        reason: reason.to_owned(),
    };
    if !input.starts_with(XERIAL_MAGIC) {
        return unsnappy_block(input, out, limit);
    }
    let mut rest = input
        .get(XERIAL_HEADER.len()..)
        .ok_or_else(|| malformed("its header is cut off"))?;
    let start = out.len();
    while !rest.is_empty() {
        let (size, after) = rest
            .split_first_chunk()
            .ok_or_else(|| malformed("a block's size is cut off"))?;
        let size = u32::from_be_bytes(*size) as usize;
        let (block, after) = after
            .split_at_checked(size)
            .ok_or_else(|| malformed("a block is cut off"))?;
        unsnappy_block(block, out, limit - (out.len() - start)).map_err(|e| {
            if matches!(e, BatchError::DecompressedTooLarge { .. }) {
                BatchError::DecompressedTooLarge { limit }
            } else {
                e
            }
        })?;
        rest = after;
    }
    Ok(())
}

fn unsnappy_block(block: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), BatchError> {
    let failed = |reason: String| BatchError::Decompression {
        codec: Compression::Snappy,
        reason,
    };
    let size = snap::raw::decompress_len(block).map_err(|e| failed(e.to_string()))?;
    if size > limit {
        return Err(BatchError::DecompressedTooLarge { limit });
    }
    if size / SNAPPY_MAX_RATIO > block.len() {
        return Err(failed("it claims more bytes than it can hold".to_owned()));
    }
    let start = out.len();
    out.resize(start + size, 0);
    let written = snap::raw::Decoder::new()
        .decompress(block, &mut out[start..])
        .map_err(|e| failed(e.to_string()))?;
    out.truncate(start + written);
    Ok(())
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd]
            .into_iter()
            .find(|codec| codec.name() == name)
            .ok_or_else(|| {
                format!("unknown compression '{name}': choose one of none, gzip, snappy, lz4, zstd")
            })
    }
}

#[cfg(test)]
mod tests;
