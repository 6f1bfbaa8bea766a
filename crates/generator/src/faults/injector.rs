//! A lane with faults: its records in the order in which they are sent.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_64;

use super::{Episodes, Faults, Limits, malformed};
use crate::{
    format::{Encoder, Format, write_uuid},
    kind::Kind,
    model::{Lane, Row, Schema, Value},
    random::{Purpose, Random, mix},
};

/// Copies that a lane holds for far duplicates, at most.
const MOST_HELD: usize = 4_096;
/// More are held than sent, for not every user comes back.
const HELD_FOR_ONE: f64 = 4.0;
/// So long after its event a held copy is given up.
const LONGEST_HELD_US: i64 = 4 * 3_600_000_000;
/// Late events are behind by this much at most, beyond what makes them late.
const LATE_SPREAD_US: u64 = 3_600_000_000;
/// Future events are ahead by this much at most, beyond what makes them that.
const FUTURE_SPREAD_US: u64 = 3_600_000_000;
/// 2099-12-31, where clocks end up that were never set.
const FAR_FUTURE_US: i64 = 4_102_358_400_000_000;
const HOT_KEY: &[u8] = b"hot";

/// Records of one lane for one window, in the order of `at`.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
}

/// A record: its key and behind it its value lie in the batch's bytes from `start` on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// When it is sent, microseconds since 1970 on the virtual clock; the record's timestamp.
    pub(crate) at_us: i64,
    pub(crate) kind: Kind,
    pub(crate) has_value: bool,
    pub(crate) start: u32,
    pub(crate) key: u32,
    pub(crate) value: u32,
}

impl Batch {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    pub(crate) fn key(&self, entry: &Entry) -> &[u8] {
        let start = entry.start as usize;
        self.bytes
            .get(start..start + entry.key as usize)
            .unwrap_or_default()
    }

    /// `None` for a record without a value.
    pub(crate) fn value(&self, entry: &Entry) -> Option<&[u8]> {
        let start = entry.start as usize + entry.key as usize;
        let value = self.bytes.get(start..start + entry.value as usize)?;
        entry.has_value.then_some(value)
    }

    pub(crate) fn push(&mut self, at_us: i64, kind: Kind, key: &[u8], value: Option<&[u8]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.close(at_us, kind, start, middle, value.is_some());
    }

    /// Makes a record of the bytes from `start` on.
    fn close(&mut self, at_us: i64, kind: Kind, start: usize, middle: usize, has_value: bool) {
        // A window holds far less than 4 GB.
        let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.entries.push(Entry {
            at_us,
            kind,
            has_value,
            start: short(start),
            key: short(middle - start),
            value: short(self.bytes.len() - middle),
        });
    }
}

/// What the lanes of a stream share.
#[derive(Debug)]
pub(crate) struct Injection {
    pub(crate) schema: Schema,
    pub(crate) format: Format,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    pub(crate) bursts: Option<Episodes>,
    pub(crate) stalls: Option<Episodes>,
    pub(crate) start_us: i64,
    /// Of the seed and the stream: clocks are wrong in all runs alike.
    pub(crate) lasting_root: u128,
    /// Of the run.
    pub(crate) root: u128,
}

/// A lane, its faults, and what they hold back.
#[derive(Debug)]
pub(crate) struct FaultyLane {
    lane: Lane,
    row: Row,
    encoder: Encoder,
    random: Random,
    injection: Arc<Injection>,
    /// The fields that may be missing.
    optional: Vec<usize>,
    pending: BinaryHeap<Reverse<Pending>>,
    made: u64,
    held: Held,
}

/// A record that is sent later.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pending {
    at_us: i64,
    number: u64,
    kind: Kind,
    key: Box<[u8]>,
    value: Box<[u8]>,
}

/// Copies that wait for their key to come again.
#[derive(Debug, Default)]
struct Held {
    /// By the hash of the key: when it happened, and the value.
    copies: HashMap<u64, (i64, Box<[u8]>)>,
    /// In the order of their times.
    order: VecDeque<(i64, u64)>,
    /// Far duplicates to be sent as soon as one can be.
    wanted: usize,
}

impl FaultyLane {
    pub(crate) fn new(lane: Lane, number: u32, injection: Arc<Injection>) -> Self {
        let schema = &injection.schema;
        let required = [schema.id, schema.time];
        let optional = (0..schema.fields.len())
            .filter(|field| !required.contains(field))
            .collect();
        Self {
            lane,
            row: Row::default(),
            encoder: Encoder::new(injection.format, schema),
            random: Random::new(injection.root, Purpose::Fault, u64::from(number)),
            optional,
            pending: BinaryHeap::new(),
            made: 0,
            held: Held::default(),
            injection,
        }
    }

