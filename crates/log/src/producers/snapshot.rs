//! `<offset>.snapshot`: the producers as they were before that offset.
//!
//! Kafka's format, version 1: version (2 bytes), CRC-32C of all that follows (4), number of
//! entries (4), then per producer: id (8), epoch (2), last sequence (4), last offset (8), offset
//! delta (4), timestamp (8), coordinator epoch (4), first offset of the open transaction (8).
//!
//! Kafka keeps only the last batch of each producer, so that after a restart it no longer knows a
//! retry of the batch before. Ours goes on behind the last entry, where Kafka's reader does not
//! look: number of earlier batches (4), then id (8), last sequence (4), last offset (8), offset
//! delta (4) each, oldest first.

use std::collections::{BTreeMap, VecDeque};

use record::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};

use super::{BatchMemory, Producer, Producers, REMEMBERED};

const VERSION: i16 = 1;
const NONE_I32: i32 = -1;
const NONE_I64: i64 = -1;

impl Producers {
    /// The content of a snapshot file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(8 + self.known.len() * 46);
        let mut earlier = Vec::new();
        body.extend_from_slice(&(self.known.len() as i32).to_be_bytes());
        for (id, producer) in &self.known {
            let last = producer.batches.back();
            body.extend_from_slice(&id.0.to_be_bytes());
            body.extend_from_slice(&producer.epoch.0.to_be_bytes());
            body.extend_from_slice(&last.map_or(NONE_I32, |last| last.last_sequence.0).to_be_bytes());
            body.extend_from_slice(&last.map_or(NONE_I64, |last| last.last_offset.0).to_be_bytes());
            body.extend_from_slice(&last.map_or(0, |last| last.offset_delta).to_be_bytes());
            body.extend_from_slice(&producer.last_timestamp.0.to_be_bytes());
            body.extend_from_slice(&NONE_I32.to_be_bytes());
            body.extend_from_slice(&NONE_I64.to_be_bytes());
            earlier.extend(
                producer
                    .batches
                    .iter()
                    .rev()
                    .skip(1)
                    .rev()
                    .map(|batch| (*id, *batch)),
            );
        }
        body.extend_from_slice(&(earlier.len() as i32).to_be_bytes());
        for (id, batch) in earlier {
            body.extend_from_slice(&id.0.to_be_bytes());
            body.extend_from_slice(&batch.last_sequence.0.to_be_bytes());
            body.extend_from_slice(&batch.last_offset.0.to_be_bytes());
            body.extend_from_slice(&batch.offset_delta.to_be_bytes());
        }
        let mut out = Vec::with_capacity(6 + body.len());
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        out.extend_from_slice(&body);
        out
    }

    /// Reads a snapshot file, ours or Kafka's; `None` where it is damaged.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let input = &mut bytes;
        if i16::from_be_bytes(take(input)?) != VERSION {
            return None;
        }
        if u32::from_be_bytes(take(input)?) != crc32c::crc32c(input) {
            return None;
        }
        let mut known = BTreeMap::new();
        for _ in 0..i32::from_be_bytes(take(input)?) {
            let id = ProducerId(i64::from_be_bytes(take(input)?));
            let epoch = ProducerEpoch(i16::from_be_bytes(take(input)?));
            let last = batch(input)?;
            let last_timestamp = Timestamp(i64::from_be_bytes(take(input)?));
            let _coordinator_epoch: [u8; 4] = take(input)?;
            let _transaction: [u8; 8] = take(input)?;
            let mut batches = VecDeque::with_capacity(REMEMBERED);
            if last.last_sequence.0 >= 0 {
                batches.push_back(last);
            }
            known.insert(
                id,
                Producer {
                    epoch,
                    batches,
                    last_timestamp,
                },
            );
        }
        if input.is_empty() {
            return Some(Self { known });
        }
        for _ in 0..i32::from_be_bytes(take(input)?) {
            let id = ProducerId(i64::from_be_bytes(take(input)?));
            let earlier = batch(input)?;
            let batches = &mut known.get_mut(&id)?.batches;
            batches.insert(batches.len().checked_sub(1)?, earlier);
        }
        Some(Self { known })
    }
}

fn batch(input: &mut &[u8]) -> Option<BatchMemory> {
    Some(BatchMemory {
        last_sequence: Sequence(i32::from_be_bytes(take(input)?)),
        last_offset: Offset(i64::from_be_bytes(take(input)?)),
        offset_delta: i32::from_be_bytes(take(input)?),
    })
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*bytes)
}
