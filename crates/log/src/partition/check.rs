//! What a leader checks before it takes a producer's batch, as Kafka's `LogValidator` does.

use record::{
    BatchError, BatchHeader, Compression, Offset, RecordIter, Timestamp, TimestampType, set_max_timestamp,
};

use crate::{AppendError, InvalidRecord, Options};

/// What stands where a producer gives no time.
const NO_TIMESTAMP: Timestamp = Timestamp(-1);

/// Scratch memory beyond this is given back after the batch.
const SCRATCH_KEPT: usize = 4 << 20;

/// Checks one batch of a producer down to its records, and sets its timestamps as the topic
/// wants them. Gives the header as it is then. `budget` is how many bytes may still be decompressed.
pub(super) fn check_batch(
    batch: &mut [u8],
    options: &Options,
    now: Timestamp,
    budget: &mut usize,
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
    let (min, max) = check_records(batch, &header, budget, scratch)?;
    if options.timestamp_type == TimestampType::CreateTime {
        check_time(min, max, options, now)?;
    }

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
    let invalid = |reason: &str| Err(AppendError::invalid(reason));
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

/// The times that producers may set. One record stamped far ahead keeps its whole segment from
/// growing old.
fn check_time(
    min: Option<Timestamp>,
    max: Timestamp,
    options: &Options,
    now: Timestamp,
) -> Result<(), AppendError> {
    let refuse = |timestamp, setting, limit_ms| {
        Err(AppendError::InvalidRecord(InvalidRecord::Timestamp {
            timestamp,
            now,
            setting,
            limit_ms,
        }))
    };
    let (before, after) = (options.timestamp_before_max_ms, options.timestamp_after_max_ms);
    match min {
        Some(min) if now.0.saturating_sub(min.0) > before => {
            refuse(min, "message.timestamp.before.max.ms", before)
        }
        Some(_) if max.0.saturating_sub(now.0) > after => {
            refuse(max, "message.timestamp.after.max.ms", after)
        }
        _ => Ok(()),
    }
}

/// Decodes all records, so that no consumer ever meets a batch that it cannot read. Gives the lowest
/// timestamp of those that have one, and the highest.
fn check_records(
    batch: &[u8],
    header: &BatchHeader,
    budget: &mut usize,
    scratch: &mut Vec<u8>,
) -> Result<(Option<Timestamp>, Timestamp), AppendError> {
    let stored = &batch[record::BATCH_OVERHEAD..];
    scratch.clear();
    let payload = match header.compression() {
        Compression::None => stored,
        codec => {
            codec.decompress(stored, scratch, *budget).map_err(refusal)?;
            *budget -= scratch.len();
            scratch.as_slice()
        }
    };
    // Whatever base offset the producer has put there.
    let mut from_zero = *header;
    from_zero.base_offset = Offset(0);
    let (mut min, mut max) = (None, NO_TIMESTAMP);
    let mut expected = Offset(0);
    for record in RecordIter::new(&from_zero, payload) {
        let record = record.map_err(refusal)?;
        if record.offset != expected {
            return Err(AppendError::invalid("the records' offsets are not 0, 1, 2, ..."));
        }
        expected = expected.plus(1);
        max = max.max(record.timestamp);
        if record.timestamp != NO_TIMESTAMP {
            min = Some(min.map_or(record.timestamp, |min: Timestamp| min.min(record.timestamp)));
        }
    }
    if scratch.capacity() > SCRATCH_KEPT {
        *scratch = Vec::new();
    }
    Ok((min, max))
}

/// The refusal that a broken batch earns.
pub(super) fn refusal(error: BatchError) -> AppendError {
    match error {
        BatchError::UnsupportedMagic(_) => AppendError::UnsupportedFormat(error),
        BatchError::UnknownCompression(_) => AppendError::UnsupportedCompression(error),
        BatchError::CorruptCrc { .. } | BatchError::Truncated { .. } | BatchError::InvalidLength(_) => {
            AppendError::Corrupt(error)
        }
        other => AppendError::invalid(other.to_string()),
    }
}