    /// Adds all records that are sent before `end_us`.
    pub(crate) fn run_until(&mut self, end_us: i64, batch: &mut Batch) {
        loop {
            let next = self.lane.next_at_us();
            let (at_us, in_burst) = match &self.injection.bursts {
                Some(bursts) if next < i64::MAX => bursts.compress(next),
                _ => (next, false),
            };
            self.send_pending(at_us.saturating_add(1).min(end_us), batch);
            if at_us >= end_us {
                return;
            }
            self.lane.make(&mut self.row);
            if self.injection.bursts.is_some() {
                self.row.set(self.injection.schema.time, Value::Time(at_us));
            }
            if self.injection.faults.any() {
                self.make_perhaps_faulty(at_us, in_burst, batch);
            } else {
                self.write(at_us, Kind::Event, batch);
            }
        }
    }

    fn send_pending(&mut self, before_us: i64, batch: &mut Batch) {
        while self
            .pending
            .peek()
            .is_some_and(|Reverse(next)| next.at_us < before_us)
        {
            if let Some(Reverse(next)) = self.pending.pop() {
                batch.push(next.at_us, next.kind, &next.key, Some(&next.value));
            }
        }
    }

    /// Writes the row as a record.
    fn write(&mut self, at_us: i64, kind: Kind, batch: &mut Batch) {
        let start = batch.bytes.len();
        self.encoder.key(&self.row, &mut batch.bytes);
        let middle = batch.bytes.len();
        self.encoder.value(&self.row, &mut batch.bytes);
        batch.close(at_us, kind, start, middle, true);
    }

    fn make_perhaps_faulty(&mut self, at_us: i64, in_burst: bool, batch: &mut Batch) {
        let (start, injection) = (batch.bytes.len(), Arc::clone(&self.injection));
        self.encoder.key(&self.row, &mut batch.bytes);
        let middle = batch.bytes.len();
        let key = xxh3_64(&batch.bytes[start..]);
        if let Some(ahead_us) = self.clock_error(key, at_us) {
            self.row.set(injection.schema.time, Value::Time(at_us + ahead_us));
            self.encoder.value(&self.row, &mut batch.bytes);
            return batch.close(at_us, Kind::ClockSkew, start, middle, true);
        }
        let usual = match &injection.stalls {
            _ if in_burst => Kind::Burst,
            Some(stalls) if stalls.end_of(at_us).is_some() => Kind::Stalled,
            _ => Kind::Event,
        };
        let drawn = self.draw();
        let kind = match drawn {
            None | Some(Kind::Duplicate | Kind::FarDuplicate | Kind::Late) => usual,
            Some(kind) => self.spoil_row(kind, at_us),
        };
        self.encoder.value(&self.row, &mut batch.bytes);
        match kind {
            Kind::OutOfOrder => {
                let (most, end) = (injection.limits.longest_hold_us(), batch.bytes.len());
                self.send_later(at_us, most, kind, (start..middle, middle..end), batch);
                return batch.bytes.truncate(start);
            }
            Kind::HotKey => {
                batch.bytes.splice(start..middle, HOT_KEY.iter().copied());
                return batch.close(at_us, kind, start, start + HOT_KEY.len(), true);
            }
            _ => {}
        }
        let has_value = malformed::spoil_bytes(kind, &mut batch.bytes, middle, &mut self.random);
        batch.close(at_us, kind, start, middle, has_value);
        // Only what is sent at its own time, under its own key, and is written for certain, is witness.
        let end = batch.bytes.len();
        if kind != usual {
            return;
        }
        self.send_far_duplicate(at_us, key, start..middle, batch);
        match drawn {
            Some(Kind::Duplicate) => {
                let most = injection.limits.longest_repeat_us();
                self.send_later(at_us, most, Kind::Duplicate, (start..middle, middle..end), batch);
            }
            Some(Kind::Late) => self.add_late(at_us, batch),
            _ => {}
        }
        self.hold_copy(at_us, key, drawn, &batch.bytes[middle..end]);
    }

    /// By how much the clock of this key is ahead; `None` where it's right, and where it would show a time before
    /// the start of the run, that an event of an earlier run may have.
    fn clock_error(&self, key: u64, at_us: i64) -> Option<i64> {
        let Injection { faults, limits, .. } = &*self.injection;
        if faults.clock_skew <= 0.0 {
            return None;
        }
        let drawn = mix(self.injection.lasting_root ^ u128::from(key));
        let unit = |bits: u64| (bits >> 11) as f64 / (1_u64 << 53) as f64;
        if unit(drawn as u64) >= faults.clock_skew {
            return None;
        }
        let (slow, fast) = (limits.slowest_clock_us(), limits.fastest_clock_us());
        let ahead_us = libm::floor(unit((drawn >> 64) as u64) * (slow + fast) as f64) as i64 - slow;
        (at_us + ahead_us >= self.injection.start_us).then_some(ahead_us)
    }

