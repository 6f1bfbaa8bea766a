//! What a leader checks before it takes a producer's batch, as Kafka's `LogValidator` does.

use record::{
    BatchError, BatchHeader, Compression, DEFAULT_DECOMPRESSED_LIMIT, Offset, RecordIter, Timestamp,
    TimestampType, set_max_timestamp,
};

use crate::{AppendError, Options};

/// Scratch memory beyond this is given back after the batch.
const SCRATCH_KEPT: usize = 4 << 20;

/// Checks one batch of a producer down to its records, and sets its timestamps as the topic
/// wants them. Gives the header as it is then.
pub(super) fn check_batch(
    batch: &mut [u8],
    options: &Options,
    now: Timestamp,
    scratch: &mut Vec<u8>,
) -> Result<BatchHeader, AppendError> {
    let header = BatchHeader::parse(batch).map_err(refusal)?;
    if header.size > options.max_message_bytes {
        return Err(AppendError::MessageTooLarge {
            size: header.size,
            limit: options.max_message_bytes,
        });
    }
    header.check_crc(batch).map_err(refusal)?;
    check_header(&header)?;
    let max = check_records(batch, &header, scratch)?;

    match options.timestamp_type {
        TimestampType::CreateTime if header.max_timestamp == max => Ok(header),
        TimestampType::CreateTime => {
            // Time lookups rely on it, and not every producer computes it.
            set_max_timestamp(batch, TimestampType::CreateTime, max);
            BatchHeader::parse(batch).map_err(refusal)
        }
        TimestampType::LogAppendTime => {
            set_max_timestamp(batch, TimestampType::LogAppendTime, now);
            BatchHeader::parse(batch).map_err(refusal)
        }
    }
}

fn check_header(header: &BatchHeader) -> Result<(), AppendError> {
    let invalid = |reason: &str| Err(AppendError::InvalidRecord(reason.to_owned()));
    if header.is_control() {
        return invalid("producers may not write control records");
    }
    if header.is_transactional() {
        return Err(AppendError::TransactionsUnsupported);
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return invalid("only the leader may set the timestamp type LogAppendTime");
    }
    if header.record_count == 0 {
        return invalid("a batch must hold a record");
    }
    if header.record_count - 1 != header.last_offset_delta {
        return invalid("the number of records and the last offset of the batch contradict each other");
    }
    if header.has_producer_id() && (header.base_sequence.0 < 0 || header.producer_epoch.0 < 0) {
        return invalid("a batch with a producer id must have a producer epoch and a sequence");
    }
    Ok(())
}

/// Decodes all records, so that no consumer ever meets a batch that it cannot read. Gives their
/// highest timestamp.
fn check_records(
    batch: &[u8],
    header: &BatchHeader,
    scratch: &mut Vec<u8>,
) -> Result<Timestamp, AppendError> {
    let stored = &batch[record::BATCH_OVERHEAD..];
    scratch.clear();
    let payload = match header.compression() {
        Compression::None => stored,
        codec => {
            codec
                .decompress(stored, scratch, DEFAULT_DECOMPRESSED_LIMIT)
                .map_err(refusal)?;
            scratch.as_slice()
        }
    };
    // Whatever base offset the producer has put there.
    let mut from_zero = *header;
    from_zero.base_offset = Offset(0);
    let mut max = Timestamp(-1);
    let mut expected = Offset(0);
    for record in RecordIter::new(&from_zero, payload) {
        let record = record.map_err(refusal)?;
        if record.offset != expected {
            return Err(AppendError::InvalidRecord(
                "the records' offsets are not 0, 1, 2, ...".to_owned(),
            ));
        }
        expected = expected.plus(1);
        max = max.max(record.timestamp);
    }
    if scratch.capacity() > SCRATCH_KEPT {
        *scratch = Vec::new();
    }
    Ok(max)
}

/// The refusal that a broken batch earns.
pub(super) fn refusal(error: BatchError) -> AppendError {
    match error {
        BatchError::UnsupportedMagic(_) => AppendError::UnsupportedFormat(error),
        BatchError::UnknownCompression(_) => AppendError::UnsupportedCompression(error),
        BatchError::CorruptCrc { .. } | BatchError::Truncated { .. } | BatchError::InvalidLength(_) => {
            AppendError::Corrupt(error)
        }
        other => AppendError::InvalidRecord(other.to_string()),
    }
}
