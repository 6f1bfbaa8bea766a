//! A stream of one run, ready to be made.

use std::sync::Arc;

use crate::{
    Events, Settings, StreamSettings,
    engine::{self, Course, Source},
    faults::{Batch, Episodes, FaultyLane, Injection, Limits},
    format::Encoder,
    kind::Kind,
    model::{LANES, Model, Row, Scope, Value},
    random::mix,
};

/// Tells the events of fences from those of the stream.
const FENCES: u64 = 1 << 63;

/// Where a run begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    /// Counts the runs of a truth log; the bytes of the events depend on it.
    pub(crate) run: u64,
    pub(crate) start_us: i64,
}

fn scope(settings: &Settings, stream: &StreamSettings, beginning: Beginning) -> Scope {
    Scope {
        seed: settings.seed,
        stream: number(stream),
        run: beginning.run,
        start_us: beginning.start_us,
        per_second: stream.per_second,
        curve: settings.curve,
    }
}

/// Tells the streams of a seed apart.
fn number(stream: &StreamSettings) -> u64 {
    match &stream.events {
        Events::BuiltIn(kind) => kind.number(),
        // Two topics with the same declaration shall not hold the same events.
        Events::Declared(_) => xxhash_rust::xxh3::xxh3_64(stream.topic.as_bytes()),
    }
}

fn model(stream: &StreamSettings, scope: Scope) -> Model {
    match &stream.events {
        Events::BuiltIn(kind) => Model::new(*kind, scope),
        Events::Declared(declaration) => Model::declared(declaration, scope),
    }
}

/// The lanes of all streams, with their faults.
pub(crate) fn sources(settings: &Settings, streams: &[StreamSettings], beginning: Beginning) -> Vec<Source> {
    let mut sources = Vec::new();
    for (index, stream) in streams.iter().enumerate() {
        let scope = scope(settings, stream, beginning);
        let model = model(stream, scope);
        let (root, faults) = (scope.run_root(), settings.faults);
        let injection = Arc::new(Injection {
            schema: model.schema(),
            format: stream.format,
            limits: Limits::new(settings.margins),
            bursts: Episodes::new(faults.bursts, mix(root ^ 1), beginning.start_us),
            stalls: stalls(settings, beginning),
            faults,
            start_us: beginning.start_us,
            lasting_root: scope.lasting_root(),
            root,
        });
        sources.extend((0..LANES).map(|lane| Source {
            stream: index,
            lane: FaultyLane::new(model.lane(lane), lane, Arc::clone(&injection)),
        }));
    }
    sources
}

/// All streams stall together: it is the sender that does.
pub(crate) fn stalls(settings: &Settings, beginning: Beginning) -> Option<Episodes> {
    let root = mix(u128::from(settings.seed) << 64 | u128::from(beginning.run));
    Episodes::new(settings.faults.stalls, root, beginning.start_us)
}

/// The first line of a file of this stream; empty where its format needs none.
pub(crate) fn header(settings: &Settings, stream: &StreamSettings) -> Vec<u8> {
    let beginning = Beginning { run: 0, start_us: 0 };
    let schema = model(stream, scope(settings, stream, beginning)).schema();
    let mut header = Vec::new();
    Encoder::new(stream.format, &schema).header(&mut header);
    header
}

/// Events that fence: so many of a stream, a millisecond after the other, none equal to one of the run.
pub(crate) fn fences(
    settings: &Settings,
    stream: &StreamSettings,
    beginning: Beginning,
    count: usize,
) -> Batch {
    let mut scope = scope(settings, stream, beginning);
    scope.run |= FENCES;
    let model = model(stream, scope);
    let schema = model.schema();
    let encoder = Encoder::new(stream.format, &schema);
    let (mut row, mut batch) = (Row::default(), Batch::default());
    let lanes = (0..LANES).map(|lane| model.lane(lane));
    let Some(mut lane) = lanes.min_by_key(crate::model::Lane::next_at_us) else {
        return batch;
    };
    for n in 0..count {
        let at_us = beginning.start_us + n as i64 * 1_000;
        lane.make(&mut row);
        row.set(schema.time, Value::Time(at_us));
        let (mut key, mut value) = (Vec::new(), Vec::new());
        encoder.key(&row, &mut key);
        encoder.value(&row, &mut value);
        batch.push(at_us, Kind::Fence, &key, Some(&value));
    }
    batch
}

/// Windows of a size that fits the rate and is made well ahead of its time.
pub(crate) fn course(settings: &Settings, streams: &[StreamSettings], start_us: i64) -> Course {
    const REAL_SECONDS: f64 = 0.25;
    let per_second: f64 = streams.iter().map(|stream| stream.per_second).sum();
    let full = engine::WINDOW_RECORDS / per_second.max(1e-6);
    // What is announced and not sent when a run dies is skipped by the next: not much of real time.
    let seconds = match settings.speed {
        Some(speed) => full.min(REAL_SECONDS * speed),
        None => full.min(3_600.0),
    };
    Course {
        start_us,
        window_us: ((seconds * 1e6) as i64).max(1),
        until_us: until_us(settings),
    }
}

/// Where the clock of the events ends.
pub(crate) fn until_us(settings: &Settings) -> i64 {
    let until = settings.end.until;
    until.map_or(i64::MAX, jiff::Timestamp::as_microsecond)
}