    fn draw(&mut self) -> Option<Kind> {
        const KINDS: [Kind; 10] = [
            Kind::Duplicate,
            Kind::FarDuplicate,
            Kind::Late,
            Kind::OutOfOrder,
            // Stands for all that is malformed.
            Kind::Empty,
            Kind::Null,
            Kind::Future,
            Kind::HotKey,
            Kind::AddedField,
            Kind::MissingField,
        ];
        let mut rest = self.random.unit();
        for (kind, share) in KINDS.into_iter().zip(self.injection.faults.exclusive()) {
            if rest < share {
                return Some(match kind {
                    Kind::Empty => malformed::draw(self.injection.format == Format::Json, &mut self.random),
                    kind => kind,
                });
            }
            rest -= share;
        }
        None
    }

    /// Does to the row what the kind asks for; gives the kind that it became.
    fn spoil_row(&mut self, kind: Kind, at_us: i64) -> Kind {
        let Injection { schema, limits, .. } = &*self.injection;
        let random = &mut self.random;
        match kind {
            Kind::Future => {
                let near = at_us + limits.future_us + 1_000_000 + random.below(FUTURE_SPREAD_US) as i64;
                let is_far = random.below(16) == 0;
                let ahead = if is_far { near.max(FAR_FUTURE_US) } else { near };
                self.row.set(schema.time, Value::Time(ahead));
            }
            Kind::Null | Kind::MissingField => match random.choose(&self.optional) {
                Some(field) => {
                    let value = if kind == Kind::Null {
                        Value::Null
                    } else {
                        Value::Missing
                    };
                    self.row.set(*field, value);
                }
                // Nothing may be missing: the event stays as it is.
                None => return Kind::Event,
            },
            Kind::AddedField => self.row.extra = Some(("experiment", Value::Static("b"))),
            _ => malformed::spoil_row(kind, schema, &mut self.row, random),
        }
        kind
    }

    /// Sends key and value that lie in the batch's bytes so much later at most.
    fn send_later(
        &mut self,
        at_us: i64,
        most_us: i64,
        kind: Kind,
        (key, value): (Range<usize>, Range<usize>),
        batch: &Batch,
    ) {
        self.made += 1;
        self.pending.push(Reverse(Pending {
            at_us: at_us + 1 + self.random.below(most_us as u64) as i64,
            number: self.made,
            kind,
            key: batch.bytes[key].into(),
            value: batch.bytes[value].into(),
        }));
    }

    /// The event in the row once more, under a new id, with a time that it proves to be late.
    fn add_late(&mut self, at_us: i64, batch: &mut Batch) {
        let Injection { schema, limits, .. } = &*self.injection;
        let behind = limits.certainly_late_us() + self.random.below(LATE_SPREAD_US) as i64;
        self.row.set(schema.time, Value::Time(at_us - behind));
        if schema.id != schema.key {
            let id = self.random.wide();
            let id = self.row.hold(|out| write_uuid(id, out));
            self.row.set(schema.id, Value::Plain(id));
        }
        self.write(at_us, Kind::Late, batch);
    }

    /// Right behind an event of this key: the copy of an earlier one, if that is late by now.
    fn send_far_duplicate(&mut self, at_us: i64, key: u64, bytes: Range<usize>, batch: &mut Batch) {
        let late_us = self.injection.limits.certainly_late_us();
        let due = |(happened, _): &(i64, Box<[u8]>)| *happened <= at_us - late_us;
        if self.held.wanted == 0 || !self.held.copies.get(&key).is_some_and(due) {
            return;
        }
        if let Some((_, value)) = self.held.copies.remove(&key) {
            self.held.wanted -= 1;
            let start = batch.bytes.len();
            batch.bytes.extend_from_within(bytes);
            let middle = batch.bytes.len();
            batch.bytes.extend_from_slice(&value);
            batch.close(at_us, Kind::FarDuplicate, start, middle, true);
        }
    }

    /// Holds a copy of a value for a far duplicate, where there is room.
    fn hold_copy(&mut self, at_us: i64, key: u64, drawn: Option<Kind>, value: &[u8]) {
        let share = self.injection.faults.far_duplicates;
        if share <= 0.0 {
            return;
        }
        let held = &mut self.held;
        if drawn == Some(Kind::FarDuplicate) {
            held.wanted = (held.wanted + 1).min(MOST_HELD);
        }
        let oldest_us = at_us - LONGEST_HELD_US;
        while let Some((happened, key)) = held.order.pop_front_if(|(happened, _)| *happened < oldest_us) {
            let same = |(copied, _): &(i64, Box<[u8]>)| *copied == happened;
            if held.copies.get(&key).is_some_and(same) {
                held.copies.remove(&key);
            }
        }
        let chosen = self.random.unit() < share * HELD_FOR_ONE;
        if chosen && held.copies.len() < MOST_HELD && !held.copies.contains_key(&key) {
            held.copies.insert(key, (at_us, value.into()));
            held.order.push_back((at_us, key));
        }
    }
}
