//! What becomes of one event, decided from its own partition's past alone, but for duplicates.

use crate::event_time::EventTime;
use crate::watermark::PartitionWatermark;

/// What became of an event. Each event gets the first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verdict {
    /// It does not fit the declaration: to quarantine.
    Malformed,
    /// Its event time is too far ahead of the record's own timestamp: to quarantine; it moves no watermark.
    Future,
    /// The declared filter does not keep it.
    Filtered,
    /// At or below its own partition's watermark: to quarantine.
    Late,
    /// Above its own partition's watermark but at or below the table's, which went on while the
    /// partition was idle: to quarantine. Counted in `late`, and apart.
    LateAfterIdle,
    /// Its key was seen before.
    Duplicate,
    /// None of the others: a row of the table.
    Written,
}

/// The limits by which the events of one source table are judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How far the watermark stays behind the highest event time, in microseconds.
    pub watermark_delay: i64,
    /// How far an event may be ahead of the record's timestamp, in microseconds.
    pub future_limit: i64,
    /// The source table's watermark when the epoch began.
    pub table_watermark: Option<EventTime>,
}

/// What an event that fits the declaration shows to its judge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    /// Its event time.
    pub event_time: EventTime,
    /// The record's own timestamp in microseconds; the time of reading where a record has none.
    pub record_time: i64,
    /// Whether the declared filter keeps it.
    pub kept_by_filter: bool,
}

/// Judges one well-formed event and moves its partition's watermark. Malformed events never come
/// here; `None` means that the event is written unless its key was seen before.
pub(crate) fn judge(
    candidate: Candidate,
    limits: &Limits,
    partition: &mut PartitionWatermark,
) -> Option<Verdict> {
    let Candidate {
        event_time,
        record_time,
        kept_by_filter,
    } = candidate;
    if event_time.0 > record_time.saturating_add(limits.future_limit) {
        return Some(Verdict::Future);
    }
    let own = partition.watermark(limits.watermark_delay);
    partition.observe(event_time);
    if !kept_by_filter {
        return Some(Verdict::Filtered);
    }
    if own.is_some_and(|watermark| event_time <= watermark) {
        return Some(Verdict::Late);
    }
    if limits
        .table_watermark
        .is_some_and(|watermark| event_time <= watermark)
    {
        return Some(Verdict::LateAfterIdle);
    }
    None
}

#[cfg(test)]
mod tests;
