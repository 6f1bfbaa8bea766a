//! What a run that was killed had sent: read from the topic.

use client::{Client, FetchError, Fetcher, FetcherOptions};
use record::{Offset, PartitionIndex, Record};

use crate::{
    counts::Counts,
    headers::{KIND_HEADER, RUN_HEADER, SEQUENCE_HEADER},
    kind::Kind,
    truth_log::TopicState,
};

/// Counts the records of open runs from the last counted offset of each partition to its fence, which
/// belongs to it. `fences` are offsets by partition.
pub(crate) async fn count_tail(
    client: &Client,
    topic: &str,
    state: &TopicState,
    fences: &[i64],
) -> Result<Counts, FetchError> {
    let mut counts = state
        .done
        .as_ref()
        .map(|done| done.counts.clone())
        .unwrap_or_default();
    let next = state
        .done
        .as_ref()
        .map(|done| done.next.as_slice())
        .unwrap_or_default();
    let mut fetcher = Fetcher::new(client, FetcherOptions::default());
    let mut open = 0;
    for (index, fence) in (0..).map(PartitionIndex).zip(fences) {
        let from = next.get(index.0 as usize).copied().unwrap_or(0);
        if from <= *fence {
            fetcher.assign(topic, index, Offset(from));
            open += 1;
        }
    }
    while open > 0 {
        for fetched in fetcher.next().await? {
            let corrupt = |error| FetchError::Corrupt {
                topic: topic.to_owned(),
                partition: fetched.partition,
                offset: fetched.batch.base_offset(),
                error,
            };
            let index = fetched.partition.0 as usize;
            let from = next.get(index).copied().unwrap_or(0);
            let fence = fences.get(index).copied().unwrap_or(-1);
            for record in &fetched.batch.records().map_err(corrupt)? {
                let record = record.map_err(corrupt)?;
                if (from..=fence).contains(&record.offset.0)
                    && let Some(kind) = uncounted(&record, state)
                {
                    counts.add(kind, 1);
                }
            }
        }
        for (index, fence) in (0..).map(PartitionIndex).zip(fences) {
            let passed = |position: client::Position| position.offset.0 > *fence;
            if fetcher.position(topic, index).is_some_and(passed) {
                fetcher.unassign(topic, index);
                open -= 1;
            }
        }
    }
    Ok(counts)
}

/// The kind of a record that an open run sent and nobody counted.
fn uncounted(record: &Record<'_>, state: &TopicState) -> Option<Kind> {
    let number = |key| {
        let value = record.headers.last(key)?.value?;
        Some(u64::from_be_bytes(value.try_into().ok()?))
    };
    let (run, sequence) = (number(RUN_HEADER)?, number(SEQUENCE_HEADER)?);
    let open = state
        .intents
        .get(&run)
        .is_some_and(|to| (state.done_to(run)..*to).contains(&sequence));
    let kind = record.headers.last(KIND_HEADER)?.value?;
    Kind::from_name(kind).filter(|_| open)
}

#[cfg(test)]
mod tests;
