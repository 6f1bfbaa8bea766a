//! The records of one batch.

use bytes::Bytes;

use crate::{BATCH_OVERHEAD, BatchError, BatchHeader, Compression, Offset, Timestamp, TimestampType, varint};

/// How far a batch may decompress where the caller states no limit.
pub const DEFAULT_DECOMPRESSED_LIMIT: usize = 256 << 20;

/// The decompressed records of one batch. An uncompressed batch is shared, not copied.
#[derive(Debug, Clone)]
pub struct Records {
    header: BatchHeader,
    payload: Bytes,
}

impl Records {
    pub(crate) fn of(header: &BatchHeader, batch: &Bytes, limit: usize) -> Result<Self, BatchError> {
        let stored = batch.slice(BATCH_OVERHEAD..header.size);
        let payload = match header.compression() {
            Compression::None => stored,
            codec => {
                let mut out = Vec::new();
                codec.decompress(&stored, &mut out, limit)?;
                Bytes::from(out)
            }
        };
        Ok(Self {
            header: *header,
            payload,
        })
    }

    /// The records in offset order. After an error the iterator ends.
    #[must_use]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter::new(&self.header, &self.payload)
    }

    /// Bytes of the records without compression.
    #[must_use]
    pub fn size(&self) -> usize {
        self.payload.len()
    }
}

impl<'a> IntoIterator for &'a Records {
    type Item = Result<Record<'a>, BatchError>;
    type IntoIter = RecordIter<'a>;

    fn into_iter(self) -> RecordIter<'a> {
        self.iter()
    }
}

/// One record. It borrows from its [`Records`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the partition.
    pub offset: Offset,
    /// Milliseconds since 1970, as the batch's timestamp type says.
    pub timestamp: Timestamp,
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone on a compacted topic.
    pub value: Option<&'a [u8]>,
    /// The headers, read when they are iterated.
    pub headers: Headers<'a>,
}

/// Walks the uncompressed bytes of a batch's records.
#[derive(Debug, Clone)]
pub struct RecordIter<'a> {
    base_offset: i64,
    base_timestamp: i64,
    append_time: Option<Timestamp>,
    last_offset_delta: i32,
    count: i32,
    index: i32,
    rest: &'a [u8],
}

impl<'a> RecordIter<'a> {
    /// Walks `payload`, the decompressed records of the batch of this header.
    #[must_use]
    pub fn new(header: &BatchHeader, payload: &'a [u8]) -> Self {
        Self {
            base_offset: header.base_offset.0,
            base_timestamp: header.base_timestamp.0,
            append_time: (header.timestamp_type() == TimestampType::LogAppendTime)
                .then_some(header.max_timestamp),
            last_offset_delta: header.last_offset_delta,
            count: header.record_count,
            index: 0,
            rest: payload,
        }
    }

    fn record(&mut self) -> Result<Record<'a>, &'static str> {
        let length = varint::read_i32(&mut self.rest).ok_or("its length is cut off")?;
        let length = usize::try_from(length).map_err(|_| "its length is negative")?;
        let (mut body, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or("it is longer than the batch")?;
        self.rest = rest;

        let (_attributes, after) = body.split_first().ok_or("it is empty")?;
        body = after;
        let timestamp_delta = varint::read_i64(&mut body).ok_or("its timestamp is cut off")?;
        let offset_delta = varint::read_i32(&mut body).ok_or("its offset is cut off")?;
        if offset_delta < 0 || offset_delta > self.last_offset_delta {
            return Err("its offset lies outside the batch");
        }
        let key = nullable(&mut body).ok_or("its key is longer than the record")?;
        let value = nullable(&mut body).ok_or("its value is longer than the record")?;
        let headers = Headers::parse(&mut body)?;
        if !body.is_empty() {
            return Err("bytes follow its headers");
        }
        Ok(Record {
            offset: Offset(self.base_offset.saturating_add(i64::from(offset_delta))),
            timestamp: self
                .append_time
                .unwrap_or(Timestamp(self.base_timestamp.wrapping_add(timestamp_delta))),
            key,
            value,
            headers,
        })
    }

    fn end(&mut self) {
        self.index = self.count;
        self.rest = &[];
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<Record<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index;
        if index >= self.count {
            if self.rest.is_empty() {
                return None;
            }
            self.end();
            return Some(Err(BatchError::InvalidRecord {
                index,
                reason: "it is beyond the batch's count",
            }));
        }
        match self.record() {
            Ok(record) => {
                self.index += 1;
                Some(Ok(record))
            }
            Err(reason) => {
                self.end();
                Some(Err(BatchError::InvalidRecord { index, reason }))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // A record takes seven bytes at least, whatever the count says.
        let left = usize::try_from(self.count - self.index).unwrap_or(0);
        (0, Some(left.min(self.rest.len() / 7).saturating_add(1)))
    }
}

impl std::iter::FusedIterator for RecordIter<'_> {}

/// A length and that many bytes; a negative length is null.
#[expect(
    clippy::option_option,
    reason = "the outer one is malformed, the inner one null"
)]
fn nullable<'a>(body: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = varint::read_i32(body)?;
    let Ok(length) = usize::try_from(length) else {
        return Some(None);
    };
    let (bytes, rest) = body.split_at_checked(length)?;
    *body = rest;
    Some(Some(bytes))
}

/// One header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The key; Kafka's clients write UTF-8, nobody enforces it.
    pub key: &'a [u8],
    /// The value, which may be null.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record, checked but not taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a> {
    count: i32,
    bytes: &'a [u8],
}

impl<'a> Headers<'a> {
    fn parse(body: &mut &'a [u8]) -> Result<Self, &'static str> {
        let count = varint::read_i32(body).ok_or("its number of headers is cut off")?;
        if count < 0 {
            return Err("its number of headers is negative");
        }
        let start = *body;
        for _ in 0..count {
            header(body).ok_or("a header is malformed")?;
        }
        Ok(Self {
            count,
            bytes: &start[..start.len() - body.len()],
        })
    }

    /// Number of headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The headers in their order; keys may repeat.
    #[must_use]
    pub fn iter(&self) -> HeaderIter<'a> {
        HeaderIter { rest: self.bytes }
    }

    /// Value of the last header of this key, as Kafka's `Headers.lastHeader` gives it.
    #[must_use]
    pub fn last(&self, key: &[u8]) -> Option<Header<'a>> {
        self.iter().filter(|header| header.key == key).last()
    }
}

impl<'a> IntoIterator for Headers<'a> {
    type Item = Header<'a>;
    type IntoIter = HeaderIter<'a>;

    fn into_iter(self) -> HeaderIter<'a> {
        self.iter()
    }
}

/// Iterator of [`Headers`].
#[derive(Debug, Clone)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        header(&mut self.rest)
    }
}

fn header<'a>(body: &mut &'a [u8]) -> Option<Header<'a>> {
    let key = nullable(body)??;
    let value = nullable(body)?;
    Some(Header { key, value })
}

#[cfg(test)]
mod tests;
